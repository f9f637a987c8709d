"""Turns lava-dl's integer blocks into an integer network, bit for bit.

In code order, per step, with ⌊·⌉₀ rounding toward zero::

    u = ⌊u·(4096 − iDecay) / 4096⌉₀ + 64·Σ w·s
    v = ⌊v·(4096 − vDecay) / 4096⌉₀ + u
    spike if v > 64·vThMant, then v = 0

A block's events then arrive one step later (``delay_shift``). That shifts all of them alike, and is
left out: what a network delivers, it delivers as many steps earlier as it has blocks.

Sources: lava-dl ``slayer/neuron/cuba.py`` and ``dynamics/leaky_integrator.py`` (which compares with
a threshold raised by less than one unit, so that its ≥ is a >), and lava ``proc/lif/models.py``
(``PyLifModelBitAcc``), whose voltage saturates at ±(2²³ − 1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import (
    EVENTS,
    LIF,
    CubaLIF,
    FineInput,
    Input,
    Network,
    Output,
    Population,
    Projection,
    Range,
    ScaleLeak,
)
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.graph import MEMBRANE
from spikeloom.quant.net_file import Dense, NetFile

__all__ = ["ORIGINS", "assumptions", "equation", "is_of_lava", "to_network"]

Integers = npt.NDArray[np.int64]

_WORD = Range(1 - (1 << 23), (1 << 23) - 1)
"""Of Loihi's voltages, and of its currents before they wrap round."""

_WIDEST = 32
"""Bits of a current whose worst case is larger, or has no end."""

_ALIGN = 6
_UNITY = 4096

ORIGINS = {
    "alpha": "4096 − iDecay",
    "beta": "4096 − vDecay",
    "threshold": "64·vThMant + 1",
    "reset_value": "CUBA resets to 0",
    "weights": "weight, without the binary places that are 0 in all of a block's",
}
"""Where the numbers of a ``.net`` file's network came from."""


def to_network(net: NetFile, path: object, output: str = "auto") -> Network:
    """The integer network of a ``.net`` file.

    Parameters
    ----------
    output : ``events`` (also ``auto``) or ``membrane`` of the last block

    Raises
    ------
    CheckpointError
        If shapes contradict each other.
    SemanticsError
        If the last block delays its outputs.
    """
    size = net.blocks[0].weights.shape[1]
    shape = net.input_shape or (size,)
    inputs = Input("input", shape)
    source, width, delays = "input", inputs.size, np.zeros(inputs.size, dtype=np.int64)
    populations, projections = [], []
    for block in net.blocks:
        if block.weights.shape[1] != width:
            raise CheckpointError(
                f"{block.name} of {path} takes {block.weights.shape[1]} values, but {source!r} "
                f"delivers {width}; check its blocks"
            )
        populations.append(_population(block))
        projections += _projections(source, block, delays)
        source, width, delays = block.name, len(block.weights), block.delays
    if delays.any():
        raise SemanticsError(
            f"delay of the last block {source!r} of {path} must be 0, not up to {delays.max()}: "
            "nothing receives its events; train it with delay=False"
        )
    return Network(
        (inputs,),
        tuple(populations),
        tuple(projections),
        Output(source, MEMBRANE if output == "membrane" else EVENTS),
    )


def is_of_lava(network: Network) -> bool:
    """Whether :func:`to_network` made a network."""
    synapse = ScaleLeak(12, "trunc", parameter="alpha")
    return all(
        isinstance(p.neuron, FineInput)
        and isinstance(p.neuron.neuron, CubaLIF)
        and p.neuron.neuron.synapse == synapse
        and p.neuron.bits >= _ALIGN
        for p in network.populations
    )


def assumptions(network: Network) -> tuple[str, ...]:
    """What a ``.net`` file does not say, and what was taken instead."""
    count = len(network.populations)
    notes = [
        "preset lava",
        "integers of lava-dl's CUBA neurons, taken over as they are",
        "delay_shift, which shifts all events of a block by a step, is left out",
        f"{count} blocks deliver {count} steps earlier than in lava-dl; present {count} steps less",
        "spike if v > 64·vThMant, as Loihi; voltages saturate at ±(2²³ − 1)",
    ]
    for population in network.populations:
        current = population.neuron.states()["i"]
        if current.width > _WORD.width:
            notes.append(
                f"currents of {population.name!r} may leave 24 bits: Loihi's wrap round there, "
                f"these have {current.width} bits, as lava-dl's training has more"
            )
    return tuple(notes)


def equation(population: Population) -> str:
    """What a population of :func:`to_network` does in a step, with its numbers."""
    numbers = {name: _shown(value) for name, value in population.parameters.items()}
    fine = population.neuron.bits if isinstance(population.neuron, FineInput) else 0
    return (
        f"u = trunc({numbers['alpha']}·u / 4096) + {1 << fine}·x; "
        f"v = trunc({numbers['beta']}·v / 4096) + u; "
        f"spike if v ≥ {numbers['threshold']}, then v = {numbers['reset_value']}"
    )


def _shown(value: int | Integers) -> str:
    lo, hi = int(np.min(value)), int(np.max(value))
    return str(lo) if lo == hi else f"[{lo} … {hi}]"


def _population(block: Dense) -> Population:
    zeros = _trailing_zeros(block.weights)
    current, voltage = _ranges(block)
    membrane = LIF(voltage, ScaleLeak(12, "trunc"), "value")
    synapse = ScaleLeak(12, "trunc", parameter="alpha")
    return Population(
        block.name,
        len(block.weights),
        FineInput(CubaLIF(current, synapse, membrane), _ALIGN + zeros),
        {
            "offset": 0,
            "alpha": _UNITY - block.neurons.current_decay,
            # On integers v > θ is v ≥ θ + 1.
            "threshold": (block.neurons.threshold << _ALIGN) + 1,
            "reset_value": 0,
            "beta": _UNITY - block.neurons.voltage_decay,
        },
    )


def _ranges(block: Dense) -> tuple[Range, Range]:
    """Words that hold the worst case of the current and of the voltage after a reset."""
    input_ = (np.abs(block.weights).sum(axis=1) << _ALIGN).astype(np.float64)
    current = _worst(input_, block.neurons.current_decay)
    threshold = float((block.neurons.threshold << _ALIGN).max())
    voltage = float(_worst(current, block.neurons.voltage_decay).max())
    bits = min(_bits(max(voltage, threshold)), _WORD.width)
    narrow = Range.signed(bits) if bits < _WORD.width else _WORD
    return Range.signed(min(_bits(float(current.max())), _WIDEST)), narrow


def _worst(per_step: npt.NDArray[np.float64], decay: Integers) -> npt.NDArray[np.float64]:
    """What a decaying sum of at most ``per_step`` in each step stays below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        worst = per_step * _UNITY / decay
    return np.where(per_step == 0, 0, worst)


def _bits(worst: float) -> int:
    return int(worst).bit_length() + 1 if worst < 2.0**62 else 64


def _projections(source: str, block: Dense, delays: Integers) -> list[Projection]:
    """One per delay: outputs that take different times go different ways."""
    weights = block.weights >> _trailing_zeros(block.weights)
    return [
        Projection(source, block.name, np.where(delays == d, weights, 0), delay=int(d))
        for d in np.unique(delays)
    ]


def _trailing_zeros(weights: Integers) -> int:
    """Binary places that are 0 in all weights: shifting them back in is wiring."""
    together = int(np.bitwise_or.reduce(np.abs(weights), axis=None))
    return (together & -together).bit_length() - 1 if together else 0

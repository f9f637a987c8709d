"""Imports live sinabs networks.

With α = exp(−1/tau_mem), or the alpha that was trained, and likewise for tau_syn:

========================= =====================================================================
LIF, LIFRecurrent         v = α·v + (1 − α)·x, or α·v + x without ``norm_input``
IAF, IAFRecurrent         v = v + x
ExpLeak                   as LIF, without spikes
with ``tau_syn``          x is i = α_syn·(i + x): the input decays, too
``MultiSpike``            n = trunc(v / θ) if v > 0; ``MaxSpike``: at most so many
``SingleSpike``           n = 1 if v ≥ θ
``MembraneSubtract``      v −= n·θ
``MembraneReset``         v = 0 if n > 0
``min_v_mem``             then v = max(v, min_v_mem)
``rec_connect``           its output is added to the input of the next step
========================= =====================================================================

Squeeze layers differ in their shapes only. Read in sinabs 3.1.3, ``layers/functional/lif.py`` and
``activation/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import LIF, CubaLIF, Integrator, MultiSpikeLIF, Neuron
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.hls_model.neurons import Leak
from spikeloom.quant.chain import Read, chain_graph
from spikeloom.quant.graph import MOST, REAL, Graph
from spikeloom.quant.layers import Affine, Layer, Neurons, decay
from spikeloom.quant.modules import Translators, numbers, package, translate

__all__ = ["module_graph"]

Array = npt.NDArray[np.float64]


def module_graph(module: Any, order: Sequence[str] | None, output: Read) -> Graph:
    """The float graph of a module of Linear, BatchNorm1d and sinabs layers.

    Parameters
    ----------
    order : names of the layers in the order in which they run; by default that of definition

    Raises
    ------
    CheckpointError
        If the layers do not form a chain.
    SemanticsError
        If a layer does what no neuron of the library does.
    """
    layers, notes = translate(module, _SINABS, order)
    notes = ("preset sinabs", "membranes and currents start at 0 (reset_states)", *notes)
    return chain_graph(layers, type(module).__name__, notes, output)


def _neurons(name: str, module: Any) -> Sequence[Layer]:
    leak, parameters, gain, origins = _membrane(name, module)
    driven, firing = _driven(name, module, leak)
    neuron: Neuron = driven
    parameters |= firing
    if "threshold" in firing:
        origins |= {"threshold": f"{name}.spike_threshold", "reset": f"{name}.reset_fn, spike_fn"}
    if "lowest" in firing:
        origins["lowest"] = f"{name}.min_v_mem"
    alpha = module.alpha_syn_calculated
    if alpha is not None:
        each = numbers(alpha).reshape(-1)
        synapse, current = decay(each, "alpha")
        neuron, gain = CubaLIF(REAL, synapse, driven), gain * each
        parameters |= current
        origins["alpha"] = f"alpha = exp(−1/tau_syn) of {name}"
    recurrent = _recurrent(name, module)
    return (Neurons(name, neuron, parameters, gain, recurrent=recurrent, origins=origins),)


def _membrane(name: str, module: Any) -> tuple[Leak, dict[str, Any], Array, dict[str, str]]:
    """The leak with its parameters, the gain of the input, and origins."""
    if type(module).__name__.startswith("IAF"):
        return *decay(1.0), np.ones(1), {"beta": f"{name} is an IAF: no decay"}
    beta = numbers(module.alpha_mem_calculated).reshape(-1)
    gain = 1 - beta if module.norm_input else np.ones(1)
    formula = "alpha_mem" if module.train_alphas else "exp(−1/tau_mem)"
    return *decay(beta), gain, {"beta": f"beta = {formula} of {name}"}


def _driven(
    name: str, module: Any, leak: Leak
) -> tuple[LIF | Integrator | MultiSpikeLIF, dict[str, Any]]:
    """The neuron without its current, and the parameters of firing."""
    lowest = None if module.min_v_mem is None else numbers(module.min_v_mem).reshape(-1)
    if module.spike_fn is None:
        if lowest is not None:
            raise SemanticsError(
                f"min_v_mem of the ExpLeak {name!r} must be None, not {lowest[0]:g}: no readout of "
                "the library is clamped; leave it out"
            )
        return Integrator(REAL, leak), {}
    most, parameters = _most(name, module), {"threshold": numbers(module.spike_threshold)}
    if _resets_to_zero(name, module):
        if most != 1 or lowest is not None:
            raise SemanticsError(
                f"reset_fn of {name!r} must be MembraneSubtract() beside several spikes in a step "
                "or a min_v_mem: no neuron of the library resets to zero there"
            )
        return LIF(REAL, leak, "value"), parameters | {"reset_value": 0.0}
    if lowest is not None:
        parameters["lowest"] = lowest
    elif most == 1:
        return LIF(REAL, leak), parameters
    return MultiSpikeLIF(REAL, most, leak, clamped=lowest is not None), parameters


def _most(name: str, module: Any) -> int:
    """Spikes that a neuron can emit in a step."""
    spike_fn = module.spike_fn
    kind = getattr(spike_fn, "__name__", type(spike_fn).__name__)
    limit: Any = getattr(spike_fn, "max_num_spikes_per_bin", None)
    if getattr(spike_fn, "__module__", "").startswith("sinabs."):
        if kind == "SingleSpike":
            return 1
        if kind in ("MultiSpike", "MaxSpike") and limit is None:
            return MOST
        if kind == "MaxSpike" and limit is not None and 1 <= limit < MOST:
            return int(limit)
    raise SemanticsError(
        f"spike_fn of {name!r} must be SingleSpike, MultiSpike, or MaxSpike of 1 to {MOST - 1}, "
        f"not {kind}{'' if limit is None else f' of {limit}'}; train with one of them"
    )


def _resets_to_zero(name: str, module: Any) -> bool:
    reset = module.reset_fn
    if package(reset) == "sinabs":
        if type(reset).__name__ == "MembraneReset" and reset.reset_value == 0:
            return True
        if type(reset).__name__ == "MembraneSubtract" and reset.subtract_value is None:
            return False
    raise SemanticsError(
        f"reset_fn of {name!r} must be MembraneSubtract() or MembraneReset(), not {reset!r}: no "
        "neuron of the library subtracts another value than its threshold, or resets as that does"
    )


def _recurrent(name: str, module: Any) -> Affine | None:
    """The weights of ``rec_connect``, whose output is added in the next step."""
    if not type(module).__name__.endswith("Recurrent"):
        return None
    connect, place = module.rec_connect, f"{name}.rec_connect"
    if package(connect) != "torch" or type(connect).__name__ != "Linear":
        raise SemanticsError(
            f"{place!r} must be a Linear, not a {type(connect).__name__}; connect all neurons with "
            "all"
        )
    if connect.bias is not None and bool(connect.bias.any()):
        raise SemanticsError(
            f"{place!r} must have no bias: sinabs adds it from the second step on only; build it "
            "with bias=False"
        )
    return Affine(place, numbers(connect.weight))


def _nothing(name: str, module: Any) -> Sequence[Layer]:
    return ()


_LAYERS = ("LIF", "LIFSqueeze", "LIFRecurrent", "IAF", "IAFSqueeze", "IAFRecurrent")
_READOUTS = ("ExpLeak", "ExpLeakSqueeze")

_SINABS: Translators = {
    **{("sinabs", kind): _neurons for kind in (*_LAYERS, *_READOUTS)},
    **{("sinabs", kind): _nothing for kind in ("FlattenTime", "UnflattenTime")},
}

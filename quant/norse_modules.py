"""Imports live Norse networks.

With a = dt·tau_mem_inv, s = dt·tau_syn_inv, v counted from v_leak and x the input:

=============================== ===================================================================
LIFBoxCell, LIBoxCell           v += a·(x − v)
LIFCell, LICell, LIF, LI        j = i + x; v += a·(j − v); i = (1 − s)·j
LIFRecurrentCell, LIFRecurrent  the same with x = W_in·x + W_rec·(spikes at t−1)
IAFCell, IAF                    v += x, v counted from v_reset
spike                           v > v_th; then v = v_reset
=============================== ===================================================================

The membrane sees j, the current after this step's input: j = (1 − s)·j + x. Read in Norse 1.1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import LIF, CubaLIF, Integrator, NoLeak, ScaleLeak
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.chain import Read, chain_graph
from spikeloom.quant.graph import REAL, Graph
from spikeloom.quant.layers import Affine, Layer, Neurons, decay
from spikeloom.quant.modules import Translators, numbers, translate

__all__ = ["module_graph"]

Array = npt.NDArray[np.float64]

_STEPS = ("heaviside", "super", "triangle", "tanh", "circ", "heavi_erfc")
"""Spike methods whose forward pass is a step."""


def module_graph(module: Any, order: Sequence[str] | None, output: Read) -> Graph:
    """The float graph of a module, such as a SequentialState, of Linear and Norse layers.

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
    layers, notes = translate(module, _NORSE, order)
    shifted = [
        f"the membrane of {name!r} is counted from {_rest(part).max():g}, where it starts"
        for name, part in module.named_modules()
        if hasattr(part, "p") and _rest(part).any()
    ]
    notes = ("preset norse", *notes, *shifted)
    return chain_graph(layers, type(module).__name__, notes, output)


def _neurons(name: str, module: Any) -> Sequence[Layer]:
    """Any of Norse's neurons: the parameters that it has say what it does."""
    return (_population(name, module),)


def _with_weights(name: str, module: Any) -> Sequence[Layer]:
    """Neurons behind input weights of their own: an LILinearCell."""
    return (Affine(f"{name}.input_weights", numbers(module.input_weights)), *_neurons(name, module))


def _recurrent(name: str, module: Any) -> Sequence[Layer]:
    """An LIFRecurrentCell or LIFRecurrent."""
    feedback = Affine(f"{name}.recurrent_weights", numbers(module.recurrent_weights))
    return (
        Affine(f"{name}.input_weights", numbers(module.input_weights)),
        replace(_population(name, module), recurrent=feedback),
    )


def _population(name: str, module: Any) -> Neurons:
    p, rest = module.p, _rest(module)
    gain, leak = np.ones(1), decay(1.0)[0]
    parameters: dict[str, Any] = {}
    origins = {"beta": f"{name} is an IAF: no decay"}
    if hasattr(p, "tau_mem_inv"):
        gain = numbers(module.dt * p.tau_mem_inv).reshape(-1)
        leak, parameters = decay(1 - gain)
        origins = {"beta": f"beta = 1 − dt·tau_mem_inv of {name}"}
    neuron: LIF | Integrator = Integrator(REAL, leak)
    if hasattr(p, "v_th"):
        neuron, reset = _lif(name, p, leak, rest)
        parameters = {**reset, **parameters}
        origins |= {"threshold": f"v_th of {name}", "reset": f"{name}: in the same step"}
    elif np.ptp(rest) > 0:
        raise SemanticsError(
            f"v_leak of {name!r} must be the same for all neurons, whose membranes are compared; "
            "use a bias before it"
        )
    if not hasattr(p, "tau_syn_inv"):
        return Neurons(name, neuron, parameters, gain, origins=origins)
    synapse, alpha = decay(1 - numbers(module.dt * p.tau_syn_inv).reshape(-1), "alpha")
    origins["alpha"] = f"alpha = 1 − dt·tau_syn_inv of {name}"
    cuba = CubaLIF(REAL, synapse, neuron)
    return Neurons(name, cuba, {**alpha, **parameters}, gain, origins=origins)


def _rest(module: Any) -> Array:
    """Where a membrane starts."""
    p = module.p
    return numbers(p.v_leak if hasattr(p, "v_leak") else p.v_reset).reshape(-1)


def _lif(name: str, p: Any, leak: NoLeak | ScaleLeak, rest: Array) -> tuple[LIF, dict[str, Any]]:
    """The neuron that fires, and its threshold and reset."""
    if p.method not in _STEPS:
        raise SemanticsError(
            f"method of {name!r} must be one of {list(_STEPS)}, whose forward pass is a step, not "
            f"{p.method!r}; choose one for inference"
        )
    threshold = numbers(p.v_th).reshape(-1)
    method = getattr(getattr(p, "reset_method", None), "__name__", "reset_value")
    if method == "reset_value":
        value = numbers(p.v_reset).reshape(-1) - rest
        neuron = LIF(REAL, leak, "value", strict=True)
        return neuron, {"threshold": threshold - rest, "reset_value": value}
    if method != "reset_subtract" or rest.any():
        raise SemanticsError(
            f"reset_method of {name!r} must be reset_value, or reset_subtract with v_leak = 0, not "
            f"{method} with v_leak = {rest.max():g}, which subtracts another number than the "
            "threshold that is met"
        )
    return LIF(REAL, leak, "subtract", strict=True), {"threshold": threshold}


_NEURONS = ("LIFBoxCell", "LIBoxCell", "LIFCell", "LIF", "LICell", "LI", "IAFCell", "IAF")

_NORSE: Translators = {
    **{("norse", kind): _neurons for kind in _NEURONS},
    ("norse", "LILinearCell"): _with_weights,
    ("norse", "LIFRecurrentCell"): _recurrent,
    ("norse", "LIFRecurrent"): _recurrent,
}

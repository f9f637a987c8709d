"""Imports live SpikingJelly networks.

V is the membrane, x the input, q = 1/tau (of a ParametricLIFNode: sigmoid(w)), V_r = V_reset or 0:

===================================== ===================================
IFNode                                H = V + x
LIFNode, ``decay_input``              H = V + (x − (V − V_r))·q
LIFNode, not ``decay_input``          H = V − (V − V_r)·q + x
spike                                 S = H ≥ V_threshold
``v_reset`` a number (hard reset)     V = S·V_r + (1 − S)·H
``v_reset=None`` (soft reset)         V = H − S·V_threshold
===================================== ===================================

Membranes start at V_r, and are counted from there. ``step_mode`` changes shapes only. Read in
SpikingJelly 2.0.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import LIF, Integrator, Neuron
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.chain import Read, chain_graph
from spikeloom.quant.graph import REAL, Graph
from spikeloom.quant.layers import Affine, Layer, Neurons, decay
from spikeloom.quant.modules import (
    TORCH,
    Translators,
    linear,
    numbers,
    package,
    require_step,
    translate,
)

__all__ = ["module_graph"]

Array = npt.NDArray[np.float64]


def module_graph(module: Any, order: Sequence[str] | None, output: Read) -> Graph:
    """The float graph of a module of Linear, BatchNorm1d, and IF, LIF and PLIF nodes.

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
    layers, notes = translate(module, _SPIKINGJELLY, order)
    shifted = [
        f"the membrane of {name!r} is counted from V_reset = {part.v_reset:g}"
        for name, part in module.named_modules()
        if package(part) == "spikingjelly" and getattr(part, "v_reset", None)
    ]
    notes = ("preset spikingjelly", *notes, *shifted)
    return chain_graph(layers, type(module).__name__, notes, output)


def _node(name: str, module: Any) -> Neurons:
    """An IFNode, LIFNode or ParametricLIFNode."""
    require_step(name, module.surrogate_function, fires_at_zero=True)
    rest = 0.0 if module.v_reset is None else float(module.v_reset)
    start = module._memories_rv["v"]
    if start != rest:
        raise SemanticsError(
            f"the membrane of {name!r} must start at {rest:g}, its v_reset or 0, not at {start}; "
            "leave its reset value as it was built"
        )
    if getattr(module, "_neuron_precision", None) is not None:
        raise SemanticsError(
            f"layer {name!r} must compute in the precision of its input, not in "
            f"{module._neuron_precision}; build it without reduced precision"
        )
    rate, origin = _rate(name, module)
    leak, parameters = decay(1 - rate)
    decays_input = type(module).__name__ != "IFNode" and module.decay_input
    gain = np.atleast_1d(rate if decays_input else np.ones(1))
    origins = {"beta": origin, "reset": f"{name}.v_reset", "threshold": f"{name}.v_threshold"}
    threshold = float(module.v_threshold) - rest
    if np.isposinf(threshold):
        return _readout(name, module, Integrator(REAL, leak), parameters, gain, origins)
    neuron: Neuron
    if module.v_reset is None:
        neuron = LIF(REAL, leak, "subtract")
    else:
        neuron = LIF(REAL, leak, "value")
        parameters["reset_value"] = 0.0
    return Neurons(name, neuron, {"threshold": threshold, **parameters}, gain, origins=origins)


def _readout(
    name: str,
    module: Any,
    neuron: Integrator,
    parameters: dict[str, Any],
    gain: Array,
    origins: dict[str, str],
) -> Neurons:
    if module.v_reset is None:
        raise SemanticsError(
            f"v_reset of {name!r} must be a number where v_threshold is infinite, not None: a soft "
            "reset by 0 times infinity makes its membrane NaN; build it with v_reset=0.0"
        )
    return Neurons(name, neuron, parameters, gain, origins=origins)


def _rate(name: str, module: Any) -> tuple[Array, str]:
    """1/tau, in the precision of the forward pass."""
    match type(module).__name__:
        case "IFNode":
            return np.zeros(1), f"{name} is an IFNode: no decay"
        case "ParametricLIFNode":
            return numbers(module.w.sigmoid()), f"beta = 1 − sigmoid(w) of {name}"
    return np.ones(1) / float(module.tau), f"beta = 1 − 1/tau of {name}"


def _neurons(name: str, module: Any) -> Sequence[Layer]:
    return (_node(name, module),)


def _not_spiking(name: str, module: Any) -> Sequence[Layer]:
    """A NonSpikingIFNode or NonSpikingLIFNode, whose membrane is read."""
    if module.decode not in (None, "last_mem"):
        raise SemanticsError(
            f"layer {name!r} must be read by its last membrane, not by decode={module.decode!r}; "
            "build it with decode='last_mem'"
        )
    rate = np.ones(1) / module.tau if hasattr(module, "tau") else np.zeros(1)
    leak, parameters = decay(1 - rate)
    gain = rate if hasattr(module, "tau") else np.ones(1)
    origins = {"beta": f"beta = 1 − 1/tau of {name}" if rate.any() else f"{name}: no decay"}
    return (Neurons(name, Integrator(REAL, leak), parameters, gain, origins=origins),)


def _recurrent(name: str, module: Any) -> Sequence[Layer]:
    """A LinearRecurrentContainer: neurons that see rc(x and their own last spikes)."""
    part, place = module.sub_module, f"{name}.sub_module"
    if package(part) != "spikingjelly" or type(part).__name__ not in _NODES:
        raise SemanticsError(
            f"the recurrence {name!r} must hold an IFNode, LIFNode or ParametricLIFNode, not a "
            f"{type(part).__name__}; put its other layers outside"
        )
    weights = numbers(module.rc.weight)
    size = len(weights)
    bias = None if module.rc.bias is None else numbers(module.rc.bias)
    feedback = Affine(f"{name}.rc", weights[:, size:])
    return (
        Affine(f"{name}.rc", weights[:, :size], bias),
        replace(_node(place, part), recurrent=feedback),
    )


_NODES = ("IFNode", "LIFNode", "ParametricLIFNode")

_SPIKINGJELLY: Translators = {
    **{("spikingjelly", node): _neurons for node in _NODES},
    ("spikingjelly", "NonSpikingIFNode"): _not_spiking,
    ("spikingjelly", "NonSpikingLIFNode"): _not_spiking,
    ("spikingjelly", "LinearRecurrentContainer"): _recurrent,
    ("spikingjelly", "Linear"): linear,
    ("spikingjelly", "BatchNorm1d"): TORCH["torch", "BatchNorm1d"],
    ("spikingjelly", "Flatten"): TORCH["torch", "Flatten"],
    ("spikingjelly", "Dropout"): TORCH["torch", "Dropout"],
}

"""Discretizes NIR's continuous neurons the way a framework does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import LIF, Integrator, Neuron
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.hls_model.neurons import Reset
from spikeloom.quant.graph import DECAY, REAL
from spikeloom.quant.nir_file import NirNode
from spikeloom.quant.presets import Semantics

__all__ = ["Discrete", "discretize"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Discrete:
    """A neuron and its numbers per step, float64 [size]; ``gain`` multiplies its weighted input."""

    neuron: Neuron
    parameters: dict[str, Array]
    gain: Array
    origins: dict[str, str]


def discretize(node: NirNode, size: int, semantics: Semantics, dt: float) -> Discrete:
    """The numbers of ``size`` LIF, IF or LI neurons under a preset.

    NIR's τ·dv/dt = v_leak − v + R·I becomes v = beta·v + gain·I with beta = 1 − dt/τ and gain
    R·dt/τ (Euler), or beta = exp(−dt/τ) and gain R. Membranes are counted from ``v_leak``, where
    frameworks that support it start them.

    Raises
    ------
    CheckpointError
        If parameters are not finite, or not one or ``size`` numbers.
    SemanticsError
        If the preset's framework has no such neuron.
    """
    p = {key: _each(node, key, size) for key in node.arrays}
    beta, gain, origin = (
        _if(node, p, semantics, dt) if "tau" not in p else _leaky(node, p, semantics, dt)
    )
    rest = _rest(node, p, semantics)
    reset = semantics.reset or "subtract"
    origins = {"beta": origin, "bias": f"constants before {node.name}, times the gain"}
    if "v_threshold" not in p:
        return Discrete(Integrator(REAL, DECAY), {"beta": beta}, gain, origins)
    _require_known(node, p, semantics, reset)
    origins |= {
        "threshold": f"v_threshold of {node.name}",
        "reset": f"preset {semantics.name}: .nir files do not hold it",
    }
    parameters = {"threshold": p["v_threshold"] - rest, "beta": beta}
    if reset == "value":
        parameters["reset_value"] = p.get("v_reset", np.zeros(size)) - rest
        origins["reset_value"] = f"v_reset of {node.name}"
    delayed = bool(semantics.delayed) and reset != "none"
    # Subtracting without delay, snnTorch still lowers by θ what was left above it.
    lowered = semantics.name == "snntorch" and reset == "subtract" and not delayed
    neuron = LIF(REAL, DECAY, reset, semantics.strict, delayed, lowered=lowered)
    return Discrete(neuron, parameters, gain, origins)


def _each(node: NirNode, key: str, size: int) -> Array:
    array = node[key].reshape(-1)
    if array.size not in (1, size):
        raise CheckpointError(
            f"{key} of node {node.name!r} must be one number or {size} numbers, not "
            f"{node[key].shape}; export the graph again"
        )
    if not np.isfinite(array).all() and key != "tau":
        raise CheckpointError(
            f"{key} of node {node.name!r} must be finite, not {array[~np.isfinite(array)][0]}; go "
            "back to an earlier checkpoint"
        )
    return np.broadcast_to(array, size).astype(np.float64)


def _if(
    node: NirNode, p: dict[str, Array], semantics: Semantics, dt: float
) -> tuple[Array, Array, str]:
    gain = p["r"] * dt if semantics.if_gain == "per dt" else p["r"]
    if not np.allclose(gain, 1, rtol=1e-6):
        unit = "1/dt" if semantics.if_gain == "per dt" else "1"
        raise SemanticsError(
            f"r of the IF node {node.name!r} must be {unit} under preset {semantics.name!r}, not "
            f"{p['r'][0]:g}; multiply the weights before it instead"
        )
    return np.ones_like(gain), np.ones_like(gain), f"{node.name} is an IF: no decay"


def _leaky(
    node: NirNode, p: dict[str, Array], semantics: Semantics, dt: float
) -> tuple[Array, Array, str]:
    tau = p["tau"]
    bad = tau[~((tau > 0) & np.isfinite(tau))]
    if bad.size:
        raise SemanticsError(
            f"tau of node {node.name!r} must be positive and finite, not {bad[0]:g}; a neuron that "
            "never decays is an IF node"
        )
    ratio = dt / tau
    if semantics.decay == "exponential":
        return np.exp(-ratio), p["r"], f"beta = exp(−dt/tau) of {node.name}"
    if (ratio > 1).any():
        raise SemanticsError(
            f"dt must be at most the tau of node {node.name!r}, {tau.min():g} s, not {dt:g} s: "
            "beta = 1 − dt/tau must lie in [0, 1]; is dt in seconds?"
        )
    return 1 - ratio, p["r"] * ratio, f"beta = 1 − dt/tau of {node.name}"


def _rest(node: NirNode, p: dict[str, Array], semantics: Semantics) -> Array:
    """What to subtract from membranes so that they start at 0 and decay to 0."""
    rest = p.get("v_leak", np.zeros(1))
    if not rest.any():
        return rest
    if not semantics.starts_at_leak:
        raise SemanticsError(
            f"v_leak of node {node.name!r} must be 0 under preset {semantics.name!r}, not "
            f"{rest[rest != 0][0]:g}; fold it into the bias before it"
        )
    if node.type == "LI" and np.ptp(rest) > 0:
        raise SemanticsError(
            f"v_leak of the LI node {node.name!r} must be the same for all neurons, whose "
            "membranes are compared; fold it into the bias before it"
        )
    return rest


def _require_known(node: NirNode, p: dict[str, Array], semantics: Semantics, reset: Reset) -> None:
    """Refuse what the preset's framework cannot have trained."""
    value = p.get("v_reset", np.zeros(1))
    if semantics.name == "snntorch" and value.any():
        raise SemanticsError(
            f"v_reset of node {node.name!r} must be 0 under preset 'snntorch', which resets to "
            f"zero, not {value[value != 0][0]:g}; choose a preset that resets to a value"
        )
    if semantics.name == "spikingjelly" and reset == "value":
        start = p.get("v_leak", np.zeros(1))
        if (value != start).any():
            raise SemanticsError(
                f"v_reset of node {node.name!r} must equal its v_leak under preset "
                f"'spikingjelly', where both are V_reset, not {value[0]:g} and {start[0]:g}; "
                "choose another preset"
            )
    if semantics.name == "spikingjelly" and reset == "subtract":
        start = p.get("v_leak", np.zeros(1))
        if start.any():
            raise SemanticsError(
                f"v_leak of node {node.name!r} must be 0 under preset 'spikingjelly' with soft "
                f"reset, not {start[start != 0][0]:g}; choose reset='value'"
            )
    if semantics.name == "sinabs" and node.type == "IF":
        raise SemanticsError(
            f"the IF node {node.name!r} must be an LIF under preset 'sinabs', whose IAF clamps the "
            "membrane at −threshold, which no neuron of the library does yet"
        )

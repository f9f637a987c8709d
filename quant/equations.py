"""Neuron updates in words, for people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import LIF, AdaptiveLIF, CubaLIF, Integrator, MultiSpikeLIF, Neuron
from spikeloom.hls_model.neurons import Leak, ScaleLeak

__all__ = ["equation"]

Numbers = Mapping[str, npt.NDArray[np.float64]]


def equation(neuron: Neuron, numbers: Numbers, x: str = "x") -> str:
    """What a neuron does in a step, with its numbers, or the ranges that they cover.

    ``x`` names what it integrates.
    """
    match neuron:
        case CubaLIF():
            i = f"i = {_leaked('i', neuron.synapse, numbers)} + {x}"
            driving = "(i at t−1)" if neuron.uses_old_current else "i"
            return f"{i}; {equation(neuron.neuron, numbers, driving)}"
        case Integrator():
            return f"v = {_leaked('v', neuron.leak, numbers)} + {x}; never fires"
        case MultiSpikeLIF():
            return _multi_spike(neuron, numbers, x)
        case AdaptiveLIF():
            return _adaptive(neuron, numbers, x)
        case LIF():
            return _lif(neuron, numbers, x)
    return f"{type(neuron).__name__} of the library"


def _lif(neuron: LIF, numbers: Numbers, x: str) -> str:
    v = _leaked("v", neuron.leak, numbers)
    theta = _number(numbers["threshold"])
    spike = f"spike if v {_over(neuron.strict)} {theta}"
    if neuron.reset == "none":
        return f"v = {v} + {x}; {spike}; no reset"
    if neuron.reset == "subtract":
        if neuron.delayed:
            return f"v = {v} + {x} − {theta}·(spike at t−1); {spike}"
        if neuron.lowered:
            above = f"v at t−1 {_over(neuron.strict)} {theta}"
            return f"v = {v} + {x}; {spike}, or {theta} more if {above}; then v −= {theta}"
        return f"v = {v} + {x}; {spike}, then v −= {theta}"
    value = _number(numbers["reset_value"])
    if not neuron.delayed:
        return f"v = {v} + {x}; {spike}, then v = {value}"
    if neuron.drop_input:
        return f"v = {v} + {x}, or {value} after a spike at t−1; {spike}"
    after = _leaked(f"(v, or {value} after a spike at t−1)", neuron.leak, numbers)
    return f"v = {after} + {x}; {spike}"


def _multi_spike(neuron: MultiSpikeLIF, numbers: Numbers, x: str) -> str:
    v, theta = _leaked("v", neuron.leak, numbers), _number(numbers["threshold"])
    most = "" if neuron.most == 1 else f", at most {neuron.most}"
    spikes = f"spike if v ≥ {theta}" if neuron.most == 1 else f"⌊v / {theta}⌋ spikes{most}"
    lowest = f"; then v ≥ {_number(numbers['lowest'])}" if neuron.clamped else ""
    return f"v = {v} + {x}; {spikes}, each v −= {theta}{lowest}"


def _adaptive(neuron: AdaptiveLIF, numbers: Numbers, x: str) -> str:
    theta = _number(numbers["threshold"])
    after = f"−= {theta}" if neuron.reset == "subtract" else f"= {_number(numbers['reset_value'])}"
    return (
        f"v = {_leaked('v', neuron.leak, numbers)} + {x}; spike if v {_over(neuron.strict)} "
        f"{theta} + a, then v {after}; a = {_leaked('a', neuron.decay, numbers)} + "
        f"{_number(numbers['jump'])}·spike"
    )


def _leaked(word: str, leak: Leak, numbers: Numbers) -> str:
    if not isinstance(leak, ScaleLeak) or (numbers[leak.parameter] == 1).all():
        return word
    return f"{_number(numbers[leak.parameter])}·{word}"


def _over(strict: bool) -> str:
    return ">" if strict else "≥"


def _number(values: npt.NDArray[np.float64]) -> str:
    lo, hi = values.min(), values.max()
    return f"{lo:g}" if lo == hi else f"[{lo:g} … {hi:g}]"

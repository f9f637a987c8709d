"""A neuron whose threshold rises with its spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from spikeloom.hls_model.neuron import Neuron, State
from spikeloom.hls_model.neurons import Leak, NoLeak
from spikeloom.hls_model.ranges import Range
from spikeloom.hls_model.values import Value, saturate, select

__all__ = ["AdaptiveLIF"]


@dataclass(frozen=True)
class AdaptiveLIF(Neuron):
    """``v = L(v) + x``; a spike if v ≥ θ + a; then ``a = D(a) + jump`` on a spike, else D(a).

    Source: Bellec et al., Long short-term memory in networks of spiking neurons, 2018. The rise a
    that is compared is that of the step before.

    Attributes
    ----------
    v, rise : ranges of the membrane and of the threshold's rise; they saturate there
    leak, decay : of the membrane and of the rise
    reset : a spike subtracts θ (without the rise), or sets the membrane to ``reset_value``
    strict : spike if v > θ + a
    """

    v: Range
    rise: Range
    leak: Leak = NoLeak()
    decay: Leak = NoLeak()
    reset: Literal["subtract", "value"] = "subtract"
    strict: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        reset = ("reset_value",) if self.reset == "value" else ()
        return ("threshold", "jump", *reset, *self.leak.parameters, *self.decay.parameters)

    def states(self) -> dict[str, Range]:
        return {"v": self.v, "rise": self.rise}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value]:
        v = self.leak.apply(state.v, p) + x
        threshold = state.rise + p.threshold
        fired = v > threshold if self.strict else v >= threshold
        after = p.reset_value if self.reset == "value" else v - p.threshold
        rise = self.decay.apply(state.rise, p) + select(fired, p.jump, 0)
        return State(
            v=saturate(select(fired, after, v), self.v), rise=saturate(rise, self.rise)
        ), fired

"""Neurons whose events carry a value: several spikes in a step, or a quantized membrane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikeloom.hls_model.neuron import Neuron, Setting, State
from spikeloom.hls_model.neurons import Leak, NoLeak
from spikeloom.hls_model.ranges import Range
from spikeloom.hls_model.values import Value, maximum, saturate, select, shift_left, shift_right

__all__ = ["GradedLIF", "Grading", "MultiSpikeLIF"]


@dataclass(frozen=True)
class MultiSpikeLIF(Neuron):
    """``v = L(v) + x``; n = ⌊v / θ⌋ spikes, none below 0 and at most ``most``; ``v −= n·θ``.

    This is sinabs's and Rockpool's multi-spike neuron.

    Attributes
    ----------
    v : range of the membrane; it saturates there after the reset
    most : spikes in one step; each takes a comparator
    leak : the decay, before the input is added
    clamped : after the reset, the membrane is no less than the parameter ``lowest``
    """

    v: Range
    most: int
    leak: Leak = NoLeak()
    clamped: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        lowest = ("lowest",) if self.clamped else ()
        return ("threshold", *lowest, *self.leak.parameters)

    def states(self) -> dict[str, Range]:
        return {"v": self.v}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value]:
        v = self.leak.apply(state.v, p) + x
        reached = v >= p.threshold
        count, rest, amount = reached, select(reached, v - p.threshold, v), p.threshold
        for spikes in range(2, self.most + 1):
            amount = amount + p.threshold
            reached = v >= amount
            count = select(reached, spikes, count)
            rest = select(reached, v - amount, rest)
        if self.clamped:
            rest = maximum(rest, p.lowest)
        return State(v=saturate(rest, self.v)), count


@dataclass(frozen=True)
class Grading(Setting):
    """How a membrane becomes an event's value: q = trunc(clamp(u, ±limit) / 2**shift), and 0
    where |q| ≤ ``dead``; the amount emitted is q·2**shift.

    Source: Ponghiran and Roy, AAAI 2022, with limit and scale chosen so that their quotient is a
    power of two.

    Attributes
    ----------
    limit : M, in the membrane's units
    shift : binary places of the membrane below one unit of q
    dead : largest |q| that is not sent
    signed : negative values are sent too; otherwise the clamp is to [0, limit]
    """

    limit: int
    shift: int
    dead: int = 0
    signed: bool = False

    @property
    def range(self) -> Range:
        most = self.limit >> self.shift
        return Range(-most if self.signed else 0, most)

    def apply(self, u: Value) -> tuple[Value, Value]:
        """The event's value, and what of the membrane remains."""
        clamped = saturate(u, Range(-self.limit if self.signed else 0, self.limit))
        q = shift_right(clamped, self.shift, "trunc")
        is_sent = (q > self.dead) | (q < -self.dead)
        q = select(is_sent, q, 0)
        return q, u - shift_left(q, self.shift)


@dataclass(frozen=True)
class GradedLIF(Neuron):
    """``u = L(v) + x``; the event is u quantized by ``grading``, and v = u − what was emitted.

    Attributes
    ----------
    v : range of the membrane; it saturates there after the reset
    grading : from membrane to event
    leak : the decay, before the input is added
    """

    v: Range
    grading: Grading
    leak: Leak = NoLeak()

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.leak.parameters

    def states(self) -> dict[str, Range]:
        return {"v": self.v}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value]:
        q, rest = self.grading.apply(self.leak.apply(state.v, p) + x)
        return State(v=saturate(rest, self.v)), q

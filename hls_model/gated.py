"""The gated recurrent spiking unit, whose current is kept or replaced by a learned gate."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Any

from spikeloom.hls_model.graded import Grading
from spikeloom.hls_model.neuron import Neuron, Setting, State
from spikeloom.hls_model.ranges import Range
from spikeloom.hls_model.values import Value, lookup, maximum, saturate, shift_right

__all__ = ["GatedUnit", "SigmoidTable"]


@dataclass(frozen=True)
class SigmoidTable(Setting):
    """σ(x) as an integer in [0, 2**bits], from a table.

    Attributes
    ----------
    unit_shift : x is in units of 2**−unit_shift
    step_shift : entries are 2**−step_shift apart
    span : the table covers [−span, span); beyond, its first or last entry holds
    bits : binary places of the result
    """

    unit_shift: int
    step_shift: int = 4
    span: int = 8
    bits: int = 8

    @property
    def entries(self) -> tuple[int, ...]:
        half = self.span << self.step_shift
        return tuple(
            round((1 << self.bits) / (1 + exp(-(k + 0.5) / (1 << self.step_shift))))
            for k in range(-half, half)
        )

    def apply(self, x: Value) -> Value:
        half = self.span << self.step_shift
        step = shift_right(x, self.unit_shift - self.step_shift)
        return lookup(self.entries, saturate(step, Range(-half, half - 1)) + half)


@dataclass(frozen=True)
class GatedUnit(Neuron):
    """``F = σ(forget)``, ``C = relu(cell)``, ``I = F·I + (1 − F)·C``, ``U = U + I``, then a graded
    event whose amount U loses.

    The two weighted sums are the ports ``forget`` and ``cell``, each of which takes input and
    recurrent projections; batch normalization is folded into weights and bias. In integers I is
    ``C + (F·(I − C)) / 2**bits``, rounded half up: one multiplication.

    Source: Ponghiran and Roy, Spiking neural networks with improved inherent recurrence dynamics
    for sequential learning, AAAI 2022.

    Attributes
    ----------
    i, u : ranges of the current and of the membrane; they saturate there
    gate : the table for σ
    grading : from membrane to event
    """

    i: Range
    u: Range
    gate: SigmoidTable
    grading: Grading

    ports = ("forget", "cell")

    def states(self) -> dict[str, Range]:
        return {"i": self.i, "u": self.u}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value]:
        keep = self.gate.apply(x.forget)
        candidate = saturate(maximum(x.cell, 0), self.i)
        change = shift_right(keep * (state.i - candidate), self.gate.bits, "nearest")
        i = saturate(candidate + change, self.i)
        q, rest = self.grading.apply(state.u + i)
        return State(i=i, u=saturate(rest, self.u)), q

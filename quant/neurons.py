"""A neuron whose membrane resolves fractions of a weight's step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikeloom.hls_model import Neuron, Range, State, Value, shift_left

__all__ = ["FineInput"]


@dataclass(frozen=True)
class FineInput(Neuron):
    """Feeds ``neuron`` with x·2**bits + offset instead of x.

    The membrane, and with it the threshold and the offset (the bias), then has ``bits`` binary
    places below the step of the n-bit weights: leaks, which round once a step, lose little. The
    shift is wiring; a membrane is ``bits`` wider.
    """

    neuron: Neuron
    bits: int

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("offset", *self.neuron.parameters)

    def states(self) -> dict[str, Range]:
        return dict(self.neuron.states())

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value | int]:
        return self.neuron.step(state, shift_left(x, self.bits) + p.offset, p)

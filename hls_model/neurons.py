"""The library of neuron models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from spikeloom.hls_model.neuron import Neuron, Setting, State
from spikeloom.hls_model.operators import Rounding
from spikeloom.hls_model.ranges import Range
from spikeloom.hls_model.values import Value, saturate, select, shift_left, shift_right

__all__ = ["LIF", "FineInput", "Integrator", "Leak", "NoLeak", "ScaleLeak", "ShiftLeak"]


@dataclass(frozen=True)
class NoLeak(Setting):
    """The membrane keeps its value."""

    parameters = ()

    def apply(self, v: Value, p: Any) -> Value:
        return v


@dataclass(frozen=True)
class ShiftLeak(Setting):
    """``v − (v ≫ a) [− (v ≫ b)]``: a decay of 1 − 2⁻ᵃ [− 2⁻ᵇ] without a multiplier."""

    shifts: tuple[int, ...]
    rounding: Rounding = "floor"

    parameters = ()

    def apply(self, v: Value, p: Any) -> Value:
        leaked = v
        for shift in self.shifts:
            leaked = leaked - shift_right(v, shift, self.rounding)
        return leaked


@dataclass(frozen=True)
class ScaleLeak(Setting):
    """``(v · beta) ≫ bits`` with the parameter ``beta`` in [0, 2**bits].

    ``parameter`` renames it, for neurons that decay twice.
    """

    bits: int
    rounding: Rounding = "floor"
    parameter: str = "beta"

    @property
    def parameters(self) -> tuple[str, ...]:
        return (self.parameter,)

    def apply(self, v: Value, p: Any) -> Value:
        return shift_right(v * getattr(p, self.parameter), self.bits, self.rounding)


Leak = NoLeak | ShiftLeak | ScaleLeak


@dataclass(frozen=True)
class LIF(Neuron):
    """Leaky integrate-and-fire; with :class:`NoLeak`, integrate-and-fire.

    With L the leak, θ the threshold and R = H(v[t−1] − θ):

    ============== ============= =====================================================
    ``reset``      ``delayed``   membrane
    ============== ============= =====================================================
    ``subtract``   no            v = L(v) + x; on a spike v −= θ
    ``subtract``   yes           v = L(v) + x − R·θ
    ``value``      no            v = L(v) + x; on a spike v = reset_value
    ``value``      yes           v = L(R ? reset_value : v) + x
    ``value``      yes, dropping v = R ? reset_value : L(v) + x
    ``none``       –             v = L(v) + x
    ============== ============= =====================================================

    Attributes
    ----------
    v : range of the membrane; it saturates there after the reset
    leak : the decay, before the input is added, or at the step's end if ``leak_last``
    reset : what a spike does to the membrane
    strict : spike if v > θ, otherwise if v ≥ θ
    delayed : the reset happens in the next step, as in snnTorch's default
    drop_input : a delayed reset also discards that step's input
    """

    v: Range
    leak: Leak = NoLeak()
    reset: Literal["subtract", "value", "none"] = "subtract"
    strict: bool = False
    delayed: bool = False
    drop_input: bool = False
    leak_last: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        reset = ("reset_value",) if self.reset == "value" else ()
        return ("threshold", *reset, *self.leak.parameters)

    def states(self) -> dict[str, Range]:
        return {"v": self.v}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value]:
        v = self._integrate(state.v, x, p)
        fired = self._fires(v, p)
        if not self.delayed:
            v = self._reset(v, fired, p)
        if self.leak_last:
            v = self.leak.apply(v, p)
        return State(v=saturate(v, self.v)), fired

    def _integrate(self, v: Value, x: Value, p: Any) -> Value:
        leak = NoLeak() if self.leak_last else self.leak
        if not self.delayed:
            return leak.apply(v, p) + x
        fired = self._fires(v, p)
        if self.reset == "value" and not self.drop_input:
            return leak.apply(self._reset(v, fired, p), p) + x
        return self._reset(leak.apply(v, p) + x, fired, p)

    def _fires(self, v: Value, p: Any) -> Value:
        threshold: Value = p.threshold
        return v > threshold if self.strict else v >= threshold

    def _reset(self, v: Value, fired: Value, p: Any) -> Value:
        match self.reset:
            case "subtract":
                return select(fired, v - p.threshold, v)
            case "value":
                return select(fired, p.reset_value, v)
            case "none":
                return v


@dataclass(frozen=True)
class Integrator(Neuron):
    """Leaky integrator that never fires: v = L(v) + x. Its membrane is a network's readout.

    Attributes
    ----------
    v : range of the membrane; it saturates there
    leak : the decay, before the input is added
    """

    v: Range
    leak: Leak = NoLeak()

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.leak.parameters

    def states(self) -> dict[str, Range]:
        return {"v": self.v}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, int]:
        v = self.leak.apply(state.v, p) + x
        return State(v=saturate(v, self.v)), 0


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

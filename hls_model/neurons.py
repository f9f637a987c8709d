"""The library of neuron models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from spikeloom.hls_model.errors import NetworkError
from spikeloom.hls_model.neuron import Neuron, Setting, State
from spikeloom.hls_model.operators import Rounding
from spikeloom.hls_model.ranges import BOOL, Range
from spikeloom.hls_model.values import Value, saturate, select, shift_left, shift_right

__all__ = ["LIF", "FineInput", "Integrator", "Leak", "NoLeak", "Reset", "ScaleLeak", "ShiftLeak"]

Reset = Literal["subtract", "value", "none"]


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

    With L the leak, θ the threshold and R = 1 if there was a spike at t−1:

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
    delayed : the reset happens in the next step, as in snnTorch's default; a state word ``fired``
        keeps the spike until then
    drop_input : a delayed reset also discards that step's input
    lowered : where a subtracting reset left the membrane above θ, the next step compares what is θ
        less than the membrane: snnTorch's ``reset_delay=False``
    """

    v: Range
    leak: Leak = NoLeak()
    reset: Reset = "subtract"
    strict: bool = False
    delayed: bool = False
    drop_input: bool = False
    leak_last: bool = False
    lowered: bool = False

    def __post_init__(self) -> None:
        if self.lowered and (self.delayed or self.reset != "subtract"):
            raise NetworkError(
                "lowered belongs to a subtracting reset in the same step, not to "
                f"reset={self.reset!r} with delayed={self.delayed}; leave it out"
            )

    @property
    def remembers(self) -> bool:
        """Whether the spike of a step is kept for the next."""
        return self.delayed and self.reset != "none"

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        reset = ("reset_value",) if self.reset == "value" else ()
        return ("threshold", *reset, *self.leak.parameters)

    def states(self) -> dict[str, Range]:
        return {"v": self.v, "fired": BOOL} if self.remembers else {"v": self.v}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value]:
        v = self._integrate(state, x, p)
        fired = self._fires(self._compared(v, state, p), p)
        if not self.delayed:
            v = self._reset(v, fired, p)
        if self.leak_last:
            v = self.leak.apply(v, p)
        v = saturate(v, self.v)
        return State(v=v, fired=fired) if self.remembers else State(v=v), fired

    def _integrate(self, state: Any, x: Value, p: Any) -> Value:
        leak = NoLeak() if self.leak_last else self.leak
        if not self.remembers:
            return leak.apply(state.v, p) + x
        if self.reset == "value" and not self.drop_input:
            return leak.apply(self._reset(state.v, state.fired, p), p) + x
        v = leak.apply(state.v, p) + x
        if self.reset == "subtract":
            # One adder, where a choice between two sums would take an adder and a multiplexer.
            return v - select(state.fired, p.threshold, 0)
        return self._reset(v, state.fired, p)

    def _compared(self, v: Value, state: Any, p: Any) -> Value:
        return select(self._fires(state.v, p), v - p.threshold, v) if self.lowered else v

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

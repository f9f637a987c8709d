"""A neuron behind a synaptic current that decays: CubaLIF, snnTorch's Synaptic, Loihi's CUBA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikeloom.hls_model.graded import GradedLIF, MultiSpikeLIF
from spikeloom.hls_model.neuron import Neuron, State
from spikeloom.hls_model.neurons import LIF, Integrator, Leak
from spikeloom.hls_model.ranges import Range
from spikeloom.hls_model.values import Value, saturate

__all__ = ["CubaLIF"]


@dataclass(frozen=True)
class CubaLIF(Neuron):
    """``i = S(i) + x``, then ``neuron`` with i, or with the i of the step before, as its input.

    With ``FineInput(CubaLIF(…), 6)``, leaks ``ScaleLeak(12, "trunc")`` and a reset to 0 this is
    lava-dl's CUBA; with a delayed reset that drops its input, snnTorch's Synaptic with ``zero``.

    Attributes
    ----------
    i : range of the current; it saturates there
    synapse : the current's decay S; a :class:`ScaleLeak` needs a ``parameter`` of its own
    neuron : what the current drives
    uses_old_current : drive it with the current before this step's input
    """

    i: Range
    synapse: Leak
    neuron: LIF | Integrator | MultiSpikeLIF | GradedLIF
    uses_old_current: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*self.synapse.parameters, *self.neuron.parameters)

    def states(self) -> dict[str, Range]:
        return {"i": self.i, **self.neuron.states()}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value | int]:
        i = saturate(self.synapse.apply(state.i, p) + x, self.i)
        driven, event = self.neuron.step(state, state.i if self.uses_old_current else i, p)
        return State(i=i, **vars(driven)), event

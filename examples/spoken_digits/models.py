"""The networks that are compared: two layers of one width and a readout that sums over time.

``gated``, ``input_gated`` and ``plain`` are integer networks of graded events, trained as such;
``gru`` and ``lstm`` are PyTorch's, in floating point.

=============== ==================================================================================
``gated``       two layers of :class:`~spikeloom.hls_model.GatedUnit`, each port with an input and
                a recurrent matrix: "v2" of Ponghiran and Roy (AAAI 2022)
``input_gated`` the same neurons without recurrent matrices, so that gate and candidate see the
                input only: their "v1"
``plain``       a current that decays by a fixed quarter a step instead of a gate,
                I = ¾·I + W·X + U·Y, and the same membrane and events: their conventional network,
                with one matrix for input and one for recurrence
=============== ==================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spikeloom.hls_model import (
    CubaLIF,
    GatedUnit,
    GradedLIF,
    Grading,
    Input,
    Integrator,
    Neuron,
    Output,
    Range,
    ShiftLeak,
    SigmoidTable,
)
from spikeloom.quant.trainable_parts import TrainablePopulation, TrainableProjection
from spikeloom.quant.training import TrainableNetwork

__all__ = ["DENSE", "MODELS", "SPIKING", "Answer", "Dense", "Spiking", "build"]

DENSE = ("gru", "lstm")
SPIKING = ("gated", "input_gated", "plain")
MODELS = (*SPIKING, *DENSE)

_EVENTS = Range(-31, 31)
_LAYERS = ("first", "second")


@dataclass(frozen=True, eq=False)
class Answer:
    """What a network said.

    Attributes
    ----------
    logits : one per class and step, [samples, steps, classes]
    activity : mean event value per neuron and step, each layer's added up
    """

    logits: Tensor
    activity: Tensor


class Dense(nn.Module):
    """A stack of GRU or LSTM layers and a linear readout."""

    def __init__(self, cell: str, inputs: int, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        stack = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self.body = stack(inputs, width, len(_LAYERS), batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(width, classes)

    def forward(self, events: Tensor) -> Answer:
        """For event values [samples, steps, inputs]."""
        hidden, _ = self.body(events / _EVENTS.hi)
        return Answer(self.readout(self.dropout(hidden)), events.new_zeros(()))

    @property
    def body_parameters(self) -> int:
        return sum(p.numel() for p in self.body.parameters())


class Spiking(nn.Module):
    """An integer network that is trained as one; events stand for q / 31 and membranes for 1 where
    they reach the largest event.

    Parameters
    ----------
    kind : one of :data:`SPIKING`
    bits : of every weight
    places : binary places of a weight, which then lies in ±2**(bits − 1 − places)
    """

    def __init__(
        self, kind: str, inputs: int, width: int, classes: int, *, bits: int, places: int
    ) -> None:
        super().__init__()
        neuron = _neuron(kind, places)
        forget = {"forget": 1.0, "cell": 0.0} if isinstance(neuron, GatedUnit) else True
        unit = 1.0 / _grading(places).limit
        scale = None if isinstance(neuron, GatedUnit) else unit
        layers = [
            TrainablePopulation(name, width, neuron, bias=forget, scale=scale) for name in _LAYERS
        ]
        readout = TrainablePopulation(
            "readout", classes, Integrator(Range.signed(22)), scale=unit, learn_scale=False
        )
        sizes = {"sound": inputs, "first": width, "second": width}
        projections = [
            TrainableProjection(source, target, bits, port, start=_start(width, sizes[source]))
            for source, target in (("sound", "first"), ("first", "second"))
            for port in neuron.ports
        ]
        projections += [
            TrainableProjection(layer, layer, bits, port, delay=1, start=0.5 * _start(width, width))
            for layer in _LAYERS
            for port in neuron.ports
            if kind != "input_gated"
        ]
        projections.append(
            TrainableProjection("second", "readout", bits, start=_start(classes, width))
        )
        self.body_parameters = sum(
            q.start.numel() for q in projections if q.target != "readout"
        ) + len(_LAYERS) * width * len(neuron.ports)
        self.network = TrainableNetwork(
            (Input("sound", (inputs,), _EVENTS, unit=1 / _EVENTS.hi),),
            (*layers, readout),
            projections,
            Output("readout", "v"),
        )

    def forward(self, events: Tensor) -> Answer:
        """For event values [samples, steps, inputs]."""
        run = self.network.run(events * (1 / _EVENTS.hi))
        sums = run.states["readout"]["v"] * self.network.readout_scale
        logits = torch.diff(sums, dim=1, prepend=torch.zeros_like(sums[:, :1]))
        activity = sum(run.spikes[name].mean() for name in _LAYERS) / _EVENTS.hi
        return Answer(logits.float(), activity)


def build(
    kind: str, inputs: int, width: int, classes: int, *, bits: int, places: int, dropout: float
) -> Dense | Spiking:
    """One of :data:`MODELS`."""
    if kind in DENSE:
        return Dense(kind, inputs, width, classes, dropout)
    return Spiking(kind, inputs, width, classes, bits=bits, places=places)


def _grading(places: int) -> Grading:
    return Grading(limit=(32 << places) - 1, shift=places, dead=3)


def _neuron(kind: str, places: int) -> Neuron:
    """A current and a membrane whose 1 is at ``places`` + 5 binary places."""
    one = places + 5
    current, membrane = Range.unsigned(one + 1), Range.signed(one + 3)
    if kind == "plain":
        return CubaLIF(
            Range.signed(one + 2), ShiftLeak((2,)), GradedLIF(membrane, _grading(places))
        )
    return GatedUnit(current, membrane, SigmoidTable(unit_shift=one), _grading(places))


def _start(targets: int, sources: int) -> Tensor:
    return torch.randn(targets, sources) * sources**-0.5

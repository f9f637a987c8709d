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
    readout_bits : of the integrators, which sum over all steps of a recording
    """

    def __init__(
        self,
        kind: str,
        inputs: int,
        width: int,
        classes: int,
        *,
        bits: int,
        places: int,
        readout_bits: int,
    ) -> None:
        super().__init__()
        neuron, unit = _neuron(kind, places), 1.0 / _grading(places).limit
        body = _body(neuron, inputs, width, bits, is_recurrent=kind != "input_gated")
        end = TrainableProjection("second", "readout", bits, start=_start(classes, width))
        layers = [_layer(name, width, neuron, unit) for name in _LAYERS]
        integrator = Integrator(Range.signed(readout_bits))
        readout = TrainablePopulation("readout", classes, integrator, scale=unit, learn_scale=False)
        biases = len(layers) * width * len(neuron.ports)
        self.body_parameters = sum(q.start.numel() for q in body) + biases
        self.network = TrainableNetwork(
            (Input("sound", (inputs,), _EVENTS, unit=1 / _EVENTS.hi),),
            (*layers, readout),
            (*body, end),
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
    kind: str,
    inputs: int,
    width: int,
    classes: int,
    *,
    bits: int,
    places: int,
    dropout: float,
    readout_bits: int = 22,
) -> Dense | Spiking:
    """One of :data:`MODELS`; ``dropout`` is of :class:`Dense`, the other options of
    :class:`Spiking`."""
    if kind in DENSE:
        return Dense(kind, inputs, width, classes, dropout)
    return Spiking(
        kind, inputs, width, classes, bits=bits, places=places, readout_bits=readout_bits
    )


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


def _layer(name: str, width: int, neuron: Neuron, unit: float) -> TrainablePopulation:
    if isinstance(neuron, GatedUnit):
        # At first, what is there is rather kept than replaced.
        return TrainablePopulation(name, width, neuron, bias={"forget": 1.0, "cell": 0.0})
    return TrainablePopulation(name, width, neuron, scale=unit)


def _body(
    neuron: Neuron, inputs: int, width: int, bits: int, *, is_recurrent: bool
) -> list[TrainableProjection]:
    """All projections into the two layers."""
    sizes = {"sound": inputs, "first": width}
    body = [
        TrainableProjection(source, target, bits, port, start=_start(width, sizes[source]))
        for source, target in zip(sizes, _LAYERS, strict=True)
        for port in neuron.ports
    ]
    loops = [(layer, port) for layer in _LAYERS for port in neuron.ports if is_recurrent]
    return body + [
        TrainableProjection(layer, layer, bits, port, delay=1, start=_start(width, width) / 2)
        for layer, port in loops
    ]


def _start(targets: int, sources: int) -> Tensor:
    return torch.randn(targets, sources) * sources**-0.5

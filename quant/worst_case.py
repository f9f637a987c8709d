"""Traces the neurons of a network for whatever its weights become in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikeloom.hls_model import BOOL, Input, Range
from spikeloom.hls_model.dataflow import Dataflow
from spikeloom.hls_model.errors import NetworkError
from spikeloom.hls_model.neuron import trace
from spikeloom.quant.trainable_parts import TrainablePopulation, TrainableProjection

__all__ = ["trace_worst_case"]

_ROUNDS = 16
"""Rounds in which the event ranges of recurrent loops must settle."""


def trace_worst_case(
    inputs: Sequence[Input],
    populations: Sequence[TrainablePopulation],
    projections: Sequence[TrainableProjection],
    ranges: Mapping[str, Mapping[str, Range]],
) -> tuple[dict[str, Dataflow], dict[str, Range]]:
    """The dataflow of each population, and the event range of each input and population.

    Parameters
    ----------
    ranges : per population, of parameters ``p.name`` and biases ``bias.port``

    Raises
    ------
    NetworkError
        If graded events grow without end in a loop.
    RangeError
        If a state can leave its declared range.
    """
    events = {i.name: i.range | BOOL for i in inputs} | {p.name: BOOL for p in populations}
    sizes = {i.name: i.size for i in inputs} | {p.name: p.size for p in populations}
    dataflows: dict[str, Dataflow] = {}
    for _ in range(_ROUNDS):
        before = dict(events)
        for p in populations:
            sums = {port: Range(0, 0) for port in p.neuron.ports}
            for q in projections:
                if q.target == p.name:
                    sums[q.port] = _sum(sums[q.port], q, events[q.source], sizes[q.source])
            parameters = {n: ranges[p.name][f"p.{n}"] for n in p.neuron.parameters}
            bias = {port: r for port in p.neuron.ports if (r := ranges[p.name].get(f"bias.{port}"))}
            dataflows[p.name] = trace(p.neuron, sums, parameters, bias)
            events[p.name] |= dataflows[p.name].outputs["event"].range
        if events == before:
            return dataflows, events
    growing = next(n for n, r in events.items() if r != before[n])
    raise NetworkError(
        f"events of {growing!r} grow without end in its recurrent loop; saturate the event in the "
        "neuron's step"
    )


def _sum(sum: Range, q: TrainableProjection, events: Range, sources: int) -> Range:
    """The range of a weighted sum to which a projection is added."""
    corners = [
        w * e * sources for w in (q.integers.lo, q.integers.hi) for e in (events.lo, events.hi)
    ]
    return Range(sum.lo + min(0, *corners), sum.hi + max(0, *corners))

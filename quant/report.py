"""What quantization did to a network, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import Network
from spikeloom.hls_model import simulate as simulate_integers
from spikeloom.hls_model.errors import SampleError
from spikeloom.quant.graph import Graph
from spikeloom.quant.simulator import simulate, to_values

__all__ = ["Agreement", "Comparison", "PopulationReport", "ProjectionReport", "Report", "compare"]

_CHUNK = 1 << 24
"""Recorded numbers that one chunk of samples may hold."""


@dataclass(frozen=True)
class Agreement:
    """How a population's integer spikes compare with its float spikes.

    Attributes
    ----------
    agreement : fraction of all (sample, step, neuron) in which both fire or neither does
    float_spikes, integer_spikes : totals
    saturated : membranes, of all ``membranes``, that ended a step at a limit of their range
    """

    agreement: float
    float_spikes: int
    integer_spikes: int
    saturated: int
    membranes: int


@dataclass(frozen=True)
class Comparison:
    """The integer network against the float graph on the same samples.

    Attributes
    ----------
    float_accuracy, integer_accuracy : fractions of correct labels; ``None`` without labels
    same_prediction : fraction of samples for which both predict the same class
    """

    samples: int
    steps: int
    float_accuracy: float | None
    integer_accuracy: float | None
    same_prediction: float
    populations: dict[str, Agreement]


@dataclass(frozen=True)
class PopulationReport:
    """How a population's numbers became integers; errors are the worst over its neurons.

    Attributes
    ----------
    equation : the float update
    leak : the integer decay
    beta_error : |integer decay − trained beta|
    threshold_error : |difference| / threshold
    bias_error, reset_error : |difference| / threshold, for integrators / the largest bias
    fraction_bits : binary places of the membrane below the weights' step
    state_bits : width of the membrane
    """

    equation: str
    leak: str
    beta_error: float
    threshold_error: float
    bias_error: float
    reset_error: float
    fraction_bits: int
    state_bits: int


@dataclass(frozen=True)
class ProjectionReport:
    """How a projection's weights became integers.

    Attributes
    ----------
    worst_error : largest |difference| / largest |weight|
    mean_error : root mean square difference / root mean square weight
    clipped : weights beyond the largest integer, of all ``weights``
    """

    bits: int
    worst_error: float
    mean_error: float
    clipped: int
    weights: int


@dataclass(frozen=True)
class Report:
    """The whole record of a quantization. ``calibration`` compares on the calibration samples."""

    populations: dict[str, PopulationReport]
    projections: dict[str, ProjectionReport]
    inputs: dict[str, dict[str, Any]]
    calibration: Comparison
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain Python values."""
        return asdict(self)


def compare(
    graph: Graph,
    network: Network,
    samples: Any,
    labels: npt.ArrayLike | None = None,
    *,
    steps: int | None = None,
) -> Comparison:
    """Run the float graph and its integer network side by side.

    Parameters
    ----------
    samples, steps : as for :func:`~spikeloom.quant.simulator.simulate`
    labels : class numbers [samples]

    Raises
    ------
    SampleError
        If samples do not fit, or labels are not one per sample.
    """
    values = to_values(graph, samples, steps)
    count, length = next(iter(values.values())).shape[:2]
    shapes = {i.name: i.shape for i in graph.inputs}
    classes = None if labels is None else np.asarray(labels)
    if classes is not None and classes.shape != (count,):
        raise SampleError(f"labels must be one per sample, {count} in all, not {classes.shape}")
    totals = {p.name: np.zeros(4, dtype=np.int64) for p in graph.populations}
    float_classes, integer_classes = [], []
    size = max(1, _CHUNK // (length * sum(p.size for p in graph.populations)))
    for start in range(0, count, size):
        part = {
            n: v[start : start + size].reshape(-1, length, *shapes[n]) for n, v in values.items()
        }
        floats, integers = simulate(graph, part), simulate_integers(network, part)
        float_classes.append(floats.predictions)
        integer_classes.append(integers.predictions)
        for name, total in totals.items():
            total += _count(network, name, floats.spikes[name], integers)
    predicted, actual = np.concatenate(float_classes), np.concatenate(integer_classes)
    return Comparison(
        count,
        length,
        None if classes is None else float((predicted == classes).mean()),
        None if classes is None else float((actual == classes).mean()),
        float((predicted == actual).mean()),
        {p.name: _agreement(totals[p.name], count * length * p.size) for p in graph.populations},
    )


def _count(network: Network, name: str, floats: Any, integers: Any) -> npt.NDArray[np.int64]:
    spikes = integers.spikes[name]
    saturated = 0
    for word, range in network.population(name).neuron.states().items():
        membranes = integers.states[name][word]
        saturated += int(((membranes <= range.lo) | (membranes >= range.hi)).sum())
    different = (floats != 0) != (spikes != 0)
    return np.array([different.sum(), (floats != 0).sum(), (spikes != 0).sum(), saturated])


def _agreement(total: npt.NDArray[np.int64], all_: int) -> Agreement:
    different, floats, integers, saturated = (int(n) for n in total)
    return Agreement(1 - different / all_, floats, integers, saturated, all_)

"""What quantization did to a network, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import BOOL, Network, Result
from spikeloom.hls_model import simulate as simulate_integers
from spikeloom.hls_model.errors import SampleError
from spikeloom.quant.graph import MEMBRANE, Graph
from spikeloom.quant.simulator import simulate_batches, to_values

__all__ = ["Agreement", "Comparison", "PopulationReport", "ProjectionReport", "Report", "compare"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How a population's integer spikes compare with its float spikes.

    Attributes
    ----------
    agreement : fraction of all (sample, step, neuron) in which both send the same event or none
    float_spikes, integer_spikes : totals
    membrane_error : root mean square difference of the membranes / that of the float membranes
    saturated : state words, of all ``states``, that ended a step at a limit of their range
    """

    agreement: float
    float_spikes: int
    integer_spikes: int
    membrane_error: float
    saturated: int
    states: int


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
    """How a population's numbers became integers.

    Attributes
    ----------
    equation : the float update
    leaks : the integer decays, by the float decay's name
    errors : largest |difference| over the neurons, by name: of decays as such, of thresholds and
        everything else in the membrane's unit / threshold (of integrators / the largest bias)
    fraction_bits : binary places of the membrane below the weights' step
    state_bits : widths of the state words
    """

    equation: str
    leaks: dict[str, str]
    errors: dict[str, float]
    fraction_bits: int
    state_bits: dict[str, int]


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
    scales: Mapping[str, Array],
    steps: int | None = None,
    simulated: Iterable[tuple[dict[str, npt.NDArray[Any]], Result]] | None = None,
) -> Comparison:
    """Run the float graph and its integer network side by side.

    Parameters
    ----------
    scales : what a membrane's 1 stands for in the float graph, by population: of ``Quantized``
    samples, steps : as for :func:`~spikeloom.quant.simulator.simulate`
    labels : class numbers [samples]
    simulated : what :func:`~spikeloom.quant.simulator.simulate_batches` says of these samples, if
        it is known already

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
    totals = {p.name: _Totals(network, p.name, scales[p.name]) for p in graph.populations}
    float_classes, integer_classes = [], []
    for batch, floats in simulated or simulate_batches(graph, samples, steps=steps):
        part = {n: v.reshape(-1, length, *shapes[n]) for n, v in batch.items()}
        integers = simulate_integers(network, part)
        float_classes.append(floats.predictions)
        integer_classes.append(integers.predictions)
        for total in totals.values():
            total.add(floats, integers)
    predicted, actual = np.concatenate(float_classes), np.concatenate(integer_classes)
    return Comparison(
        count,
        length,
        None if classes is None else float((predicted == classes).mean()),
        None if classes is None else float((actual == classes).mean()),
        float((predicted == actual).mean()),
        {name: total.agreement() for name, total in totals.items()},
    )


class _Totals:
    """How one population's two simulations differ, over all chunks."""

    def __init__(self, network: Network, name: str, scale: Array) -> None:
        states = network.population(name).neuron.states()
        # The word that keeps a spike for the next step cannot saturate.
        self.ranges = {word: range for word, range in states.items() if range != BOOL}
        self.name = name
        self.scale = scale
        self.counts = np.zeros(5, dtype=np.int64)
        self.squares = np.zeros(2)

    def add(self, floats: Result, integers: Result) -> None:
        expected, actual = floats.spikes[self.name], integers.spikes[self.name]
        membranes = floats.states[self.name][MEMBRANE]
        saturated = 0
        for word, range in self.ranges.items():
            values = integers.states[self.name][word]
            saturated += int(((values <= range.lo) | (values >= range.hi)).sum())
        same = int((expected == actual).sum())
        fired = int((expected != 0).sum()), int((actual != 0).sum())
        self.counts += np.array([same, *fired, saturated, expected.size])
        difference = integers.states[self.name][MEMBRANE] * self.scale - membranes
        self.squares += np.array([(difference**2).sum(), (membranes**2).sum()])

    def agreement(self) -> Agreement:
        same, floats, integers, saturated, all_ = (int(n) for n in self.counts)
        error, size = self.squares
        return Agreement(
            same / all_,
            floats,
            integers,
            float(np.sqrt(error / size)) if size else 0.0,
            saturated,
            all_ * len(self.ranges),
        )

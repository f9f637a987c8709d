"""What samples tell about a float graph: ranges of inputs and membranes, activity of sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom import hls_model
from spikeloom.hls_model import BOOL, Range, Result
from spikeloom.quant.graph import MEMBRANE, Graph, Input, Population
from spikeloom.quant.simulator import simulate_batches, to_values

__all__ = ["Statistics", "calibrate", "input_error", "quantize_input"]

Array = npt.NDArray[np.float64]

_CHUNK = 1 << 18
"""Values of an input that are worked on at once."""

_PRECISION = 2.0**-20
"""Relative difference within which values lie on a grid: a few roundings of single precision."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """What calibration recorded.

    Attributes
    ----------
    inputs : all values of each input
    peaks : largest |state word| at a step's end, per population, word and neuron
    typical : root mean square membrane, per population
    most : largest event of each population
    importance : mean square event of each source, with a floor for silent ones
    simulated : values and what they caused, batch by batch, of the states membranes only
    """

    steps: int
    inputs: dict[str, npt.NDArray[Any]]
    peaks: dict[str, dict[str, Array]]
    typical: dict[str, float]
    most: dict[str, int]
    importance: dict[str, Array]
    simulated: list[tuple[dict[str, npt.NDArray[Any]], Result]]


def calibrate(graph: Graph, samples: Any, steps: int | None = None) -> Statistics:
    """Simulate ``graph`` on ``samples`` and record its statistics.

    Raises
    ------
    SampleError
        If samples do not fit the graph's inputs.
    """
    inputs = to_values(graph, samples, steps)
    count, length = next(iter(inputs.values())).shape[:2]
    totals = {p.name: _Totals(p) for p in graph.populations}
    simulated = []
    for values, result in simulate_batches(graph, samples, steps=steps):
        for name, total in totals.items():
            total.add(result.states[name], result.spikes[name])
        membranes = {n: {MEMBRANE: words[MEMBRANE]} for n, words in result.states.items()}
        simulated.append((values, Result(result.spikes, membranes, result.readout)))
    importance = {
        n: sum(np.square(part, dtype=np.float64).sum(axis=(0, 1)) for part in _chunks(v))
        / (count * length)
        for n, v in inputs.items()
    }
    importance |= {n: t.squared_events / (count * length) for n, t in totals.items()}
    return Statistics(
        length,
        inputs,
        {n: t.peaks for n, t in totals.items()},
        {n: t.typical(count * length) for n, t in totals.items()},
        {n: t.most for n, t in totals.items()},
        {n: i + max(0.01 * float(i.mean()), 1e-12) for n, i in importance.items()},
        simulated,
    )


class _Totals:
    """What one population did, over all chunks."""

    def __init__(self, population: Population) -> None:
        self.size = population.size
        self.peaks = {word: np.zeros(self.size) for word in population.neuron.states()}
        self.squared_events = np.zeros(self.size)
        self.squared_membranes = 0.0
        self.most = 0

    def add(self, states: Mapping[str, npt.NDArray[Any]], events: npt.NDArray[Any]) -> None:
        for word, values in states.items():
            self.peaks[word] = np.maximum(self.peaks[word], np.abs(values).max(axis=(0, 1)))
        self.squared_membranes += float((states[MEMBRANE] ** 2).sum())
        self.squared_events += np.square(events, dtype=np.float64).sum(axis=(0, 1))
        self.most = max(self.most, int(events.max()))

    def typical(self, steps: int) -> float:
        return float(max((self.squared_membranes / (steps * self.size)) ** 0.5, 1e-30))


def quantize_input(
    input: Input, values: npt.NDArray[Any], bits: int, held: bool = False
) -> hls_model.Input:
    """The integer input for calibrated ``values``: spikes, integers, or graded events.

    Integers keep their values. Anything else is divided by a unit: the largest power of two that
    is exact, else the largest value's fraction that is, such as 1/255 for the pixels of images;
    else by the smallest power of two that fits ``bits`` bits of magnitude.
    """
    peak = float(np.abs(values).max())
    is_signed = bool((values < 0).any())
    unit = 1.0
    if not _is_multiple(values, 1.0) or peak >= 1 << 15:
        unit = _choose_unit(values, peak or 1.0, bits)
    if unit == 1.0 and not is_signed and peak <= 1:
        return hls_model.Input(input.name, input.shape, BOOL, held=held)
    top = (1 << int(np.ceil(peak / unit * (1 - _PRECISION))).bit_length()) - 1
    range = Range(-top if is_signed else 0, top)
    return hls_model.Input(input.name, input.shape, range, unit, held)


def _choose_unit(values: npt.NDArray[Any], peak: float, bits: int) -> float:
    most = 2**bits - 1
    smallest = 2.0 ** np.ceil(np.log2(peak / most))
    for unit in smallest * 2.0 ** np.arange(bits, 0, -1):
        if _is_multiple(values, unit):
            return float(unit)
    found = np.unique(np.abs(values))
    if len(found) <= most + 1:
        for count in range(1, most + 1):
            levels = found * (count / peak)
            if (np.abs(levels - np.rint(levels)) <= _PRECISION * levels).all():
                return peak / count
    return float(smallest)


def input_error(input: hls_model.Input, values: npt.NDArray[Any]) -> dict[str, float]:
    """``worst_error``: largest |difference| / largest |value|; ``mean_error``: root mean square
    difference / root mean square value, of ``values`` as integers times the unit."""
    if input.unit == 1 and values.dtype.kind in "biu":
        return {"worst_error": 0.0, "mean_error": 0.0}
    worst, largest, squares, all_squares = 0.0, 1e-30, 0.0, 1e-60
    for part in _chunks(values):
        difference = np.rint(part / input.unit) * input.unit - part
        worst = max(worst, float(np.abs(difference).max()))
        largest = max(largest, float(np.abs(part).max()))
        squares += float(np.square(difference, dtype=np.float64).sum())
        all_squares += float(np.square(part, dtype=np.float64).sum())
    return {"worst_error": worst / largest, "mean_error": (squares / all_squares) ** 0.5}


def _chunks(values: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Some samples after the other, whose numbers fit a processor's cache in double precision."""
    size = max(1, _CHUNK // values[0].size)
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _is_multiple(values: npt.NDArray[Any], unit: float) -> bool:
    if values.dtype.kind in "biu":
        return unit <= 1 or bool((values % int(unit) == 0).all())
    levels = values / unit
    return bool((levels == np.rint(levels)).all())

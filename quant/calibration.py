"""What samples tell about a float graph: ranges of inputs and membranes, activity of sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom import hls_model
from spikeloom.hls_model import BOOL, Range
from spikeloom.quant.graph import MEMBRANE, Graph, Input
from spikeloom.quant.simulator import simulate, to_values

__all__ = ["Statistics", "calibrate", "quantize_input"]

Array = npt.NDArray[np.float64]

_CHUNK = 1 << 24
"""Recorded numbers that one chunk of samples may hold."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """What calibration recorded.

    Attributes
    ----------
    inputs : all values of each input
    peaks : largest |membrane| at a step's end, per population and neuron
    typical : root mean square membrane, per population
    importance : mean square event of each source, with a floor for silent ones
    """

    steps: int
    inputs: dict[str, npt.NDArray[Any]]
    peaks: dict[str, Array]
    typical: dict[str, float]
    importance: dict[str, Array]


def calibrate(graph: Graph, samples: Any, steps: int | None = None) -> Statistics:
    """Simulate ``graph`` on ``samples`` and record its statistics.

    Raises
    ------
    SampleError
        If samples do not fit the graph's inputs.
    """
    inputs = to_values(graph, samples, steps)
    count, length = next(iter(inputs.values())).shape[:2]
    populations = graph.populations
    peaks = {p.name: np.zeros(p.size) for p in populations}
    squares = {p.name: 0.0 for p in populations}
    fired = {p.name: np.zeros(p.size) for p in populations}
    size = max(1, _CHUNK // (length * sum(p.size for p in populations)))
    shapes = {i.name: i.shape for i in graph.inputs}
    for start in range(0, count, size):
        part = {n: v[start : start + size] for n, v in inputs.items()}
        result = simulate(graph, {n: v.reshape(*v.shape[:2], *shapes[n]) for n, v in part.items()})
        for p in populations:
            v = result.states[p.name][MEMBRANE]
            peaks[p.name] = np.maximum(peaks[p.name], np.abs(v).max(axis=(0, 1)))
            squares[p.name] += float((v**2).sum())
            fired[p.name] += result.spikes[p.name].sum(axis=(0, 1))
    importance = {
        n: np.mean(np.square(v, dtype=np.float64), axis=(0, 1)) for n, v in inputs.items()
    }
    importance |= {n: f / (count * length) for n, f in fired.items()}
    return Statistics(
        length,
        inputs,
        peaks,
        {
            p.name: max((squares[p.name] / (count * length * p.size)) ** 0.5, 1e-30)
            for p in populations
        },
        {n: i + max(0.01 * float(i.mean()), 1e-12) for n, i in importance.items()},
    )


def quantize_input(input: Input, values: npt.NDArray[Any], bits: int) -> hls_model.Input:
    """The integer input for calibrated ``values``: spikes, integers, or graded events.

    Integers keep their values. Anything else is divided by a power of two: the largest unit that
    is exact, or the smallest that fits ``bits`` bits of magnitude.
    """
    peak = float(np.abs(values).max())
    is_signed = bool((values < 0).any())
    unit = 1.0
    if not _is_multiple(values, 1.0) or peak >= 1 << 15:
        peak = peak or 1.0
        smallest = 2.0 ** np.ceil(np.log2(peak / (2**bits - 1)))
        exact = (
            unit for unit in smallest * 2.0 ** np.arange(bits, 0, -1) if _is_multiple(values, unit)
        )
        unit = float(next(exact, smallest))
    if unit == 1.0 and not is_signed and peak <= 1:
        return hls_model.Input(input.name, input.shape, BOOL)
    top = (1 << int(np.ceil(peak / unit - 1e-9)).bit_length()) - 1
    return hls_model.Input(input.name, input.shape, Range(-top if is_signed else 0, top), unit)


def _is_multiple(values: npt.NDArray[Any], unit: float) -> bool:
    if values.dtype.kind in "biu":
        return unit <= 1 or bool((values % int(unit) == 0).all())
    levels = values / unit
    return bool((levels == np.rint(levels)).all())

"""Quantizes one population together with the projections that end there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikeloom import hls_model
from spikeloom.hls_model import LIF, FineInput, Integrator, Neuron, Range
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.calibration import Statistics
from spikeloom.quant.graph import MEMBRANE, Graph, Population, Projection
from spikeloom.quant.leaks import choose_leak
from spikeloom.quant.report import PopulationReport, ProjectionReport
from spikeloom.quant.weights import Block, choose_scales, quantize_weights

__all__ = ["Leak", "PopulationQuantizer"]

Array = npt.NDArray[np.float64]
Leak = Literal["auto", "shift", "scale"]

_MOST_FRACTION_BITS = 6
_RESOLUTION = 16
"""Roundings of a membrane may add up to this part of the threshold."""


class PopulationQuantizer:
    """One population and the projections that end there."""

    def __init__(
        self,
        graph: Graph,
        population: Population,
        statistics: Statistics,
        units: Mapping[str, float],
        weight_bits: int | Mapping[str, int],
        leak: Leak,
        fraction_bits: int | None,
        margin: float,
    ) -> None:
        self.float = population
        self.name = population.name
        self.statistics = statistics
        self.margin = margin
        self.into = graph.into(self.name)
        self.bits = {p.name: _bits_of(p, weight_bits) for p in self.into}
        self.weights = {id(p): p.weights * units.get(p.source, 1.0) for p in self.into}
        is_read = graph.output == hls_model.Output(self.name, MEMBRANE)
        self.steps = self._choose_steps(one_scale=is_read)
        self.leak = choose_leak(population.beta, leak, self.name)
        self.fraction_bits = (
            self._choose_fraction_bits() if fraction_bits is None else fraction_bits
        )
        self.resolution: Array = self.steps * 2.0**-self.fraction_bits
        self.threshold = self._threshold()
        self.bias = _rounded(population.bias / self.resolution)
        self.reset_value = _rounded(population.reset_value / self.resolution)
        self.range = self._range()

    def _choose_steps(self, one_scale: bool) -> Array:
        """What a weight of 1 stands for, per neuron."""
        blocks = [
            Block(
                self.weights[id(p)],
                2 ** (self.bits[p.name] - 1) - 1,
                self.statistics.importance[p.source],
            )
            for p in self.into
        ]
        return choose_scales(blocks, 2.0 ** np.floor(np.log2(self.float.threshold / 8)), one_scale)

    def _choose_fraction_bits(self) -> int:
        """Binary places below the weights' step that keep the roundings of a sample small."""
        p = self.float
        horizon = np.minimum(self.statistics.steps, 1 / np.maximum(1 - self.leak.beta, 1e-9))
        roundings = self.leak.roundings + 0.5 * (not _is_integer(p.bias / self.steps))
        error = roundings * horizon * self.steps
        if p.fires and not _is_integer(p.threshold / self.steps):
            error = error + 0.5 * self.steps
        scale = p.threshold if p.fires else self.statistics.typical[self.name]
        ratio = float((error * _RESOLUTION / scale).max())
        needed = int(np.ceil(np.log2(ratio))) if ratio > 1 else 0
        return min(needed, _MOST_FRACTION_BITS)

    def _threshold(self) -> npt.NDArray[np.int64]:
        """Exact where spikes alone depend on it; the nearest integer where it is subtracted."""
        levels = self.float.threshold / self.resolution
        near = np.rint(levels)
        on_grid = np.abs(levels - near) <= 1e-6 * np.maximum(near, 1)
        if self.float.reset == "subtract":
            integers = near
        else:
            integers = np.where(
                on_grid, near, np.floor(levels) if self.float.strict else np.ceil(levels)
            )
        if self.float.fires and (integers < 1).any():
            raise SemanticsError(
                f"the threshold of neuron {int(integers.argmin())} of {self.name!r} must not "
                f"vanish beside its weights, as it does with {self.fraction_bits} fraction bits; "
                "allow more fraction_bits"
            )
        return integers.astype(np.int64)

    def _range(self) -> Range:
        """A signed word that holds the calibrated membranes with a margin."""
        peak = float((self.statistics.peaks[self.name] / self.resolution).max()) * self.margin
        if self.float.fires:
            peak = max(peak, 2.0 * float(self.threshold.max()))
        peak = max(peak, float(np.abs(self.reset_value).max()), 1.0)
        return Range.signed(int(np.floor(peak)).bit_length() + 1)

    def neuron(self) -> Neuron:
        p = self.float
        neuron: Neuron
        if not p.fires:
            neuron = Integrator(self.range, self.leak.leak)
        else:
            neuron = LIF(self.range, self.leak.leak, p.reset, p.strict, p.delayed, p.drop_input)
        return FineInput(neuron, self.fraction_bits) if self.fraction_bits else neuron

    def population(self) -> hls_model.Population:
        neuron = self.neuron()
        known: dict[str, Any] = {
            "threshold": self.threshold,
            "reset_value": self.reset_value,
            "offset": self.bias,
            **self.leak.parameters,
        }
        parameters = {name: known[name] for name in neuron.parameters}
        bias = {} if self.fraction_bits or not self.bias.any() else {"x": self.bias}
        return hls_model.Population(self.name, self.float.size, neuron, parameters, bias)

    def projections(self) -> list[hls_model.Projection]:
        return [
            hls_model.Projection(
                p.source,
                p.target,
                self._integers(p),
                delay=p.delay,
                bits=self.bits[p.name],
            )
            for p in self.into
        ]

    def _integers(self, projection: Projection) -> npt.NDArray[np.int64]:
        limit = 2 ** (self.bits[projection.name] - 1) - 1
        return quantize_weights(self.weights[id(projection)], self.steps, limit)

    def report(self) -> PopulationReport:
        p = self.float
        scale = p.threshold if p.fires else max(float(np.abs(p.bias).max()), 1e-30)
        return PopulationReport(
            p.equation,
            str(self.leak),
            _worst(self.leak.beta - p.beta),
            _worst((self.threshold * self.resolution - p.threshold) / p.threshold) * p.fires,
            _worst((self.bias * self.resolution - p.bias) / scale),
            _worst((self.reset_value * self.resolution - p.reset_value) / scale),
            self.fraction_bits,
            self.range.width,
        )

    def projection_reports(self) -> dict[str, ProjectionReport]:
        reports = {}
        for p in self.into:
            weights, integers = self.weights[id(p)], self._integers(p)
            difference = integers * self.steps[:, None] - weights
            limit = 2 ** (self.bits[p.name] - 1) - 1
            beyond = np.abs(weights) > (limit + 0.5) * self.steps[:, None]
            largest = max(float(np.abs(weights).max()), 1e-30)
            mean = max(float(np.sqrt((weights**2).mean())), 1e-30)
            reports[p.name] = ProjectionReport(
                self.bits[p.name],
                _worst(difference) / largest,
                float(np.sqrt((difference**2).mean())) / mean,
                int(beyond.sum()),
                weights.size,
            )
        return reports

    def messages(self) -> list[str]:
        error = _worst(self.leak.beta - self.float.beta)
        if error <= 1e-6:
            return []
        message = (
            f"the decay of {self.name!r} was moved by {error:.2g} to {self.leak}; train with a "
            "decay of 1 − 2⁻ᵃ [− 2⁻ᵇ] to keep it"
        )
        return [message]


def _bits_of(projection: Projection, weight_bits: int | Mapping[str, int]) -> int:
    bits = weight_bits if isinstance(weight_bits, int) else weight_bits.get(projection.name, 8)
    if not 2 <= bits <= 8:
        raise SemanticsError(f"weight_bits of {projection.name} must lie in [2, 8], not {bits}")
    return bits


def _rounded(levels: Array) -> npt.NDArray[np.int64]:
    return np.floor(levels + 0.5).astype(np.int64)


def _is_integer(levels: Array) -> bool:
    return bool((np.abs(levels - np.rint(levels)) <= 1e-6).all())


def _worst(difference: Array) -> float:
    return float(np.abs(difference).max())

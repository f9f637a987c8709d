"""Quantizes one population together with the projections that end there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from math import ceil
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikeloom import hls_model
from spikeloom.hls_model import LIF, CubaLIF, FineInput, MultiSpikeLIF, Neuron, Range
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.calibration import Statistics
from spikeloom.quant.graph import MEMBRANE, MOST, Graph, Population, Projection
from spikeloom.quant.leaks import choose_leak
from spikeloom.quant.report import PopulationReport, ProjectionReport
from spikeloom.quant.room import Room, coarsened
from spikeloom.quant.templates import decays, rebuild, words
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
        room: Room | None = None,
    ) -> None:
        self.float = population
        self.name = population.name
        self.statistics = statistics
        self.margin = margin
        self.into = graph.into(self.name)
        self.bits = {p.name: _bits_of(p, weight_bits) for p in self.into}
        self.weights = {id(p): p.weights * units.get(p.source, 1.0) for p in self.into}
        is_read = graph.output == hls_model.Output(self.name, MEMBRANE)
        self.steps = self._choose_steps(units, one_scale=is_read)
        self.leaks = {
            name: choose_leak(population.parameters[name], leak, self.name, name)
            for name in decays(population.neuron)
        }
        if room is not None:
            fraction_bits = room.fraction_bits
            self.steps = self._coarsened(room, one_scale=is_read)
        self.fraction_bits = (
            self._choose_fraction_bits() if fraction_bits is None else fraction_bits
        )
        self.resolution: Array = self.steps * 2.0**-self.fraction_bits
        self.bias = _rounded(population.bias / self.resolution)
        self.levels = {
            name: _rounded(numbers / self.resolution)
            for name, numbers in population.parameters.items()
            if name not in self.leaks
        }
        if population.fires:
            self.levels["threshold"] = self._threshold()
        self.ranges = {
            word: self._range(word) if room is None else room.states[word]
            for word in words(population.neuron)
        }

    def _choose_steps(self, units: Mapping[str, float], one_scale: bool) -> Array:
        """What a weight of 1 stands for, per neuron."""
        fixed = [p.step * units.get(p.source, 1.0) for p in self.into if p.step is not None]
        if fixed:
            return self._fixed_steps(fixed, one_scale)
        blocks = [
            Block(
                self.weights[id(p)],
                2 ** (self.bits[p.name] - 1) - 1,
                self.statistics.importance[p.source],
            )
            for p in self.into
        ]
        threshold = self.float.parameters.get("threshold", np.ones(self.float.size))
        return choose_scales(blocks, 2.0 ** np.floor(np.log2(threshold / 8)), one_scale)

    def _fixed_steps(self, fixed: list[Array], one_scale: bool) -> Array:
        """The steps of weights that already are integers."""
        steps = fixed[0]
        differ = any(not np.allclose(other, steps, rtol=1e-5) for other in fixed)
        if differ or (one_scale and np.ptp(steps) > 1e-5 * steps.max()):
            what = "projections into" if differ else "neurons, whose membranes are compared, of"
            raise SemanticsError(
                f"quantized weights of all {what} {self.name!r} must share one step, not "
                f"[{min(f.min() for f in fixed):g} … {max(f.max() for f in fixed):g}]; quantize "
                "them with one scale per tensor, or import float weights"
            )
        return steps

    def _coarsened(self, room: Room, one_scale: bool) -> Array:
        """Steps with which thresholds and sums fit ``room``."""
        weights = [
            (self.weights[id(p)], 2 ** (self.bits[p.name] - 1) - 1)
            for p in self.into
            if p.step is None
        ]
        threshold = self.float.parameters.get("threshold", np.zeros(self.float.size))
        return coarsened(self.steps, room, threshold, weights, one_scale) if weights else self.steps

    def _choose_fraction_bits(self) -> int:
        """Binary places below the weights' step that keep the roundings of a sample small."""
        p = self.float
        error: Array = 0.5 * (not _is_integer(p.bias / self.steps)) * np.ones(p.size)
        # A current's roundings reach the membrane, where they add up once more.
        for name in sorted(self.leaks, key=lambda name: name == _leak_of_membrane(p.neuron)):
            leak = self.leaks[name]
            horizon = np.minimum(self.statistics.steps, 1 / np.maximum(1 - leak.beta, 1e-9))
            error = (error + leak.roundings) * horizon
        if not self.leaks:
            error = error * self.statistics.steps
        error = error * self.steps
        if p.fires and not _is_integer(p.parameters["threshold"] / self.steps):
            error = error + 0.5 * self.steps
        scale = p.parameters["threshold"] if p.fires else self.statistics.typical[self.name]
        ratio = float((error * _RESOLUTION / scale).max())
        needed = int(np.ceil(np.log2(ratio))) if ratio > 1 else 0
        return min(needed, _MOST_FRACTION_BITS)

    def _threshold(self) -> npt.NDArray[np.int64]:
        """Exact where spikes alone depend on it; the nearest integer where it is subtracted."""
        levels = self.float.parameters["threshold"] / self.resolution
        near = np.rint(levels)
        on_grid = np.abs(levels - near) <= 1e-6 * np.maximum(near, 1)
        spiking = _spiking(self.float.neuron)
        if isinstance(spiking, LIF) and spiking.reset != "subtract":
            integers = np.where(
                on_grid, near, np.floor(levels) if spiking.strict else np.ceil(levels)
            )
        else:
            integers = near
        if (integers < 1).any():
            raise SemanticsError(
                f"the threshold of neuron {int(integers.argmin())} of {self.name!r} must not "
                f"vanish beside its weights, as it does with {self.fraction_bits} fraction bits; "
                "allow more fraction_bits"
            )
        return integers.astype(np.int64)

    def _range(self, word: str) -> Range:
        """A signed word that holds the calibrated values with a margin."""
        peaks = self.statistics.peaks[self.name][word]
        peak = float((peaks / self.resolution).max()) * self.margin
        if word == MEMBRANE:
            if self.float.fires:
                peak = max(peak, 2.0 * float(self.levels["threshold"].max()))
            ends = [self.levels[n] for n in ("reset_value", "lowest") if n in self.levels]
            peak = max(peak, *(float(np.abs(e).max()) for e in ends), 1.0)
        return Range.signed(int(np.floor(max(peak, 1.0))).bit_length() + 1)

    def neuron(self) -> Neuron:
        leaks = {name: leak.leak for name, leak in self.leaks.items()}
        neuron = self._with_most(rebuild(self.float.neuron, self.ranges, leaks))
        return FineInput(neuron, self.fraction_bits) if self.fraction_bits else neuron

    def _with_most(self, neuron: Neuron) -> Neuron:
        """Room for one spike more in a step than calibration saw, where there is no limit."""
        match neuron:
            case CubaLIF():
                driven: Any = self._with_most(neuron.neuron)
                return dataclasses.replace(neuron, neuron=driven)
            case MultiSpikeLIF(most=most) if most == MOST:
                seen = self.statistics.most[self.name]
                if seen >= MOST:
                    raise SemanticsError(
                        f"neurons of {self.name!r} must fire fewer than {MOST} times in a step, "
                        f"and calibration saw {seen}; raise the threshold, or train with a penalty "
                        "on spikes"
                    )
                return dataclasses.replace(neuron, most=ceil(seen * self.margin) + 1)
        return neuron

    def population(self) -> hls_model.Population:
        neuron = self.neuron()
        known = {"offset": self.bias, **self.levels}
        for leak in self.leaks.values():
            known |= leak.parameters
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
        if projection.step is not None:
            return _rounded(projection.weights / projection.step[:, None])
        limit = 2 ** (self.bits[projection.name] - 1) - 1
        return quantize_weights(self.weights[id(projection)], self.steps, limit)

    def report(self) -> PopulationReport:
        p = self.float
        errors = {n: _worst(k.beta - p.parameters[n]) for n, k in self.leaks.items()}
        scale = p.parameters.get("threshold", np.maximum(np.abs(p.bias).max(), 1e-30))
        errors["bias"] = _worst((self.bias * self.resolution - p.bias) / scale)
        errors |= {
            name: _worst((levels * self.resolution - p.parameters[name]) / scale)
            for name, levels in self.levels.items()
        }
        return PopulationReport(
            p.equation,
            {name: str(leak) for name, leak in self.leaks.items()},
            errors,
            self.fraction_bits,
            {word: range.width for word, range in self.ranges.items()},
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
                0 if p.step is not None else int(beyond.sum()),
                weights.size,
            )
        return reports

    def messages(self) -> list[str]:
        return [
            f"the decay {name} of {self.name!r} was moved by {error:.2g} to {leak}; train with a "
            "decay of 1 − 2⁻ᵃ [− 2⁻ᵇ] to keep it"
            for name, leak in self.leaks.items()
            if (error := _worst(leak.beta - self.float.parameters[name])) > 1e-6
        ]


def _spiking(neuron: Neuron) -> Neuron:
    """The neuron that a synaptic current drives."""
    return neuron.neuron if isinstance(neuron, CubaLIF) else neuron


def _leak_of_membrane(neuron: Neuron) -> str:
    leak = getattr(_spiking(neuron), "leak", None)
    return getattr(leak, "parameter", "")


def _bits_of(projection: Projection, weight_bits: int | Mapping[str, int]) -> int:
    name, given = projection.name, projection.bits
    bits = weight_bits if isinstance(weight_bits, int) else weight_bits.get(name, given or 8)
    if given is not None:
        if not isinstance(weight_bits, int) and bits != given:
            raise SemanticsError(
                f"weight_bits of {name} must be the {given} bits that its weights were quantized "
                f"to, not {bits}; leave it out"
            )
        return given
    if not 2 <= bits <= 8:
        raise SemanticsError(f"weight_bits of {name} must lie in [2, 8], not {bits}")
    return bits


def _rounded(levels: Array) -> npt.NDArray[np.int64]:
    return np.floor(levels + 0.5).astype(np.int64)


def _is_integer(levels: Array) -> bool:
    return bool((np.abs(levels - np.rint(levels)) <= 1e-6).all())


def _worst(difference: Array) -> float:
    return float(np.abs(difference).max())

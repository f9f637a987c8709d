"""Turns a float graph into an integer network."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import Network
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.calibration import calibrate, input_error, quantize_input
from spikeloom.quant.graph import Graph
from spikeloom.quant.populations import Leak, PopulationQuantizer
from spikeloom.quant.report import Report, compare
from spikeloom.quant.room import Room

__all__ = ["QuantizationWarning", "Quantized", "quantize", "quantize_with_report"]

Array = npt.NDArray[np.float64]


class QuantizationWarning(UserWarning):
    """A trained parameter was moved; the message states by how much."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """An integer network, its report, and what a membrane's 1 stands for, per population and
    neuron, in the float graph's units."""

    network: Network
    report: Report
    scales: Mapping[str, Array]


def quantize(graph: Graph, **options: Any) -> Network:
    """The integer network alone: see :func:`quantize_with_report` for the parameters.

    Warns
    -----
    QuantizationWarning
        For each parameter that had to be moved to a grid, and for membranes that saturate.
    """
    quantized = quantize_with_report(graph, **options)
    for message in quantized.report.warnings:
        warnings.warn(message, QuantizationWarning, stacklevel=2)
    return quantized.network


def quantize_with_report(
    graph: Graph,
    *,
    calibration: Any,
    labels: npt.ArrayLike | None = None,
    steps: int | None = None,
    weight_bits: int | Mapping[str, int] = 8,
    leak: Leak = "auto",
    fraction_bits: int | None = None,
    room: Mapping[str, Room] | None = None,
    input_bits: int = 8,
    held: bool | Collection[str] | None = None,
    margin: float = 1.25,
) -> Quantized:
    """Quantize a float graph.

    Weights become symmetric integers with one scale per neuron, which its threshold, bias and
    reset value absorb; the neurons of a population whose membrane is read share one. Rows that
    lie on such a grid stay exact.

    Parameters
    ----------
    calibration
        Samples, as for :func:`~spikeloom.quant.simulator.simulate`: they set the ranges of inputs
        and membranes, and which weights matter most.
    labels
        Their classes; the report then holds both accuracies.
    steps
        Steps of samples that are held constant.
    weight_bits
        2 to 8, for all projections or by name (``"input→lif1"``; others get 8).
    leak
        ``shift``, ``scale``, or ``auto``: shifts where they are exact (see :mod:`.leaks`).
    fraction_bits
        Binary places of all states below the weights' step; by default as many as keep
        rounding below 1/16 of the threshold even if all of a sample's add up.
    input_bits
        Bits of the magnitude of an input that is not integer.
    held
        Inputs whose samples stay the same in each step, as with direct coding: their events are
        sent and accumulated once per sample. All, none, or their names; by default those whose
        calibration samples have no step axis.
    margin
        Factor between the largest calibrated state and its range's end, before the range is
        widened to a power of two.

    Raises
    ------
    SemanticsError
        If an option lies outside its range, or a threshold vanishes.
    SampleError
        If samples do not fit the graph.
    """
    _require_options(fraction_bits, input_bits, margin)
    _require_projections(graph, weight_bits)
    constant = _held_inputs(graph, calibration, held)
    statistics = calibrate(graph, calibration, steps)
    values = {n: v[:, :1] if n in constant else v for n, v in statistics.inputs.items()}
    inputs = {
        i.name: quantize_input(i, values[i.name], input_bits, i.name in constant)
        for i in graph.inputs
    }
    units = {name: i.unit for name, i in inputs.items()}
    parts = [
        PopulationQuantizer(
            graph,
            p,
            statistics,
            units,
            weight_bits,
            leak,
            fraction_bits,
            margin,
            (room or {}).get(p.name),
        )
        for p in graph.populations
    ]
    network = Network(
        tuple(inputs.values()),
        tuple(part.population() for part in parts),
        tuple(projection for part in parts for projection in part.projections()),
        graph.output,
    )
    scales = {part.name: part.resolution for part in parts}
    comparison = compare(
        graph,
        network,
        calibration,
        labels,
        scales=scales,
        steps=steps,
        simulated=statistics.simulated,
    )
    messages = [m for part in parts for m in part.messages()]
    for name, agreement in comparison.populations.items():
        if agreement.saturated:
            messages.append(
                f"{agreement.saturated} of {agreement.states} states of {name!r} saturate on "
                "the calibration samples; raise margin"
            )
    report = Report(
        {part.name: part.report() for part in parts},
        {name: r for part in parts for name, r in part.projection_reports().items()},
        {
            n: {"lo": i.range.lo, "hi": i.range.hi, "unit": i.unit, "held": i.held}
            | input_error(i, values[n])
            for n, i in inputs.items()
        },
        comparison,
        graph.assumptions,
        tuple(messages),
    )
    return Quantized(network, report, scales)


def _held_inputs(graph: Graph, samples: Any, held: bool | Collection[str] | None) -> set[str]:
    """Names of the inputs that are held."""
    shapes = {i.name: i.shape for i in graph.inputs}
    if isinstance(held, bool):
        return set(shapes) if held else set()
    if held is not None:
        unknown = [name for name in held if name not in shapes]
        if unknown or isinstance(held, str):
            raise SemanticsError(
                f"held must be True, False, or a list of inputs, which are {list(shapes)}, not "
                f"{held!r}"
            )
        return set(held)
    if not isinstance(samples, Mapping):
        samples = dict.fromkeys(shapes, samples)
    return {n for n, s in shapes.items() if n in samples and np.ndim(samples[n]) == 1 + len(s)}


def _require_projections(graph: Graph, weight_bits: int | Mapping[str, int]) -> None:
    names = [p.name for p in graph.projections]
    unknown = [] if isinstance(weight_bits, int) else [n for n in weight_bits if n not in names]
    if unknown:
        raise SemanticsError(
            f"weight_bits must name projections, which are {names}, not {unknown[0]!r}"
        )


def _require_options(fraction_bits: int | None, input_bits: int, margin: float) -> None:
    if fraction_bits is not None and not 0 <= fraction_bits <= 24:
        raise SemanticsError(f"fraction_bits must lie in [0, 24], not {fraction_bits}")
    if not 1 <= input_bits <= 15:
        raise SemanticsError(f"input_bits must lie in [1, 15], not {input_bits}")
    if not margin >= 1:
        raise SemanticsError(f"margin must be at least 1, not {margin}")

"""A quantized network as a trainable one, which starts at exactly its integers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import GatedUnit, Network, Output, Population, Projection, Range
from spikeloom.quant.quantize import Quantized
from spikeloom.quant.torch_operators import Surrogate
from spikeloom.quant.trainable_parts import (
    TrainablePopulation,
    TrainableProjection,
    decay_bits,
    event_unit,
    membrane_bits,
    membrane_port,
)
from spikeloom.quant.training import TrainableNetwork

__all__ = ["trainable"]

Array = npt.NDArray[np.float64]


def trainable(
    source: Network | Quantized,
    *,
    learned: Collection[str] | None = None,
    surrogate: Surrogate | None = None,
    pass_saturated: bool = False,
) -> TrainableNetwork:
    """A module that computes exactly what an integer network does, and can be trained further.

    Parameters
    ----------
    source
        A network, or what :func:`~spikeloom.quant.quantize_with_report` returns: then weights and
        thresholds are trained in the float graph's units. Those of a bare network are multiples
        of the threshold.
    learned
        Names of the neurons' parameters that training moves; all by default.
    surrogate, pass_saturated
        As in :class:`~spikeloom.quant.training.TrainableNetwork`.

    Raises
    ------
    RangeError
        If a population needs more bits than floating point holds exactly.
    """
    network = source.network if isinstance(source, Quantized) else source
    scales = source.scales if isinstance(source, Quantized) else {}
    populations = {
        p.name: _population(network, p, scales.get(p.name), learned) for p in network.populations
    }
    units = {i.name: i.unit for i in network.inputs}
    units |= {name: event_unit(p) for name, p in populations.items()}
    projections = [
        _projection(q, np.asarray(populations[q.target].scales()[q.port]), units[q.source])
        for q in network.projections
    ]
    return TrainableNetwork(
        network.inputs,
        tuple(populations.values()),
        projections,
        network.output,
        surrogate=surrogate,
        pass_saturated=pass_saturated,
    )


def _population(
    network: Network, p: Population, membrane: Array | None, learned: Collection[str] | None
) -> TrainablePopulation:
    scales = _port_scales(network, p, membrane)
    unit = scales[membrane_port(p.neuron)] * 2.0 ** -membrane_bits(p.neuron)
    decays = decay_bits(p.neuron)
    numbers = dict(p.parameters)
    biases = {port: (v, scales[port], f"bias.{port}") for port, v in p.bias.items()}
    if "offset" in numbers:
        coarse = p.bias.get("x", 0) * 2 ** membrane_bits(p.neuron)
        biases = {"x": (numbers.pop("offset") + coarse, unit, "offset")}
    return TrainablePopulation(
        p.name,
        p.size,
        p.neuron,
        {n: v * (2.0 ** -decays[n] if n in decays else _tidy(unit)) for n, v in numbers.items()},
        bias={port: v * _tidy(scale) for port, (v, scale, _) in biases.items()},
        scale=scales,
        learned=None if learned is None else tuple(n for n in numbers if n in learned),
        initial=p.initial,
        ranges={n: Range.of(v) for n, v in numbers.items()}
        | {name: Range.of(v) for v, _, name in biases.values()},
    )


def _port_scales(network: Network, p: Population, membrane: Array | None) -> dict[str, Array]:
    """What a weighted sum of 1 stands for, by port: [size] or [1]."""
    if isinstance(p.neuron, GatedUnit):
        declared = TrainablePopulation(p.name, p.size, p.neuron).scales()
        return {port: np.atleast_1d(scale) for port, scale in declared.items()}
    fine = 2.0 ** membrane_bits(p.neuron)
    if membrane is not None:
        scale = membrane * fine
    elif "threshold" in p.parameters:
        scale = np.atleast_1d(fine / np.maximum(p.parameters["threshold"], 1))
    else:
        largest = (np.abs(q.weights.astype(np.int64)).max() for q in network.into(p.name))
        scale = np.array([1 / max(*largest, 1)])
    is_read = network.output == Output(p.name, network.output.source)
    shared = np.ptp(scale) == 0 or (is_read and membrane is None)
    return dict.fromkeys(p.neuron.ports, scale[:1] if shared else scale)


def _tidy(scale: Array) -> Any:
    """A number where all neurons share it."""
    return float(scale[0]) if len(scale) == 1 else scale


def _projection(q: Projection, scale: Array, unit: float) -> TrainableProjection:
    largest = max(2 ** (q.bits - 1) - 1, 0)
    weights = q.weights * scale[:, None] / unit
    return TrainableProjection(
        q.source,
        q.target,
        q.bits,
        q.port,
        q.delay,
        start=weights,
        range=Range(-largest, largest) | Range.of(q.weights),
    )

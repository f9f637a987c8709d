"""Multiplications per frame, counted in the way of Ponghiran and Roy (AAAI 2022).

A dense layer multiplies every weight by its source's value in every frame. A network of graded
events multiplies a weight only when an event reaches it; an event of ±1 adds or subtracts the
weight and costs none. Each gate costs one multiplication per neuron and step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import GatedUnit, Network, Result

__all__ = ["Operations", "dense", "event_counted"]

_CELLS = {"GRU": (3, 3), "LSTM": (4, 3)}
"""Weight matrices per source, and multiplications of elements with elements per neuron and step.

GRU: r⊙(U h), (1 − z)⊙n and z⊙h, or two if the last pair is n + z⊙(h − n); PyTorch's formulas have
three. LSTM: f⊙c, i⊙g, o⊙tanh(c).
"""


@dataclass(frozen=True)
class Operations:
    """Per frame, on average.

    Attributes
    ----------
    multiplies : of weights by values, and of gates
    additions : of weights to accumulators, those without a multiplication included
    """

    multiplies: float
    additions: float


def dense(cell: str, inputs: int, width: int, layers: int, outputs: int) -> Operations:
    """Of a stack of ``GRU`` or ``LSTM`` layers and a linear readout."""
    matrices, elementwise = _CELLS[cell]
    weights = sum(
        matrices * width * (source + width) for source in (inputs, *[width] * (layers - 1))
    )
    weights += width * outputs
    return Operations(weights + elementwise * width * layers, weights)


def event_counted(
    network: Network, inputs: npt.NDArray[Any], result: Result, counts: npt.NDArray[np.bool_]
) -> Operations:
    """Of an integer network with one input, while it computed ``result``.

    Parameters
    ----------
    inputs : event values [samples, steps, size]
    result : of :func:`~spikeloom.hls_model.simulate`, with everything recorded
    counts : which steps are averaged over [samples, steps]
    """
    source = network.inputs[0].name
    additions = multiplies = np.zeros(counts.shape)
    for projection in network.projections:
        events = inputs if projection.source == source else result.spikes[projection.source]
        fan_out = projection.weights.shape[0]
        additions = additions + fan_out * _arrivals(events != 0, projection.delay)
        graded = (events != 0) & (np.abs(events.astype(np.int64)) != 1)
        multiplies = multiplies + fan_out * _arrivals(graded, projection.delay)
    gates = sum(p.size for p in network.populations if isinstance(p.neuron, GatedUnit))
    return Operations(float(multiplies[counts].mean()) + gates, float(additions[counts].mean()))


def _arrivals(events: npt.NDArray[np.bool_], delay: int) -> npt.NDArray[np.float64]:
    """Events that arrive in each step [samples, steps]."""
    arrivals = np.zeros(events.shape[:2])
    arrivals[:, delay:] = events.sum(-1)[:, : events.shape[1] - delay]
    return arrivals

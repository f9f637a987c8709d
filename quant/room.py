"""Quantizing for hardware that exists, whose words are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import Range
from spikeloom.quant.weights import quantize_weights

__all__ = ["Room", "coarsened"]

Array = npt.NDArray[np.float64]

_ROUNDS = 64
"""Rounds in which coarser steps must make sums fit: rounding moves them by less each time."""


@dataclass(frozen=True)
class Room:
    """What hardware has for a population.

    Attributes
    ----------
    fraction_bits : binary places of its membrane below the weights' step
    states : its state words
    threshold : the largest that fits
    sums : its accumulators
    """

    fraction_bits: int
    states: Mapping[str, Range]
    threshold: int
    sums: Range


def coarsened(
    steps: Array,
    room: Room,
    threshold: Array,
    weights: Sequence[tuple[Array, int]],
    one_scale: bool,
) -> Array:
    """``steps``, what a weight of 1 stands for per neuron, larger where a neuron does not fit.

    Parameters
    ----------
    threshold : in the float graph's units, per neuron
    weights : by projection, float weights [target, source] and their largest integer; events are
        spikes
    one_scale : all neurons share one step
    """
    for _ in range(_ROUNDS):
        excess = threshold / (steps * 2.0**-room.fraction_bits) / (room.threshold + 0.499)
        integers = [quantize_weights(matrix, steps, limit) for matrix, limit in weights]
        highest = sum(np.maximum(each, 0).sum(axis=1) for each in integers)
        lowest = sum(np.minimum(each, 0).sum(axis=1) for each in integers)
        excess = np.maximum(excess, highest / max(room.sums.hi, 1))
        excess = np.maximum(excess, lowest / min(room.sums.lo, -1))
        if one_scale:
            excess = np.full(len(steps), excess.max())
        if (excess <= 1).all():
            break
        steps = steps * np.maximum(excess, 1.0)
    return steps

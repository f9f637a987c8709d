"""Symmetric integer weights, with one scale for all weights that reach a neuron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Block", "choose_scales", "quantize_weights"]

Array = npt.NDArray[np.float64]

_CLIP_RATIOS = np.linspace(0.3, 1.0, 71)
"""Fractions of a row's largest weight that are tried as the largest integer."""

_ON_GRID = 3e-5
"""Steps by which a weight may miss its integer and still count as lying on it: float32 rounding."""


@dataclass(frozen=True, eq=False)
class Block:
    """One projection's weights [target, source], the largest integer for them, and how much an
    error of each source's weights matters [source]."""

    weights: Array
    limit: int
    importance: Array


def quantize_weights(weights: Array, scales: Array, limit: int) -> npt.NDArray[np.int64]:
    """round(weights / scales), clipped to ±limit: integers [target, source]."""
    levels = np.rint(weights / scales[:, None])
    return np.clip(levels, -limit, limit).astype(np.int64)


def choose_scales(blocks: Sequence[Block], fallback: Array, one_scale: bool = False) -> Array:
    """What an integer weight of 1 stands for, per target [target].

    A row that integers can express exactly gets a scale that does, a power of two where one
    exists: then thresholds on such a grid are exact, too. Any other row gets the clipping that
    minimises its squared error, weighted by importance.

    Parameters
    ----------
    fallback : the scale of rows of zeros [target]
    one_scale : all targets share one scale, so that their membranes can be compared
    """
    rows = len(fallback)
    if one_scale:
        blocks = [
            Block(b.weights.reshape(1, -1), b.limit, np.tile(b.importance, rows)) for b in blocks
        ]
        return np.full(rows, choose_scales(blocks, fallback.max(keepdims=True))[0])
    peaks = np.max([np.abs(b.weights).max(axis=1) / b.limit for b in blocks], axis=0)
    scales = np.where(peaks > 0, _best_clipping(blocks, peaks), fallback)
    for exact in (_exact_steps(blocks, peaks), _exact_powers_of_two(blocks, peaks)):
        scales = np.where(np.isnan(exact) | (peaks == 0), scales, exact)
    return scales


def _best_clipping(blocks: Sequence[Block], peaks: Array) -> Array:
    best = np.where(peaks > 0, peaks, 1.0)
    least = np.full(len(peaks), np.inf)
    for ratio in _CLIP_RATIOS:
        scales = np.where(peaks > 0, peaks * ratio, 1.0)
        error = np.zeros(len(peaks))
        for b in blocks:
            difference = quantize_weights(b.weights, scales, b.limit) * scales[:, None] - b.weights
            error += difference**2 @ b.importance
        best = np.where(error < least, scales, best)
        least = np.minimum(error, least)
    return best


def _exact_powers_of_two(blocks: Sequence[Block], peaks: Array) -> Array:
    """The smallest power of two that keeps a row exact, NaN where there is none."""
    safe = np.where(peaks > 0, peaks, 1.0)
    smallest = 2.0 ** np.ceil(np.log2(safe) - 1e-9)
    return np.where(_is_exact(blocks, smallest), smallest, np.nan)


def _exact_steps(blocks: Sequence[Block], peaks: Array) -> Array:
    """The smallest scale of any value that keeps a row exact, NaN where there is none."""
    exact = np.full(len(peaks), np.nan)
    first = blocks[int(np.argmax([b.limit for b in blocks]))]
    largest = np.abs(first.weights).max(axis=1)
    for level in range(1, first.limit + 1):
        open_ = np.flatnonzero(largest > 0)
        scales = largest[open_] / level
        parts = [Block(b.weights[open_], b.limit, b.importance) for b in blocks]
        fits = _is_exact(parts, scales)
        exact[open_[fits]] = scales[fits]
    return exact


def _is_exact(blocks: Sequence[Block], scales: Array) -> npt.NDArray[np.bool_]:
    exact = np.ones(len(scales), dtype=bool)
    for b in blocks:
        # Most rows fail within a few columns, and the rest need not be looked at.
        for part in (slice(0, 16), slice(16, None)):
            rows = np.flatnonzero(exact)
            levels = b.weights[rows, part] / scales[rows, None]
            near = np.abs(levels - np.rint(levels)) <= _ON_GRID
            inside = np.abs(levels) <= b.limit + 0.5
            exact[rows] = (near & inside).all(axis=1)
    return exact

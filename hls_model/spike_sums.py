"""Weighted sums of spikes that cost nothing where there is no spike, as in the hardware.

A matrix product multiplies every weight, and rarely more than an eighth of the sources spike. NumPy
cannot add selected rows without copying them first, so this one loop is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["spike_sums"]

Array = npt.NDArray[Any]


def spike_sums(spikes: Array, weights: Array, dtype: npt.DTypeLike) -> Array:
    """``spikes @ weights.T``, event by event.

    Parameters
    ----------
    spikes : 0 or 1, [rows, sources]
    weights : integers [targets, sources]
    dtype : signed integers that hold every result; what a partial sum wraps around comes back

    Returns
    -------
    [rows, targets] of ``dtype``
    """
    sources, targets = weights.shape[1], weights.shape[0]
    rows = np.zeros((sources + 1, targets), weights.dtype)
    rows[:-1] = weights.T
    sums = np.empty((len(spikes), targets), dtype)
    _compiled()(np.ascontiguousarray(spikes), rows.ravel(), sums)
    return sums


@cache
def _compiled() -> Callable[[Array, Array, Array], None]:
    """:func:`_add_rows` in machine code, which stays on the disk for the next process."""
    # Imported here: it takes half a second, which small networks do not repay.
    import numba

    compiled: Callable[[Array, Array, Array], None]
    try:
        compiled = numba.njit(nogil=True, cache=True)(_add_rows)
    except RuntimeError:  # no folder that can be written
        compiled = numba.njit(nogil=True)(_add_rows)
    return compiled


def _add_rows(spikes: Array, rows: Array, sums: Array) -> None:
    """Fill ``sums`` with the weights' rows of the active sources; the last row is of zeros."""
    # Unsigned throughout: a signed index would be checked for counting from the end.
    width = np.uint64(sums.shape[1])
    sources = spikes.shape[1]
    active = np.empty(sources + 2, np.uint64)
    total = np.empty(width, sums.dtype)
    for n in range(len(spikes)):
        # Without a branch, since nothing could predict it.
        count = np.uint64(0)
        for source in range(sources):
            active[count] = np.uint64(source) * width
            count += np.uint64(spikes[n, source])
        # Two rows at a time halve the traffic of the sums.
        active[count] = np.uint64(sources) * width
        total[:] = 0
        for pair in range(np.uint64(0), count, np.uint64(2)):
            first, second = active[pair], active[pair + np.uint64(1)]
            for target in range(width):
                total[target] += rows[first + target] + rows[second + target]
        sums[n] = total

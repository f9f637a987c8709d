"""Executes neurons on NumPy arrays: the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.operators import OPERATORS, Array
from spikeloom.hls_model.values import Value

__all__ = ["NumpyBackend"]


class NumpyBackend:
    """Values are arrays of one signed integer type.

    Parameters
    ----------
    dtype
        Must hold every intermediate value; :attr:`Dataflow.bits` of the traced neuron says how
        many bits that takes.
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)

    def value(self, array: Any) -> Value:
        return Value(self, np.asarray(array, dtype=self.dtype))

    def constant(self, value: int) -> Array:
        return np.asarray(value, dtype=self.dtype)

    def apply(self, name: str, operands: tuple[Array, ...], attrs: dict[str, Any]) -> Array:
        result: Array = OPERATORS[name].numpy(*operands, **attrs)
        return result.astype(self.dtype, copy=False)

"""Executes neurons on real numbers: the float graph's simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import Value
from spikeloom.hls_model.errors import SemanticsError

__all__ = ["FloatBackend"]

Array = npt.NDArray[Any]


def _unchanged(a: Array, **attrs: Any) -> Array:
    return a


_REAL: Mapping[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "neg": np.negative,
    "mul": np.multiply,
    "shift_left": lambda a, *, amount: a * 2.0**amount,
    # Real numbers need neither rounding nor narrowing.
    "shift_right": lambda a, *, amount, rounding: a * 2.0**-amount if amount else a,
    "saturate": _unchanged,
    "ge": np.greater_equal,
    "eq": np.equal,
    "select": lambda c, a, b: np.where(c != 0, a, b),
    "minimum": np.minimum,
    "maximum": np.maximum,
    "bit_and": np.logical_and,
    "bit_or": np.logical_or,
}


class FloatBackend:
    """Values are floating-point arrays; comparisons give 0 and 1.

    Roundings round nothing and ``saturate`` leaves every value as it is: what remains of a neuron
    is its equation. Bit operations combine conditions.

    Raises
    ------
    SemanticsError
        From an operator that has no meaning on real numbers, such as a table.
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)

    def value(self, array: Any) -> Value:
        return Value(self, np.asarray(array, dtype=self.dtype))

    def constant(self, value: int) -> Array:
        return np.asarray(value, dtype=self.dtype)

    def apply(self, name: str, operands: tuple[Array, ...], attrs: dict[str, Any]) -> Array:
        if name not in _REAL:
            raise SemanticsError(
                f"a float graph's neurons must be equations of real numbers, and {name!r} is "
                "defined on integers; build the integer network itself"
            )
        result: Array = np.asarray(_REAL[name](*operands, **attrs))
        return result.astype(self.dtype, copy=False)

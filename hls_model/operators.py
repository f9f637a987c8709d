"""The operators of the neuron language and their exact interval rules.

One table feeds every back end: an operator's name, the range of its result, and its NumPy
implementation. The tracing back end uses the ranges; lowering adds hardware for the same names.

Attributes (``attrs``) are Python constants known when the neuron is written: a shift amount, a
rounding, a range, a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.ranges import BOOL, Range

__all__ = ["OPERATORS", "Array", "Operator", "Rounding", "evaluate", "shift_right_exact"]

Array = npt.NDArray[Any]
Rounding = Literal["floor", "trunc", "nearest"]
Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Operator:
    """One operator: ``bounds(*ranges, **attrs)`` and ``numpy(*arrays, **attrs)``."""

    name: str
    bounds: Callable[..., Range]
    numpy: Callable[..., Any]


def shift_right_exact(value: int, amount: int, rounding: Rounding) -> int:
    """``value / 2**amount`` rounded to an integer, on Python integers.

    ``floor`` rounds toward minus infinity, ``trunc`` toward zero, ``nearest`` half up.
    """
    if amount == 0:
        return value
    if rounding == "floor":
        return value >> amount
    if rounding == "trunc":
        return -(-value >> amount) if value < 0 else value >> amount
    return (value + (1 << (amount - 1))) >> amount


def _corners(rule: Callable[[int, int], int]) -> Callable[..., Range]:
    """Bounds of a rule that is monotonic in each operand: its extremes are at corners."""

    def bounds(a: Range, b: Range) -> Range:
        corners = [rule(x, y) for x, y in product((a.lo, a.hi), (b.lo, b.hi))]
        return Range(min(corners), max(corners))

    return bounds


def _compare(always: Callable[[Range, Range], bool], never: Callable[[Range, Range], bool]) -> Any:
    def bounds(a: Range, b: Range) -> Range:
        if always(a, b):
            return Range(1, 1)
        if never(a, b):
            return Range(0, 0)
        return BOOL

    return bounds


def _shift_right_bounds(a: Range, *, amount: int, rounding: Rounding) -> Range:
    return Range(
        shift_right_exact(a.lo, amount, rounding), shift_right_exact(a.hi, amount, rounding)
    )


def _shift_right(a: Array, *, amount: int, rounding: Rounding) -> Any:
    if amount == 0:
        return a
    if rounding == "floor":
        return a >> amount
    if rounding == "trunc":
        # Beyond the type's width only the sign is left, and it rounds to 0.
        if amount >= 8 * a.dtype.itemsize:
            return np.zeros_like(a)
        return (a + (a < 0) * a.dtype.type((1 << amount) - 1)) >> amount
    # Adding the half first could leave the operand's own type.
    return (a >> amount) + ((a >> (amount - 1)) & a.dtype.type(1))


def _bitwise_bounds(a: Range, b: Range) -> Range:
    if a in BOOL and b in BOOL:
        return BOOL
    width = max(a.width + (not a.is_signed), b.width + (not b.is_signed))
    if a.is_signed or b.is_signed:
        return Range.signed(width)
    return Range.unsigned(width - 1)


def _select_bounds(condition: Range, a: Range, b: Range) -> Range:
    if condition.is_constant:
        return a if condition.lo else b
    return a | b


def _select(condition: Array, a: Array, b: Array) -> Any:
    # np.where takes one element at a time. A difference may wrap around, and comes back.
    # (Functions rather than operators, which would warn of it for scalars.)
    difference = np.subtract(a, b)
    chosen = np.not_equal(condition, 0).astype(difference.dtype)
    return np.asarray(np.add(b, np.multiply(difference, chosen)))


def _saturate_bounds(a: Range, *, range: Range) -> Range:
    return Range(min(max(a.lo, range.lo), range.hi), min(max(a.hi, range.lo), range.hi))


def _saturate(a: Array, *, range: Range) -> Any:
    # The range may be wider than the operand's type, which then holds every value there is.
    info = np.iinfo(a.dtype)
    return np.clip(a, max(range.lo, int(info.min)), min(range.hi, int(info.max)))


def _wrap_bounds(a: Range, *, range: Range) -> Range:
    size = range.hi - range.lo + 1
    if size & (size - 1) or range.lo not in (0, -(size >> 1)) or size == 1:
        raise RangeError(f"wrap needs the full range of a word such as [0, 255], not {range}")
    return a if a in range else range


def _wrap(a: Array, *, range: Range) -> Any:
    mask = range.hi - range.lo
    if mask > np.iinfo(a.dtype).max:
        return a
    word = a & a.dtype.type(mask)
    if not range.is_signed:
        return word
    sign = a.dtype.type(-range.lo)
    return (word ^ sign) - sign


def _lookup_bounds(index: Range, *, table: tuple[int, ...]) -> Range:
    if index not in Range(0, len(table) - 1):
        raise RangeError(
            f"an index into a table of {len(table)} must lie in [0, {len(table) - 1}], not "
            f"{index}; saturate it first"
        )
    return Range.of(table[index.lo : index.hi + 1])


_TABLE = (
    Operator("add", lambda a, b: Range(a.lo + b.lo, a.hi + b.hi), lambda a, b: a + b),
    Operator("sub", lambda a, b: Range(a.lo - b.hi, a.hi - b.lo), lambda a, b: a - b),
    Operator("neg", lambda a: Range(-a.hi, -a.lo), lambda a: -a),
    Operator("mul", _corners(lambda x, y: x * y), lambda a, b: a * b),
    Operator(
        "shift_left",
        lambda a, *, amount: Range(a.lo << amount, a.hi << amount),
        lambda a, *, amount: a << amount,
    ),
    Operator("shift_right", _shift_right_bounds, _shift_right),
    Operator(
        "ge",
        _compare(lambda a, b: a.lo >= b.hi, lambda a, b: a.hi < b.lo),
        lambda a, b: a >= b,
    ),
    Operator(
        "eq",
        _compare(lambda a, b: a.is_constant and a == b, lambda a, b: a.hi < b.lo or b.hi < a.lo),
        lambda a, b: a == b,
    ),
    Operator("select", _select_bounds, _select),
    Operator("minimum", _corners(min), np.minimum),
    Operator("maximum", _corners(max), np.maximum),
    Operator(
        "saturate",
        _saturate_bounds,
        _saturate,
    ),
    Operator("wrap", _wrap_bounds, _wrap),
    Operator("bit_and", _bitwise_bounds, lambda a, b: a & b),
    Operator("bit_or", _bitwise_bounds, lambda a, b: a | b),
    Operator("bit_xor", _bitwise_bounds, lambda a, b: a ^ b),
    Operator(
        "lookup",
        _lookup_bounds,
        lambda index, *, table: np.asarray(table, dtype=index.dtype)[index],
    ),
)

OPERATORS: Mapping[str, Operator] = {operator.name: operator for operator in _TABLE}


def evaluate(name: str, operands: tuple[int, ...], attrs: Attributes) -> int:
    """The exact result of an operator on Python integers (constant folding)."""
    arrays = [np.asarray(operand, dtype=object) for operand in operands]
    if name == "shift_right":
        return shift_right_exact(operands[0], attrs["amount"], attrs["rounding"])
    if name in ("saturate", "wrap", "lookup"):
        bounds = OPERATORS[name].bounds(Range(operands[0], operands[0]), **attrs)
        if bounds.is_constant:
            return bounds.lo
        size = bounds.hi - bounds.lo + 1
        return (operands[0] - bounds.lo) % size + bounds.lo
    if name == "select":
        return operands[1] if operands[0] else operands[2]
    return int(OPERATORS[name].numpy(*arrays, **attrs))

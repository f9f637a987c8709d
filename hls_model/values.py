"""The integers that a neuron is written over, independent of what executes it.

A neuron's ``step`` sees :class:`Value` objects. Each operator goes to the value's back end:
NumPy arrays (the reference), or a dataflow graph (lowered to hardware).
"""

from __future__ import annotations

from typing import Any, Protocol

from spikeloom.hls_model.operators import Rounding
from spikeloom.hls_model.ranges import Range

__all__ = [
    "Backend",
    "Value",
    "lookup",
    "maximum",
    "minimum",
    "saturate",
    "select",
    "shift_left",
    "shift_right",
    "wrap",
]


class Backend(Protocol):
    """What executes the operators of :data:`~spikeloom.hls_model.operators.OPERATORS`."""

    def constant(self, value: int) -> Any: ...

    def apply(self, name: str, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any: ...


class Value:
    """An integer per neuron. Operators never overflow: ranges grow as far as results can.

    Comparisons and ``~`` of a comparison give 0 or 1. ``v >> k`` rounds toward minus infinity
    (:func:`shift_right` offers the other roundings). A Value has no truth value: use
    :func:`select` where Python would use ``if``.
    """

    __slots__ = ("backend", "payload")

    def __init__(self, backend: Backend, payload: Any) -> None:
        self.backend = backend
        self.payload = payload

    def __add__(self, other: Value | int) -> Value:
        return _apply("add", self, other)

    def __radd__(self, other: int) -> Value:
        return _apply("add", other, self)

    def __sub__(self, other: Value | int) -> Value:
        return _apply("sub", self, other)

    def __rsub__(self, other: int) -> Value:
        return _apply("sub", other, self)

    def __neg__(self) -> Value:
        return _apply("neg", self)

    def __mul__(self, other: Value | int) -> Value:
        return _apply("mul", self, other)

    def __rmul__(self, other: int) -> Value:
        return _apply("mul", other, self)

    def __lshift__(self, amount: int) -> Value:
        return shift_left(self, amount)

    def __rshift__(self, amount: int) -> Value:
        return shift_right(self, amount)

    def __ge__(self, other: Value | int) -> Value:
        return _apply("ge", self, other)

    def __le__(self, other: Value | int) -> Value:
        return _apply("ge", other, self)

    def __gt__(self, other: Value | int) -> Value:
        return ~(self <= other)

    def __lt__(self, other: Value | int) -> Value:
        return ~(self >= other)

    def __eq__(self, other: object) -> Value:  # type: ignore[override]
        return _apply("eq", self, other)

    def __ne__(self, other: object) -> Value:  # type: ignore[override]
        return ~(self == other)

    __hash__ = None  # type: ignore[assignment]

    def __and__(self, other: Value | int) -> Value:
        return _apply("bit_and", self, other)

    def __or__(self, other: Value | int) -> Value:
        return _apply("bit_or", self, other)

    def __xor__(self, other: Value | int) -> Value:
        return _apply("bit_xor", self, other)

    def __invert__(self) -> Value:
        """Logical not of a 0/1 value."""
        return _apply("eq", self, 0)

    def __bool__(self) -> bool:
        raise TypeError(
            "a Value has no truth value, since it stands for many neurons at once; use "
            "select(condition, a, b) instead of `if`"
        )


def _apply(name: str, *operands: Any, **attrs: Any) -> Value:
    backend = next((o.backend for o in operands if isinstance(o, Value)), None)
    if backend is None:
        raise TypeError(f"{name} needs at least one Value, not {operands!r}")
    for operand in operands:
        if not isinstance(operand, Value | int):
            raise TypeError(f"{name} takes Values and Python integers, not {operand!r}")
    payloads = tuple(
        o.payload if isinstance(o, Value) else backend.constant(int(o)) for o in operands
    )
    return Value(backend, backend.apply(name, payloads, attrs))


def select(condition: Value, if_true: Value | int, if_false: Value | int) -> Value:
    """``if_true`` where ``condition`` is not 0, else ``if_false``."""
    return _apply("select", condition, if_true, if_false)


def minimum(a: Value, b: Value | int) -> Value:
    return _apply("minimum", a, b)


def maximum(a: Value, b: Value | int) -> Value:
    return _apply("maximum", a, b)


def shift_left(value: Value, amount: int) -> Value:
    """``value · 2**amount``, exact. ``amount`` is a constant ≥ 0."""
    return _apply("shift_left", value, amount=_amount(amount))


def shift_right(value: Value, amount: int, rounding: Rounding = "floor") -> Value:
    """``value / 2**amount`` as an integer.

    ``floor`` rounds toward minus infinity, ``trunc`` toward zero, ``nearest`` half up.
    """
    if rounding not in ("floor", "trunc", "nearest"):
        raise ValueError(f"rounding must be 'floor', 'trunc' or 'nearest', not {rounding!r}")
    return _apply("shift_right", value, amount=_amount(amount), rounding=rounding)


def saturate(value: Value, range: Range) -> Value:
    """The nearest value inside ``range``."""
    return _apply("saturate", value, range=range)


def wrap(value: Value, range: Range) -> Value:
    """``value`` modulo the size of ``range``, which is that of a full word, such as [−128, 127]."""
    return _apply("wrap", value, range=range)


def lookup(table: tuple[int, ...], index: Value) -> Value:
    """``table[index]``; the index's range must lie inside the table.

    Raises
    ------
    RangeError
        When traced, if the index can leave the table.
    """
    return _apply("lookup", index, table=tuple(int(entry) for entry in table))


def _amount(amount: int) -> int:
    if not isinstance(amount, int) or amount < 0:
        raise ValueError(f"a shift amount must be a non-negative integer, not {amount!r}")
    return amount

"""The language's surface: Python's operators, and what it refuses."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from spikeloom.hls_model import (
    Range,
    Value,
    lookup,
    maximum,
    minimum,
    saturate,
    select,
    shift_left,
    shift_right,
    wrap,
)
from spikeloom.hls_model.numpy_backend import NumpyBackend

A = [-9, -1, 0, 3, 7]
B = [3, -1, 2, -8, 7]

EXPRESSIONS = {
    "a + b": (lambda a, b: a + b, lambda a, b: a + b),
    "2 + a": (lambda a, b: 2 + a, lambda a, b: 2 + a),
    "a - b": (lambda a, b: a - b, lambda a, b: a - b),
    "2 - a": (lambda a, b: 2 - a, lambda a, b: 2 - a),
    "-a": (lambda a, b: -a, lambda a, b: -a),
    "a * b": (lambda a, b: a * b, lambda a, b: a * b),
    "3 * a": (lambda a, b: 3 * a, lambda a, b: 3 * a),
    "a << 2": (lambda a, b: a << 2, lambda a, b: a * 4),
    "a >> 1": (lambda a, b: a >> 1, lambda a, b: a // 2),
    "a >= b": (lambda a, b: a >= b, lambda a, b: int(a >= b)),
    "a > b": (lambda a, b: a > b, lambda a, b: int(a > b)),
    "a < b": (lambda a, b: a < b, lambda a, b: int(a < b)),
    "a <= b": (lambda a, b: a <= b, lambda a, b: int(a <= b)),
    "a == b": (lambda a, b: a == b, lambda a, b: int(a == b)),
    "a != b": (lambda a, b: a != b, lambda a, b: int(a != b)),
    "1 < a": (lambda a, b: a > 1, lambda a, b: int(a > 1)),
    "1 == a": (lambda a, b: a == 1, lambda a, b: int(a == 1)),
    "a & b": (lambda a, b: a & b, lambda a, b: a & b),
    "a | 5": (lambda a, b: a | 5, lambda a, b: a | 5),
    "a ^ b": (lambda a, b: a ^ b, lambda a, b: a ^ b),
    "~(a > 0)": (lambda a, b: ~(a > 0), lambda a, b: int(not a > 0)),
    "select": (lambda a, b: select(a > 0, b, -1), lambda a, b: b if a > 0 else -1),
    "minimum": (lambda a, b: minimum(a, b), min),
    "maximum": (lambda a, b: maximum(a, 0), lambda a, b: max(a, 0)),
    "saturate": (lambda a, b: saturate(a, Range(-2, 4)), lambda a, b: max(-2, min(4, a))),
    "wrap": (lambda a, b: wrap(a, Range.signed(3)), lambda a, b: (a + 4) % 8 - 4),
    "shift_left": (lambda a, b: shift_left(a, 3), lambda a, b: a * 8),
    "trunc": (lambda a, b: shift_right(a, 1, "trunc"), lambda a, b: int(a / 2)),
    "lookup": (
        lambda a, b: lookup((5, -6, 7), saturate(a, Range(0, 2))),
        lambda a, b: (5, -6, 7)[max(0, min(2, a))],
    ),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_mean_the_same_on_numpy_and_python(name):
    expression, expected = EXPRESSIONS[name]
    backend = NumpyBackend(np.int16)
    result = expression(backend.value(A), backend.value(B))
    assert result.payload.dtype == np.int16
    assert result.payload.tolist() == [expected(a, b) for a, b in zip(A, B, strict=True)]
    for a, b in zip(A, B, strict=True):
        alone = expression(Value(naive.BACKEND, a), Value(naive.BACKEND, b))
        assert int(alone.payload) == expected(a, b)


def value():
    return NumpyBackend(np.int16).value(A)


def test_values_have_no_truth():
    with pytest.raises(TypeError, match=r"a Value has no truth value.*use select\(condition, a, b"):
        bool(value() > 1)


def test_values_are_not_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(value())


@pytest.mark.parametrize("other", [1.5, "1", None, np.ones(3)])
def test_other_operands_are_refused(other):
    with pytest.raises(TypeError, match="takes Values and Python integers, not"):
        minimum(value(), other)


def test_an_operation_needs_a_value():
    with pytest.raises(TypeError, match=r"minimum needs at least one Value, not \(1, 2\)"):
        minimum(1, 2)


@pytest.mark.parametrize("amount", [-1, 1.0, "2"])
def test_shift_amounts_are_constants(amount):
    with pytest.raises(ValueError, match="a shift amount must be a non-negative integer, not"):
        shift_right(value(), amount)


def test_shifting_by_a_value_is_refused():
    with pytest.raises(ValueError, match="a shift amount must be a non-negative integer"):
        value() << value()


def test_unknown_rounding():
    with pytest.raises(
        ValueError, match="rounding must be 'floor', 'trunc' or 'nearest', not 'up'"
    ):
        shift_right(value(), 1, "up")

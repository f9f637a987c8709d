"""Operators: NumPy, constant folding and interval bounds against Python integers."""

from __future__ import annotations

from itertools import product

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import Range
from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.operators import OPERATORS, evaluate, shift_right_exact

ROUNDINGS = ["floor", "trunc", "nearest"]
quick = settings(derandomize=True, deadline=None, max_examples=150)

EXACT = {"add", "sub", "neg", "mul", "shift_left", "shift_right", "ge", "eq", "minimum", "maximum",
         "saturate", "lookup"}  # fmt: skip
"""Operators whose bounds are reached by some operands in the ranges."""


@st.composite
def ranges(draw, largest=40):
    lo = draw(st.integers(-largest, largest))
    return Range(lo, draw(st.integers(lo, min(largest, lo + 24))))


@st.composite
def cases(draw):
    """An operator with the ranges of its operands and its attributes."""
    name = draw(st.sampled_from(sorted(OPERATORS)))
    operands = [draw(ranges())]
    attrs = {}
    match name:
        case "shift_left":
            attrs = {"amount": draw(st.integers(0, 9))}
        case "shift_right":
            attrs = {
                "amount": draw(st.integers(0, 9)),
                "rounding": draw(st.sampled_from(ROUNDINGS)),
            }
        case "saturate":
            attrs = {"range": draw(ranges(80))}
        case "wrap":
            word = draw(st.sampled_from([Range.signed, Range.unsigned]))
            attrs = {"range": word(draw(st.integers(1, 9)))}
        case "lookup":
            table = draw(st.lists(st.integers(-99, 99), min_size=1, max_size=30))
            attrs = {"table": tuple(table)}
            lo = draw(st.integers(0, len(table) - 1))
            operands = [Range(lo, draw(st.integers(lo, len(table) - 1)))]
        case "select":
            operands = [draw(st.sampled_from([Range(0, 1), Range(0, 0), Range(1, 3)]))]
            operands += [draw(ranges()), draw(ranges())]
        case "neg":
            pass
        case _:
            operands.append(draw(ranges()))
    return name, operands, attrs


def values_of(range):
    return np.arange(range.lo, range.hi + 1)


@quick
@given(cases())
def test_every_operand_gives_the_exact_result_inside_the_bounds(case):
    name, operands, attrs = case
    bounds = OPERATORS[name].bounds(*operands, **attrs)
    grid = np.stack(np.meshgrid(*map(values_of, operands), indexing="ij")).reshape(
        len(operands), -1
    )
    picked = grid[:, :: max(1, grid.shape[1] // 300)]
    expected = [int(naive.RULES[name](*map(int, column), **attrs)) for column in picked.T]
    arrays = [row.astype(np.int32) for row in picked]
    assert np.asarray(OPERATORS[name].numpy(*arrays, **attrs)).astype(int).tolist() == expected
    assert [evaluate(name, tuple(map(int, c)), attrs) for c in picked.T] == expected
    assert Range.of(expected) in bounds
    if name in EXACT:
        reached = [int(naive.RULES[name](*map(int, c), **attrs)) for c in grid.T]
        assert Range.of(reached) == bounds


@quick
@given(cases(), st.data())
def test_results_do_not_depend_on_the_integer_type(case, data):
    """Whatever type holds operands, attributes and results gives the same, at its limits too."""
    name, operands, attrs = case
    column = [data.draw(st.integers(r.lo, r.hi)) for r in operands]
    results = set()
    for dtype in (np.int16, np.int32, np.int64):
        arrays = [np.array([v], dtype=dtype) for v in column]
        results.add(int(np.asarray(OPERATORS[name].numpy(*arrays, **attrs))[0]))
    assert results == {int(naive.RULES[name](*column, **attrs))}


LIMITS = [-128, -127, -2, -1, 0, 1, 2, 126, 127]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("amount", [0, 1, 2, 6, 7, 8, 9, 31])
def test_shifts_at_the_limits_of_a_type(amount, rounding):
    array = np.array(LIMITS, dtype=np.int8)
    shifted = OPERATORS["shift_right"].numpy(array, amount=amount, rounding=rounding)
    assert shifted.tolist() == [
        naive.RULES["shift_right"](v, amount=amount, rounding=rounding) for v in LIMITS
    ]


@pytest.mark.parametrize(
    "word", [Range.signed(8), Range.unsigned(7), Range.signed(3), Range.unsigned(1)]
)
def test_wrapping_at_the_limits_of_a_type(word):
    array = np.array(LIMITS, dtype=np.int8)
    wrapped = OPERATORS["wrap"].numpy(array, range=word)
    assert wrapped.tolist() == [naive.RULES["wrap"](v, range=word) for v in LIMITS]


@pytest.mark.parametrize(
    ("value", "amount", "floor", "trunc", "nearest"),
    [(7, 1, 3, 3, 4), (-7, 1, -4, -3, -3), (5, 1, 2, 2, 3), (-5, 1, -3, -2, -2), (6, 2, 1, 1, 2),
     (-6, 2, -2, -1, -1), (-1, 5, -1, 0, 0), (-16, 5, -1, 0, 0), (-17, 5, -1, 0, -1),
     (9, 0, 9, 9, 9)],
)  # fmt: skip
def test_roundings(value, amount, floor, trunc, nearest):
    """Golden: halves go up, also below zero."""
    results = [shift_right_exact(value, amount, rounding) for rounding in ROUNDINGS]
    assert results == [floor, trunc, nearest]


@quick
@given(st.integers(-(2**80), 2**80), st.integers(0, 90), st.sampled_from(ROUNDINGS))
def test_roundings_of_large_numbers(value, amount, rounding):
    assert shift_right_exact(value, amount, rounding) == naive.RULES["shift_right"](
        value, amount=amount, rounding=rounding
    )


def test_comparisons_that_ranges_decide_are_constants():
    at_least, equal = OPERATORS["ge"].bounds, OPERATORS["eq"].bounds
    for a, b in product([Range(0, 3), Range(3, 3), Range(4, 9), Range(-5, 0)], repeat=2):
        for bounds, rule in ((at_least, int.__ge__), (equal, int.__eq__)):
            reached = {int(rule(int(x), int(y))) for x in values_of(a) for y in values_of(b)}
            assert bounds(a, b) == Range(min(reached), max(reached))


@pytest.mark.parametrize("word", [Range(0, 9), Range(-3, 4), Range(1, 2), Range(0, 0)])
def test_wrap_needs_a_whole_word(word):
    with pytest.raises(
        RangeError, match=r"wrap needs the full range of a word such as \[0, 255\], not \["
    ):
        OPERATORS["wrap"].bounds(Range(0, 99), range=word)


@pytest.mark.parametrize("index", [Range(0, 3), Range(-1, 2)])
def test_an_index_that_may_leave_its_table_is_refused(index):
    with pytest.raises(
        RangeError,
        match=r"an index into a table of 3 must lie in \[0, 2\], not \[.*\]; saturate it first",
    ):
        OPERATORS["lookup"].bounds(index, table=(1, 2, 3))

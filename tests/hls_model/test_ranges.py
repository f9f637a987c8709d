"""Ranges: widths, containment, unions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import Range
from spikeloom.hls_model.errors import RangeError


@pytest.mark.parametrize(
    ("lo", "hi", "width"),
    [
        (0, 0, 0), (0, 1, 1), (0, 255, 8), (0, 256, 9), (5, 5, 3),
        (-1, 0, 1), (-1, 1, 2), (-128, 127, 8), (-129, 0, 9), (-1, 255, 9), (-7, -3, 4),
    ],
)  # fmt: skip
def test_width(lo, hi, width):
    assert Range(lo, hi).width == width


@settings(derandomize=True)
@given(st.integers(-(2**70), 2**70), st.integers(0, 2**70))
def test_width_is_the_least_that_holds_both_ends(lo, span):
    range = Range(lo, lo + span)
    full = Range.signed if range.is_signed else Range.unsigned
    assert range in full(range.width)
    if range.width > 1:
        assert range not in full(range.width - 1)


def test_unions_and_containment():
    assert Range(-3, 2) | Range(5, 6) == Range(-3, 6)
    assert Range(0, 2) in Range(0, 2)
    assert Range(0, 3) not in Range(0, 2)
    assert 2 in Range(0, 2)
    assert -1 not in Range(0, 2)
    assert "2" not in Range(0, 2)
    assert Range.of(np.array([[3, -4], [0, 9]])) == Range(-4, 9)
    assert str(Range(-4, 9)) == "[-4, 9]"


def test_empty_ranges_are_refused():
    with pytest.raises(RangeError, match=r"a range must satisfy lo <= hi, not \[2, 1\]"):
        Range(2, 1)

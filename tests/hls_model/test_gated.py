"""The gated unit against its equations, in integers and in floating point."""

from __future__ import annotations

from math import exp, floor

import numpy as np
from one_neuron import run

from spikeloom.hls_model import GatedUnit, Grading, Range, SigmoidTable

GRADING = Grading(limit=31 << 5, shift=5, dead=3)
UNIT = GatedUnit(Range.unsigned(12), Range.signed(16), SigmoidTable(unit_shift=8), GRADING)


def sums(steps):
    rng = np.random.default_rng(11)
    return {"forget": rng.integers(-2500, 2500, steps), "cell": rng.integers(-2000, 900, steps)}


def test_integers():
    x = sums(150)
    result = run(UNIT, x, {})
    i = u = 0
    for t in range(150):
        step = min(max(int(x["forget"][t]) >> 4, -128), 127)
        keep = round(256 / (1 + exp(-(step + 0.5) / 16)))
        candidate = min(max(int(x["cell"][t]), 0), 4095)
        i = candidate + floor(keep * (i - candidate) / 256 + 0.5)
        u += i
        q = int(min(max(u, 0), 992) / 32)
        q = 0 if q <= 3 else q
        u = min(u - 32 * q, 32767)
        assert (result["i"][t], result["u"][t], result["event"][t]) == (i, u, q)
    assert len(set(result["event"])) > 5


def test_the_current_is_that_of_real_numbers_but_for_rounding():
    """One step errs by at most half a table entry's slope and half a unit."""
    x = sums(300)
    result = run(UNIT, x, {})
    before = np.concatenate([[0], result["i"][:-1]])
    keep = 1 / (1 + np.exp(-x["forget"] / 256))
    candidate = np.maximum(x["cell"], 0)
    exact = keep * before + (1 - keep) * candidate
    bound = np.abs(before - candidate) * (0.25 / 32 + 0.5 / 256) + 0.5
    assert (np.abs(result["i"] - exact) <= bound + 1e-9).all()


def test_the_table_is_monotonic_and_symmetric():
    entries = SigmoidTable(unit_shift=8).entries
    assert len(entries) == 256
    assert (np.diff(entries) >= 0).all()
    assert all(a + b == 256 for a, b in zip(entries, reversed(entries), strict=True))

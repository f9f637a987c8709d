"""Neurons with graded events against their equations."""

from __future__ import annotations

import numpy as np
import pytest
from one_neuron import run

from spikeloom.hls_model import GradedLIF, Grading, MultiSpikeLIF, Range, ShiftLeak

INPUTS = np.random.default_rng(7).integers(-250, 350, 120)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_several_spikes_in_a_step(most):
    neuron = MultiSpikeLIF(Range(-100, 4095), most, ShiftLeak((3,)))
    result = run(neuron, INPUTS, {"threshold": 60})
    v = 0
    for t, x in enumerate(INPUTS):
        v = v - (v >> 3) + int(x)
        count = min(max(v // 60, 0), most)
        v = max(v - count * 60, -100)
        assert (result["v"][t], result["event"][t]) == (v, count)
    assert set(result["event"]) == set(range(most + 1))


@pytest.mark.parametrize("signed", [False, True])
def test_six_bits_with_a_dead_zone(signed):
    """q = trunc(clamp(u, ±M)·s), 0 if |q| ≤ 3, and the membrane keeps what was not emitted."""
    neuron = GradedLIF(Range.signed(14), Grading(limit=31 << 3, shift=3, dead=3, signed=signed))
    result = run(neuron, INPUTS, {})
    u = 0
    for t, x in enumerate(INPUTS):
        u += int(x)
        q = int(min(max(u, -248 if signed else 0), 248) / 8)
        q = 0 if abs(q) <= 3 else q
        u -= 8 * q
        assert (result["v"][t], result["event"][t]) == (u, q)
    assert (result["event"].min() < 0) == signed
    assert result["event"].max() == 31

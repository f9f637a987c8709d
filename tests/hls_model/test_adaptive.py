"""AdaptiveLIF against its equations."""

from __future__ import annotations

import numpy as np
import pytest
from one_neuron import run

from spikeloom.hls_model import AdaptiveLIF, Range, ShiftLeak

INPUTS = np.random.default_rng(5).integers(-10, 40, 80)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("reset", ["subtract", "value"])
def test_equations(reset, strict):
    neuron = AdaptiveLIF(
        Range.signed(12), Range.unsigned(8), ShiftLeak((4,)), ShiftLeak((3,)), reset, strict
    )
    extra = {"reset_value": -7} if reset == "value" else {}
    result = run(neuron, INPUTS, {"threshold": 50, "jump": 40, **extra})
    v = rise = 0
    for t, x in enumerate(INPUTS):
        v = v - (v >> 4) + int(x)
        fired = v > 50 + rise if strict else v >= 50 + rise
        rise = min(rise - (rise >> 3) + 40 * fired, 255)
        if fired:
            v = -7 if reset == "value" else v - 50
        assert (result["v"][t], result["rise"][t], result["event"][t]) == (v, rise, fired)
    assert 0 < result["event"].sum() < len(INPUTS)


def test_a_constant_input_fires_ever_more_rarely():
    neuron = AdaptiveLIF(Range.signed(14), Range.unsigned(14), reset="value")
    parameters = {"threshold": 50, "jump": 25, "reset_value": 0}
    gaps = np.diff(np.flatnonzero(run(neuron, np.full(300, 20), parameters)["event"]))
    assert (np.diff(gaps) >= 0).all()
    assert gaps[-1] > 2 * gaps[0]

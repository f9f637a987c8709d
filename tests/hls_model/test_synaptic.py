"""CubaLIF against the frameworks' equations, written out in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from one_neuron import run

from spikeloom.hls_model import LIF, CubaLIF, FineInput, Integrator, NoLeak, Range, ScaleLeak

WIDE = Range.signed(24)
INPUTS = np.random.default_rng(3).integers(-20, 60, 60)


def test_cuba_of_lava():
    """u = trunc(u·(4096 − du) / 4096) + 64·x, v = trunc(v·(4096 − dv) / 4096) + u, reset to 0."""
    neuron = FineInput(
        CubaLIF(
            WIDE,
            ScaleLeak(12, "trunc", parameter="alpha"),
            LIF(WIDE, ScaleLeak(12, "trunc"), reset="value"),
        ),
        6,
    )
    du, dv, threshold = 410, 128, 80
    parameters = {
        "alpha": 4096 - du, "beta": 4096 - dv, "threshold": 64 * threshold, "reset_value": 0,
        "offset": 0,
    }  # fmt: skip
    result = run(neuron, INPUTS, parameters)
    u = v = 0
    for t, x in enumerate(INPUTS):
        u = int(u * (4096 - du) / 4096) + 64 * int(x)
        v = int(v * (4096 - dv) / 4096) + u
        spike = v >= 64 * threshold
        v = 0 if spike else v
        assert (result["i"][t], result["v"][t], result["event"][t]) == (u, v, spike)
    assert 0 < result["event"].sum() < len(INPUTS)


@pytest.mark.parametrize("reset", ["subtract", "value"])
def test_synaptic_of_snntorch(reset):
    """syn = α·syn + x; mem = β·mem + syn, reset one step late, ``zero`` dropping the input."""
    lif = LIF(
        WIDE, ScaleLeak(1), reset=reset, strict=True, delayed=True, drop_input=reset == "value"
    )
    extra = {"reset_value": 0} if reset == "value" else {}
    neuron = CubaLIF(WIDE, ScaleLeak(2, parameter="alpha"), lif)
    result = run(neuron, INPUTS * 8, {"alpha": 3, "beta": 1, "threshold": 900, **extra})
    syn = mem = 0
    for t, x in enumerate(INPUTS * 8):
        late = mem > 900
        syn = (syn * 3 >> 2) + int(x)
        mem = (mem >> 1) + syn
        if late:
            mem = 0 if reset == "value" else mem - 900
        assert (result["i"][t], result["v"][t], result["event"][t]) == (syn, mem, mem > 900)
    assert 0 < result["event"].sum() < len(INPUTS)


def test_old_current():
    """With the old current a step's input arrives one step later."""
    new, old = (
        run(CubaLIF(WIDE, NoLeak(), Integrator(WIDE), uses_old_current=late), INPUTS, {})
        for late in (False, True)
    )
    assert (old["v"][1:] == new["v"][:-1]).all()
    assert old["v"][0] == 0
    assert (old["i"] == new["i"]).all()

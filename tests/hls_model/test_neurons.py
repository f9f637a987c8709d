"""The library's neurons against the formulas of the arithmetic contract, written out again."""

from __future__ import annotations

from itertools import product
from math import floor

import naive
import numpy as np
import pytest

from spikeloom.hls_model import (
    LIF,
    FineInput,
    Input,
    Integrator,
    Network,
    NoLeak,
    Output,
    Population,
    Projection,
    Range,
    ScaleLeak,
    ShiftLeak,
    simulate,
)
from spikeloom.hls_model.errors import NetworkError

V = Range.signed(9)
LEAKS = {
    "none": (NoLeak(), lambda v, beta: v),
    "one shift": (ShiftLeak((3,)), lambda v, beta: v - floor(v / 8)),
    "two shifts": (ShiftLeak((2, 4), "trunc"), lambda v, beta: v - int(v / 4) - int(v / 16)),
    "nearest": (ShiftLeak((1,), "nearest"), lambda v, beta: v - floor(v / 2 + 0.5)),
    "scale": (ScaleLeak(5), lambda v, beta: floor(v * beta / 32)),
    "scale, trunc": (ScaleLeak(5, "trunc"), lambda v, beta: int(v * beta / 32)),
    "scale, nearest": (ScaleLeak(5, "nearest"), lambda v, beta: floor(v * beta / 32 + 0.5)),
}
SETTINGS = [
    dict(zip(("reset", "strict", "delayed", "drop_input", "leak_last"), values, strict=True))
    for values in product(
        ("subtract", "value", "none"), (False, True), (False, True), (False, True), (False, True)
    )
]


def expected_trace(x, threshold, reset_value, beta, leak, settings):
    """Membranes and spikes of design section 4, in the frameworks' own order of code."""
    reset, strict, delayed = settings["reset"], settings["strict"], settings["delayed"]

    def before(v):
        return v if settings["leak_last"] else leak(v, beta)

    def fires(v):
        return v > threshold if strict else v >= threshold

    v, spike, membranes, spikes = 0, False, [], []
    for current in x:
        r = spike and delayed and reset != "none"
        if not r:
            v = before(v) + current
        elif reset == "subtract":
            v = before(v) + current - threshold
        elif settings["drop_input"]:
            v = reset_value
        else:
            v = before(reset_value) + current
        spike = fires(v)
        if spike and not delayed and reset == "subtract":
            v -= threshold
        elif spike and not delayed and reset == "value":
            v = reset_value
        if settings["leak_last"]:
            v = leak(v, beta)
        v = max(V.lo, min(V.hi, v))
        membranes.append(v)
        spikes.append(int(spike))
    return membranes, spikes


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize(
    "settings", SETTINGS, ids=["-".join(f"{v}" for v in s.values()) for s in SETTINGS]
)
def test_lif_follows_its_formula(settings, leak):
    rng = np.random.default_rng(0)
    setting, formula = LEAKS[leak]
    neuron = LIF(V, setting, **settings)
    x = [int(v) for v in rng.integers(-40, 90, 60)]
    p = {"threshold": 71, "reset_value": -13, "beta": 29}
    membranes, spikes = expected_trace(x, **p, leak=formula, settings=settings)
    assert 0 < sum(spikes) < len(spikes)
    state, seen, fired = dict.fromkeys(neuron.states(), 0), [], []
    parameters = {n: p[n] for n in neuron.parameters}
    for current in x:
        state, event = naive.step(neuron, state, {"x": current}, parameters)
        seen.append(state["v"])
        fired.append(event)
    assert seen == membranes
    assert fired == spikes


def membranes_of(neuron, x, **parameters):
    state, seen = dict.fromkeys(neuron.states(), 0), []
    for current in x:
        state, event = naive.step(neuron, state, {"x": current}, parameters)
        seen.append((state["v"], event))
    return seen


def test_subtracting_without_delay_as_snntorch_does():
    """R = H(v[t−1] − θ); u = β·v + x − R·θ; a spike if u > θ; v = u − (spike − R)·θ."""
    rng = np.random.default_rng(1)
    x = [int(v) for v in rng.integers(-40, 150, 200)]
    neuron = LIF(Range.signed(12), ShiftLeak((1,)), strict=True, lowered=True)
    v, expected, above = 0, [], 0
    for current in x:
        r = v > 71
        u = v - floor(v / 2) + current - r * 71
        spike = u > 71
        v = u - (spike - r) * 71
        expected.append((v, int(spike)))
        above += r and not spike
    assert above
    assert membranes_of(neuron, x, threshold=71) == expected


def test_contradicting_resets_are_refused():
    with pytest.raises(NetworkError, match="lowered belongs to a subtracting reset"):
        LIF(V, lowered=True, delayed=True)


def test_golden_resets():
    """Worked by hand: θ = 10, inputs 7, 7, 7."""
    x = [7, 7, 7]
    assert membranes_of(LIF(V), x, threshold=10) == [(7, 0), (4, 1), (1, 1)]
    assert membranes_of(LIF(V, reset="none"), x, threshold=10) == [(7, 0), (14, 1), (21, 1)]
    at_value = LIF(V, reset="value")
    assert membranes_of(at_value, x, threshold=10, reset_value=2) == [(7, 0), (2, 1), (9, 0)]
    delayed = LIF(V, delayed=True)
    assert membranes_of(delayed, x, threshold=10) == [(7, 0), (14, 1), (11, 1)]
    dropping = LIF(V, reset="value", delayed=True, drop_input=True)
    assert membranes_of(dropping, x, threshold=10, reset_value=0) == [(7, 0), (14, 1), (0, 0)]


def test_strict_spikes_only_above_the_threshold():
    assert membranes_of(LIF(V), [10], threshold=10) == [(0, 1)]
    assert membranes_of(LIF(V, strict=True), [10], threshold=10) == [(10, 0)]


def test_membranes_saturate():
    assert [v for v, _ in membranes_of(Integrator(V), [200, 200, -300, -300, -300])] == [
        200, 255, -45, -256, -256,
    ]  # fmt: skip
    assert membranes_of(LIF(V), [-300], threshold=1) == [(-256, 0)]


@pytest.mark.parametrize("leak", LEAKS)
def test_integrator_leaks_and_never_fires(leak):
    setting, formula = LEAKS[leak]
    x = [int(v) for v in np.random.default_rng(1).integers(-60, 60, 40)]
    neuron = Integrator(V, setting)
    parameters = {"beta": 27} if neuron.parameters else {}
    v, expected = 0, []
    for current in x:
        v = max(V.lo, min(V.hi, formula(v, 27) + current))
        expected.append((v, 0))
    assert membranes_of(neuron, x, **parameters) == expected


def test_fine_input_adds_binary_places():
    neuron = FineInput(LIF(Range.signed(12), ScaleLeak(4)), 3)
    assert neuron.parameters == ("offset", "threshold", "beta")
    assert membranes_of(neuron, [5, -2], offset=1, threshold=100, beta=8) == [(41, 0), (5, 0)]


def test_parameters_follow_the_settings():
    assert LIF(V).parameters == ("threshold",)
    assert LIF(V, ScaleLeak(3), reset="value").parameters == ("threshold", "reset_value", "beta")
    assert Integrator(V).parameters == ()


def test_parameters_differ_from_neuron_to_neuron():
    network = Network(
        (Input("i", (1,)),),
        (
            Population(
                "p",
                3,
                LIF(V, ScaleLeak(2), reset="value"),
                {"threshold": [2, 5, 9], "reset_value": [0, -1, 1], "beta": [4, 2, 0]},
                {"x": [0, 1, 2]},
            ),
        ),
        (Projection("i", "p", np.array([[1], [2], [3]])),),
        Output("p"),
    )
    result = simulate(network, np.ones((1, 4, 1), dtype=int))
    assert result.states["p"]["v"][0].T.tolist() == [[1, 0, 1, 0], [3, 4, -1, 2], [5, 5, 5, 5]]
    assert result.spikes["p"][0].T.tolist() == [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]]

"""Fitting: the fastest that is in the budget, the knobs that were asked for, and refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.hls_model.errors import FitError
from spikeloom.rtl.budget import Budget, LatencyBound
from spikeloom.rtl.cycles import sample_cycles, step_cycles
from spikeloom.rtl.estimate import estimate
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.fit import fit
from spikeloom.rtl.timing import token_cycles

FAMILY = FAMILIES["ecp5"]


@pytest.fixture(scope="module")
def network():
    lif = LIF(Range.signed(10))
    rng = np.random.default_rng(0)
    return Network(
        (Input("i", (60,)),),
        (
            Population("a", 24, lif, {"threshold": 9}),
            Population("b", 10, lif, {"threshold": 9}),
        ),
        (
            Projection("i", "a", rng.integers(-8, 8, (24, 60))),
            Projection("a", "b", rng.integers(-8, 8, (10, 24))),
        ),
        Output("b"),
    )


def needed(plans):
    estimates = [estimate(p) for p in plans.values()]
    return sum(e.luts for e in estimates), sum(e.blocks for e in estimates)


def slowest(plans):
    return max(step_cycles(p) for p in plans.values())


def test_without_a_budget_it_is_as_fast_as_possible(network):
    plans = fit(network, FAMILY, 100.0)
    assert list(plans) == ["a", "b"]
    assert plans["a"].lanes == 24


def test_less_room_is_slower_and_never_exceeded(network):
    before = 0.0
    for luts in (20_000, 1500, 1100, 900):
        plans = fit(network, FAMILY, 100.0, Budget("X", luts, 40))
        assert needed(plans)[0] <= luts
        assert needed(plans)[1] <= 40
        assert slowest(plans) >= before
        before = slowest(plans)


def test_shared_knobs_are_cut_to_each_population(network):
    plans = fit(network, FAMILY, 100.0, lanes=16, units=4)
    assert {n: (p.lanes, p.units) for n, p in plans.items()} == {"a": (16, 4), "b": (10, 2)}


def test_knobs_by_population(network):
    plans = fit(network, FAMILY, 100.0, lanes={"a": 8}, units={"a": 2, "b": 1})
    assert (plans["a"].lanes, plans["a"].units, plans["b"].units) == (8, 2, 1)


def test_refusal_says_what_is_needed_and_what_there_is(network):
    with pytest.raises(
        FitError,
        match=r"the network does not fit Tiny: it needs at least \d+ LUTs and \d+ block RAMs for "
        r"its cores, and there are 100 and 2 beside the link; fewer than 4 bits do not help; use "
        "fewer neurons, or choose a larger board",
    ):
        fit(network, FAMILY, 100.0, Budget("Tiny", 100, 2))


@pytest.mark.parametrize("knob", [0, -4])
def test_senseless_knobs(network, knob):
    with pytest.raises(FitError, match=f"lanes and units must be at least 1, not {knob}"):
        fit(network, FAMILY, 100.0, lanes=knob)
    with pytest.raises(FitError, match=f"lanes and units must be at least 1, not {knob}"):
        fit(network, FAMILY, 100.0, units=knob)


def test_knobs_beyond_a_population(network):
    with pytest.raises(FitError, match=r"'a' has 24 neurons, so lanes must lie in \[1, 24\]"):
        fit(network, FAMILY, 100.0, lanes={"a": 25})
    with pytest.raises(FitError, match="units must divide the 8 lanes of 'a', so be one of"):
        fit(network, FAMILY, 100.0, lanes={"a": 8}, units={"a": 3})


def test_knobs_of_unknown_populations(network):
    with pytest.raises(FitError, match=r"one of \['a', 'b'\], not 'c'"):
        fit(network, FAMILY, 100.0, units={"a": 2, "c": 1})


def test_activity_decides_between_lanes_and_units(network):
    """Busy inputs ask for lanes, silent ones for a short sweep."""
    room = Budget("Small", 900, 40)
    busy = fit(network, FAMILY, 100.0, room, activity={"i": 50.0, "a": 1.0, "b": 0.0})
    silent = fit(network, FAMILY, 100.0, room, activity={"i": 0.1, "a": 0.1, "b": 0.0})
    assert busy["a"].slots < silent["a"].slots or busy["a"].sweep > silent["a"].sweep


def test_other_cores_stay_ahead_of_the_slowest(network):
    activity = {"i": 40.0, "a": 8.0, "b": 0.0}
    plans = fit(network, FAMILY, 100.0, activity=activity)
    cycles = {name: step_cycles(plan, activity) for name, plan in plans.items()}
    assert cycles["b"] <= max(cycles["a"] / 4, 10)


ACTIVITY = {"i": 20.0, "a": 6.0, "b": 0.0}
STEPS = 10


def smallest(network, microseconds, budget=None):
    bound = LatencyBound(microseconds, STEPS, 100.0)
    plans = fit(network, FAMILY, 100.0, budget, activity=ACTIVITY, bound=bound)
    assert sample_cycles([*plans.values()], STEPS, ACTIVITY) <= bound.cycles
    return plans


def test_area_is_as_small_as_the_latency_allows(network):
    luts = [needed(smallest(network, us))[0] for us in (4, 10, 30, 1000)]
    assert luts == sorted(luts, reverse=True)
    assert luts[-1] < 0.7 * luts[0]
    slowest_of_all = smallest(network, 1e9)
    assert {plan.units for plan in slowest_of_all.values()} == {1}
    assert needed(fit(network, FAMILY, 100.0, activity=ACTIVITY))[0] > luts[0]


def test_a_latency_that_no_build_reaches_names_the_best(network):
    with pytest.raises(
        FitError,
        match=r"no build takes a sample of 10 steps in at most 1 µs: the fastest that fits X takes "
        r"about \d\.\d µs at 100 MHz; allow that, raise the target clock, or choose a larger board",
    ):
        smallest(network, 1, Budget("X", 20_000, 100))


def bursts():
    """Events as many as :data:`ACTIVITY` says, but of ``i`` in one half of a sample, of ``a`` in
    the other, so that first the one core works, then the other."""
    half = STEPS // 2
    return {
        "i": [range(40)] * half + [()] * half,
        "a": [()] * half + [range(12)] * half,
        "b": [()] * STEPS,
    }


def test_a_bound_is_kept_by_its_samples(network):
    """Of plans that would keep it if all steps were alike, the next larger is taken."""
    microseconds = 9
    bound = LatencyBound(microseconds, STEPS, 100.0)
    plans = fit(network, FAMILY, 100.0, activity=ACTIVITY, events=[bursts()], bound=bound)
    alike = smallest(network, microseconds)
    assert token_cycles(alike, bursts()) > bound.cycles >= token_cycles(plans, bursts())
    assert needed(plans) > needed(alike)


def test_what_is_named_as_the_best_can_be_had(network):
    """It is what the samples take, not what they would if all steps were alike."""

    def bounded(microseconds):
        bound = LatencyBound(microseconds, STEPS, 100.0)
        return fit(network, FAMILY, 100.0, activity=ACTIVITY, events=[bursts()], bound=bound)

    smallest(network, 2.9)
    with pytest.raises(FitError, match=r"takes about \d\.\d µs at 100 MHz") as refusal:
        bounded(2.9)
    named = float(re.search(r"about (\d\.\d) µs", str(refusal.value)).group(1))
    assert token_cycles(bounded(named), bursts()) <= 100 * named


def large_network(bits=4):
    rng = np.random.default_rng(0)
    return Network(
        (Input("i", (400,)),),
        (Population("a", 64, LIF(Range.signed(12)), {"threshold": 9}),),
        (Projection("i", "a", rng.integers(-8, 8, (64, 400)), bits=bits),),
        Output("a"),
    )


def test_spram_holds_what_block_ram_does_not():
    family = FAMILIES["ice40up"]
    roomy = fit(large_network(), family, 30.0, Budget("UP5K", 4000, 60, 4))
    tight = fit(large_network(), family, 30.0, Budget("UP5K", 4000, 24, 4))
    assert roomy["a"].weights == "bitstream"
    assert tight["a"].weights == "spram"
    assert estimate(tight["a"]).sprams <= 4
    with pytest.raises(FitError, match=r"quantize to 2 bits, or choose a larger board"):
        fit(large_network(), family, 30.0, Budget("small", 4000, 20))


def test_kinds_are_those_that_are_asked_for(network):
    plans = fit(network, FAMILY, 100.0, lanes=6, accumulators={"a": "registers"},
                weights="loadable")  # fmt: skip
    assert {n: p.weights for n, p in plans.items()} == {"a": "loadable", "b": "loadable"}
    assert (plans["a"].slots, plans["a"].accumulators) == (4, "registers")


def graded_network():
    """Events of six bits: a product per lane."""
    weights = np.random.default_rng(0).integers(-8, 8, (24, 30))
    return Network(
        (Input("i", (30,), Range.signed(6)),),
        (Population("a", 24, LIF(Range.signed(14)), {"threshold": 9}),),
        (Projection("i", "a", weights),),
        Output("a"),
    )


def test_multipliers_bound_the_lanes():
    network = graded_network()
    busy = {"i": 20.0, "a": 1.0}
    for multipliers in (24, 8):
        room = Budget("X", 20_000, 100, multipliers=multipliers)
        plans = fit(network, FAMILY, 100.0, room, activity=busy)
        assert plans["a"].lanes == multipliers
        assert estimate(plans["a"]).multipliers == multipliers
    hx = fit(network, FAMILIES["ice40hx"], 60.0, Budget("HX", 20_000, 100))
    assert estimate(hx["a"]).multipliers == 0


def test_products_without_multipliers_are_refused():
    with pytest.raises(
        FitError,
        match="its products need at least 1 multipliers, and there are 0; narrow its weights, "
        "events or states, or choose a larger board",
    ):
        fit(graded_network(), FAMILY, 100.0, Budget("X", 20_000, 100))


GOWIN = FAMILIES["gowin"]


def test_look_up_table_ram_bounds_the_units(network):
    roomy = fit(network, GOWIN, 54.0, Budget("X", 20_000, 40))
    rams = sum(estimate(plan).lut_rams for plan in roomy.values())
    plans = fit(network, GOWIN, 54.0, Budget("X", 20_000, 40, lut_rams=rams - 1))
    assert sum(estimate(plan).lut_rams for plan in plans.values()) < rams
    assert slowest(plans) >= slowest(roomy)


def test_too_few_look_up_table_rams_are_refused(network):
    with pytest.raises(
        FitError,
        match=r"the network does not fit X: its queues, states and sums need at least \d+ "
        "look-up-table RAMs, and there are 3; use fewer neurons or units, or choose a larger board",
    ):
        fit(network, GOWIN, 54.0, Budget("X", 20_000, 40, lut_rams=3))


def test_a_device_is_filled_only_for_what_is_a_good_deal_faster(network):
    fastest = fit(network, GOWIN, 54.0)
    luts = needed(fastest)[0]
    little = fit(network, GOWIN, 54.0, Budget("X", luts, 40, easy_luts=int(0.9 * luts)))
    assert needed(little)[0] <= 0.9 * luts
    assert slowest(fastest) < slowest(little) <= 1.1 * slowest(fastest)
    much = fit(network, GOWIN, 54.0, Budget("X", luts, 40, easy_luts=int(0.3 * luts)))
    assert needed(much)[0] > 0.3 * luts


def test_how_much_faster_is_seen_in_samples(network):
    """Where all of ``a`` fires, ``b`` is the slower one, and more units of it repay their room."""
    fastest = fit(network, GOWIN, 54.0)
    luts = needed(fastest)[0]
    budget = Budget("X", luts, 40, easy_luts=int(0.9 * luts))
    fires = {"i": [range(2)] * STEPS, "a": [range(24)] * STEPS, "b": [()] * STEPS}
    little = fit(network, GOWIN, 54.0, budget)
    assert token_cycles(little, fires) > 1.1 * token_cycles(fastest, fires)
    assert fit(network, GOWIN, 54.0, budget, events=[fires]) == fastest
    assert fit(network, GOWIN, 54.0, budget, events=[bursts()]) == little

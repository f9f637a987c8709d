"""Plans: what follows from the knobs, and which knobs make no sense."""

from __future__ import annotations

import dataclasses

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.hls_model.errors import FitError
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan


def network(size=12, delay=0, events=None, output="p", source="events"):
    neuron = networks.TwoPort(Range.signed(8))
    lif = LIF(Range.signed(8))
    return Network(
        (Input("i", (5,)), Input("j", (3,), events or Range(0, 1))),
        (
            Population("p", size, neuron, {"threshold": 9, "open": 1}),
            Population("q", 2, lif, {"threshold": 9}),
        ),
        (
            Projection("i", "p", np.full((size, 5), 3), delay=delay),
            Projection("i", "p", np.full((size, 5), -2), "gate", delay=delay),
            Projection("j", "p", np.full((size, 3), 7), "gate", delay=delay),
            Projection("p", "p", np.full((size, size), 1), delay=2),
            Projection("i", "q", np.full((2, 5), 1)),
        ),
        Output(output, source),
    )


def plan(lanes=12, units=1, banks=1, population="p", **fields):
    return CorePlan(network(**fields), population, FAMILIES["ecp5"], 150.0, lanes, units, banks)


@pytest.mark.parametrize(
    ("size", "lanes", "units", "banks", "slots", "parts", "sweep", "issue"),
    [
        (12, 12, 12, 1, 1, 1, 1, 1),
        (12, 12, 1, 1, 1, 12, 12, 12),
        (12, 12, 2, 3, 1, 2, 6, 2),
        (12, 1, 1, 1, 12, 1, 12, 12),
        (13, 6, 1, 2, 3, 3, 18, 15),
        (13, 6, 3, 2, 3, 1, 6, 5),
    ],
)
def test_cycles(size, lanes, units, banks, slots, parts, sweep, issue):
    p = plan(lanes, units, banks, size=size)
    assert (p.slots, p.parts, p.sweep, p.issue_cycles) == (slots, parts, sweep, issue)
    assert p.bank_lanes * banks == lanes
    assert p.sweep_interval >= max(sweep, p.schedule.latency + 1)
    assert p.queue_depth >= sweep


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(1, 60), st.data())
def test_a_sweep_visits_every_neuron_once_in_ascending_order(size, data):
    lanes = data.draw(st.integers(1, size))
    units = data.draw(st.sampled_from(networks.divisors(lanes)))
    banks = data.draw(st.sampled_from(networks.divisors(lanes // units)))
    p = plan(lanes, units, banks, size=size)
    assert p.sweep * units == p.slots * lanes >= size
    assert p.slots * lanes - size < lanes


@pytest.mark.parametrize("lanes", [0, -1, 13])
def test_lanes_lie_in_the_population(lanes):
    with pytest.raises(
        FitError, match=rf"'p' has 12 neurons, so lanes must lie in \[1, 12\], not {lanes}"
    ):
        plan(lanes)


@pytest.mark.parametrize("units", [0, 5, 24])
def test_units_divide_lanes(units):
    with pytest.raises(
        FitError,
        match=r"units must divide the 12 lanes of 'p', so be one of \[1, 2, 3, 4, 6, 12\], not "
        rf"{units}",
    ):
        plan(12, units)


@pytest.mark.parametrize(("lanes", "kind"), [(12, "memory"), (4, "flash"), (4, "blocks")])
def test_accumulators_lie_in_a_memory_only_with_several_slots(lanes, kind):
    with pytest.raises(
        FitError,
        match="accumulators of 'p' must be 'registers', with fewer than 12 lanes 'memory', or on "
        f"an ECP5 with 3 or fewer 'blocks', not '{kind}' with {lanes}",
    ):
        dataclasses.replace(plan(lanes), accumulators=kind)
    for lanes, kind in ((4, "memory"), (3, "blocks")):
        chosen = dataclasses.replace(plan(lanes), accumulators=kind)
        assert chosen.as_dict()["accumulators"] == kind


@pytest.mark.parametrize("banks", [0, 4, 12])
def test_banks_divide_the_rest(banks):
    with pytest.raises(FitError, match=f"banks must divide lanes / units = 6 in 'p', not {banks}"):
        plan(12, 2, banks)


def test_an_input_marks_the_steps_where_all_projections_are_delayed():
    assert plan().marker is None
    assert plan(delay=1).marker == plan().network.inputs[0].name


def test_a_population_that_nothing_reaches_is_refused():
    network = dataclasses.replace(plan().network, projections=())
    with pytest.raises(FitError, match="'p' must have a projection, and its network an input, wh"):
        dataclasses.replace(plan(), network=network)


def test_streams_are_counted_once_per_source_and_delay():
    p = plan()
    assert p.sources == (("i", 0), ("j", 0), ("p", 2))
    assert [p.offset(*s) for s in p.sources] == [0, 5, 8]
    assert p.source_count == 20
    assert plan(lanes=5).rows == 20 * 3
    assert p.ports == ("x", "gate")
    assert p.weight_bits == 4


def test_graded_sources_need_products():
    assert not plan().is_graded
    graded = plan(events=Range(-2, 5))
    assert graded.is_graded
    assert graded.source_range == Range(-2, 5)
    assert graded.accumulate_latency == plan().accumulate_latency + 1


def test_who_listens():
    assert plan().emits_events
    assert plan().readout is None
    # p listens to itself; nobody listens to q unless it is the output.
    assert plan(output="p", source="v").emits_events
    assert plan(output="p", source="v").readout == "v"
    assert not plan(2, population="q").emits_events
    assert plan(2, population="q", output="q").emits_events


def test_description():
    described = plan(6, 2, 3).as_dict()
    assert described["population"] == "p"
    assert (described["lanes"], described["units"], described["banks"]) == (6, 2, 3)
    assert described["weight_memory_bits"] == 20 * 2 * 6 * 4 * 2

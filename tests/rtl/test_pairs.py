"""Two events per cycle: equal to the reference whatever makes a pair, and refused where no input
can send pairs."""

from __future__ import annotations

import dataclasses

import networks
import numpy as np
import pytest
from amaranth.sim import Simulator
from replay import replay

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.hls_model.errors import FitError
from spikeloom.rtl.core import Core
from spikeloom.rtl.design import Design
from spikeloom.rtl.estimate import estimate
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.fit import fit
from spikeloom.rtl.pairs import check_events_per_cycle

LIF9 = LIF(Range.signed(9))


def network_of(size=6, sources=7, events=None, **input):
    rng = np.random.default_rng(size)
    return Network(
        (Input("i", (sources,), events or Range(0, 1), **input),),
        (networks.random_population(rng, "p", LIF9, size),),
        (Projection("i", "p", rng.integers(-8, 14, (size, sources))),),
        Output("p"),
    )


def paired(design, *names):
    """``design``, of which these cores, or all, take two events per cycle."""
    plans = {
        name: dataclasses.replace(plan, events_per_cycle=2 if name in names or not names else 1)
        for name, plan in design.plans.items()
    }
    return dataclasses.replace(design, plans=plans)


def design_of(network, *knobs):
    return paired(networks.design_of(network, p=knobs))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("events", [Range(0, 1), Range(-5, 7), Range(-1, 0)], ids=str)
def test_random_populations_equal_the_reference(seed, events):
    """Sizes, odd numbers of sources, neurons, knobs, families and memories come from the seed."""
    rng = np.random.default_rng(seed)
    size, sources = int(rng.integers(1, 16)), int(rng.integers(2, 12))
    population = networks.random_population(rng, "p", networks.random_neuron(rng), size)
    projections = tuple(
        Projection("i", "p", networks.random_weights(rng, size, sources), port)
        for port in population.neuron.ports
    )
    network = Network((Input("i", (sources,), events),), (population,), projections, Output("p"))
    plan = networks.random_plan(rng, network, "p")
    design = paired(Design(network, plan.family, 150.0, {"p": plan}))
    samples = networks.random_samples(rng, network, 2, 5)
    replay(design, samples, seed, gaps=0.1, stalls=0.2)


@pytest.mark.parametrize("knobs", [(6, 2, 3), (4, 2, 1), (2, 1, 1, "memory"), (1, 1, 1, "blocks")])
@pytest.mark.parametrize("sources", [2, 7, 8])
def test_events_of_one_kind_alone_and_steps_without_any(knobs, sources):
    network = network_of(sources=sources)
    samples = np.zeros((3, 6, sources), dtype=int)
    samples[0, ::2, 0::2] = 1
    samples[1, ::2, 1::2] = 1
    samples[2, ::3] = 1
    replay(design_of(network, *knobs), samples)


def test_two_populations_at_one_input_and_one_behind_them():
    rng = np.random.default_rng(4)
    names = ("a", "b", "c")
    network = Network(
        (Input("i", (9,), Range(-3, 4)),),
        tuple(networks.random_population(rng, name, LIF9, 5) for name in names),
        (
            Projection("i", "a", rng.integers(-8, 8, (5, 9))),
            Projection("i", "b", rng.integers(-8, 8, (5, 9))),
            Projection("a", "c", rng.integers(-8, 8, (5, 5))),
            Projection("b", "c", rng.integers(-8, 8, (5, 5)), delay=1),
            Projection("c", "c", rng.integers(-8, 8, (5, 5)), delay=1),
        ),
        Output("c"),
    )
    plain = networks.design_of(network, a=(5, 1, 5), b=(2, 1, 1), c=(3, 1, 1))
    samples = networks.random_samples(rng, network, 2, 5)
    replay(paired(plain, "a", "b"), samples, gaps=0.2, stalls=0.2)
    with pytest.raises(
        FitError,
        match="all populations that hear input 'i' must take as many events per cycle, not 1 and "
        "2; give them the same events_per_cycle",
    ):
        paired(plain, "a")


@pytest.mark.parametrize("kind", ["loadable", "spram"])
def test_weights_that_are_loaded(kind):
    """Where nothing has been loaded yet, a simulated memory holds what will be."""
    network = network_of(5, 9)
    plan = networks.design_of(network, p=(4, 1, 2)).plans["p"]
    plan = dataclasses.replace(plan, family=FAMILIES["ice40up"], weights=kind, events_per_cycle=2)
    samples = networks.random_samples(np.random.default_rng(2), network, 2, 4)
    replay(Design(network, plan.family, 48.0, {"p": plan}), samples)


@pytest.mark.parametrize("knobs", [(12, 12, 1), (6, 1, 2), (3, 1, 1, "memory")], ids=str)
def test_a_pair_costs_a_cycle_per_slot(knobs):
    plan = design_of(network_of(12), *knobs).plans["p"]
    event = {"valid": 1, "address": 2, "value": 1}
    tokens = [{"even": event, "odd": event}, {"even": event}, {"odd": event}]
    few, many = (first_entry(plan, tokens * count) for count in (1, 4))
    assert many - few == 9 * plan.slots


def first_entry(plan, tokens):
    """The cycle in which the first entry of a sweep leaves the neurons; the first token is at 0."""
    core, cycles = Core(plan), []

    async def play(ctx):
        for token in [*tokens, {"end": 1}]:
            ctx.set(core.i.payload, token)
            ctx.set(core.i.valid, 1)
            taken = 0
            while not taken:
                _, _, taken = await ctx.tick().sample(core.i.ready)
            ctx.set(core.i.valid, 0)

    async def watch(ctx):
        for cycle in range(200):
            _, _, valid = await ctx.tick().sample(core.probe.valid)
            if valid:
                cycles.append(cycle)

    simulator = Simulator(core)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play, background=True)
    simulator.add_testbench(watch)
    simulator.run()
    return cycles[0]


def test_rows_of_even_and_odd_sources_and_of_zeros():
    plan = design_of(network_of(12, sources=7), 6, 1, 2).plans["p"]
    # Four even sources in two slots, and the row of an event that is absent.
    assert (plan.rows, plan.weight_memories, plan.row_bits) == (9, 4, 3 * 5)
    assert plan.accumulate_latency == 3
    described = plan.as_dict()
    assert (described["events_per_cycle"], described["weight_memory_bits"]) == (2, 9 * 4 * 15)


def test_fitted_cores_take_two_from_inputs_and_one_from_populations():
    rng = np.random.default_rng(0)
    network = Network(
        (Input("i", (60,)),),
        (Population("a", 24, LIF9, {"threshold": 9}), Population("b", 10, LIF9, {"threshold": 9})),
        (
            Projection("i", "a", rng.integers(-8, 8, (24, 60))),
            Projection("a", "b", rng.integers(-8, 8, (10, 24))),
        ),
        Output("b"),
    )
    plans = fit(network, FAMILIES["ecp5"], 100.0, events_per_cycle=2)
    assert [plan.events_per_cycle for plan in plans.values()] == [2, 1]


@pytest.mark.parametrize("family", FAMILIES)
def test_two_events_cost_an_adder_for_each_lane(family):
    one = networks.design_of(network_of(12, 600), p=(12, 3, 1)).plans["p"]
    one = dataclasses.replace(one, family=FAMILIES[family])
    two = dataclasses.replace(one, events_per_cycle=2)
    before, after = estimate(one), estimate(two)
    # Half of the rows in each of two memories, and sums of 6 bits.
    assert before.blocks <= after.blocks <= 2 * before.blocks
    assert after.luts - before.luts >= 12 * 6


def refused(network, population="p", count=2):
    with pytest.raises(FitError) as caught:
        check_events_per_cycle(network, population, count)
    return str(caught.value)


def because(reason):
    return f"'p' cannot take 2 events per cycle, as {reason}; leave events_per_cycle at 1"


def test_inputs_that_send_no_pairs():
    assert refused(network_of(sources=1)) == because("input 'i' has one address")
    assert refused(network_of(held=True)) == because(
        "input 'i' is held, and sends its events once per sample"
    )


def structure(*projections):
    lif = LIF(Range.signed(10))
    sizes = {"i": 3, "j": 2, "p": 4, "q": 2}
    return Network(
        (Input("i", (3,)), Input("j", (2,))),
        (Population("p", 4, lif, {"threshold": 9}), Population("q", 2, lif, {"threshold": 9})),
        tuple(
            Projection(source, target, np.ones((sizes[target], sizes[source]), int), delay=delay)
            for source, target, delay in projections
        ),
        Output("q"),
    )


@pytest.mark.parametrize(
    ("projections", "reason"),
    [
        ([("i", "p", 0), ("p", "p", 1)], "'p' hears 'p' beside input 'i'"),
        ([("i", "p", 0), ("j", "p", 0)], "'p' hears 'j' beside input 'i'"),
        ([("i", "p", 1)], "'p' hears input 'i' with delay 1"),
        ([("i", "p", 0), ("i", "q", 2)], "'q' hears input 'i' with delay 2"),
        (
            [("i", "p", 0), ("p", "q", 1)],
            "input 'i' tells 'q', which has delays only, where steps end",
        ),
        ([("i", "q", 0), ("q", "p", 0)], "a population sends one, and 'p' hears 'q'"),
    ],
)
def test_structures_that_take_no_pairs(projections, reason):
    network = structure(*projections, *([] if "q" in str(projections) else [("p", "q", 0)]))
    assert refused(network) == because(reason)
    check_events_per_cycle(network, "p", 1)


@pytest.mark.parametrize("count", [0, 3])
def test_one_or_two(count):
    assert refused(network_of(), count=count) == f"events_per_cycle must be 1 or 2, not {count}"

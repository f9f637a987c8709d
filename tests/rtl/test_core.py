"""A core: latency and throughput as documented, and every knob on one population."""

from __future__ import annotations

from itertools import pairwise

import networks
import numpy as np
import pytest
from amaranth.sim import Simulator
from replay import replay
from streams import end, event

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.core import Core
from spikeloom.rtl.timing import token_cycles


def network_of(size, neuron=None, sources=6, events=None, **fields):
    rng = np.random.default_rng(size)
    population = networks.random_population(rng, "p", neuron or LIF(Range.signed(9)), size)
    return Network(
        (Input("i", (sources,), events or Range(0, 1)),),
        (population,),
        (Projection("i", "p", rng.integers(-8, 14, (size, sources))),),
        Output("p"),
    )


def accumulator_kinds(size, *knobs):
    return networks.design_of(network_of(size), p=knobs).plans["p"].accumulator_kinds


def knobs_of(size):
    """All lanes, units, banks and accumulators that a size allows."""
    return [
        (lanes, units, banks, accumulators)
        for lanes in range(1, size + 1)
        for units in networks.divisors(lanes)
        for banks in networks.divisors(lanes // units)
        for accumulators in accumulator_kinds(size, lanes, units, banks)
    ]


@pytest.mark.parametrize("knobs", knobs_of(6), ids=str)
def test_every_knob(knobs):
    network = network_of(6)
    samples = networks.random_samples(np.random.default_rng(0), network, 2, 5)
    replay(networks.design_of(network, p=knobs), samples, gaps=0.2, stalls=0.2)


@pytest.mark.parametrize(
    ("size", "knobs"),
    [(7, (4, 2, 2)), (13, (4, 1, 2)), (13, (6, 3, 2)), (11, (8, 2, 2)), (23, (12, 2, 3))],
    ids=str,
)
@pytest.mark.parametrize("accumulators", ["registers", "memory"])
def test_sizes_that_lanes_do_not_divide(size, knobs, accumulators):
    """Banks > 1 with parts > 1 and slots > 1, and lanes without a neuron."""
    network = network_of(size)
    design = networks.design_of(network, p=(*knobs, accumulators))
    assert design.plans["p"].slots * knobs[0] > size
    samples = networks.random_samples(np.random.default_rng(0), network, 3, 6)
    replay(design, samples, stalls=0.3)


@pytest.mark.parametrize(("size", "sources"), [(1, 1), (1, 9), (9, 1)])
def test_one_neuron_and_one_source(size, sources):
    network = network_of(size, sources=sources)
    samples = networks.random_samples(np.random.default_rng(0), network, 3, 6)
    replay(networks.design_of(network), samples, gaps=0.2)


def test_padding_with_initial_state_bias_and_reset_value_stays_silent():
    neuron = LIF(Range.signed(8), reset="value")
    network = Network(
        (Input("i", (2,)),),
        (Population("p", 5, neuron, {"threshold": 4, "reset_value": 3}, {"x": 2}, {"v": 3}),),
        (Projection("i", "p", np.ones((5, 2), int)),),
        Output("p"),
    )
    samples = networks.random_samples(np.random.default_rng(0), network, 3, 6)
    replay(networks.design_of(network, p=(4, 4, 1)), samples)


@pytest.mark.parametrize("seed", range(3))
def test_every_operator_in_a_core(seed):
    neuron = networks.Everything(Range.signed(9), (3, -7, 120, 0, 55, -128, 9, 1, 2))
    network = network_of(9, neuron, events=Range(-3, 4))
    samples = networks.random_samples(np.random.default_rng(seed), network, 3, 20)
    replay(networks.design_of(network, p=(4, 2, 2)), samples, seed, gaps=0.2, stalls=0.2)


def test_steps_without_events_follow_each_other():
    """Sweeps of an idle network start one interval apart, and states are written before."""
    network = network_of(5)
    plan = networks.design_of(network, p=(5, 5, 1)).plans["p"]
    starts = probe_cycles(plan, [end()] * 8)
    gaps = {b - a for a, b in pairwise(starts)}
    assert min(gaps) >= plan.sweep_interval
    samples = {"i": np.zeros((2, 30, 6), dtype=int)}
    replay(networks.design_of(network, p=(5, 5, 1)), samples)


@pytest.mark.parametrize(
    "knobs",
    [(12, 12, 1), (12, 2, 3), (6, 1, 2), (4, 2, 1, "memory"), (5, 1, 1, "memory"), (1, 1, 1),
     (2, 1, 1, "blocks")],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_sweeps_start_when_the_estimate_says(knobs, seed):
    """Exactly, for any number of events per step, bursts and silence among them: each step's last
    token leaves as long after its sweep's start as any other's."""
    rng = np.random.default_rng(seed)
    plan = networks.design_of(network_of(12), p=knobs).plans["p"]
    arriving = [int(rng.choice([0, 0, 1, rng.integers(7)])) for _ in range(10)]
    tokens = [t for count in arriving for t in [*(event(n) for n in range(count)), end()]]
    expected = [
        token_cycles({"p": plan}, {"i": [range(n) for n in arriving[:count]], "p": [()] * count})
        for count in range(1, len(arriving) + 1)
    ]
    starts = probe_cycles(plan, tokens, expected[-1] + 60)
    assert [b - a for a, b in pairwise(starts)] == [b - a for a, b in pairwise(expected)]
    assert len(starts) == len(arriving)


def probe_cycles(plan, tokens, cycles=150):
    """Cycles in which a sweep's first entry leaves the pipeline; the first token is at 0."""
    core = Core(plan)
    starts = []

    async def play(ctx):
        for token in tokens:
            ctx.set(core.i.payload, token)
            ctx.set(core.i.valid, 1)
            taken = 0
            while not taken:
                _, _, taken = await ctx.tick().sample(core.i.ready)
            ctx.set(core.i.valid, 0)

    async def watch(ctx):
        entry = 0
        ctx.set(core.o.ready, 1)
        for cycle in range(cycles):
            _, _, valid = await ctx.tick().sample(core.probe.valid)
            if valid:
                if entry % plan.sweep == 0:
                    starts.append(cycle)
                entry += 1

    simulator = Simulator(core)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play, background=True)
    simulator.add_testbench(watch)
    simulator.run()
    return starts


@pytest.mark.parametrize(
    "knobs",
    [(12, 12, 1), (6, 1, 2), (4, 2, 1), (1, 1, 1), (6, 3, 1, "memory"), (3, 1, 1, "memory"),
     (2, 2, 1, "blocks")],
    ids=str,
)
def test_an_event_costs_a_cycle_per_slot(knobs):
    plan = networks.design_of(network_of(12), p=knobs).plans["p"]
    [few], [many] = (
        probe_cycles(plan, [event(n) for n in range(count)] + [end()]) for count in (1, 6)
    )
    assert many - few == 5 * plan.slots


def test_only_what_is_listened_to_exists():
    network = network_of(4)
    readout = Network(network.inputs, network.populations, network.projections, Output("p", "v"))
    spikes = Core(networks.design_of(network).plans["p"])
    values = Core(networks.design_of(readout).plans["p"])
    assert (hasattr(spikes, "o"), hasattr(spikes, "readout")) == (True, False)
    assert (hasattr(values, "o"), hasattr(values, "readout")) == (False, True)
    for core in (spikes, values):
        Simulator(core)

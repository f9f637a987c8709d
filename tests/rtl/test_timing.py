"""Cycles from events alone, against those of the simulated hardware."""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay import replay

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.hls_model.reference import sent_events
from spikeloom.rtl.design import Design
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.timing import token_cycles


def design_of(network, family, **knobs):
    """Lanes and units by population."""
    plans = {
        name: CorePlan(network, name, FAMILIES[family], 60.0, lanes, units, 1)
        for name, (lanes, units) in knobs.items()
    }
    return Design(network, FAMILIES[family], 60.0, plans)


def check(design, inputs, seed=0):
    """``inputs`` are of one sample; the cycles, which are those of the hardware."""
    sent = sent_events(design.network, inputs)
    events = {name: [np.flatnonzero(step) for step in steps[0]] for name, steps in sent.items()}
    cycles = token_cycles(design.plans, events)
    assert cycles == replay(design, inputs, seed=seed)
    return cycles


@settings(derandomize=True, deadline=None, max_examples=6)
@given(seed=st.integers(0, 10**6), family=st.sampled_from(sorted(FAMILIES)), held=st.booleans())
def test_random_networks(seed, family, held):
    """Several inputs, ways round, recurrence, delays, graded events, readouts, any knobs."""
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    if held:
        network = networks.holding(rng, network)
    design = networks.random_design(rng, network)
    plans = {n: replace(p, family=FAMILIES[family]) if p.accumulators != "blocks" else p
             for n, p in design.plans.items()}  # fmt: skip
    inputs = networks.random_samples(rng, network, 1, int(rng.integers(1, 5)))
    check(replace(design, plans=plans), inputs, seed)


def relay(size):
    """Some of 24 inputs make 4 neurons fire, which ``size`` others hear."""
    lif = LIF(Range.signed(8))
    return Network(
        (Input("i", (24,)),),
        (Population("a", 4, lif, {"threshold": 1}), Population("b", size, lif, {"threshold": 6})),
        (
            Projection("i", "a", np.eye(4, 24, dtype=int)),
            Projection("a", "b", np.ones((size, 4), dtype=int)),
        ),
        Output("b"),
    )


def test_a_slow_core_holds_up_the_one_before_it():
    """First ``a`` fires and waits for ``b``; then it has to work itself, and is ahead of ``b`` by
    what its emitter's queue takes only. Were there room for all, 865 cycles would do."""
    design = design_of(relay(16), "ice40hx", a=(1, 1), b=(1, 1))
    inputs = np.zeros((1, 16, 24), dtype=int)
    inputs[0, :8, :4] = inputs[0, 8:, 4:] = 1
    assert check(design, inputs) == 1024


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("knobs", [(1, 1), (4, 1), (4, 4)], ids=str)
def test_slow_later_cores(family, knobs):
    """Bursts of events, through queues of one entry and of several."""
    rng = np.random.default_rng(1)
    inputs = (rng.random((1, 6, 24)) < rng.random((6, 1))).astype(int)
    check(design_of(relay(10), family, a=knobs, b=(1, 1)), inputs)


def test_a_way_round_a_core():
    """What comes directly waits in front of ``b`` for the step's events of ``a``, until its queue
    is full and holds the input up. In a queue without end, 171 cycles would do."""
    network = relay(10)
    direct = Projection("i", "b", np.ones((10, 24), dtype=int))
    network = replace(network, projections=(*network.projections, direct))
    design = design_of(network, "ecp5", a=(4, 4), b=(10, 2))
    assert check(design, np.ones((1, 4, 24), dtype=int)) == 174


def test_a_silent_step_still_takes_its_sweep():
    plans = design_of(relay(12), "ecp5", a=(4, 4), b=(4, 2)).plans
    cycles = [
        token_cycles(plans, {name: [()] * steps for name in ("i", "a", "b")}) for steps in (6, 7)
    ]
    assert cycles[1] - cycles[0] == max(plan.sweep_interval for plan in plans.values())

"""Cycles from mean activity, beside those of the simulated hardware."""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
from replay import replay

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.hls_model.reference import events_per_step
from spikeloom.rtl.cycles import sample_cycles, step_cycles
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan


def network_of(size, sources):
    weights = np.random.default_rng(0).integers(-8, 8, (size, sources))
    return Network(
        (Input("i", (sources,)),),
        (Population("p", size, LIF(Range.signed(12)), {"threshold": 30}),),
        (Projection("i", "p", weights),),
        Output("p"),
    )


def test_cycles_of_a_step():
    plan = CorePlan(network_of(24, 40), "p", FAMILIES["ice40hx"], 60.0, 6, 2, 1)
    assert (plan.slots, plan.sweep) == (4, 12)
    assert step_cycles(plan, {"i": 10}) == 10 * 4 + plan.issue_cycles
    assert step_cycles(plan, {"i": 0}) == plan.sweep_interval
    pairs = replace(plan, events_per_cycle=2)
    assert step_cycles(pairs, {"i": 10}) == 5 * 4 + plan.issue_cycles
    # A tenth of the sources when nothing else is known.
    assert step_cycles(plan) == 4 * 4 + plan.issue_cycles


def test_cycles_are_those_of_the_hardware():
    """Dense steps: the simulated core takes what is estimated, within a few cycles of latency."""
    network = network_of(12, 20)
    design = networks.design_of(network, p=(4, 2, 1))
    steps = 20
    cycles = replay(design, {"i": np.ones((1, steps, 20), dtype=int)})
    estimated = steps * step_cycles(design.plans["p"], {"i": 20})
    assert estimated <= cycles <= estimated * 1.05 + 60


@pytest.mark.parametrize("knobs", [(4, 2, 1), (12, 1, 1)], ids=["events", "sweeps"])
def test_cycles_with_a_held_input_are_those_of_the_hardware(knobs):
    """Its events cost cycles once, whether steps are then as long as their sweeps or not."""
    network = network_of(12, 20)
    network = replace(network, inputs=(replace(network.inputs[0], held=True),))
    design = networks.design_of(network, p=knobs)
    plan, steps = design.plans["p"], 20
    samples = np.ones((1, steps, 20), dtype=int)
    activity = events_per_step(network, samples)
    assert activity["i"] == 20 / steps
    cycles = replay(design, {"i": samples})
    estimated = sample_cycles([plan], steps, activity)
    assert estimated == pytest.approx(cycles, rel=0.05, abs=40)
    assert cycles == pytest.approx(20 * plan.slots + steps * plan.sweep_interval, abs=60)

"""Estimates: golden blocks, and figures that move the right way with the knobs."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from replay import replay

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.estimate import blocks_for, estimate, step_cycles
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan


@pytest.mark.parametrize(
    ("family", "words", "bits", "blocks"),
    [
        ("ice40hx", 256, 16, 1), ("ice40hx", 257, 16, 2), ("ice40hx", 2048, 2, 1),
        ("ice40hx", 64, 33, 3), ("ecp5", 1024, 18, 1), ("ecp5", 16384, 1, 1),
        ("gowin", 512, 36, 1), ("gowin", 512, 37, 2),
    ],
)  # fmt: skip
def test_blocks(family, words, bits, blocks):
    assert blocks_for(FAMILIES[family], words, bits) == blocks


def network_of(size=24, sources=40, bits=4, events=None):
    weights = np.random.default_rng(0).integers(-(1 << bits - 1), 1 << bits - 1, (size, sources))
    return Network(
        (Input("i", (sources,), events or Range(0, 1)),),
        (Population("p", size, LIF(Range.signed(12)), {"threshold": 30}),),
        (Projection("i", "p", weights, bits=bits),),
        Output("p"),
    )


def plan_of(knobs=(24, 1, 1), family="ice40hx", **fields):
    return CorePlan(network_of(**fields), "p", FAMILIES[family], 60.0, *knobs)


def test_units_cost_logic():
    luts = [estimate(plan_of((24, units, 1))).luts for units in (1, 4, 24)]
    assert luts == sorted(luts)
    assert luts[-1] > luts[0]


def test_weights_cost_blocks():
    few, more = (estimate(plan_of(bits=bits)).blocks for bits in (2, 8))
    assert more > few
    wide = estimate(plan_of(sources=4000)).blocks
    assert wide > few


def test_products_cost_logic():
    assert estimate(plan_of(events=Range(-8, 7))).luts > estimate(plan_of()).luts


def test_cycles_of_a_step():
    plan = plan_of((6, 2, 1))
    assert (plan.slots, plan.sweep) == (4, 12)
    assert step_cycles(plan, {"i": 10}) == 10 * 4 + plan.issue_cycles
    assert step_cycles(plan, {"i": 0}) == plan.sweep_interval
    # A tenth of the sources when nothing else is known.
    assert step_cycles(plan) == 4 * 4 + plan.issue_cycles


def test_cycles_are_those_of_the_hardware():
    """Dense steps: the simulated core takes what is estimated, within a few cycles of latency."""
    network = network_of(size=12, sources=20)
    design = networks.design_of(network, p=(4, 2, 1))
    steps = 20
    cycles = replay(design, {"i": np.ones((1, steps, 20), dtype=int)})
    estimated = steps * step_cycles(design.plans["p"], {"i": 20})
    assert estimated <= cycles <= estimated * 1.05 + 60

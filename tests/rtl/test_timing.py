"""Cycles from events alone, against those of the simulated hardware."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from replay import replay

from spikeloom.hls_model import (
    LIF,
    Input,
    Network,
    Output,
    Population,
    Projection,
    Range,
    simulate,
)
from spikeloom.rtl.design import Design
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.timing import token_cycles

STEPS = 6


def layers(rng, count, readout=False):
    """A chain of populations of 3 to 23 neurons, busy ones."""
    names = "iabcd"[: count + 1]
    sizes = dict(zip(names, map(int, rng.integers(3, 24, count + 1)), strict=True))
    return Network(
        (Input("i", (sizes["i"],)),),
        tuple(
            Population(name, sizes[name], LIF(Range.signed(10)), {"threshold": 6})
            for name in names[1:]
        ),
        tuple(
            Projection(a, b, rng.integers(-3, 6, (sizes[b], sizes[a])))
            for a, b in pairwise(names)
        ),
        Output(names[-1], "v" if readout else "events"),
    )


def with_loops(network, rng):
    """The same with recurrence, a longer delay and a way round."""
    *_, last = network.populations
    first = network.populations[0]

    def projection(source, target, delay=0):
        weights = rng.integers(-3, 4, (target.size, source.size))
        return Projection(source.name, target.name, weights, delay=delay)

    more = (projection(first, first, 1), projection(last, first, 2), projection(first, last, 1))
    return replace(network, projections=(*network.projections, *more))


def random_design(network, family, rng):
    plans = {}
    for p in network.populations:
        lanes = int(rng.integers(1, p.size + 1))
        units = int(rng.choice([u for u in range(1, lanes + 1) if lanes % u == 0]))
        plans[p.name] = CorePlan(network, p.name, FAMILIES[family], 60.0, lanes, units, 1)
    return Design(network, FAMILIES[family], 60.0, plans)


def check(design, inputs, seed):
    """``inputs`` are of one sample: [1, steps, size]."""
    spikes = simulate(design.network, inputs).spikes
    events = {name: [np.flatnonzero(step) for step in s[0]] for name, s in spikes.items()}
    (source,) = design.network.inputs
    sent = [np.flatnonzero(step) for step in inputs[0]]
    events["i"] = [sent[0], *[()] * (len(sent) - 1)] if source.held else sent
    assert token_cycles(design.plans, events) == replay(design, inputs, seed=seed)


@pytest.mark.parametrize("family", ["ecp5", "ice40hx", "gowin"])
@pytest.mark.parametrize("seed", range(4))
def test_layers(family, seed):
    rng = np.random.default_rng(seed)
    network = layers(rng, int(rng.integers(1, 4)), readout=seed == 3)
    inputs = (rng.random((1, STEPS, network.inputs[0].size)) < rng.random()).astype(int)
    check(random_design(network, family, rng), inputs, seed)


@pytest.mark.parametrize("family", ["ecp5", "gowin"])
@pytest.mark.parametrize("seed", range(3))
def test_several_streams(family, seed):
    rng = np.random.default_rng(seed)
    network = with_loops(layers(rng, 2), rng)
    inputs = (rng.random((1, STEPS, network.inputs[0].size)) < 0.5).astype(int)
    check(random_design(network, family, rng), inputs, seed)


@pytest.mark.parametrize("loops", [False, True])
def test_held_inputs(loops):
    rng = np.random.default_rng(1)
    network = layers(rng, 2)
    network = with_loops(network, rng) if loops else network
    network = replace(network, inputs=(replace(network.inputs[0], held=True),))
    inputs = np.repeat(rng.integers(0, 2, (1, 1, network.inputs[0].size)), STEPS, axis=1)
    check(random_design(network, "ecp5", rng), inputs, 0)


def test_a_silent_step_still_takes_its_sweep():
    rng = np.random.default_rng(0)
    network = layers(rng, 1)
    plans = random_design(network, "ecp5", rng).plans
    silent = {name: [()] * STEPS for name in ("i", "a")}
    longer = {name: [()] * (STEPS + 1) for name in ("i", "a")}
    more = token_cycles(plans, longer) - token_cycles(plans, silent)
    assert more == plans["a"].sweep_interval

"""Estimates: golden blocks, and figures that move the right way with the knobs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spikeloom.hls_model import (
    LIF,
    FineInput,
    Input,
    Integrator,
    Network,
    Output,
    Population,
    Projection,
    Range,
    ScaleLeak,
    ShiftLeak,
)
from spikeloom.rtl.design import Design
from spikeloom.rtl.estimate import blocks_for, estimate
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


def classifier(sizes, hidden, readout, thresholds, offsets, weights):
    """An example's network as its checkpoint becomes it: finer membranes, own thresholds."""
    rng = np.random.default_rng(0)
    sources, size, classes = sizes
    own = {
        "threshold": np.linspace(*thresholds, size).astype(int),
        "offset": np.linspace(*offsets, size).astype(int),
    }
    return Network(
        (Input("i", (sources,)),),
        (
            Population("a", size, hidden, own),
            Population("b", classes, readout, {"offset": np.linspace(-27, 33, 10).astype(int)}),
        ),
        (
            Projection("i", "a", rng.choice(weights, (size, sources)), bits=4),
            Projection("a", "b", rng.choice(weights, (classes, size)), bits=4),
        ),
        Output("b", "v"),
    )


def mnist():
    hidden = FineInput(LIF(Range.signed(20), ShiftLeak((4,)), strict=True, delayed=True), 5)
    readout = FineInput(Integrator(Range.signed(14), ShiftLeak((5,))), 2)
    return classifier((784, 128, 10), hidden, readout, (534, 2439), (-654, 226), [-7, -5, 5, 7])


def digits():
    hidden = FineInput(LIF(Range.signed(15), ShiftLeak((3,)), strict=True, delayed=True), 5)
    readout = FineInput(Integrator(Range.signed(12), ShiftLeak((5,))), 3)
    return classifier((64, 48, 10), hidden, readout, (250, 737), (-123, 79), [-4, -3, 3, 4])


def semg():
    """The published sEMG network's shape and neurons."""
    rng = np.random.default_rng(0)
    neuron = LIF(Range.signed(16), ScaleLeak(12, "trunc"), reset="value")
    sizes = (32, 64, 128, 64, 12)
    names = "iabcd"
    values = {"threshold": 17, "reset_value": 0, "beta": 4054}
    return Network(
        (Input("i", (32,)),),
        tuple(Population(names[n], sizes[n], neuron, values) for n in range(1, 5)),
        tuple(
            Projection(
                names[n], names[n + 1], rng.integers(-30, 31, (sizes[n + 1], sizes[n])), bits=8
            )
            for n in range(4)
        ),
        Output("d", "v"),
    )


# Tables, block RAMs and multipliers of the whole bitstream as nextpnr packs it, at the commit that
# wrote these lines, with Yosys 0.70 and nextpnr 0.11.1. Of a Gowin its "LUT4", which adders and
# memories are in, and the registers that it has not paired with a table: they take its place.
MEMORY, SPRAM = "memory", "spram"
BUILDS = {
    "small mnist, ecp5": (
        mnist, "ecp5", 125.0, [(13, 1, 1, "blocks"), (1, 1, 1, MEMORY)], 930, 46, 0
    ),
    "mnist, ecp5": (mnist, "ecp5", 150.0, [(128, 4, 32), (10, 1, 2)], 3853, 46, 0),
    "mnist with more units, ecp5": (
        mnist, "ecp5", 150.0, [(128, 8, 16), (10, 5, 2)], 4571, 57, 0
    ),
    "mnist with fewer lanes, ecp5": (
        mnist, "ecp5", 125.0, [(32, 4, 8), (10, 2, 1)], 3270, 48, 0
    ),
    "digits, ecp5": (digits, "ecp5", 100.0, [(48, 6, 8), (10, 5, 2)], 2210, 26, 0),
    "semg, ecp5": (
        semg, "ecp5", 100.0, [(16, 4, 1, MEMORY), (45, 9, 5), (64, 4, 16), (6, 1, 2)],
        5682, 54, 18,
    ),
    "mnist, up5k": (
        mnist, "ice40up", 42.0, [(13, 1, 1, MEMORY, SPRAM), (1, 1, 1, MEMORY)], 1718, 29, 0
    ),
    "semg, up5k": (
        semg, "ice40up", 30.0,
        [(1, 1, 1, MEMORY), (4, 1, 1, MEMORY, SPRAM), (4, 1, 1, MEMORY, SPRAM),
         (1, 1, 1, MEMORY)], 2025, 29, 4,
    ),
    "semg with more units, up5k": (
        semg, "ice40up", 30.0,
        [(1, 1, 1, MEMORY), (4, 2, 1, MEMORY, SPRAM), (4, 1, 1, MEMORY, SPRAM),
         (1, 1, 1, MEMORY)], 2177, 30, 5,
    ),
    "semg, hx8k": (
        semg, "ice40hx", 60.0, [(2, 1, 1, MEMORY), (2, 1, 1, MEMORY), (4, 2, 1, MEMORY),
        (12, 2, 3)], 4126, 67, 0,
    ),
    "mnist, gowin": (mnist, "gowin", 54.0, [(27, 3, 1, MEMORY), (1, 1, 1, MEMORY)], 5596, 26, 0),
    "mnist with more units, gowin": (
        mnist, "gowin", 54.0, [(27, 9, 1, MEMORY), (1, 1, 1, MEMORY)], 7033, 26, 0
    ),
    "mnist with most units, gowin": (
        mnist, "gowin", 54.0, [(26, 13, 1, MEMORY), (1, 1, 1, MEMORY)], 7855, 26, 0
    ),
    "semg, gowin": (
        semg, "gowin", 54.0, [(16, 2, 1, MEMORY), (16, 2, 1, MEMORY), (16, 4, 2), (12, 1, 2)],
        9123, 14, 9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("build", BUILDS)
def test_estimates_are_what_synthesis_gave(build):
    make, family, mhz, knobs, luts, blocks, multipliers = BUILDS[build]
    network = make()
    plans = {
        p.name: CorePlan(network, p.name, FAMILIES[family], mhz, *knob)
        for p, knob in zip(network.populations, knobs, strict=True)
    }
    expected = Design(network, FAMILIES[family], mhz, plans).estimate()
    assert expected["lut4"] == pytest.approx(luts, rel=0.15)
    assert (expected["bram"], expected["dsp"]) == (blocks, multipliers)


@pytest.mark.parametrize(
    ("build", "rams"),
    [
        ("mnist, gowin", 175),
        ("mnist with more units, gowin", 167),
        ("mnist with most units, gowin", 179),
        ("semg, gowin", 212),
    ],
)
def test_look_up_table_rams_are_those_that_synthesis_gave(build, rams):
    make, family, mhz, knobs, *_ = BUILDS[build]
    network = make()
    plans = {
        p.name: CorePlan(network, p.name, FAMILIES[family], mhz, *knob)
        for p, knob in zip(network.populations, knobs, strict=True)
    }
    assert Design(network, FAMILIES[family], mhz, plans).estimate()["lutram"] == rams


def test_what_held_inputs_add_to_is_kept_in_more_tables_or_memory():
    network = network_of(size=32, sources=20)
    loop = Projection("p", "p", np.ones((32, 32), dtype=int), delay=1)
    network = replace(network, projections=(*network.projections, loop))
    held = replace(network, inputs=(replace(network.inputs[0], held=True),))
    for family in ("ecp5", "ice40up"):
        for knobs in ((8, 2, 1, "registers"), (8, 2, 1, "memory")):
            without, kept = (
                estimate(CorePlan(n, "p", FAMILIES[family], 30.0, *knobs)) for n in (network, held)
            )
            assert kept.luts > without.luts
            more = kept.blocks - without.blocks
            assert bool(more) == (family == "ice40up" and knobs[3] == "memory")

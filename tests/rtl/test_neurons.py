"""Every model of the library in hardware: recurrent, graded, and on each family."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from replay import replay

from spikeloom.hls_model import (
    LIF,
    AdaptiveLIF,
    CubaLIF,
    FineInput,
    GatedUnit,
    GradedLIF,
    Grading,
    Input,
    MultiSpikeLIF,
    Network,
    Output,
    Population,
    Projection,
    Range,
    ScaleLeak,
    ShiftLeak,
    SigmoidTable,
)
from spikeloom.rtl.design import Design
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.fit import fit

V = Range.signed(14)
EACH = np.array([40, 25, 60, 31, 90, 33, 47])
CUBA = CubaLIF(V, ScaleLeak(8, "trunc", parameter="alpha"), LIF(V, ScaleLeak(8), reset="value"))
DECAYS = {"alpha": 200, "beta": 240, "reset_value": 0, "threshold": EACH}
GRADING = Grading(limit=31 << 2, shift=2, dead=3)
NEURONS = {
    "cuba": (CUBA, DECAYS),
    "fine cuba": (FineInput(CUBA, 2), DECAYS | {"offset": EACH - 40}),
    "adaptive": (
        AdaptiveLIF(V, Range.unsigned(7), ShiftLeak((3,)), ShiftLeak((2,))),
        {"threshold": EACH, "jump": 9},
    ),
    "lowered": (LIF(V, ShiftLeak((3,)), strict=True, lowered=True), {"threshold": EACH}),
    "delayed": (LIF(V, ShiftLeak((3,)), strict=True, delayed=True), {"threshold": EACH}),
    "multi-spike": (MultiSpikeLIF(V, 3, ShiftLeak((3,))), {"threshold": EACH}),
    "clamped": (
        MultiSpikeLIF(V, 2, ShiftLeak((3,)), clamped=True),
        {"threshold": EACH, "lowest": EACH - 70},
    ),
    "graded cuba": (CubaLIF(V, ShiftLeak((2,)), GradedLIF(V, GRADING)), {}),
    "multi-spike cuba": (
        CubaLIF(V, ScaleLeak(8, "trunc", parameter="alpha"), MultiSpikeLIF(V, 3, ScaleLeak(8))),
        {"alpha": 200, "beta": 240, "threshold": EACH},
    ),
    "graded": (GradedLIF(V, Grading(limit=31 << 2, shift=2, dead=3, signed=True)), {}),
    "gated": (GatedUnit(Range.unsigned(9), V, SigmoidTable(4, 3, 4, 6), GRADING), {}),
}


def recurrent(neuron, parameters):
    """Seven neurons, each port with an input and a loop."""
    rng = np.random.default_rng(1)
    projections = []
    for port in neuron.ports:
        projections += [
            Projection("i", "n", rng.integers(-8, 16, (7, 9)), port=port),
            Projection("n", "n", rng.integers(-4, 4, (7, 7)), port=port, delay=1),
        ]
    population = Population("n", 7, neuron, parameters)
    return Network((Input("i", (9,)),), (population,), tuple(projections), Output("n"))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NEURONS)
def test_hardware_equals_the_reference(name, family):
    network = recurrent(*NEURONS[name])
    plans = fit(network, FAMILIES[family], 60.0, lanes=4, units=2)
    samples = networks.random_samples(np.random.default_rng(2), network, 3, 10)
    assert replay(Design(network, FAMILIES[family], 60.0, plans), samples, gaps=0.2, stalls=0.2)

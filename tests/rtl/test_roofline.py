"""The bound of a design, worked out by hand."""

from __future__ import annotations

import numpy as np

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.roofline import roofline

LIF12 = LIF(Range.signed(12))


def plans(lanes, units):
    """Five inputs, six hidden neurons that also hear themselves, two outputs."""
    network = Network(
        (Input("i", (5,)),),
        (Population("h", 6, LIF12, {"threshold": 3}), Population("o", 2, LIF12, {"threshold": 2})),
        (
            Projection("i", "h", np.ones((6, 5), int)),
            Projection("h", "h", np.ones((6, 6), int), delay=1),
            Projection("h", "o", np.ones((2, 6), int)),
        ),
        Output("o"),
    )
    family = FAMILIES["ecp5"]
    return {
        "h": CorePlan(network, "h", family, 60.0, lanes, units, 1),
        "o": CorePlan(network, "o", family, 60.0, 2, 1, 1),
    }


EVENTS = {"i": [3.0, 1.0, 2.0], "h": [4.0, 0.0, 1.0], "o": [1.0, 0.0, 0.0]}


def test_golden():
    result = roofline(plans(lanes=3, units=1), EVENTS, cycles=60.0)
    hidden, output = result.cores
    # Six events from outside and four of its own; those of the last step never arrive.
    assert (hidden.events, hidden.memory, hidden.sweep) == (10, 20, 18)
    assert (output.events, output.memory, output.sweep) == (5, 5, 6)
    assert (result.slowest.overlapped, result.serial_cycles) == (20, 38)
    assert result.limit == "weight memory of h"
    assert result.operations == 10 * 6 + 5 * 2
    assert result.dense_operations == 3 * 30 + 2 * 36 + 3 * 12
    figures = result.as_dict()
    assert figures["ratio"] == 60 / 38
    assert figures["overlapped_ratio"] == 3
    assert figures["operations_per_cycle"] == 70 / 60


def test_sweeps_can_bind():
    assert roofline(plans(6, 1), EVENTS, 30.0).limit == "sweep of h"

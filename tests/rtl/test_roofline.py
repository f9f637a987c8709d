"""The bound of a design, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.protocol import MAX_BODY, OVERHEAD, encode_frame
from spikeloom.rtl.roofline import LinkBytes, link_bytes, roofline
from spikeloom.rtl.tokens import TokenFormat

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


def test_two_events_are_read_in_a_cycle():
    network = Network(
        (Input("i", (5,)),),
        (Population("h", 6, LIF12, {"threshold": 3}),),
        (Projection("i", "h", np.ones((6, 5), int)),),
        Output("h"),
    )
    plan = CorePlan(network, "h", FAMILIES["ecp5"], 60.0, 2, 1, 1, events_per_cycle=2)
    result = roofline({"h": plan}, EVENTS, cycles=30.0)
    assert (result.cores[0].events, result.cores[0].memory) == (6, 6 * 3 / 2)
    assert result.operations == 6 * 6


def test_sweeps_can_bind():
    assert roofline(plans(6, 1), EVENTS, 30.0).limit == "sweep of h"


def test_link_golden():
    network = plans(6, 1)["h"].network
    found = link_bytes(network, EVENTS)
    # Events and ends of three steps, a byte each; one event leaves.
    assert found.received == (6 + 3) * (1 + OVERHEAD / MAX_BODY)
    assert found.sent == (1 + 3) * (1 + OVERHEAD / MAX_BODY)
    assert LinkBytes(20.0, 30.0).seconds(baud=100) == 3


def test_link_counts_what_frames_carry():
    """Graded events on several pages, every page in use, as bytes on the wire."""
    values = Range(-100, 100)
    network = Network(
        (Input("i", (300,), values),),
        (Population("o", 3, LIF12, {"threshold": 3}),),
        (Projection("i", "o", np.ones((3, 300), int)),),
        Output("o", "v"),
    )
    addresses = np.arange(0, 300, 5)
    format = TokenFormat(300, values)
    code = b""
    for page, run in format.runs(addresses, np.full(60, -7)):
        code += (format.page_code(page) if page else b"") + run
    code += format.end_code(True)
    found = link_bytes(network, {"i": [60.0], "o": [0.0]})
    bodies = [code[start : start + MAX_BODY] for start in range(0, len(code), MAX_BODY)]
    wire = sum(len(encode_frame(2, 0, body)) for body in bodies)
    # The last frame is not full.
    assert wire * 0.95 < found.received <= wire
    assert found.sent == (1 + 3 * 3) * (1 + OVERHEAD / MAX_BODY)


def test_links_take_one_input_and_one_output():
    network = plans(6, 1)["h"].network
    tapped = replace(network, taps=(Output("h"),))
    assert link_bytes(tapped, EVENTS) is None

"""The first difference, from what checkers report."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.hls_model.samples import InputEvents
from spikeloom.sim.mismatch import first_difference


@pytest.fixture(scope="module")
def design():
    lif = LIF(Range.signed(4))
    network = Network(
        (Input("i", (1,)),),
        (
            Population("a", 4, lif, {"threshold": 3}),
            Population("b", 6, networks.Graded(Range.signed(6), 1, 5, 0)),
        ),
        (Projection("i", "a", np.ones((4, 1), int)), Projection("a", "b", np.ones((6, 4), int))),
        Output("b"),
    )
    return networks.design_of(network, a=(2, 2, 1), b=(3, 3, 1))


EVENTS = InputEvents(np.zeros((3, 5, 1), dtype=int), steps=5)


def checker(count, expected, observed):
    return {
        "failed": True,
        "count": count,
        "expected": hex(expected),
        "observed": hex(observed),
    }


def test_state_of_the_second_unit(design):
    # a's entries: two event bits, then two states of four bits; two entries per step.
    failed = {"a": checker(2 * (1 * 5 + 3) + 1, 0b1001_0010_00, 0b0111_0010_00)}
    assert first_difference(design, failed, EVENTS) == (
        "the RTL differs from the reference first at sample 1, step 3, population 'a', neuron 3: "
        "its state 'v' is 7 and should be -7; rerun with --waves to see it"
    )


def test_events_come_before_states(design):
    failed = {"a": checker(0, 0b0001_0010_01, 0b0111_0010_10)}
    assert "sample 0, step 0, population 'a', neuron 0: its event is 0 and should be 1;" in (
        first_difference(design, failed, EVENTS)
    )


def test_graded_events_are_signed(design):
    failed = {"b": checker(2 * 4 + 1, 0b1011 << 4, 0b0011 << 4)}
    assert "sample 0, step 4, population 'b', neuron 4: its event is 3 and should be -5;" in (
        first_difference(design, failed, EVENTS)
    )


def test_the_earliest_step_counts_and_then_the_order_of_populations(design):
    a, b = checker(2 * 4, 0, 1), checker(2 * 3, 0, 1)
    output = checker(9, 0, 1)
    assert "step 3, population 'b'" in (
        first_difference(design, {"a": a, "b": b, "0o": output}, EVENTS)
    )
    b = checker(2 * 4, 0, 1)
    assert "step 4, population 'a'" in first_difference(design, {"b": b, "a": a}, EVENTS)


def test_output_alone(design):
    assert first_difference(design, {"0o": checker(9, 0x1F, 0x2)}, EVENTS) == (
        "the output's token 9 is 0x2 in the RTL and 0x1f in the reference, while all neurons "
        "agree; rerun with --waves"
    )


def test_results_after_the_last_step(design):
    failed = {"a": checker(2 * 5 * 3, 0, 0)}
    assert "results of population 'a' after its last step" in (
        first_difference(design, failed, EVENTS)
    )

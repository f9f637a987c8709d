"""Quantizing into given words: steps become as much coarser as they must."""

from __future__ import annotations

import numpy as np

from spikeloom.hls_model import LIF, Output, Range
from spikeloom.quant import (
    DECAY,
    REAL,
    Graph,
    Input,
    Population,
    Projection,
    Room,
    quantize_with_report,
)
from spikeloom.quant.room import coarsened

WEIGHTS = np.array([[1.0, 0.5, -1.0], [0.25, 0.25, 0.25]])
ROOM = Room(0, {"v": Range.signed(9)}, threshold=15, sums=Range.signed(5))


def test_steps_that_fit_stay():
    steps = np.array([1 / 7, 0.25 / 7])
    small = np.array([1.0, 0.25])
    roomy = Room(0, {}, threshold=63, sums=Range.signed(8))
    assert (coarsened(steps, roomy, small, [(WEIGHTS, 7)], False) == steps).all()


def test_thresholds_and_sums_fit_afterwards():
    steps = coarsened(
        np.array([1 / 7, 0.25 / 7]), ROOM, np.array([1.0, 2.0]), [(WEIGHTS, 7)], False
    )
    assert steps[0] == 1 / 7  # sums of -7 to 11, a threshold of 7
    assert np.isclose(steps[1], 2.0 / 15.499)
    # Sums of 21 must come down to 15.
    steps = coarsened(
        np.full(2, 0.25 / 7), ROOM, np.zeros(2), [(np.tile(WEIGHTS[1], (2, 1)), 7)], 0
    )
    assert np.rint(0.25 / steps[0]) == 5
    # The lower end counts as well, and one scale is that of the neediest.
    shared = coarsened(
        np.array([1.0, 0.25]) / 7, ROOM, np.array([1.0, 2.0]), [(-WEIGHTS, 7)], one_scale=True
    )
    assert shared[0] / shared[1] == 4.0


def test_a_network_gets_the_words():
    graph = Graph(
        inputs=(Input("input", (3,)),),
        populations=(
            Population("out", 2, LIF(REAL, DECAY), {"beta": 0.5, "threshold": [1.0, 2.0]}),
        ),
        projections=(Projection("input", "out", WEIGHTS),),
        output=Output("out"),
    )
    samples = np.random.default_rng(0).integers(0, 2, (4, 6, 3))
    room = Room(2, {"v": Range.signed(9)}, threshold=60, sums=Range(-16, 15))
    network = quantize_with_report(
        graph, calibration=samples, weight_bits=4, room={"out": room}
    ).network
    out = network.population("out")
    assert out.neuron.states() == {"v": Range.signed(9)}
    assert out.neuron.bits == 2
    assert int(np.max(out.parameters["threshold"])) == 60
    assert network.accumulator_range("out") in room.sums

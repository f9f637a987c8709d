"""What ``generate`` is asked for: a goal and its bound, and a board with its memories."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from spikeloom.boards.design import generate
from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.hls_model.errors import FitError


@pytest.fixture(scope="module")
def network():
    return networks.random_network(np.random.default_rng(3))


def test_area_is_not_larger_than_latency(network):
    small = generate(network, "ulx3s-25f", fit="area", max_latency_us=1e6, steps=10)
    fast = generate(network, "ulx3s-25f")
    assert small.estimate()["lut4"] <= fast.estimate()["lut4"]
    assert small.estimate()["cycles_per_sample"] is None
    names = [i.name for i in network.inputs] + [p.name for p in network.populations]
    silent = [{name: [()] * steps for name in names} for steps in (10, 12)]
    shorter, longer = (small.estimate([sample])["cycles_per_sample"] for sample in silent)
    assert small.estimate(silent)["cycles_per_sample"] == (shorter + longer) / 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fit": "speed"}, "fit must be 'latency' or 'area', not 'speed'"),
        ({"max_latency_us": 5}, "max_latency_us bounds the latency of fit='area'; give both"),
        ({"fit": "area"}, "must have a max_latency_us above 0 to keep to, not None"),
        ({"fit": "area", "max_latency_us": 0}, "must have a max_latency_us above 0"),
        ({"fit": "area", "max_latency_us": 5}, "must know the steps of a sample, at least 1, not"),
    ],
)
def test_senseless_goals(network, options, message):
    with pytest.raises(FitError, match=message):
        generate(network, "ulx3s-25f", **options)


def test_a_gowin_is_given_part_of_its_look_up_table_rams():
    """States of 72 units lie side by side in 216 of the device's 270."""
    network = Network(
        (Input("i", (8,)),),
        (Population("p", 144, LIF(Range.signed(12)), {"threshold": 30}),),
        (Projection("i", "p", np.ones((144, 8), dtype=int), bits=2),),
        Output("p"),
    )
    with pytest.raises(FitError, match=r"at least 2\d\d look-up-table RAMs, and there are 189"):
        generate(network, "tangnano9k", lanes=72, units=72)
    assert generate(network, "tangnano9k").estimate()["lutram"] <= 189

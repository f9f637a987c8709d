"""Level torch: integer networks on tensors equal the reference on every spike and state word."""

from __future__ import annotations

import library
import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import (
    LIF,
    Input,
    Network,
    NoLeak,
    Output,
    Population,
    Projection,
    Range,
    simulate,
)
from spikeloom.hls_model.errors import RangeError
from spikeloom.quant import torch_network
from spikeloom.quant.torch_network import torch_simulate


def assert_equal(a, b):
    assert np.array_equal(a.readout, b.readout)
    assert a.spikes.keys() == b.spikes.keys()
    for name, spikes in a.spikes.items():
        assert np.array_equal(spikes, b.spikes[name]), name
        for word, states in a.states[name].items():
            assert np.array_equal(states, b.states[name][word]), (name, word)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    samples = networks.random_samples(rng, network, 3, 7)
    assert_equal(simulate(network, samples), torch_simulate(network, samples))


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("name", library.NEURONS)
def test_library(name, loop):
    network = library.recurrent(*library.NEURONS[name], loop=loop)
    samples = library.spikes()
    expected = simulate(network, samples)
    assert_equal(expected, torch_simulate(network, samples))
    assert name == "integrator" or len(np.unique(expected.spikes["n"])) > 1


def test_batches_and_held_inputs(monkeypatch):
    network = library.recurrent(*library.NEURONS["lif"])
    samples = library.spikes(7)[:, 0]
    expected = simulate(network, samples, steps=5)
    monkeypatch.setattr(torch_network, "_BATCH_ELEMENTS", 2 * 5 * library.SOURCES)
    assert_equal(expected, torch_simulate(network, samples, steps=5))
    alone = torch_simulate(network, samples, steps=5, record=False)
    assert (alone.spikes, alone.states) == ({}, {})
    assert np.array_equal(alone.readout, expected.readout)


def wide(weight, events):
    return Network(
        (Input("i", (3,), Range(0, events)),),
        (Population("n", 1, LIF(Range.signed(60), NoLeak()), {"threshold": 1}),),
        (Projection("i", "n", np.full((1, 3), weight)),),
        Output("n"),
    )


def test_more_than_floating_point_holds_is_refused():
    with pytest.raises(RangeError, match=r"'n' needs integers of \d+ bits, and PyTorch's floating"):
        torch_simulate(wide(1, 1), np.ones((1, 1, 3), int))

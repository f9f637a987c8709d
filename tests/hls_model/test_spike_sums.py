"""Sums of spikes, event by event: against integer products and Python loops."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import (
    Input,
    Integrator,
    Network,
    Output,
    Population,
    Projection,
    Range,
    reference,
    simulate,
)
from spikeloom.hls_model.plain import simulate_plainly
from spikeloom.hls_model.spike_sums import spike_sums


def test_rows_of_active_sources_are_added():
    weights = np.array([[1, 2, 3, 4], [10, 20, 30, 40]], dtype=np.int8)
    spikes = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1], [1, 1, 1, 0], [1, 1, 1, 1]])
    sums = spike_sums(spikes.astype(np.int8), weights, np.int16)
    assert sums.dtype == np.int16
    assert sums.tolist() == [[0, 0], [2, 20], [5, 50], [6, 60], [10, 100]]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    st.sampled_from([(8, np.int8, np.int16), (8, np.int8, np.int32), (16, np.int16, np.int32)]),
)
def test_equal_to_integer_products(seed, sources, targets, density, types):
    bits, stored, summed = types
    rng = np.random.default_rng(seed)
    weights = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (targets, sources)).astype(stored)
    spikes = (rng.random((7, sources)) < density).astype(np.int8)
    sums = spike_sums(spikes, weights, summed)
    np.testing.assert_array_equal(sums, spikes.astype(np.int64) @ weights.T.astype(np.int64))


def test_partial_sums_may_leave_the_type():
    """32,767 is the last that 16 bits hold; on the way there the sum passes it."""
    weights = np.array([[30_000, 30_000, -27_233]], dtype=np.int16)
    assert spike_sums(np.ones((1, 3), np.int8), weights, np.int16).tolist() == [[32_767]]


@pytest.fixture
def by_event(monkeypatch):
    monkeypatch.setattr(reference, "_REPAYS", -1)


@pytest.mark.parametrize("total", [2**14 - 1, 2**14, 2**15 - 1, 2**15])
@pytest.mark.usefixtures("by_event")
def test_worst_sums_of_a_network_choose_the_type(total):
    """16 bits hold the first, added to a membrane as large; beyond, neurons compute with 32."""
    row = np.ones(total, dtype=int)
    network = Network(
        (Input("i", (total,)),),
        (Population("p", 2, Integrator(Range(-total, total))),),
        (Projection("i", "p", np.stack([row, -row])),),
        Output("p", "v"),
    )
    readout = simulate(network, np.ones((1, 2, total), dtype=int)).readout
    assert readout.tolist() == [[total, -total]]


def assert_equal_results(one, other):
    np.testing.assert_array_equal(one.readout, other.readout)
    for name, spikes in one.spikes.items():
        np.testing.assert_array_equal(spikes, other.spikes[name])
        for word, values in one.states[name].items():
            np.testing.assert_array_equal(values, other.states[name][word])


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_random_networks_equal_python_loops(seed):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    samples = networks.random_samples(rng, network, 2, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_REPAYS", -1)
        assert_equal_results(simulate_plainly(network, samples), simulate(network, samples))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("by_event")
def test_batches_in_threads_stay_in_order(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    samples = networks.random_samples(rng, network, 23, 4)
    whole = simulate(network, samples)
    monkeypatch.setattr(reference, "_BATCH_ELEMENTS", 1)
    assert_equal_results(whole, simulate(network, samples))
    np.testing.assert_array_equal(simulate(network, samples, record=False).readout, whole.readout)


def test_only_large_simulations_load_the_compiler(monkeypatch):
    """It takes half a second to load, and the reference of a small network takes a hundredth."""
    calls = []
    monkeypatch.setattr(reference, "spike_sums", lambda *_: calls.append(1) or spike_sums(*_))
    rng = np.random.default_rng(0)
    network = networks.random_network(rng)
    samples = networks.random_samples(rng, network, 2, 4)
    simulate(network, samples)
    assert not calls

"""The reference: against Python loops, exact at every precision, bounded in memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import naive
import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.semg.network import data_file, network_of
from spikeloom.hls_model import (
    BOOL,
    LIF,
    Input,
    Integrator,
    Network,
    Output,
    Population,
    Projection,
    Range,
    ScaleLeak,
    reference,
    simulate,
)
from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.reference import exact_product

SEEDS = range(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_equal_python_loops(seed):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    samples = networks.random_samples(rng, network, 2, 6)
    result = simulate(network, samples)
    for index in range(2):
        flat = {i.name: samples[i.name][index].reshape(6, -1).tolist() for i in network.inputs}
        events, states = naive.simulate(network, flat)
        for population in network.populations:
            name = population.name
            assert result.spikes[name][index].tolist() == events[name]
            for word in population.neuron.states():
                expected = [[s[word] for s in step] for step in states[name]]
                assert result.states[name][word][index].tolist() == expected


def test_random_networks_do_fire():
    """The networks above would prove little if they were silent."""
    active = 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        network = networks.random_network(rng)
        spikes = simulate(network, networks.random_samples(rng, network, 2, 6)).spikes
        active += any((0.02 < (s != 0).mean() < 0.98) for s in spikes.values())
    assert active > len(SEEDS) * 0.6


@pytest.mark.parametrize("seed", range(5))
def test_batches_do_not_matter(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    samples = networks.random_samples(rng, network, 7, 5)
    whole = simulate(network, samples)
    monkeypatch.setattr(reference, "_BATCH_ELEMENTS", 1)
    split = simulate(network, samples)
    alone = simulate(network, {n: s[3:4] for n, s in samples.items()})
    for name, spikes in whole.spikes.items():
        np.testing.assert_array_equal(split.spikes[name], spikes)
        np.testing.assert_array_equal(alone.spikes[name][0], spikes[3])
        for word, values in whole.states[name].items():
            np.testing.assert_array_equal(split.states[name][word], values)
    np.testing.assert_array_equal(split.readout, whole.readout)


def test_held_input_equals_repeated_steps():
    rng = np.random.default_rng(3)
    network = small_network(rng, Range(-4, 9))
    held = rng.integers(-4, 10, (5, 6))
    once = simulate(network, held, steps=7)
    repeated = simulate(network, np.repeat(held[:, None], 7, axis=1))
    np.testing.assert_array_equal(once.spikes["p"], repeated.spikes["p"])
    np.testing.assert_array_equal(once.readout, repeated.readout)


def small_network(rng, events=BOOL, **population):
    weights = rng.integers(-20, 30, (4, 6))
    lif = LIF(Range.signed(12))
    return Network(
        (Input("i", (6,), events),),
        (Population("p", 4, lif, {"threshold": 25}, **population),),
        (Projection("i", "p", weights),),
        Output("p"),
    )


def test_readout_counts_events_and_prediction_is_the_lowest_index_of_the_largest():
    network = small_network(np.random.default_rng(0))
    samples = np.ones((1, 9, 6), dtype=int)
    result = simulate(network, samples)
    np.testing.assert_array_equal(result.readout, result.spikes["p"].sum(axis=1))
    tie = replace(result, readout=np.array([[1, 7, 7, 0], [0, 0, 0, 0]]))
    assert tie.predictions.tolist() == [1, 0]


def test_readout_of_a_state_is_its_last_value():
    network = small_network(np.random.default_rng(0))
    network = Network(network.inputs, network.populations, network.projections, Output("p", "v"))
    result = simulate(network, np.ones((2, 5, 6), dtype=int))
    np.testing.assert_array_equal(result.readout, result.states["p"]["v"][:, -1])


def test_initial_state_begins_every_sample():
    network = small_network(np.random.default_rng(0), initial={"v": 24})
    result = simulate(network, np.zeros((3, 2, 6), dtype=int))
    assert (result.states["p"]["v"] == 24).all()


@pytest.mark.parametrize(
    ("weight", "largest", "sources", "dtype"),
    [
        (127, 1, 132_105, np.float32),  # Σ|w| = 2**24 − 7
        (127, 1, 132_106, np.float64),  # beyond: float32 would lose ones
        (2**31 - 1, 2**20, 3, np.float64),
        (2**31 - 1, 2**20, 6, np.int64),
        (2**40, 2**20, 3, np.int64),
    ],
)
def test_products_are_exact_at_every_precision(weight, largest, sources, dtype):
    """At the bound of each type, with an odd sum that a shorter significand would round."""
    weights = np.full((2, sources), weight, dtype=np.int64)
    weights[1] = -weight
    weights[:, -1] = 1
    events = np.full((2, sources), largest, dtype=np.int64)
    events[1, -1] = 0
    product = exact_product(events, weights, largest)
    assert product.dtype == dtype
    all_but_one = weight * largest * (sources - 1)
    expected = [[all_but_one + largest, -all_but_one + largest], [all_but_one, -all_but_one]]
    assert product.astype(object).tolist() == expected


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 8, 20, 31]), st.sampled_from([1, 7, 2**15]))
def test_products_equal_integer_products(seed, bits, largest):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (5, 40))
    events = rng.integers(-largest, largest + 1, (6, 40))
    product = exact_product(events, weights, largest)
    np.testing.assert_array_equal(product.astype(np.int64), events @ weights.T)


def test_thresholds_that_are_never_reached_need_no_wider_membrane():
    network = Network(
        (Input("i", (1,)),),
        (Population("p", 1, LIF(Range.signed(4)), {"threshold": 40_000}),),
        (Projection("i", "p", np.array([[1]])),),
        Output("p", "v"),
    )
    assert simulate(network, np.ones((1, 9, 1), dtype=int)).readout.tolist() == [[7]]


def test_more_than_64_bits_are_refused():
    neuron = LIF(Range.signed(40), ScaleLeak(30))
    network = Network(
        (Input("i", (1,)),),
        (Population("p", 1, neuron, {"threshold": 1, "beta": 2**30}),),
        (Projection("i", "p", np.array([[1]])),),
        Output("p"),
    )
    with pytest.raises(RangeError, match=r"'p' needs integers of 70 bits, and the reference"):
        simulate(network, np.ones((1, 1, 1), dtype=int))


def test_memory_without_record_does_not_grow_with_the_samples():
    rng = np.random.default_rng(0)
    network = Network(
        (Input("i", (64,)),),
        (Population("p", 256, Integrator(Range.signed(20))),),
        (Projection("i", "p", rng.integers(-8, 8, (256, 64))),),
        Output("p", "v"),
    )
    samples = rng.integers(0, 2, (64, 25, 64), dtype=np.int8)

    def peak(count: int) -> int:
        tracemalloc.start()
        result = simulate(network, samples[:count], record=False)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert result.spikes == {}
        assert result.states == {}
        return most

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_BATCH_ELEMENTS", 4 * 25 * 256)
        assert peak(64) < 1.5 * peak(8)


@pytest.fixture(scope="module")
def semg():
    path = data_file()
    if not path.exists():
        pytest.skip(f"no sEMG data at {path}; set SPIKELOOM_DATA")
    return np.load(path)


def test_published_semg_network_is_met_exactly(semg):
    """Four layers of an accelerator on real input: every spike and every output membrane."""
    network = network_of(semg)
    result = simulate(network, semg["input_spikes"][None])
    for layer in (1, 2, 3):
        np.testing.assert_array_equal(result.spikes[f"layer{layer}"][0], semg[f"spikes{layer}"])
    np.testing.assert_array_equal(result.states["layer4"]["v"][0], semg["membrane4"])
    assert not result.spikes["layer4"].any()

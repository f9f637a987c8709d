"""The plain evaluation agrees with the reference, and would notice if it did not."""

import networks
import numpy as np
import pytest

from spikeloom.hls_model import simulate
from spikeloom.hls_model.operators import OPERATORS
from spikeloom.hls_model.plain import RULES, simulate_plainly


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    samples = networks.random_samples(rng, network, 2, 5)
    plain, fast = simulate_plainly(network, samples), simulate(network, samples)
    np.testing.assert_array_equal(plain.readout, fast.readout)
    for population in network.populations:
        name = population.name
        np.testing.assert_array_equal(plain.spikes[name], fast.spikes[name])
        for word, values in fast.states[name].items():
            np.testing.assert_array_equal(plain.states[name][word], values)


def test_every_operator_has_a_rule():
    assert set(RULES) == set(OPERATORS)

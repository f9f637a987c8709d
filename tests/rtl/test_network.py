"""Whole networks in Amaranth's simulator: random ones, and each structure on its own."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from replay import replay

from spikeloom.hls_model import (
    LIF,
    Input,
    Integrator,
    Network,
    Output,
    Population,
    Projection,
    Range,
    simulate,
)

SEEDS = range(40)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_equal_the_reference(seed):
    """Sizes, weights, neurons, structure, knobs, families and clocks all come from the seed."""
    rng = np.random.default_rng(1000 + seed)
    network = networks.random_network(rng)
    design = networks.random_design(rng, network)
    steps = int(rng.choice([1, 2, 5, 8]))
    samples = networks.random_samples(rng, network, 4, steps)
    replay(design, samples, seed, gaps=0.3 * (seed % 2), stalls=0.25 * (seed % 3))


@pytest.mark.parametrize("seed", range(15))
def test_random_networks_with_held_inputs_equal_the_reference(seed):
    rng = np.random.default_rng(3000 + seed)
    network = networks.holding(rng, networks.random_network(rng))
    design = networks.random_design(rng, network)
    samples = networks.random_samples(rng, network, 4, int(rng.choice([1, 2, 5, 8])))
    replay(design, samples, seed, gaps=0.3 * (seed % 2), stalls=0.25 * (seed % 3))


def chain(projections, sizes=(5, 7, 4), output="c", threshold=20, held=""):
    lif = LIF(Range.signed(10))
    return Network(
        (Input("i", (6,), held="i" in held), Input("j", (3,), held="j" in held)),
        tuple(
            Population(name, size, lif, {"threshold": threshold}, {"x": index})
            for index, (name, size) in enumerate(zip("abc", sizes, strict=True))
        ),
        tuple(projections),
        Output(output),
    )


def weights(target, source, seed=0):
    return np.random.default_rng(seed).integers(-8, 16, (target, source))


FORWARD = (
    Projection("i", "a", weights(5, 6)),
    Projection("a", "b", weights(7, 5)),
    Projection("b", "c", weights(4, 7)),
)
STRUCTURES = {
    "chain": FORWARD,
    "skip": (*FORWARD, Projection("a", "c", weights(4, 5)), Projection("i", "c", weights(4, 6))),
    "two inputs": (*FORWARD, Projection("j", "a", weights(5, 3)),
                   Projection("j", "c", weights(4, 3))),
    "self": (*FORWARD, Projection("b", "b", weights(7, 7), delay=1)),
    "self, twice": (*FORWARD, Projection("b", "b", weights(7, 7), delay=1),
                    Projection("b", "b", weights(7, 7, 1), delay=3)),
    "loop over all": (*FORWARD, Projection("c", "a", weights(5, 4), delay=1)),
    "delayed input": (*FORWARD, Projection("j", "b", weights(7, 3), delay=4)),
    "delayed skip": (*FORWARD, Projection("a", "c", weights(4, 5), delay=2)),
    "delayed alone": (FORWARD[0], Projection("a", "b", weights(7, 5), delay=2), FORWARD[2]),
    "delayed alone, in a loop": (FORWARD[0], Projection("a", "b", weights(7, 5), delay=1),
                                 Projection("i", "b", weights(7, 6), delay=3),
                                 Projection("b", "b", weights(7, 7), delay=1),
                                 Projection("b", "c", weights(4, 7), delay=1)),
    "delay beyond the sample": (*FORWARD, Projection("a", "c", weights(4, 5), delay=9)),
}  # fmt: skip


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("knobs", [(1, 1, 1), (3, 1, 3)], ids=["serial", "lanes"])
def test_structures(structure, knobs):
    network = chain(STRUCTURES[structure])
    design = networks.design_of(network, a=knobs, b=knobs, c=knobs)
    samples = networks.random_samples(np.random.default_rng(7), network, 3, 6)
    replay(design, samples, gaps=0.3, stalls=0.3)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(
    ("held", "knobs"),
    [("i", (3, 1, 3)), ("j", (2, 2, 1)), ("ij", (2, 1, 1, "memory")), ("i", (1, 1, 1, "blocks"))],
)
def test_structures_with_held_inputs(structure, held, knobs):
    """A held input alone at its core, beside another, recurrence, delays; samples back to back."""
    network = chain(STRUCTURES[structure], held=held, threshold=60)
    design = networks.design_of(network, a=knobs, b=knobs, c=knobs)
    samples = networks.random_samples(np.random.default_rng(8), network, 4, 5)
    assert simulate(network, samples).spikes["a"].any()
    replay(design, samples, gaps=0.3, stalls=0.3)


def test_a_held_input_costs_its_events_once():
    """Two slots, six events: 12 cycles in each step, or in the first one."""

    def network(held):
        population = Population("a", 5, LIF(Range.signed(10)), {"threshold": 20})
        return Network((Input("i", (6,), held=held),), (population,), FORWARD[:1], Output("a"))

    samples = np.ones((1, 40, 6), dtype=int)
    once, each = (replay(networks.design_of(network(held), a=(3, 3, 1)), samples)
                  for held in (True, False))  # fmt: skip
    interval = networks.design_of(network(True), a=(3, 3, 1)).plans["a"].sweep_interval
    assert interval < 12
    assert each - once == 39 * (14 - interval)


def test_samples_do_not_leak_into_each_other():
    """A sample gives the same result after any other; delayed events of that other are dropped."""
    network = chain(STRUCTURES["delay beyond the sample"])
    dense = {"i": np.ones((3, 6, 6), dtype=int), "j": np.ones((3, 6, 3), dtype=int)}
    dense["i"][1] = 0
    result = simulate(network, dense)
    assert result.spikes["c"][0].any()
    np.testing.assert_array_equal(result.spikes["c"][0], result.spikes["c"][2])
    replay(networks.design_of(network), dense)


def test_output_that_waits_holds_everything_and_loses_nothing():
    network = chain(STRUCTURES["loop over all"], threshold=4)
    samples = {"i": np.ones((2, 8, 6), dtype=int), "j": np.ones((2, 8, 3), dtype=int)}
    replay(networks.design_of(network, a=(5, 5, 1), b=(7, 1, 1)), samples, stalls=0.95)


@pytest.mark.parametrize("state", [Range.signed(9), Range(0, 1)])
def test_readout_sends_every_neuron_once_at_the_end(state):
    network = Network(
        (Input("i", (3,)),),
        (Population("r", 5, Integrator(state)),),
        (Projection("i", "r", weights(5, 3)),),
        Output("r", "v"),
    )
    samples = networks.random_samples(np.random.default_rng(1), network, 3, 4)
    replay(networks.design_of(network, r=(3, 3, 1)), samples, stalls=0.5)


def test_cores_of_a_network_work_on_different_steps_at_once():
    """Three layers take hardly longer than one: they overlap."""
    samples = {"i": np.ones((1, 40, 6), dtype=int), "j": np.zeros((1, 40, 3), dtype=int)}
    network = chain(FORWARD)
    alone = Network(network.inputs, network.populations[:1], FORWARD[:1], Output("a"))
    assert replay(networks.design_of(network), samples) < 2 * replay(
        networks.design_of(alone), samples
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_weight_would_be_noticed(seed):
    """One weight, one off: the comparison above is not vacuous."""
    rng = np.random.default_rng(seed)
    network = chain(FORWARD, threshold=4)
    right = networks.design_of(network, b=(3, 1, 1))
    changed = weights(7, 5)
    changed[rng.integers(7), rng.integers(5)] += 1
    wrong = chain((FORWARD[0], Projection("a", "b", changed), FORWARD[2]), threshold=4)
    samples = networks.random_samples(rng, network, 4, 8)
    with pytest.raises(AssertionError, match=r"sample \d, step \d, b\[\d\]: (event|state 'v')"):
        replay(networks.design_of(wrong, b=(3, 1, 1)), samples, expected=network)
    replay(right, samples)

"""Modules of quantized networks start at exactly their integers, and stay exact in training."""

from __future__ import annotations

import dataclasses

import library
import networks
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_level import difference, optimize, same_as_reference

from spikeloom.hls_model import LIF, Integrator, Output, ScaleLeak, simulate
from spikeloom.hls_model import Population as Integers
from spikeloom.quant.fine_tuning import trainable
from spikeloom.quant.graph import MEMBRANE, REAL, Graph, Input, Population, Projection
from spikeloom.quant.quantize import quantize_with_report
from spikeloom.quant.simulator import simulate as simulate_graph


def tensors(samples):
    return {n: torch.from_numpy(np.array(a)) for n, a in samples.items()}


@settings(derandomize=True, deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    samples = networks.random_samples(rng, network, 3, 6)
    module = trainable(network)
    assert difference(module.export(), network) == set()
    assert same_as_reference(module, samples)
    optimize(module, tensors(samples), 2)
    assert same_as_reference(module, samples)


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("name", library.NEURONS)
def test_library(name, loop):
    network = library.recurrent(*library.NEURONS[name], loop=loop)
    samples = library.spikes()
    module = trainable(network)
    assert difference(module.export(), network) == set()
    assert same_as_reference(module, samples)
    optimize(module, torch.from_numpy(samples), 8, 1e-2)
    assert same_as_reference(module, samples)
    trained = module.export()
    changed = difference(trained, network)
    assert {key for key in changed if "('i', 'n'" in key}
    for before, after in zip(network.projections, trained.projections, strict=True):
        assert before.bits == after.bits


def test_a_bias_before_an_offset_joins_it():
    neuron, parameters = library.NEURONS["fine lif"]
    population = Integers("n", library.SIZE, neuron, parameters, {"x": 2})
    network = dataclasses.replace(library.recurrent(neuron, parameters), populations=(population,))
    module = trainable(network)
    assert difference(module.export(), network) == {"n.bias.x", "n.offset"}
    expected = simulate(network, library.spikes())
    assert np.array_equal(simulate(module.export(), library.spikes()).readout, expected.readout)


def float_graph(rng):
    hidden = Population("h", 6, LIF(REAL, ScaleLeak(0)), {"threshold": 1.0, "beta": 0.9}, 0.05)
    out = Population("o", 3, Integrator(REAL, ScaleLeak(0)), {"beta": 0.95})
    return Graph(
        (Input("i", (8,)),),
        (hidden, out),
        (
            Projection("i", "h", rng.normal(0, 0.5, (6, 8))),
            Projection("h", "o", rng.normal(0, 0.5, (3, 6))),
        ),
        Output("o", MEMBRANE),
    )


def test_units_are_those_of_the_float_graph():
    rng = np.random.default_rng(5)
    graph = float_graph(rng)
    samples = (rng.random((20, 9, 8)) < 0.3).astype(float)
    quantized = quantize_with_report(graph, calibration=samples, weight_bits=6)
    module = trainable(quantized)
    assert difference(module.export(), quantized.network) == set()
    assert same_as_reference(module, samples)
    weights = module.projections["i→h"].weight.detach().numpy()
    assert np.abs(weights - graph.projections[0].weights).max() < 0.05
    assert module.populations["h"].numbers["threshold"].value.detach().numpy() == pytest.approx(
        1, rel=0.02
    )
    readout = module(torch.from_numpy(samples)).detach().numpy()
    assert np.abs(readout - simulate_graph(graph, samples).readout).mean() < 0.1


def test_learned_names_choose_what_moves():
    network = library.recurrent(*library.NEURONS["lif"])
    names = {n for n, p in trainable(network, learned=("beta",)).named_parameters()
             if p.requires_grad}  # fmt: skip
    assert "populations.n.numbers.beta.value" in names
    assert "populations.n.numbers.threshold.value" not in names

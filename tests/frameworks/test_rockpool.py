"""Rockpool itself beside the import of the files that its to_nir writes."""

import warnings

import nir
import numpy as np
import pytest
import torch
from side_by_side import events

from spikeloom import hls_model
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant import load, quantize_with_report, simulate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("rockpool")
    from rockpool.nn.combinators import Sequential
    from rockpool.nn.modules.torch import ExpSynTorch, LIFNeuronTorch, LIFTorch, LinearTorch
    from rockpool.nn.modules.torch.nir import to_nir

DT = 1e-3
HALF = DT / np.log(2)
"""tau, in seconds, of a decay by half."""

STATED = {"preset": "rockpool:bias=zero", "dt": DT}


def network(kind: str, random: np.random.Generator, grid: bool):
    def tau() -> float:
        return HALF if grid else float(random.uniform(2, 8)) * DT

    neurons = {"bias": 0.0, "dt": DT, "threshold": 0.5 if grid else 0.4, "tau_mem": tau()}
    if kind == "LIFTorch":
        layer = LIFTorch(4, tau_syn=tau(), **neurons)
    else:
        layer = LIFNeuronTorch(4, **neurons)
    layers = (LinearTorch((3, 4)), layer, LinearTorch((4, 2)), ExpSynTorch(2, tau=tau(), dt=DT))
    for linear in (layers[0], layers[2]):
        shape = tuple(linear.weight.shape)
        values = random.integers(-7, 8, shape) / 8 if grid else random.normal(0.1, 0.5, shape)
        linear.weight.data = torch.tensor(values, dtype=torch.float32)
    return layers


def written(layers, path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        graph = to_nir(Sequential(*layers), torch.zeros(1, 1, 3))
    for node in graph.nodes.values():
        # Rockpool 3.1 leaves a tensor there that NIR cannot write.
        if isinstance(node, nir.LI):
            node.tau = np.broadcast_to(node.tau.detach().numpy(), 2)
            node.r, node.v_leak = (np.broadcast_to(a, 2) for a in (node.r, node.v_leak))
        if isinstance(node, nir.Input):
            node.input_type = {"input": np.array([3])}
    nir.write(path, graph)


def run(layers, samples):
    """Spikes of the neurons, and the readout's current, [samples, steps, size]."""
    with torch.no_grad():
        x = torch.tensor(samples, dtype=torch.float32)
        spikes = layers[1](layers[0](x)[0])[0]
        current = layers[3](layers[2](spikes)[0])[0]
    return spikes.double().numpy(), current.double().numpy()


@pytest.mark.parametrize("grid", [True, False])
@pytest.mark.parametrize("kind", ["LIFTorch", "LIFNeuronTorch"])
def test_files(tmp_path, kind, grid):
    random = np.random.default_rng(5)
    layers, samples = network(kind, random, grid), events(random, 3)
    spikes, current = run(layers, samples)
    assert spikes.max() > 1
    assert 0 < (spikes > 0).mean() < 1
    written(layers, tmp_path / "model.nir")
    graph = load(tmp_path / "model.nir", **STATED)
    hidden, readout = (p.name for p in graph.populations)
    ours = simulate(graph, samples)
    assert (ours.spikes[hidden] == spikes).all()
    assert np.abs(ours.states[readout]["v"] - current).max() < 1e-5
    if grid:
        quantized = quantize_with_report(graph, calibration=samples, fraction_bits=16)
        integers = hls_model.simulate(quantized.network, samples.astype(np.int64))
        assert (integers.spikes[hidden] == spikes).all()
        assert (integers.states[readout]["v"] * quantized.scales[readout] == current).all()


def test_another_step_than_that_of_the_training_is_refused(tmp_path):
    layers = network("LIFTorch", np.random.default_rng(0), False)
    written(layers, tmp_path / "model.nir")
    with pytest.raises(SemanticsError, match=r"preset 'rockpool', .*; is dt that of the train"):
        load(tmp_path / "model.nir", **STATED | {"dt": 1e-4})

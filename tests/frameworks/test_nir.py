"""The files that snnTorch, SpikingJelly and Norse write, beside the modules themselves."""

import warnings

import nir
import numpy as np
import pytest
import torch
from side_by_side import Recording, assert_exact, events, fill, is_active, per_step, stack
from torch import nn

from spikeloom.quant import load, simulate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    snntorch = pytest.importorskip("snntorch")
    norse = pytest.importorskip("norse.torch")
    spikingjelly = pytest.importorskip("spikingjelly")
    from norse.torch.functional.leaky_integrator_box import LIBoxParameters
    from norse.torch.functional.lif import LIFParameters
    from norse.torch.functional.lif_box import LIFBoxParameters
    from snntorch.export_nir import export_to_nir as snntorch_to_nir
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir as spikingjelly_to_nir

SIZE = 4


def assert_file_imported(graph, samples, framework: Recording) -> None:
    """The same spikes; files hold single precision, and so do the membranes."""
    ours = simulate(graph, samples)
    names = [p.name for p in graph.populations]
    assert len(names) == len(framework.spikes)
    for name, theirs in zip(names, framework.spikes, strict=True):
        assert (ours.spikes[name] == framework.spikes[theirs]).all(), name
        assert np.abs(ours.states[name]["v"] - framework.membranes[theirs]).max() < 1e-5, name


def renamed(framework: Recording, graph) -> Recording:
    names = [p.name for p in graph.populations]
    return Recording(
        dict(zip(names, framework.spikes.values(), strict=True)),
        dict(zip(names, framework.membranes.values(), strict=True)),
    )


SNNTORCH = {
    "Leaky": lambda beta, theta, **o: snntorch.Leaky(beta, threshold=theta, **o),
    "Synaptic": lambda beta, theta, **o: snntorch.Synaptic(beta, beta, threshold=theta, **o),
    "RLeaky": lambda beta, theta, **o: snntorch.RLeaky(
        beta, linear_features=SIZE, threshold=theta, **o
    ),
    "RSynaptic": lambda beta, theta, **o: snntorch.RSynaptic(
        beta, beta, linear_features=SIZE, threshold=theta, **o
    ),
}


@pytest.mark.parametrize("grid", [True, False])
@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", SNNTORCH)
def test_snntorch(tmp_path, kind, reset, delay, grid):
    if kind == "RSynaptic" and not delay:
        pytest.skip("snnTorch 1.0.0 raises a TypeError itself")
    random = np.random.default_rng(4)
    beta = torch.full((SIZE,), 0.5) if grid else torch.tensor(random.uniform(0.4, 0.9, SIZE))
    theta = torch.full((SIZE,), 0.75 if grid else 0.7)
    options = {"reset_mechanism": reset, "reset_delay": delay, "init_hidden": True}
    neurons = SNNTORCH[kind](beta.float(), theta, **options)
    module = nn.Sequential(nn.Linear(3, SIZE), neurons)
    fill(module, random, grid, torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        graph = snntorch_to_nir(module, torch.zeros(1, 3), ignore_dims=[0])
    nir.write(tmp_path / "model.nir", graph)
    samples = events(random, 3)
    spikes, membranes = [], []
    neurons.reset_mem()
    with torch.no_grad():
        for x in per_step(samples, torch.float32):
            spikes.append(module(x))
            membranes.append(neurons.mem)
    framework = Recording({"1": stack(spikes)}, {"1": stack(membranes)})
    assert 0 < framework.spikes["1"].mean() < 1
    stated = f"snntorch:reset={reset},reset_delay={str(delay).lower()}"
    imported = load(tmp_path / "model.nir", preset=stated, dt=1e-4)
    assert_file_imported(imported, samples, framework)
    if grid:
        assert_exact(imported, samples, renamed(framework, imported))


DT = 1e-3


def norse_module(kind: str, random: np.random.Generator, grid: bool) -> nn.Module:
    def rate() -> torch.Tensor:
        return torch.tensor([500.0] if grid else [random.uniform(100, 800)])

    theta, leak = torch.tensor([0.25]), torch.tensor([-0.25 if grid else -0.2])
    if kind == "LIFBoxCell":
        p = LIFBoxParameters(tau_mem_inv=rate(), v_th=theta, v_leak=leak)
        hidden = norse.LIFBoxCell(p, dt=DT)
    else:
        p = LIFParameters(tau_mem_inv=rate(), tau_syn_inv=rate(), v_th=theta, v_leak=leak)
        hidden = norse.LIFCell(p, dt=DT)
    readout = norse.LIBoxCell(
        LIBoxParameters(tau_mem_inv=rate(), v_leak=torch.tensor([0.0])), dt=DT
    )
    layers = norse.SequentialState(nn.Linear(3, SIZE), hidden, nn.Linear(SIZE, 2), readout)
    return fill(layers, random, grid, torch.float32)


@pytest.mark.parametrize("grid", [True, False])
@pytest.mark.parametrize("kind", ["LIFBoxCell", "LIFCell"])
def test_norse(tmp_path, kind, grid):
    random = np.random.default_rng(6)
    module = norse_module(kind, random, grid)
    samples = events(random, 3)
    spikes, membranes, read, states = [], [], [], [None, None]
    with torch.no_grad():
        for x in per_step(samples, torch.float32):
            z, states[0] = module[1](module[0](x), states[0])
            v, states[1] = module[3](module[2](z), states[1])
            spikes.append(z)
            membranes.append(states[0].v - module[1].p.v_leak)
            read.append(v)
    framework = Recording(
        {"1": stack(spikes), "3": np.zeros_like(stack(read))},
        {"1": stack(membranes), "3": stack(read)},
    )
    assert is_active(framework)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        graph = norse.to_nir(module, torch.zeros(3))
    nir.write(tmp_path / "model.nir", graph)
    # Norse 1.1 writes tau·dt for tau: dt/tau of the file is dt²/(tau·dt) of the module.
    preset = "norse" if kind == "LIFBoxCell" else "norse:current=jump"
    imported = load(tmp_path / "model.nir", preset=preset, dt=DT * DT)
    assert_file_imported(imported, samples, framework)
    if grid:
        assert_exact(imported, samples, renamed(framework, imported))


SPIKINGJELLY = {
    "IFNode": lambda **o: neuron.IFNode(**o),
    "LIFNode": lambda **o: neuron.LIFNode(tau=2.0, **o),
    "LIFNode not decaying its input": lambda **o: neuron.LIFNode(tau=4.0, decay_input=False, **o),
    "CUBALIFNode": lambda **o: neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, **o),
}


@pytest.mark.parametrize("start", [0.0, -0.25])
@pytest.mark.parametrize("kind", SPIKINGJELLY)
def test_spikingjelly(tmp_path, kind, start):
    if kind == "CUBALIFNode" and start:
        pytest.skip("refused: it starts at v_reset and decays to 0")
    random = np.random.default_rng(8)
    node = SPIKINGJELLY[kind](v_threshold=0.25 + start, v_reset=start)
    module = nn.Sequential(layer.Linear(3, SIZE), node)
    fill(module, random, True, torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = spikingjelly_to_nir(module, torch.zeros(1, 3), dt=1e-4)
    nir.write(tmp_path / "model.nir", graph)
    samples = events(random, 3)
    spikes, membranes = [], []
    node.reset()
    with torch.no_grad():
        for x in per_step(samples, torch.float32):
            spikes.append(module(x))
            membranes.append(node.v - start)
    framework = Recording({"1": stack(spikes)}, {"1": stack(membranes)})
    assert 0 < framework.spikes["1"].mean() < 1
    imported = load(tmp_path / "model.nir", preset="spikingjelly", dt=1e-4)
    assert_file_imported(imported, samples, framework)
    assert_exact(imported, samples, renamed(framework, imported))

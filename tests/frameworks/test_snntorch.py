"""snnTorch itself beside the import of its modules and state_dicts."""

import numpy as np
import pytest
import torch
from side_by_side import (
    Recording,
    assert_close,
    assert_exact,
    assert_imported,
    events,
    fill,
    is_active,
    per_step,
    stack,
)
from torch import nn

from spikeloom.quant import load

snntorch = pytest.importorskip("snntorch")

KINDS = ["Leaky", "RLeaky", "RLeaky one-to-one", "Synaptic", "RSynaptic", "RSynaptic one-to-one"]
CASES = [
    (kind, reset, delay)
    for kind in KINDS
    for reset in ("subtract", "zero", "none")
    for delay in (True, False)
    if delay or not kind.startswith("RSynaptic")
]


def layer(kind: str, size: int, random: np.random.Generator, grid: bool, **settings) -> nn.Module:
    """A layer of neurons with numbers of its own for each neuron."""
    kind, _, one_to_one = kind.partition(" ")
    numbers = {
        "threshold": random.integers(2, 13, size) / 8 if grid else random.uniform(0.3, 1.2, size)
    }
    numbers["beta"] = np.array(0.5) if grid else random.uniform(0, 1.1, size)
    if "Synaptic" in kind:
        numbers["alpha"] = np.array(0.5) if grid else random.uniform(0, 0.9, size)
    if one_to_one:
        numbers["V"] = random.integers(-7, 8, size) / 8 if grid else random.normal(0, 0.5, size)
        settings["all_to_all"] = False
    elif kind.startswith("R"):
        settings["linear_features"] = size
    tensors = {k: torch.tensor(v) for k, v in numbers.items()}
    neurons = getattr(snntorch, kind)(**tensors, init_hidden=True, **settings)
    grade = random.integers(1, 3) if grid else random.uniform(0.5, 2)
    neurons.graded_spikes_factor = torch.tensor(float(grade))
    return neurons


def network(kind: str, random: np.random.Generator, grid: bool, **settings) -> nn.Module:
    """6 inputs, 5 neurons, 4 neurons that never reset."""
    module = nn.Sequential(
        nn.Flatten(),
        nn.Linear(6, 5),
        layer(kind, 5, random, grid, **settings),
        nn.Dropout(),
        nn.Linear(5, 4, bias=False),
        layer("Leaky", 4, random, grid, **(settings | {"reset_mechanism": "none"})),
    )
    module[-1].graded_spikes_factor = torch.tensor(1.0)
    return module


@torch.no_grad()
def run(module: nn.Module, samples: np.ndarray, names: dict[str, nn.Module]) -> Recording:
    """Step by step, as snnTorch's users do; spikes are counted before they are graded."""
    spikes = {name: [] for name in names}
    membranes = {name: [] for name in names}
    handles = []
    for name, neurons in names.items():

        def record(neurons, inputs, output, name=name):
            spikes[name].append(output / neurons.graded_spikes_factor)
            membranes[name].append(neurons.mem.clone())

        handles.append(neurons.register_forward_hook(record))
        neurons.reset_mem()
    for x in per_step(samples, module[1].weight.dtype):
        module(x)
    for handle in handles:
        handle.remove()
    return Recording(
        {n: stack(v) for n, v in spikes.items()}, {n: stack(v) for n, v in membranes.items()}
    )


def double_step(shifted: torch.Tensor) -> torch.Tensor:
    """A step that keeps its input's precision, as snnTorch's own, which are float32, do not."""
    return (shifted > 0).to(shifted.dtype)


def compared(kind, reset, delay, grid, dtype=torch.float32, **settings):
    """A graph, samples and snnTorch's run of them, for a network that does something."""
    if dtype == torch.float64:
        settings["spike_grad"] = double_step
    for seed in range(20):
        random = np.random.default_rng(seed)
        module = network(kind, random, grid, reset_mechanism=reset, reset_delay=delay, **settings)
        fill(module, random, grid, dtype)
        samples = events(random, 6)
        recording = run(module, samples, {"n2": module[2], "n5": module[5]})
        if is_active(recording):
            return load(module, output="events"), samples, recording
    raise AssertionError("no network fires")


@pytest.mark.parametrize(("kind", "reset", "delay"), CASES)
def test_modules_are_imported(kind, reset, delay):
    graph, samples, recording = compared(kind, reset, delay, grid=False, dtype=torch.float64)
    assert_imported(graph, samples, recording)


@pytest.mark.parametrize(("kind", "reset", "delay"), CASES)
def test_networks_on_the_grid_are_exact(kind, reset, delay):
    graph, samples, recording = compared(kind, reset, delay, grid=True)
    assert_exact(graph, samples, recording)


@pytest.mark.parametrize(("kind", "reset", "delay"), CASES)
def test_networks_off_the_grid_are_close(kind, reset, delay):
    graph, samples, recording = compared(kind, reset, delay, grid=False)
    assert_close(graph, samples, recording)

"""A framework's own run of a network beside the float graph and the integer network made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from spikeloom import hls_model
from spikeloom.quant import Graph, quantize_with_report, simulate

STEPS = 8
SAMPLES = 5


@dataclass(frozen=True)
class Recording:
    """What a framework did: ``spikes`` and ``membranes`` [samples, steps, size] by population."""

    spikes: Mapping[str, np.ndarray]
    membranes: Mapping[str, np.ndarray]


def stack(steps: list[torch.Tensor]) -> np.ndarray:
    """[samples, steps, size] of one tensor [samples, size] per step."""
    return torch.stack(steps, dim=1).detach().double().numpy()


def events(random: np.random.Generator, size: int) -> np.ndarray:
    """Random spikes [samples, steps, size]."""
    return random.integers(0, 2, (SAMPLES, STEPS, size)).astype(np.float64)


def per_step(samples: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """[steps, samples, size], as frameworks take it."""
    return torch.tensor(samples, dtype=dtype).transpose(0, 1).contiguous()


def fill(
    module: nn.Module, random: np.random.Generator, grid: bool, dtype: torch.dtype
) -> nn.Module:
    """Gives all Linear layers in a module random weights: multiples of 1/8, or any."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            for tensor in filter(lambda t: t is not None, (part.weight, part.bias)):
                shape = tuple(tensor.shape)
                values = (
                    random.integers(-7, 8, shape) / 8 if grid else random.normal(0.1, 0.5, shape)
                )
                tensor.data = torch.tensor(values, dtype=dtype)
    return module.to(dtype).eval()


def assert_imported(graph: Graph, samples: np.ndarray, framework: Recording) -> None:
    """The float simulator does what the framework does, up to the rounding of sums."""
    ours = simulate(graph, samples)
    assert set(ours.spikes) == set(framework.spikes)
    for name, spikes in framework.spikes.items():
        assert (ours.spikes[name] == spikes).all(), name
        membranes = ours.states[name]["v"]
        assert np.allclose(membranes, framework.membranes[name], rtol=1e-9, atol=1e-9), name


def assert_exact(graph: Graph, samples: np.ndarray, framework: Recording) -> None:
    """The integer network does what the framework does, spike for spike and bit for bit."""
    quantized = quantize_with_report(graph, calibration=samples, fraction_bits=2 * STEPS)
    integers = hls_model.simulate(quantized.network, samples.astype(np.int64))
    assert set(integers.spikes) == set(framework.spikes)
    for name, spikes in framework.spikes.items():
        assert (integers.spikes[name] == spikes).all(), name
        membranes = integers.states[name]["v"] * quantized.scales[name]
        assert (membranes == framework.membranes[name]).all(), name
    assert quantized.report.warnings == ()


def assert_close(graph: Graph, samples: np.ndarray, framework: Recording) -> None:
    """Off the grid, the report states an agreement, and the framework confirms it."""
    quantized = quantize_with_report(graph, calibration=samples)
    integers = hls_model.simulate(quantized.network, samples.astype(np.int64))
    for name, spikes in framework.spikes.items():
        stated = quantized.report.calibration.populations[name].agreement
        assert abs(stated - (integers.spikes[name] == spikes).mean()) < 0.01, name
        assert stated > 0.9, name


def is_active(framework: Recording) -> bool:
    """Whether every population but a readout fires somewhere, and is silent somewhere."""
    *hidden, _ = framework.spikes.values()
    return all(0 < spikes.mean() < 1 for spikes in hidden)

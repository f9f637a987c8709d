"""SpikingJelly itself beside the import of its modules."""

import numpy as np
import pytest
import torch
from side_by_side import (
    SAMPLES,
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

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant import load, simulate

sj = pytest.importorskip("spikingjelly.activation_based")
neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
layer = pytest.importorskip("spikingjelly.activation_based.layer")
functional = pytest.importorskip("spikingjelly.activation_based.functional")
surrogate = pytest.importorskip("spikingjelly.activation_based.surrogate")

KINDS = [
    ("IFNode", {}),
    ("LIFNode", {"decay_input": True}),
    ("LIFNode", {"decay_input": False}),
    ("ParametricLIFNode", {"decay_input": True}),
    ("ParametricLIFNode", {"decay_input": False}),
]
RESETS = [None, 0.0, -0.25]
MODES = ["s", "m"]


def nodes(kind: str, random: np.random.Generator, grid: bool, mode: str, **settings) -> nn.Module:
    tau = 2.0 if grid else float(random.uniform(1.2, 4))
    threshold = float(random.integers(2, 7) / 8 if grid else random.uniform(0.3, 0.8))
    decays = {"LIFNode": "tau", "ParametricLIFNode": "init_tau"}
    settings |= {decays[kind]: tau} if kind in decays else {}
    keeps = {"step_mode": mode, "store_v_seq": mode == "m"}
    return getattr(neuron, kind)(v_threshold=threshold, **keeps, **settings)


def network(kind, random, grid, mode, dtype, **settings) -> nn.Module:
    """6 inputs, 5 neurons, 4 that never fire: their threshold is infinite."""
    readout = {"v_reset": 0.0, **{k: v for k, v in settings.items() if k != "v_reset"}}
    module = nn.Sequential(
        layer.Linear(6, 5, step_mode=mode),
        nodes(kind, random, grid, mode, **settings),
        layer.Dropout(0.5, step_mode=mode),
        layer.Linear(5, 4, bias=False, step_mode=mode),
        nodes(kind, random, grid, mode, **readout),
    )
    module[-1].v_threshold = float("inf")
    return fill(module, random, grid, dtype)


@torch.no_grad()
def run(module: nn.Module, samples: np.ndarray, names: dict[str, nn.Module]) -> Recording:
    """In one call or step by step, whichever mode the layers have; membranes from V_reset."""
    functional.reset_net(module)
    spikes = {name: [] for name in names}
    membranes = {name: [] for name in names}
    handles = []
    for name, neurons in names.items():

        def record(neurons, inputs, output, name=name):
            over_time = neurons.step_mode == "m"
            spikes[name] += list(output) if over_time else [output]
            membranes[name] += list(neurons.v_seq) if over_time else [neurons.v.clone()]

        handles.append(neurons.register_forward_hook(record))
    steps = per_step(samples, next(module.parameters()).dtype)
    over_time = all(neurons.step_mode == "m" for neurons in names.values())
    for x in [steps] if over_time else steps:
        module(x)
    for handle in handles:
        handle.remove()
    rest = {n: m.v_reset or 0.0 for n, m in names.items()}
    return Recording(
        {n: stack(v) for n, v in spikes.items()},
        {n: stack(v) - rest[n] for n, v in membranes.items()},
    )


def compared(kind, settings, reset, mode, grid, dtype=torch.float32):
    """A graph, samples and SpikingJelly's run of them, for a network that does something."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        module = network(kind, random, grid, mode, dtype, v_reset=reset, **settings)
        samples = events(random, 6)
        recording = run(module, samples, {"n1": module[1], "n4": module[4]})
        if is_active(recording):
            return load(module), samples, recording
    raise AssertionError("no network fires")


cases = pytest.mark.parametrize(
    ("kind", "settings", "reset", "mode"),
    [(*kind, reset, mode) for kind in KINDS for reset in RESETS for mode in MODES],
)


@cases
def test_modules_are_imported(kind, settings, reset, mode):
    graph, samples, recording = compared(kind, settings, reset, mode, False, torch.float64)
    assert_imported(graph, samples, recording)
    assert graph.output.source == "v"
    assert graph.assumptions[0] == "preset spikingjelly"
    assert any("V_reset = -0.25" in text for text in graph.assumptions) == (reset == -0.25)


@cases
def test_networks_on_the_grid_are_exact(kind, settings, reset, mode):
    assert_exact(*compared(kind, settings, reset, mode, True))


@cases
def test_networks_off_the_grid_are_close(kind, settings, reset, mode):
    assert_close(*compared(kind, settings, reset, mode, False))


@pytest.mark.parametrize("grid", [True, False])
def test_recurrence_through_a_container_is_imported(grid):
    random = np.random.default_rng(3)
    module = nn.Sequential(
        layer.Linear(6, 5),
        layer.LinearRecurrentContainer(nodes("LIFNode", random, grid, "s"), 5, 5),
    )
    fill(module, random, grid, torch.float32 if grid else torch.float64)
    samples = events(random, 6)
    recording = run(module, samples, {"n1_sub_module": module[1].sub_module})
    graph = load(module)
    (assert_exact if grid else assert_imported)(graph, samples, recording)
    assert [p.delay for p in graph.into("n1_sub_module")] == [0, 1]
    assert "0, 1.rc: multiplied into one projection" in graph.assumptions


def test_a_trained_batch_normalization_is_folded():
    random = np.random.default_rng(1)
    module = nn.Sequential(nn.Linear(6, 5), layer.BatchNorm1d(5), neuron.LIFNode(v_threshold=0.5))
    for _ in range(3):
        module[1](torch.randn(20, 5) * 2 + 0.5)
    module[1].weight.data = torch.tensor([1.0, -0.5, 2.0, 1.0, 0.25])
    fill(module, random, False, torch.float64)
    samples = events(random, 6)
    graph = load(module)
    assert_imported(graph, samples, run(module, samples, {"n2": module[2]}))
    assert "1: folded with its running statistics" in graph.assumptions


@pytest.mark.parametrize("decode", [None, "last_mem"])
def test_readouts_that_do_not_spike_are_imported(decode):
    random = np.random.default_rng(2)
    module = nn.Sequential(nn.Linear(6, 3), neuron.NonSpikingLIFNode(3.0, decode))
    fill(module, random, False, torch.float64)
    samples = events(random, 6)
    membranes = module(per_step(samples, torch.float64))
    last = membranes if decode else membranes[-1]

    assert np.allclose(simulate(load(module), samples).readout, last.detach(), atol=1e-12)
    assert last.shape == (SAMPLES, 3)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (lambda: neuron.KLIFNode(), "layer '1' is a KLIFNode of spikingjelly, which cannot"),
        (lambda: layer.BatchNorm2d(3), "layer '1' is a BatchNorm2d .* only BatchNorm1d"),
        (lambda: layer.MaxPool2d(2), "layer '1' is a MaxPool2d .* pooling needs"),
        (lambda: nn.Conv1d(1, 1, 3), "layer '1' is a Conv1d of torch.*share weights between pos"),
        (
            lambda: neuron.IFNode(surrogate_function=surrogate.Sigmoid(spiking=False)),
            "layer '1' must spike with 1 at and above its threshold .* forward pass is a step",
        ),
        (
            lambda: neuron.LIFNode(v_threshold=float("inf"), v_reset=None),
            "v_reset of '1' must be a number where v_threshold is infinite, not None",
        ),
        (lambda: neuron.NonSpikingLIFNode(2.0, "max-mem"), "not by decode='max-mem'"),
        (lambda: neuron.LIFNode(v_threshold=-1.0), "threshold of 'n1' must be positive, not -1"),
        (
            lambda: layer.LinearRecurrentContainer(nn.Identity(), 2, 2),
            "the recurrence '1' must hold an IFNode, LIFNode or ParametricLIFNode, not a Identity",
        ),
        (
            lambda: layer.ElementWiseRecurrentContainer(neuron.IFNode(), torch.add),
            "layer '1' is a ElementWiseRecurrentContainer of spikingjelly",
        ),
    ],
)
def test_what_cannot_be_expressed_is_refused(part, message):
    module = nn.Sequential(nn.Linear(3, 2), part(), nn.Linear(2, 2), neuron.LIFNode())
    with pytest.raises(SemanticsError, match=message) as error:
        load(module)
    assert "\n" not in str(error.value)


def test_a_readout_in_the_middle_is_refused():
    module = nn.Sequential(
        nn.Linear(3, 2), neuron.NonSpikingIFNode(), nn.Linear(2, 2), neuron.IFNode()
    )
    with pytest.raises(SemanticsError, match="n1→n3 must start at neurons that fire"):
        load(module)

"""snnTorch itself beside the import of its modules and state_dicts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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

from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant import load, simulate

snntorch = pytest.importorskip("snntorch")

KINDS = ["Leaky", "RLeaky", "RLeaky one-to-one", "Synaptic", "RSynaptic", "RSynaptic one-to-one"]
CASES = [
    (kind, reset, delay)
    for kind in KINDS
    for reset in ("subtract", "zero", "none")
    for delay in (True, False)
    if delay or not kind.startswith("RSynaptic")
]


def layer(kind: str, size: int, random: np.random.Generator, grid: bool, **options) -> nn.Module:
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
        options["all_to_all"] = False
    elif kind.startswith("R"):
        options["linear_features"] = size
    tensors = {k: torch.tensor(v) for k, v in numbers.items()}
    neurons = getattr(snntorch, kind)(**tensors, init_hidden=True, **options)
    grade = random.integers(1, 3) if grid else random.uniform(0.5, 2)
    neurons.graded_spikes_factor = torch.tensor(float(grade))
    return neurons


def network(kind: str, random: np.random.Generator, grid: bool, **options) -> nn.Module:
    """6 inputs, 5 neurons, 4 neurons that never reset."""
    module = nn.Sequential(
        nn.Flatten(),
        nn.Linear(6, 5),
        layer(kind, 5, random, grid, **options),
        nn.Dropout(),
        nn.Linear(5, 4, bias=False),
        layer("Leaky", 4, random, grid, **(options | {"reset_mechanism": "none"})),
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
    for x in per_step(samples, next(module.parameters()).dtype):
        module(x)
    for handle in handles:
        handle.remove()
    return Recording(
        {n: stack(v) for n, v in spikes.items()}, {n: stack(v) for n, v in membranes.items()}
    )


def double_step(shifted: torch.Tensor) -> torch.Tensor:
    """A step that keeps its input's precision, as snnTorch's own, which are float32, do not."""
    return (shifted > 0).to(shifted.dtype)


def compared(kind, reset, delay, grid, dtype=torch.float32, **options):
    """A graph, samples and snnTorch's run of them, for a network that does something."""
    if dtype == torch.float64:
        options["spike_grad"] = double_step
    for seed in range(20):
        random = np.random.default_rng(seed)
        module = network(kind, random, grid, reset_mechanism=reset, reset_delay=delay, **options)
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


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    st.sampled_from(["subtract", "zero", "none"]),
    st.booleans(),
)
def test_random_chains_on_the_grid_are_exact(seed, kinds, reset, delay):
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 7, len(kinds) + 1)
    parts = []
    for kind, inputs, outputs in zip(kinds, sizes[:-1], sizes[1:], strict=True):
        delayed = delay or kind.startswith("RSynaptic")
        options = {"reset_mechanism": reset, "reset_delay": delayed}
        parts += [nn.Linear(inputs, outputs), layer(kind, int(outputs), random, True, **options)]
    parts[-1].graded_spikes_factor = torch.tensor(1.0)
    module = fill(nn.Sequential(*parts), random, True, torch.float32)
    samples = events(random, int(sizes[0]))
    names = {f"n{i}": part for i, part in enumerate(parts) if i % 2}
    recording = run(module, samples, names)
    assert_exact(load(module, output="events"), samples, recording)


class Tutorial(nn.Module):
    """A network as snnTorch's tutorials write it, nested, with a normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5, eps=1e-3))
        self.lif1 = snntorch.RSynaptic(
            0.75, 0.5, linear_features=5, learn_beta=True, learn_threshold=True
        )
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(5, 4, bias=False)
        self.lif2 = snntorch.RLeaky(
            0.9, V=0.5, all_to_all=False, reset_mechanism="zero", reset_delay=False
        )
        self.fc3 = nn.Linear(4, 3)
        self.lif3 = snntorch.Leaky(torch.tensor([0.5, 1.5, -0.5]), reset_mechanism="none")

    def forward(self, x):
        spk1, syn1, mem1 = self.lif1.reset_mem()
        spk2, mem2 = self.lif2.reset_mem()
        mem3 = self.lif3.reset_mem()
        spikes, membranes = [], []
        for step in x:
            spk1, syn1, mem1 = self.lif1(self.body(step), spk1, syn1, mem1)
            spk2, mem2 = self.lif2(self.fc2(self.drop(spk1)), spk2, mem2)
            _, mem3 = self.lif3(self.fc3(spk2), mem3)
            spikes.append(torch.cat([spk1, spk2], 1))
            membranes.append(mem3)
        return spikes, membranes


def tutorial(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    module = Tutorial()
    for _ in range(5):
        module.body(torch.rand(30, 6) * 2)
    return module.eval()


@torch.no_grad()
def test_a_trained_network_is_imported_with_all_that_it_is_made_of():
    module = tutorial(0)
    samples = events(np.random.default_rng(0), 6)
    spikes, membranes = module(per_step(samples, torch.float32))
    graph = load(module)
    ours = simulate(graph, samples, dtype=np.float32)
    both = np.concatenate([ours.spikes["lif1"], ours.spikes["lif2"]], axis=2)
    assert (both == stack(spikes)).all()
    assert 0 < both[..., :5].mean() < 1
    assert 0 < both[..., 5:].mean() < 1
    assert np.allclose(ours.readout, membranes[-1].numpy(), atol=1e-5)
    assert graph.population("lif3").origins["beta"].startswith("lif3.beta, clamped from ")
    assert graph.assumptions == (
        "preset snntorch",
        "layers run in the order of their definition: body.0, body.1, lif1, fc2, lif2, fc3, lif3",
        "body.1: folded with its running statistics",
    )


def test_a_state_dict_is_its_module(tmp_path):
    module = tutorial(1)
    module.body[1].eps = 1e-5
    module.lif2.reset_delay = True
    torch.save(module.state_dict(), tmp_path / "model.pt")
    read, live = load(tmp_path / "model.pt", preset="snntorch"), load(module)
    assert [p.neuron for p in read.populations] == [p.neuron for p in live.populations]
    for ours, theirs in zip(read.populations, live.populations, strict=True):
        assert ours.parameters.keys() == theirs.parameters.keys()
        assert all((theirs.parameters[n] == v).all() for n, v in ours.parameters.items())
        assert (ours.bias == theirs.bias).all()
    for ours, theirs in zip(read.projections, live.projections, strict=True):
        assert (ours.name, ours.delay) == (theirs.name, theirs.delay)
        assert (ours.weights == theirs.weights).all()


def test_an_rsynaptic_without_delay_is_refused_in_a_state_dict(tmp_path):
    torch.save(tutorial(1).state_dict(), tmp_path / "model.pt")
    with pytest.raises(SemanticsError, match="RSynaptic 'lif1' must have reset_delay=True"):
        load(tmp_path / "model.pt", reset_delay=False)


class Shuffled(nn.Module):
    """Layers that do not run in the order in which they are defined."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(3, 2)
        self.fc2 = nn.Linear(2, 2)
        self.lif = nn.ModuleList([snntorch.Leaky(0.5), snntorch.Leaky(0.25)])


def test_the_order_of_layers_can_be_stated():
    module = Shuffled()
    graph = load(module, layers=["fc1", "lif.0", "fc2", "lif.1"])
    assert [p.name for p in graph.projections] == ["input→lif_0", "lif_0→lif_1"]
    assert graph.assumptions == ("preset snntorch",)
    assert "multiplied into one projection" in load(module).assumptions[2]
    with pytest.raises(CheckpointError, match=r"layers must name each of .* not \['fc1'\]"):
        load(module, layers=["fc1"])


def test_linear_layers_in_a_row_are_multiplied():
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), snntorch.Leaky(0.5)).double()
    graph = load(module)
    sums = torch.eye(3, dtype=torch.float64)
    expected = module[1](module[0](sums)).detach().numpy()
    ours = np.eye(3) @ graph.projections[0].weights.T + graph.populations[0].bias
    assert np.allclose(ours, expected, atol=1e-12)
    assert graph.assumptions[1] == "0, 1: multiplied into one projection"


def linear(part: nn.Module, outputs: int = 2) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), part, nn.Linear(2, outputs), snntorch.Leaky(0.5))


def changed(part: nn.Module, **attributes) -> nn.Module:
    for name, value in attributes.items():
        setattr(part, name, value)
    return part


class Mine(snntorch.Leaky):
    """A subclass, whose forward pass may do anything."""


class Weighted(nn.Module):
    """A module that multiplies with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        self.lif = snntorch.Leaky(0.5)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (nn.ReLU, "layer '1' is a ReLU of torch, which cannot be imported; use Linear layers and"),
        (lambda: nn.Conv2d(1, 1, 3), "'1' is a Conv2d of torch, .* convolutions share weights"),
        (lambda: nn.AvgPool2d(2), "'1' is a AvgPool2d of torch, .* pooling needs the positions"),
        (lambda: nn.LayerNorm(2), "'1' is a LayerNorm of torch, .* only BatchNorm1d is constant"),
        (lambda: nn.RNN(2, 2), "layer '1' is a RNN of torch, which cannot be imported"),
        (lambda: snntorch.Alpha(0.9, 0.8), "layer '1' is a Alpha of snntorch, which cannot"),
        (lambda: snntorch.Lapicque(0.9), "layer '1' is a Lapicque of snntorch, which cannot"),
        (lambda: Mine(0.5), "layer '1' is a Mine of .*: a class of your own may do anything"),
        (Weighted, "module '1' must leave its parameters to layers, not hold 'gain' itself"),
        (lambda: changed(snntorch.Leaky(0.5), inhibition=True), "layer '1' uses inhibition"),
        (lambda: changed(snntorch.Leaky(0.5), state_quant=abs), "layer '1' uses state_quant"),
        (lambda: snntorch.Leaky(0.5, spike_grad=torch.sigmoid), "'1' must spike with 1 above its"),
        (
            lambda: changed(snntorch.Leaky(0.5), reset_mechanism="zero"),
            "'1' must be built with the reset_mechanism .* built with 'subtract', .* says 'zero'",
        ),
        (
            lambda: snntorch.RSynaptic(0.5, 0.5, linear_features=2, reset_delay=False),
            "RSynaptic '1' must have reset_delay=True: snnTorch's forward pass ignores False",
        ),
        (
            lambda: snntorch.RLeaky(0.5, conv2d_channels=2, kernel_size=3),
            "recurrence '1.recurrent' must be a Linear layer or one-to-one, not a Conv2d",
        ),
        (lambda: snntorch.Leaky(0.5, threshold=-1.0), "threshold of 'n1' must be positive, not -1"),
        (
            lambda: nn.BatchNorm1d(2, track_running_stats=False),
            "layer '1' must keep running statistics: without them it depends on the other samples",
        ),
        (
            lambda: changed(snntorch.Leaky(0.5), graded_spikes_factor=torch.tensor(0.0)),
            "graded_spikes_factor of '1' must not be 0",
        ),
    ],
)
def test_what_cannot_be_expressed_is_refused(part, message):
    with pytest.raises(SemanticsError, match=message) as error:
        load(linear(part()))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            lambda: snntorch.RLeaky(0.5, linear_features=4),
            r"weights '1.recurrent' of '1' must have the shape \(2, 2\), not \(4, 4\)",
        ),
        (
            lambda: snntorch.RLeaky(0.5, V=torch.ones(3), all_to_all=False),
            "weights '1.V' of '1' must be one number or 2 numbers, not 3",
        ),
        (
            lambda: changed(snntorch.Leaky(0.5), graded_spikes_factor=torch.ones(3)),
            "graded_spikes_factor of '1' must be one number or 2 numbers, not 3",
        ),
        (lambda: snntorch.Leaky(torch.ones(3) / 2), "beta of 'n1' must be one number or 2 numbers"),
        (lambda: snntorch.Leaky(float("nan")), "beta of 'n1' must be finite"),
        (lambda: nn.Linear(4, 2), "layer '1' of Sequential takes 4 values, but '0' delivers 2"),
        (lambda: nn.BatchNorm1d(4), "layer '1' of Sequential takes 4 values, but '0' delivers 2"),
    ],
)
def test_shapes_and_numbers_that_disagree_are_refused(part, message):
    with pytest.raises(CheckpointError, match=message):
        load(linear(part()))


def test_what_is_no_chain_is_refused():
    neurons = snntorch.Leaky(0.5)
    with pytest.raises(CheckpointError, match=r"must end with a layer of neurons, not .*'1'"):
        load(nn.Sequential(neurons, nn.Linear(3, 2)))
    with pytest.raises(CheckpointError, match=r"must begin with a Linear layer, .* neurons '0'"):
        load(nn.Sequential(neurons, nn.Linear(3, 2), snntorch.Leaky(0.5)))
    twice = nn.Sequential(nn.Linear(2, 2), neurons, nn.Linear(2, 2), neurons)
    with pytest.raises(SemanticsError, match="'3' must not be the layer '1' once more"):
        load(twice)
    with pytest.raises(SemanticsError, match="output 'n1' must be worth 1, not 2"):
        load(nn.Sequential(nn.Linear(2, 2), snntorch.Leaky(0.5, graded_spikes_factor=2.0)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "norse"}, "preset of Sequential can only be 'snntorch', .* not 'norse'"),
        ({"preset": "snntorch:reset=zero"}, "can only be 'snntorch', without options"),
        ({"reset_delay": True}, r"without options, not None with \['reset_delay'\]; leave"),
    ],
)
def test_a_module_states_its_behaviour_itself(options, message):
    with pytest.raises(SemanticsError, match=message):
        load(nn.Sequential(nn.Linear(3, 2), snntorch.Leaky(0.5)), **options)


def test_a_module_without_neurons_is_refused():
    with pytest.raises(SemanticsError, match=r"must have neurons of exactly one of .* not of none"):
        load(nn.Sequential(nn.Linear(3, 2)))


def test_a_leaky_that_never_resets_is_read_by_its_membrane():
    module = nn.Sequential(nn.Linear(3, 2), snntorch.Synaptic(0.5, 0.25, reset_mechanism="none"))
    graph = load(module)
    assert (graph.output.source, graph.populations[0].fires) == ("v", False)
    assert graph.populations[0].equation == "i = 0.5·i + x; v = 0.25·v + i; never fires"
    assert load(module, output="events").output.source == "events"


def test_another_version_is_said(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", {"snntorch": "0.9.4"}.get)
    graph = load(nn.Sequential(nn.Linear(3, 2), snntorch.Leaky(0.5)))
    assert graph.assumptions[1] == "snntorch 0.9.4: taken to behave as 1.0.0"

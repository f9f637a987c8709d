"""snnTorch's ``state_dict`` files and live modules; none of them may execute anything."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from spikeloom.hls_model import EVENTS, LIF
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant import DECAY, REAL, load


def leaky(name: str, reset: int = 0, **changes) -> dict[str, torch.Tensor]:
    tensors = {
        "threshold": torch.tensor(1.0),
        "graded_spikes_factor": torch.tensor(1.0),
        "reset_mechanism_val": torch.tensor(reset),
        "beta": torch.tensor(0.5),
    }
    return {f"{name}.{k}": v for k, v in (tensors | changes).items()}


def state(**changes) -> dict[str, torch.Tensor]:
    tensors = {
        "fc1.weight": torch.ones(2, 3),
        "fc1.bias": torch.zeros(2),
        **leaky("lif1"),
        "fc2.weight": torch.ones(1, 2),
        **leaky("lif2", reset=2),
    }
    return tensors | changes


@pytest.fixture
def save(tmp_path):
    def save(content) -> Path:
        torch.save(content, tmp_path / "model.pt")
        return tmp_path / "model.pt"

    return save


def test_a_state_dict_is_read(save):
    graph = load(save(state()), preset="snntorch")
    first, last = graph.populations
    assert (first.neuron.reset, first.neuron.delayed, first.neuron.strict) == (
        "subtract",
        True,
        True,
    )
    assert (last.fires, graph.output.source) == (False, "v")
    assert first.origins["beta"] == "model.pt: lif1.beta"
    assert first.equation == "v = 0.5·v + x − 1·(spike at t−1); spike if v > 1"
    assert "reset_delay=True" in graph.assumptions[1]


def test_training_wrappers_and_events_are_understood(save):
    graph = load(save({"state_dict": state(), "epoch": 3}), preset="snntorch", output="events")
    assert graph.output.source == EVENTS
    assert graph.populations[1].neuron.reset == "none"


def test_the_worth_of_a_spike_is_folded_into_the_weights(save):
    changed = state(**leaky("lif1", graded_spikes_factor=torch.tensor(3.0)))
    graph = load(save(changed), preset="snntorch")
    assert graph.into("lif2")[0].weights.tolist() == [[3, 3]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fc1.weight": torch.full((2, 3), float("nan"))}, "weights of input→lif1 must be finite"),
        ({"fc1.weight": torch.ones(2, 3, 1, 1)}, "convolutions are not imported yet"),
        ({"fc2.weight": torch.ones(1, 5)}, "takes 5 values, but 'lif1' delivers 2"),
        (leaky("lif1", beta=torch.tensor(1.5)), r"beta of 'lif1' must lie in \[0, 1\], not 1.5"),
        (leaky("lif1", beta=torch.ones(3)), "beta of 'lif1' must be one number or 2 numbers"),
        (leaky("lif1", threshold=torch.tensor(0.0)), "threshold of 'lif1' must be positive, not 0"),
        (leaky("lif1", alpha=torch.tensor(0.9)), "'lif1' .* looks like a Synaptic"),
        (leaky("lif1", reset=7), "reset_mechanism_val must be 0 .*, not 7"),
        ({"lif1.recurrent.weight": torch.ones(2, 2)}, "belongs to a recurrent layer"),
        ({"bn.running_mean": torch.ones(2)}, "fold the batch normalization"),
        ({"fc3.weight": torch.ones(1, 1)}, r"must alternate .* fc3 \(Linear\); a readout"),
        ({"weight": torch.ones(1)}, "names such as 'fc1.weight' to tensors"),
        ({"fc1.weight": 3}, "not 'fc1.weight' to int"),
    ],
)
def test_wrong_contents_are_refused(save, changes, message):
    with pytest.raises((CheckpointError, SemanticsError), match=message) as caught:
        load(save(state(**changes)), preset="snntorch")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "does not hold reset_delay, which 'lif1' needs; name preset='snntorch'"),
        ({"preset": "norse"}, "must have the preset 'snntorch', not 'norse'"),
        ({"preset": "snntorch", "reset": "zero"}, "contradicts the checkpoint"),
    ],
)
def test_what_is_not_stated_is_refused(save, options, message):
    with pytest.raises(SemanticsError, match=message):
        load(save(state()), **options)


@pytest.mark.parametrize("content", [{}, torch.ones(3), [1, 2], {"a.b": {"c": 1}}])
def test_foreign_contents_are_refused(save, content):
    with pytest.raises(CheckpointError, match=r"must hold a state_dict|must map names"):
        load(save(content), preset="snntorch")


class Bomb:
    """What a malicious pickle does when it is executed."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def test_no_pickle_is_ever_executed(save, tmp_path):
    marker = tmp_path / "executed"
    bomb = Bomb(marker)
    raw = tmp_path / "raw.pt"
    raw.write_bytes(pickle.dumps({"fc1.weight": bomb}))
    for path in (save({"fc1.weight": bomb}), raw):
        with pytest.raises(CheckpointError, match="pickled objects, which are never executed") as e:
            load(path, preset="snntorch")
        assert "\n" not in str(e.value)
    assert not marker.exists()


def test_damaged_files_are_refused(save, tmp_path):
    whole = save(state()).read_bytes()
    path = tmp_path / "damaged.pt"
    for content in (whole[: len(whole) // 2], whole[:100], b"hello", bytes(1000)):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="cannot be read as a state_dict of tensors"):
            load(path, preset="snntorch")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "not a checkpoint")
    with pytest.raises(CheckpointError, match="cannot be read as a state_dict of tensors"):
        load(path, preset="snntorch")


class Leaky(nn.Module):
    """What the importer sees of snnTorch's Leaky."""

    def __init__(self, reset: int = 0, reset_delay: bool = True) -> None:
        super().__init__()
        self.register_buffer("beta", torch.tensor([0.5, 0.25]))
        self.register_buffer("threshold", torch.tensor(1.0))
        self.register_buffer("reset_mechanism_val", torch.tensor(reset))
        self.reset_delay = reset_delay
        self.inhibition = False
        self.state_quant = False


def test_a_live_module_knows_its_reset_delay():
    module = nn.Sequential(nn.Flatten(), nn.Linear(3, 2), Leaky(1, reset_delay=False))
    graph = load(module)
    (population,) = graph.populations
    assert population.name == "n2"
    assert population.neuron == LIF(REAL, DECAY, "value", strict=True)
    assert population.parameters["beta"].tolist() == [0.5, 0.25]
    assert np.allclose(graph.projections[0].weights, module[1].weight.detach())


def test_subtracting_without_delay_has_a_neuron():
    graph = load(nn.Sequential(nn.Linear(3, 2), Leaky(0, reset_delay=False)))
    assert graph.populations[0].neuron == LIF(REAL, DECAY, strict=True, lowered=True)


def test_what_a_live_module_does_beyond_leaky_is_refused():
    module = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), Leaky())
    with pytest.raises(SemanticsError, match="layer '1' is a ReLU"):
        load(module)
    module = nn.Sequential(nn.Linear(3, 2), Leaky())
    module[1].inhibition = True
    with pytest.raises(SemanticsError, match="layer '1' uses inhibition"):
        load(module)

"""snnTorch's ``state_dict`` files; none of them may execute anything."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeloom.hls_model import EVENTS, LIF, CubaLIF, NoLeak, ScaleLeak
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


def test_decays_are_clamped_as_in_the_forward_pass(save):
    graph = load(save(state(**leaky("lif1", beta=torch.tensor([1.5, 0.5])))), preset="snntorch")
    (population, _) = graph.populations
    assert population.parameters["beta"].tolist() == [1, 0.5]
    assert population.origins["beta"].endswith("clamped from 1.5 to [0, 1] as in the forward pass")


def test_every_reset_has_a_neuron(save):
    def neuron(reset: int, delayed: bool, **tensors):
        changed = state(**leaky("lif1", reset, **tensors))
        return load(save(changed), preset="snntorch", reset_delay=delayed).populations[0].neuron

    assert neuron(0, True) == LIF(REAL, DECAY, strict=True, delayed=True)
    assert neuron(0, False) == LIF(REAL, DECAY, strict=True, lowered=True)
    assert neuron(1, True) == LIF(REAL, DECAY, "value", strict=True, delayed=True)
    assert neuron(1, False) == LIF(REAL, DECAY, "value", strict=True)
    assert neuron(2, True) == LIF(REAL, DECAY, "none", strict=True)
    assert neuron(0, True, beta=torch.tensor(1.0)).leak == NoLeak()
    drops = LIF(REAL, DECAY, "value", strict=True, delayed=True, drop_input=True)
    assert neuron(1, True, V=torch.tensor(0.5)) == drops
    current = CubaLIF(REAL, ScaleLeak(0, parameter="alpha"), drops)
    assert neuron(1, True, alpha=torch.tensor(0.5)) == current


def test_recurrence_is_read(save):
    recurrent = {
        "lif1.recurrent.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        "lif1.recurrent.bias": torch.tensor([0.5, 0.25]),
    }
    tensors = state(**recurrent, **leaky("lif1", graded_spikes_factor=torch.tensor(2.0)))
    graph = load(save(tensors), preset="snntorch")
    _, feedback = graph.into("lif1")
    assert (feedback.delay, feedback.weights.tolist()) == (1, [[2, 4], [6, 8]])
    assert graph.population("lif1").bias.tolist() == [0.5, 0.25]
    assert graph.population("lif1").origins["bias"] == "model.pt: fc1.bias, lif1.recurrent.bias"


def test_one_to_one_recurrence_is_read(save):
    tensors = state(**leaky("lif1", V=torch.tensor(0.5)))
    tensors["lif1.recurrent.V"] = torch.tensor(0.5)
    _, feedback = load(save(tensors), preset="snntorch").into("lif1")
    assert feedback.weights.tolist() == [[0.5, 0], [0, 0.5]]


def test_layers_may_run_in_another_order(save):
    tensors = state()
    shuffled = {k: tensors[k] for k in sorted(tensors)}
    wide = shuffled | {"fc1.weight": torch.ones(4, 3), "fc1.bias": torch.ones(4)}
    message = r"'fc2' of model.pt takes 2 values, but 'fc1' delivers 4; .* layers=\[…\]"
    with pytest.raises(CheckpointError, match=message):
        load(save(wide), preset="snntorch")
    graph = load(save(shuffled), preset="snntorch", layers=["fc1", "lif1", "fc2", "lif2"])
    assert [p.name for p in graph.populations] == ["lif1", "lif2"]
    with pytest.raises(CheckpointError, match=r"must name each of .* once, .* not \['fc1'\]"):
        load(save(shuffled), preset="snntorch", layers=["fc1"])


def test_what_was_assumed_is_said(save):
    tensors = state(**leaky("lif1", alpha=torch.tensor(0.5)))
    tensors |= {"bn.running_mean": torch.ones(1), "bn.running_var": torch.ones(1)}
    order = ["fc1", "lif1", "fc2", "bn", "lif2"]
    graph = load(save(tensors), preset="snntorch", layers=order)
    assert graph.assumptions[2:] == (
        "eps = 1e-05 in bn (PyTorch's default)",
        "lif1: Synaptic, not Alpha, which writes the same tensors",
        "bn: folded with its running statistics",
    )
    assert graph.into("lif2")[0].weights.tolist() == [[1 / np.sqrt(1 + 1e-5)] * 2]
    assert (
        "definition: fc1, lif1, fc2, lif2" in load(save(state()), preset="snntorch").assumptions[2]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fc1.weight": torch.full((2, 3), float("nan"))}, "weights of input→lif1 must be finite"),
        ({"fc1.weight": torch.ones(2, 3, 1, 1)}, "looks like a convolution, which shares weights"),
        ({"fc2.weight": torch.ones(1, 5)}, "takes 5 values, but 'lif1' delivers 2"),
        (leaky("lif1", beta=torch.ones(3)), "beta of 'lif1' must be one number or 2 numbers"),
        (leaky("lif1", threshold=torch.tensor(0.0)), "threshold of 'lif1' must be positive, not 0"),
        (leaky("lif1", beta=torch.tensor(float("nan"))), "beta of 'lif1' must be finite"),
        (leaky("lif1", alpha=torch.ones(3) / 2), "alpha of 'lif1' must be one number or 2 numbers"),
        (leaky("lif1", R=torch.tensor(0.9)), "'lif1' .* looks like a Lapicque"),
        (leaky("lif1", graded_spikes_factor=torch.tensor(0.0)), "factor of 'lif1' must not be 0"),
        (leaky("lif2", reset=0, graded_spikes_factor=torch.tensor(2.0)), "'lif2' must be worth 1"),
        (leaky("lif1", reset=7), "reset_mechanism_val must be 0 .*, not 7"),
        (
            {"lif1.recurrent.weight": torch.ones(3, 3)},
            r"weights 'lif1.recurrent' of 'lif1' must have the shape \(2, 2\), not \(3, 3\)",
        ),
        ({"lif1.recurrent.weight": torch.ones(2, 2, 3, 3)}, "'lif1.recurrent' must be a Linear"),
        (leaky("lif1", V=torch.ones(5)), "'lif1.V' of 'lif1' must be one number or 2 numbers"),
        ({"fc1.bias": torch.ones(5)}, "fc1.bias must be one number or 2 numbers, not 5"),
        (
            {
                "lif1.recurrent.weight": torch.ones(2, 2),
                "lif1.recurrent.bias": torch.ones(3),
            },
            "lif1.recurrent.bias must be one number or 2 numbers, not 3",
        ),
        (
            {"bn.running_mean": torch.ones(2), "bn.running_var": torch.ones(3)},
            "tensors of layer 'bn' must have one number for each value, not",
        ),
        ({"bn.weight": torch.ones(2)}, "looks like a normalization without running statistics"),
        ({"rnn.weight_ih_l0": torch.ones(2)}, "looks like a torch recurrent layer"),
        ({"fc3.weight": torch.ones(1, 1)}, r"must end with a layer of neurons, not with .*'fc3'"),
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
        ({"preset": "norse"}, "must have the preset 'snntorch', not 'norse': .* leave no trace"),
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

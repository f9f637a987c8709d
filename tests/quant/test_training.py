"""Networks trained from scratch: exact, normalized, recurrent, saved, and refused if wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch_level import difference, optimize, same_as_reference

from spikeloom.hls_model import (
    LIF,
    CubaLIF,
    FineInput,
    GatedUnit,
    GradedLIF,
    Grading,
    Input,
    Integrator,
    Neuron,
    Output,
    Range,
    ScaleLeak,
    ShiftLeak,
    SigmoidTable,
    State,
    saturate,
    select,
)
from spikeloom.hls_model.errors import NetworkError, SampleError
from spikeloom.quant.torch_operators import Surrogate
from spikeloom.quant.trainable_parts import TrainablePopulation, TrainableProjection, narrowed
from spikeloom.quant.training import TrainableNetwork

V = Range.signed(12)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(7)


def spikes(samples=5, steps=7, size=12, density=0.3):
    return (torch.rand(samples, steps, size) < density).float()


def classifier(*more, hidden=None, norm=False, bits=(4, 4)):
    hidden = hidden or TrainablePopulation(
        "h", 9, LIF(V, ShiftLeak((3,)), strict=True, delayed=True), {"threshold": 1.0}
    )
    return TrainableNetwork(
        [Input("x", (12,))],
        [hidden, TrainablePopulation("o", 3, Integrator(V, ScaleLeak(8)), {"beta": 0.95})],
        [
            TrainableProjection("x", "h", bits[0], norm=norm),
            TrainableProjection("h", "o", bits[1]),
            *more,
        ],
        Output("o", "v"),
    )


def gated(layers=2, norm=True):
    """Section 9's recurrent network: gated layers, normalized inputs, a leaky readout."""
    unit = GatedUnit(
        i=Range.unsigned(12), u=Range.signed(14), gate=SigmoidTable(unit_shift=10),
        grading=Grading(limit=31 << 6, shift=6, dead=3),
    )  # fmt: skip
    names = ["x", *(f"g{n}" for n in range(layers))]
    populations = [TrainablePopulation(name, 10, unit) for name in names[1:]]
    projections = []
    for source, target in itertools.pairwise(names):
        for port in unit.ports:
            projections += [
                TrainableProjection(source, target, 6, port, norm=norm),
                TrainableProjection(target, target, 6, port, delay=1),
            ]
    populations.append(TrainablePopulation("o", 3, Integrator(Range.signed(16)), {}))
    projections.append(TrainableProjection(names[-1], "o", 6))
    return TrainableNetwork([Input("x", (12,))], populations, projections, Output("o", "v"))


NETWORKS = {
    "chain": lambda: classifier(),
    "normalized": lambda: classifier(norm=True),
    "mixed widths": lambda: classifier(bits=(2, 8)),
    "loop, skip and delay": lambda: classifier(
        TrainableProjection("h", "h", 3, delay=1),
        TrainableProjection("x", "o", 5, norm=True),
        TrainableProjection("x", "h", 4, delay=3),
    ),
    "fine": lambda: classifier(
        hidden=TrainablePopulation(
            "h", 9, FineInput(LIF(V, ScaleLeak(10)), 3), {"threshold": 1.0, "beta": 0.9}
        )
    ),
    "current": lambda: classifier(
        hidden=TrainablePopulation(
            "h", 9, CubaLIF(V, ScaleLeak(6, parameter="alpha"), LIF(V, ScaleLeak(8))),
            {"threshold": 1.0, "beta": np.linspace(0.6, 0.95, 9), "alpha": 0.5},
        ),
        norm=True,
    ),
    "gated": gated,
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_is_the_exported_network(name):
    module, x = NETWORKS[name](), spikes()
    assert same_as_reference(module, x.numpy())
    first = optimize(module, x, 1)
    assert optimize(module, x, 12) < first
    assert same_as_reference(module, x.numpy())


@pytest.mark.parametrize("name", NETWORKS)
def test_everything_learns(name):
    """After a few batches every parameter has a gradient."""
    module, x = NETWORKS[name](), spikes(density=0.5)
    module.train()
    for _ in range(2):
        module.run(x).readout.square().sum().backward()
    silent = {
        n
        for n, p in module.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.abs().sum())
    }
    assert silent == set()


def test_training_runs_what_evaluation_runs():
    """Without normalization there is no difference at all."""
    module, x = classifier(), spikes()
    assert torch.equal(module.train()(x), module.eval()(x))


def test_normalized_training_runs_integers():
    module, x = classifier(norm=True), spikes()
    run = module.train().run(x)
    for states in run.states.values():
        assert all(torch.equal(s, s.round()) for s in states.values())
    assert torch.equal(run.readout, run.readout.round())


def test_a_scale_behind_normalization_follows_the_first_batch():
    module, x = classifier(norm=True), spikes()
    module.train()(x)
    weights = module.export().projections[0].weights
    assert 3 <= np.abs(weights).max() <= 7
    assert (np.abs(weights).max(1) >= 3).all()
    start = module.populations["h"].scales["x"].start.clone()
    module(spikes(density=0.9))
    assert torch.equal(start, module.populations["h"].scales["x"].start)


@pytest.mark.parametrize("name", ["normalized", "gated"])
def test_state_dicts(name, tmp_path):
    module, x = NETWORKS[name](), spikes()
    optimize(module, x, 3)
    torch.save(module.state_dict(), tmp_path / "module.pt")
    other = NETWORKS[name]()
    other.load_state_dict(torch.load(tmp_path / "module.pt", weights_only=True))
    assert difference(module.export(), other.export()) == set()
    assert torch.equal(module.eval()(x), other.eval()(x))


@pytest.mark.parametrize("name", ["chain", "fine", "current", "gated"])
def test_ranges_narrow_to_what_is_reached(name, tmp_path):
    module, x = NETWORKS[name](), spikes(density=0.2)
    optimize(module, x, 3)
    before = {n: p.neuron.states() for n, p in module.declared.items()}
    peaks = {n: {w: s.abs().max().item() for w, s in words.items()}
             for n, words in module.eval().run(x).states.items()}  # fmt: skip
    readout = module(x)
    module.narrow(x, margin=1)
    # A gated unit's candidate saturates like its current, which may never get that far.
    assert name == "gated" or torch.equal(module(x), readout)
    after = {p.name: p.neuron.states() for p in module.export().populations}
    assert before != after
    for n, words in after.items():
        for word, r in words.items():
            assert r in before[n][word]
            assert r.hi >= peaks[n][word]
    assert same_as_reference(module, spikes(density=0.9).numpy())
    torch.save(module.state_dict(), tmp_path / "module.pt")
    other = NETWORKS[name]()
    other.load_state_dict(torch.load(tmp_path / "module.pt", weights_only=True))
    assert difference(module.export(), other.export()) == set()
    assert same_as_reference(other, x.numpy())


def test_narrow_words():
    assert narrowed(Range.signed(12), 100.2) == Range.signed(8)
    assert narrowed(Range.signed(12), 128) == Range.signed(9)
    assert narrowed(Range.unsigned(9), 0) == Range.unsigned(1)
    assert narrowed(Range(-100, 100), 120) == Range(-100, 100)
    with pytest.raises(NetworkError, match=r"margin must be at least 1, not 0\.5"):
        classifier().narrow(spikes(), margin=0.5)


def test_delayed_resets_can_be_detached():
    """As in snnTorch: the membrane's gradient passes, the reset's does not."""
    one = torch.ones(1, 3, 1)

    def gradient(**options):
        module = TrainableNetwork(
            [Input("x", (1,))],
            [
                TrainablePopulation(
                    "h", 1, LIF(V, ShiftLeak((1,)), delayed=True), {"threshold": 1.0},
                    scale=1 / 64,
                )
            ],
            [TrainableProjection("x", "h", 8, start=[[1.0]])],
            Output("h", "v"),
            surrogate=Surrogate("box", 9.0),
            **options,
        )  # fmt: skip
        module(one).sum().backward()
        return module.projections["x→h"].weight.grad.item()

    # v3 = v2/2 + x − s2, v2 = v1/2 + x − s1 and v1 = x, where ds/dv is 1 throughout.
    assert gradient(detached=("fired",)) == pytest.approx(1 + 1 / 2 + 1 / 4)
    assert gradient() == pytest.approx(1 - (1 / 2) * (1 - 1 / 2))


@pytest.mark.parametrize("name", ["weights of x→h", "threshold of 'h'"])
def test_what_diverged_is_not_exported(name):
    module = classifier()
    values = module.projections["x→h"].weight if "x" in name else (
        module.populations["h"].numbers["threshold"].value
    )  # fmt: skip
    values.data.view(-1)[0] = torch.nan
    with pytest.raises(NetworkError, match=f"{name} must be finite, but .* the training diverged"):
        module.export()


def test_mixed_precision_rounds_nothing():
    module, x = NETWORKS["loop, skip and delay"](), spikes()
    module.eval()
    expected = module(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(x), expected)


def test_graphs_can_be_kept():
    module, x = NETWORKS["gated"](), spikes()
    loss = module(x).square().sum()
    loss.backward(retain_graph=True)
    first = [p.grad.clone() for p in module.parameters() if p.grad is not None]
    module.zero_grad()
    loss.backward()
    second = [p.grad for p in module.parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@dataclass(frozen=True)
class Bursting(Neuron):
    """A neuron of a user's own."""

    v: Range
    parameters = ("threshold", "burst")

    def states(self):
        return {"v": self.v, "left": Range(0, 7)}

    def step(self, state, x, p):
        v = state.v - (state.v >> 4) + x
        started = v >= p.threshold
        left = select(started, p.burst, saturate(state.left - 1, Range(0, 7)))
        return State(v=saturate(select(started, 0, v), self.v), left=left), left > 0


def own(**options):
    hidden = TrainablePopulation(
        "h", 9, Bursting(V), {"threshold": 1.0}, {"burst": 3}, **{"scale": 1 / 16} | options
    )
    return classifier(hidden=hidden)


def test_a_neuron_of_ones_own_trains():
    with pytest.raises(NetworkError, match="must lie in"):
        own(ranges={"burst": Range(0, 7)}, scale=1 / 40000)
    module, x = own(), spikes()
    first = optimize(module, x, 1)
    assert optimize(module, x, 12) < first
    assert same_as_reference(module, x.numpy())
    assert module.export().population("h").parameters["burst"] == 3


def test_its_scale_must_be_stated():
    with pytest.raises(
        NetworkError, match="'h' must state its scale, since Bursting is no neuron that works at"
    ):
        own(scale=None)


def test_graded_neurons_work_at_one_scale_only():
    graded = GradedLIF(V, Grading(31 << 2, 2, dead=3))
    behind = CubaLIF(V, ScaleLeak(6, parameter="alpha"), graded)
    with pytest.raises(
        NetworkError, match="'h' must state its scale, since GradedLIF is no neuron"
    ):
        classifier(hidden=TrainablePopulation("h", 9, graded))
    hidden = TrainablePopulation("h", 9, behind, {"alpha": 0.5}, scale=1 / 64)
    module = classifier(hidden=hidden)
    assert not module.populations["h"].scales["x"].change.requires_grad
    assert module.units["h"] == 4 / 64
    optimize(module, spikes(), 3)
    assert same_as_reference(module, spikes().numpy())


def test_inputs_of_other_units_and_held():
    module = TrainableNetwork(
        [Input("x", (2, 2), Range(0, 15), 0.25)],
        [TrainablePopulation("h", 3, LIF(V, ShiftLeak((2,))), {"threshold": 1.0})],
        [TrainableProjection("x", "h", 5)],
        Output("h"),
    )
    x = torch.rand(4, 2, 2) * 3.5
    assert same_as_reference(module, x.numpy(), steps=6)
    assert module(x, steps=6).shape == (4, 3)
    assert torch.equal(module(x, steps=6), module(x[:, None].expand(-1, 6, -1, -1)))
    x.requires_grad_()
    module(x, steps=6).sum().backward()
    assert x.grad.abs().sum() > 0


def test_held_inputs_stay_so():
    module = TrainableNetwork(
        [Input("x", (4,), Range(0, 15), 0.25, held=True)],
        [TrainablePopulation("h", 3, LIF(V, ShiftLeak((2,))), {"threshold": 1.0})],
        [TrainableProjection("x", "h", 5)],
        Output("h"),
    )
    assert module.export().inputs[0].held
    x = torch.rand(4, 4) * 3.5
    assert same_as_reference(module, x.numpy(), steps=6)
    repeated = x[:, None].repeat(1, 6, 1)
    assert torch.equal(module(x, steps=6), module(repeated))
    repeated[1, 3, 2] = 3.5 - repeated[1, 3, 2]
    with pytest.raises(SampleError, match="'x', which is held, must be the same in each"):
        module(repeated)


def test_readouts_are_in_the_users_units():
    module, x = classifier(), spikes()
    assert torch.equal(module(x), module.run(x).readout * module.readout_scale)
    assert module.readout_scale.shape == (1,)
    assert module.readout_scale.item() == pytest.approx(module.populations["o"].membrane().item())


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 12), r"samples of shape \(3, 12\) hold no step axis; .*\(steps=T\)"),
        (torch.zeros(3, 5, 11), r"must have the shape \[samples, steps, 12\], .*not \(3, 5, 11\)"),
        (torch.full((3, 5, 12), 2.0), r"event values of 'x' must lie in \[0, 1\], not \[2, 2\]"),
        (torch.full((3, 5, 12), torch.nan), r"event values of 'x' must lie in \[0, 1\]"),
        ({"y": torch.zeros(3, 5, 12)}, r"must be given for exactly the inputs \['x'\]"),
    ],
)
def test_wrong_samples(x, message):
    with pytest.raises(SampleError, match=message):
        classifier()(x)


def lif(**options):
    return TrainablePopulation("h", 9, LIF(V, ScaleLeak(8)), **options)


WRONG = {
    r"'h' \(LIF\) takes each of the parameters \['beta', 'threshold'\] once": lambda: lif(
        parameters={"threshold": 1.0}
    ),
    r"learned parameters of 'h' must be among .*, not \['tau'\]": lambda: lif(
        parameters={"threshold": 1.0, "beta": 0.9}, learned=("tau",)
    ),
    r"bits of x→h must lie in \[2, 16\], not 1": lambda: TrainableProjection("x", "h", 1),
    "y→h must start at an input or population": lambda: classifier(
        TrainableProjection("y", "h", 4)
    ),
    "h→x must end at a population": lambda: classifier(TrainableProjection("h", "x", 4)),
    "x→h:gate must end at a port of 'h', one of": lambda: classifier(
        TrainableProjection("x", "h", 4, "gate")
    ),
    r"weights of x→o must have the shape \[target, source\] = \(3, 12\), not": lambda: classifier(
        TrainableProjection("x", "o", start=np.zeros((12, 3)))
    ),
    "h→h@1 must not be normalized, since it lies in a recurrent loop": lambda: classifier(
        TrainableProjection("h", "h", 4, delay=1, norm=True)
    ),
    "projections without delay must not form a cycle": lambda: classifier(
        TrainableProjection("o", "h", 4)
    ),
    r"threshold of 'h' must lie in \[1, 7\], what its states can reach, and is": lambda: classifier(
        hidden=TrainablePopulation("h", 9, LIF(Range.signed(4)), {"threshold": 90.0})
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_declarations(message):
    with pytest.raises(NetworkError, match=message):
        WRONG[message]()

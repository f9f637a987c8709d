"""Held inputs: the same result as the same events in each step, whoever computes it."""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import Network, simulate
from spikeloom.hls_model.errors import ArtefactError, SampleError
from spikeloom.hls_model.plain import simulate_plainly
from spikeloom.hls_model.reference import events_per_step
from spikeloom.hls_model.samples import to_events


def held_network(seed: int) -> tuple[np.random.Generator, Network, Network]:
    """A random network with held inputs, and the same without."""
    rng = np.random.default_rng(seed)
    held = networks.holding(rng, networks.random_network(rng))
    return rng, held, replace(held, inputs=tuple(replace(i, held=False) for i in held.inputs))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 6))
def test_held_is_repeated(seed, steps):
    rng, held, changing = held_network(seed)
    samples = networks.random_samples(rng, held, 2, steps)
    once = {i.name: samples[i.name][:, 0] if i.held else samples[i.name] for i in held.inputs}
    expected = simulate(changing, samples)
    for result in (
        simulate(held, samples),
        simulate(held, once, steps=steps),
        simulate_plainly(held, once, steps=steps),
    ):
        np.testing.assert_array_equal(result.readout, expected.readout)
        for name, spikes in expected.spikes.items():
            np.testing.assert_array_equal(result.spikes[name], spikes)
            for word, states in expected.states[name].items():
                np.testing.assert_array_equal(result.states[name][word], states)


@pytest.mark.parametrize("with_steps", [False, True])
def test_events_are_sent_in_the_first_step_alone(with_steps):
    _, held, _ = held_network(1)
    name, shape = held.inputs[0].name, held.inputs[0].shape
    held = replace(held, inputs=tuple(replace(i, held=i.name == name) for i in held.inputs))
    samples = {i.name: np.ones((3, 4, *i.shape), dtype=int) for i in held.inputs}
    if not with_steps:
        samples[name] = samples[name][:, 0]
    events = to_events(held, samples, 4)[name]
    assert events.values.shape == (3, 1, held.inputs[0].size)
    assert events.step(3).all()
    assert events.sent.shape == (3, 4, held.inputs[0].size)
    assert events.sent[:, 0].all()
    assert not events.sent[:, 1:].any()
    assert events.sent_per_step.tolist() == [held.inputs[0].size, 0, 0, 0]
    assert events[1:].held
    assert events[1:].samples == 2
    assert events_per_step(held, samples, steps=4)[name] == np.prod(shape) / 4


def test_one_step_is_held_too():
    _, held, _ = held_network(2)
    samples = {i.name: np.ones((2, 1, *i.shape), dtype=int) for i in held.inputs}
    for input in held.inputs:
        assert to_events(held, samples)[input.name].sent.all()


def test_samples_that_change_are_refused():
    _, held, _ = held_network(3)
    held = replace(held, inputs=tuple(replace(i, held=True) for i in held.inputs))
    samples = {i.name: np.zeros((3, 4, *i.shape), dtype=int) for i in held.inputs}
    name = held.inputs[0].name
    samples[name].reshape(3, 4, -1)[1, 2, 0] = 1
    with pytest.raises(
        SampleError,
        match=rf"samples for '{name}', which is held, must be the same in each step, and sample 1 "
        r"has 0 at address 0 in step 0 and 1 in step 2; quantize for an input that changes "
        r"\(--no-held\)",
    ):
        simulate(held, samples)
    # What counts are the integers.
    fine = replace(held, inputs=tuple(replace(i, unit=0.5) for i in held.inputs))
    samples = {n: v.astype(float) for n, v in samples.items()}
    samples[name].reshape(3, 4, -1)[1, 2, 0] = 0.2
    assert not to_events(fine, samples)[name].sent.any()


def test_held_samples_still_need_their_steps():
    _, held, _ = held_network(4)
    samples = {i.name: np.zeros((3, *i.shape), dtype=int) for i in held.inputs}
    with pytest.raises(SampleError, match="state how many steps"):
        simulate(held, samples)


def test_files_keep_it_and_older_files_have_none(tmp_path):
    _, held, changing = held_network(5)
    held.save(tmp_path / "held.npz")
    loaded = Network.load(tmp_path / "held.npz")
    assert [i.held for i in loaded.inputs] == [i.held for i in held.inputs]
    assert loaded.hash == held.hash != changing.hash
    changing.save(tmp_path / "changing.npz")
    header = np.load(tmp_path / "changing.npz")["header"]
    assert "held" not in str(header)
    assert not any(i.held for i in Network.load(tmp_path / "changing.npz").inputs)


@pytest.mark.parametrize("wrong", ['"yes"', "1", "null"])
def test_files_with_another_value_are_damaged(tmp_path, wrong):
    _, held, _ = held_network(5)
    held.save(tmp_path / "held.npz")
    arrays = dict(np.load(tmp_path / "held.npz"))
    arrays["header"] = np.asarray(str(arrays["header"]).replace('"held": true', f'"held": {wrong}'))
    np.savez(tmp_path / "held.npz", **arrays)
    with pytest.raises(ArtefactError, match=r"held of 'n0_in.' must be True or False, not "):
        Network.load(tmp_path / "held.npz")

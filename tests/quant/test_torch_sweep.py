"""Steps run over time as one function: values and gradients of the operators one by one."""

from __future__ import annotations

import library
import numpy as np
import pytest
import torch
from one_by_one import F64, leaf, step, widened

from spikeloom.hls_model import Range
from spikeloom.hls_model.neuron import trace
from spikeloom.quant.torch_operators import Gradients, Surrogate
from spikeloom.quant.torch_program import Program
from spikeloom.quant.torch_sweep import sweep

NEURONS = library.NEURONS | library.ODD
STEPS, SAMPLES = 6, 3
SUMS, BIAS = Range(-400, 600), Range(-9, 9)


def tensors_of(neuron, parameters, seed=3):
    """Sums, parameters, biases and initial states, all of which want gradients."""
    rng = np.random.default_rng(seed)

    shape = (STEPS, SAMPLES, library.SIZE)
    sums = {p: leaf(rng.integers(-40, 90, shape)) for p in neuron.ports}
    shared = {f"p.{n}": leaf(v) for n, v in parameters.items()}
    shared |= {f"bias.{p}": leaf(rng.integers(-9, 9, library.SIZE)) for p in neuron.ports}
    state = {
        w: leaf(rng.integers(max(r.lo, -30), min(r.hi, 30) + 1, shape[1:]))
        for w, r in neuron.states().items()
    }
    return sums, shared, state


def stepped(neuron, ranges, sums, shared, state, how):
    """The oracle: events and state words of all steps."""
    events, words = [], {w: [] for w in state}
    for t in range(STEPS):
        x = {port: s[t] for port, s in sums.items()}
        state, event = step(neuron, ranges, x, shared, state, how, of_sums=SUMS, of_bias=BIAS)
        events.append(event)
        for w in words:
            words[w].append(state[w])
    return events, {w: torch.stack(s) for w, s in words.items()}


@pytest.mark.parametrize("pass_saturated", [False, True])
@pytest.mark.parametrize("name", NEURONS)
def test_values_and_gradients(name, pass_saturated):
    neuron, parameters = NEURONS[name]
    ranges = widened(parameters)
    sums, shared, state = tensors_of(neuron, parameters)
    how = Gradients(Surrogate("atan", 0.5), torch.tensor(40.0, dtype=F64), pass_saturated)
    events, words = stepped(neuron, ranges, sums, shared, state, how)
    ports = dict.fromkeys(neuron.ports)
    program = Program(
        trace(neuron, dict.fromkeys(ports, SUMS), ranges, dict.fromkeys(ports, BIAS)), name
    )
    program.dtype = F64
    done = sweep(
        program, sums, shared, state, how, steps=STEPS, shape=(SAMPLES, library.SIZE), record=words
    )
    weight = {w: torch.randn(s.shape, dtype=F64) for w, s in words.items()}
    expected = sum((weight[w] * s).sum() for w, s in words.items())
    found = sum((weight[w] * s).sum() for w, s in done.states.items())
    last = next(iter(words))
    expected, found = expected + 3 * words[last][-1].sum(), found + 3 * done.last[last].sum()
    for word, stack in words.items():
        assert torch.equal(done.states[word], stack)
        assert torch.equal(done.last[word], stack[-1])
    if events[0] is not None:
        assert torch.equal(done.events, torch.stack(events))
        of_events = torch.randn(done.events.shape, dtype=F64)
        expected = expected + 9 * (of_events * torch.stack(events)).sum()
        found = found + 9 * (of_events * done.events).sum()
    leaves = [*sums.values(), *shared.values(), *state.values()]
    oracle = torch.autograd.grad(expected, leaves, allow_unused=True)
    grads = torch.autograd.grad(found, leaves, allow_unused=True)
    for name_, a, b in zip((*sums, *shared, *state), oracle, grads, strict=True):
        a, b = (torch.zeros(1, dtype=F64) if g is None else g for g in (a, b))
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-9), name_


def test_what_needs_no_state_stays_outside_the_loop():
    """A gate's table before it; a spike that only leaves, after it."""

    def program(name):
        neuron, parameters = NEURONS[name]
        ports = dict.fromkeys(neuron.ports, SUMS)
        return Program(trace(neuron, ports, widened(parameters)), name)

    gated = program("gated")
    table = {i.result for i in gated.before if len(i.attrs.get("table", ()))}
    assert len(table) == 1
    assert "table" not in {k for i in gated.loop for k in i.attrs}
    assert len(program("lif no reset").after) >= 1


def test_nothing_is_kept_without_gradients():
    neuron, parameters = library.NEURONS["lif"]
    sums, shared, state = tensors_of(neuron, parameters)
    program = Program(trace(neuron, {"x": SUMS}, widened(parameters), {"x": BIAS}), "lif")
    with torch.no_grad():
        done = sweep(
            program, sums, shared, state, Gradients(), steps=STEPS, shape=(SAMPLES, library.SIZE)
        )
    assert not done.events.requires_grad
    assert done.states == {}

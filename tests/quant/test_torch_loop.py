"""Loops run as one function: values and gradients of the operators one by one."""

from __future__ import annotations

import library
import numpy as np
import pytest
import torch
from one_by_one import F64, leaf, step, widened

from spikeloom.hls_model import Range
from spikeloom.hls_model.neuron import trace
from spikeloom.quant.torch_loop import Arc, Member, run_loop
from spikeloom.quant.torch_operators import Gradients, Surrogate
from spikeloom.quant.torch_program import Program

NEURONS = library.NEURONS | library.ODD
STEPS, SAMPLES = 7, 3
SUMS, BIAS = Range(-4000, 4000), Range(-9, 9)
SHAPE = (SAMPLES, library.SIZE)
ARCS = [("a", "a", 1), ("a", "b", 0), ("b", "a", 2), ("b", "b", 3)]
"""Source, target and delay."""


def member(name, neuron, parameters, how):
    rng = np.random.default_rng(len(name))
    ports = dict.fromkeys(neuron.ports)
    program = Program(
        trace(neuron, dict.fromkeys(ports, SUMS), widened(parameters), dict.fromkeys(ports, BIAS)),
        name,
    )
    program.dtype = F64
    shared = {f"p.{n}": leaf(v) for n, v in parameters.items()}
    shared |= {f"bias.{p}": leaf(rng.integers(-9, 9, library.SIZE)) for p in ports}
    return Member(
        name,
        program,
        SHAPE,
        {p: leaf(rng.integers(-40, 90, (STEPS, *SHAPE))) for p in ports},
        shared,
        {w: leaf(np.zeros(SHAPE)) for w in neuron.states()},
        how,
        tuple(neuron.states()),
    )


def arcs_to(members, neurons):
    rng = np.random.default_rng(4)
    found = []
    for source, target, delay in ARCS:
        ports = neurons[target].ports
        weights = rng.integers(-9, 12, (len(ports) * library.SIZE, library.SIZE))
        found.append(Arc(source, target, delay, ports, leaf(weights)))
    return found


def stepped(members, neurons, parameters, arcs, how):
    """The oracle: events and state words by population and step."""
    events = {m.name: [] for m in members}
    words = {m.name: [] for m in members}
    state = {m.name: m.state for m in members}
    for t in range(STEPS):
        for m in members:
            sums = {p: s[t] for p, s in m.sums.items()}
            for arc in arcs:
                if arc.target == m.name and t >= arc.delay:
                    product = events[arc.source][t - arc.delay] @ arc.weights.T
                    for port, part in zip(arc.ports, product.chunk(len(arc.ports), 1), strict=True):
                        sums[port] = sums[port] + part
            state[m.name], event = step(
                neurons[m.name], widened(parameters[m.name]), sums, m.shared, state[m.name], how,
                of_sums=SUMS, of_bias=BIAS,
            )  # fmt: skip
            events[m.name].append(event)
            words[m.name].append(state[m.name])
    return events, words


@pytest.mark.parametrize("name", [n for n in NEURONS if n != "integrator"])
def test_values_and_gradients(name):
    chosen = {"a": NEURONS[name], "b": library.NEURONS["lif delayed"]}
    neurons = {n: neuron for n, (neuron, _) in chosen.items()}
    parameters = {n: p for n, (_, p) in chosen.items()}
    how = Gradients(Surrogate("atan", 0.5), torch.tensor(40.0, dtype=F64))
    members = [member(n, neurons[n], parameters[n], how) for n in chosen]
    arcs = arcs_to(members, neurons)
    events, words = stepped(members, neurons, parameters, arcs, how)
    done = run_loop(members, arcs, STEPS)
    expected = found = torch.zeros((), dtype=F64)
    torch.manual_seed(3)
    for m in members:
        weights = torch.randn(STEPS, *SHAPE, dtype=F64)
        assert torch.equal(done[m.name].events, torch.stack(events[m.name]))
        expected = expected + 9 * (weights * torch.stack(events[m.name])).sum()
        found = found + 9 * (weights * done[m.name].events).sum()
        for word in m.record:
            stack = torch.stack([s[word] for s in words[m.name]])
            assert torch.equal(done[m.name].states[word], stack)
            assert torch.equal(done[m.name].last[word], stack[-1])
            expected = expected + (weights * stack).sum() + 3 * stack[-1].sum()
            found = found + (weights * done[m.name].states[word]).sum()
            found = found + 3 * done[m.name].last[word].sum()
    leaves = {f"{m.name}.{n}": t for m in members for n, t in (m.sums | m.shared | m.state).items()}
    leaves |= {f"{a.source}→{a.target}": a.weights for a in arcs}
    oracle = torch.autograd.grad(expected, leaves.values(), allow_unused=True)
    grads = torch.autograd.grad(found, leaves.values(), allow_unused=True)
    for leaf_name, a, b in zip(leaves, oracle, grads, strict=True):
        a, b = (torch.zeros(1, dtype=F64) if g is None else g for g in (a, b))
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-8), leaf_name

"""Tracing: folding, sharing and identities keep values; ranges hold what is computed."""

from __future__ import annotations

import naive
import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import (
    BOOL,
    Range,
    Value,
    maximum,
    minimum,
    saturate,
    select,
    shift_right,
    wrap,
)
from spikeloom.hls_model.dataflow import Tracer, require
from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.neuron import trace
from spikeloom.hls_model.operators import evaluate


def execute(dataflow, inputs):
    """Values of all nodes of a graph."""
    values = {}
    for node in dataflow.nodes:
        match node.op:
            case "input":
                values[node] = inputs[node.name]
            case "constant":
                values[node] = node.range.lo
            case _:
                operands = tuple(values[o] for o in node.operands)
                values[node] = evaluate(node.op, operands, node.attrs)
        assert values[node] in node.range, node
    return values


RANGES = {"a": Range(-6, 7), "b": BOOL, "c": Range(2, 5)}


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.data())
def test_a_traced_graph_computes_what_direct_execution_does(data):
    tracer = Tracer()
    traced = {n: tracer.input(n, r) for n, r in RANGES.items()}
    drawn = {n: data.draw(st.integers(r.lo, r.hi)) for n, r in RANGES.items()}
    direct = {n: Value(naive.BACKEND, v) for n, v in drawn.items()}
    seed = data.draw(st.integers(0, 2**32 - 1))
    graph = random_expression(np.random.default_rng(seed), traced)
    result = random_expression(np.random.default_rng(seed), direct)
    dataflow = tracer.finish({"y": graph})
    values = execute(dataflow, drawn)
    assert values[dataflow.outputs["y"]] == result.payload


def random_expression(rng, leaves, depth=5):
    """The same expression for the same seed, whatever executes it."""
    if depth == 0 or rng.integers(6) == 0:
        return leaves[str(rng.choice(list(leaves)))]

    def inner():
        return random_expression(rng, leaves, depth - 1)

    def operand():
        return int(rng.integers(-3, 4)) if rng.integers(3) == 0 else inner()

    word = [Range.signed(4), Range.unsigned(3), Range.signed(9), Range(-2, 5)][rng.integers(4)]
    match rng.integers(14):
        case 0:
            return inner() + operand()
        case 1:
            return inner() - operand()
        case 2:
            return inner() * operand()
        case 3:
            return inner() >= operand()
        case 4:
            return inner() == operand()
        case 5 | 6:
            return select(inner() > operand(), operand(), operand())
        case 7:
            return minimum(inner(), operand())
        case 8:
            return maximum(inner(), operand())
        case 9:
            return saturate(inner(), word)
        case 10:
            return wrap(inner(), Range.signed(word.width))
        case 11:
            return shift_right(inner(), int(rng.integers(5)), str(rng.choice(networks.ROUNDINGS)))
        case 12:
            return ~(inner() >= operand()) & operand()
    return (inner() ^ operand()) | (inner() << int(rng.integers(3)))


@pytest.mark.parametrize("seed", range(20))
def test_neurons_compute_in_the_graph_what_they_do_directly(seed):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    population = network.populations[-1]
    neuron, dataflow = population.neuron, network.dataflow(population.name)

    def pick(range, integer=rng.integers):
        return int(integer(range.lo, range.hi + 1))

    for _ in range(50):
        state = {w: pick(r) for w, r in neuron.states().items()}
        sums = {p: pick(network.accumulator_range(population.name, p)) for p in neuron.ports}
        index = int(rng.integers(population.size))
        parameters = {n: naive._each(v, index) for n, v in population.parameters.items()}
        bias = {p: naive._each(population.bias.get(p, 0), index) for p in neuron.ports}
        inputs = {f"state.{w}": v for w, v in state.items()} | sums
        inputs |= {f"p.{n}": v for n, v in parameters.items()}
        inputs |= {f"bias.{p}": v for p, v in bias.items()}
        values = execute(dataflow, inputs)
        biased = {p: sums[p] + bias[p] for p in sums}
        following, event = naive.step(neuron, state, biased, parameters)
        assert values[dataflow.outputs["event"]] == event
        for word, value in following.items():
            assert values[dataflow.outputs[f"state.{word}"]] == value


def graph_of(function, **ranges):
    tracer = Tracer()
    inputs = {n: tracer.input(n, r) for n, r in ranges.items()}
    result = function(**inputs)
    return tracer.finish({"y": result})


SMALL = Range(-8, 7)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: a + 0, lambda a: 0 + a, lambda a: a - 0, lambda a: a * 1, lambda a: 1 * a,
        lambda a: a << 0, lambda a: a >> 0, lambda a: saturate(a, Range(-9, 7)),
        lambda a: wrap(a, Range.signed(4)), lambda a: select(a == a + 99, 5, a),
        lambda a: select(a > 0, a, a), lambda a: minimum(a, 7), lambda a: maximum(a, -8),
    ],
)  # fmt: skip
def test_identities_cost_nothing(function):
    dataflow = graph_of(function, a=SMALL)
    assert dataflow.outputs["y"] is dataflow.inputs["a"]
    assert len(dataflow.nodes) == 1


def test_negating_twice_costs_nothing():
    dataflow = graph_of(lambda a: ~~(a > 0), a=SMALL)
    assert [n.op for n in dataflow.nodes].count("eq") == 1
    assert graph_of(lambda b: ~~b, b=BOOL).outputs["y"].op == "input"


@pytest.mark.parametrize(
    ("function", "constant"),
    [(lambda a: a * 0, 0), (lambda a: a >= -8, 1), (lambda a: a == 9, 0),
     (lambda a: saturate(a, Range(9, 12)), 9), (lambda a: minimum(a, -9) + 3, -6)],
)  # fmt: skip
def test_what_ranges_decide_is_a_constant(function, constant):
    output = graph_of(function, a=SMALL).outputs["y"]
    assert (output.op, output.range) == ("constant", Range(constant, constant))


def test_equal_nodes_are_shared():
    dataflow = graph_of(lambda a, b: (a + b) * (a + b), a=SMALL, b=SMALL)
    assert [n.op for n in dataflow.nodes] == ["input", "input", "add", "mul"]


def test_inputs_of_one_value_are_constants():
    dataflow = graph_of(lambda a, b: a + b, a=SMALL, b=Range(3, 3))
    assert list(dataflow.inputs) == ["a"]


def test_bits_hold_every_number_of_the_step():
    assert graph_of(lambda a: a + 1, a=Range(-128, 126)).bits == 8
    assert graph_of(lambda a: a + 1, a=Range(-128, 127)).bits == 9
    # A constant that is folded away is still met by the reference.
    assert graph_of(lambda a: select(a >= 1000, 0, a), a=SMALL).bits == 11
    assert graph_of(lambda a: saturate(a, Range.signed(20)), a=SMALL).bits == 20


def test_wording_of_declared_ranges():
    require(Range(0, 3), Range(0, 3), "x")
    with pytest.raises(
        RangeError,
        match=r"v must stay in its declared range \[0, 3\], but can reach \[0, 4\]; narrow it with "
        r"saturate\(\) or wrap\(\), or declare a wider range",
    ):
        require(Range(0, 4), Range(0, 3), "v")


def test_trace_names_inputs_and_outputs():
    neuron = networks.TwoPort(Range.signed(8))
    sums = {"x": Range(-9, 9), "gate": Range(0, 4)}
    parameters = {"threshold": Range(1, 9), "open": Range(2, 2)}
    dataflow = trace(neuron, sums, parameters, {"gate": Range(0, 1)})
    assert set(dataflow.inputs) == {
        "x", "gate", "bias.gate", "state.v", "state.g", "p.threshold",
    }  # fmt: skip
    assert set(dataflow.outputs) == {"state.v", "state.g", "event"}

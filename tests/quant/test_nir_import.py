"""Graphs of any shape: nested, recurrent, delayed, with several inputs, in any order."""

import itertools
import random
from itertools import pairwise

import numpy as np
import pytest

from spikeloom.hls_model import simulate as simulate_integers
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant import load, quantize_with_report, simulate

LOAD = {"preset": "snntorch", "dt": 1e-3}
STEPS = 7


def lif(size: int, **changes):
    node = {"type": "LIF", "tau": np.full(size, 2e-3), "r": np.full(size, 2.0)}
    return node | {"v_leak": np.zeros(size), "v_threshold": np.ones(size)} | changes


def linear(target: int, source: int, seed: int = 0):
    weights = np.random.default_rng(seed).integers(-8, 13, (target, source)) / 8
    return {"type": "Linear", "weight": weights}


def port(kind: str, size: int):
    return {"type": kind, "shape": np.array([size])}


def by_hand(samples, w_in, w_rec, theta=1.0, beta=0.5):
    """snnTorch's RLeaky with its defaults, for one layer."""
    v = np.zeros((len(samples), len(w_in)))
    spikes = np.zeros_like(v)
    recorded = []
    for t in range(samples.shape[1]):
        reset = v > theta
        v = beta * v + samples[:, t] @ w_in.T + spikes @ w_rec.T - reset * theta
        spikes = (v > theta).astype(float)
        recorded.append(spikes)
    return np.stack(recorded, 1)


def recurrent_nodes(kind: str):
    """One recurrent layer: flat, as snnTorch's own nested graph, or nested twice."""
    outside = {"in": port("Input", 3), "fc": linear(4, 3)}
    w_rec = linear(4, 4, seed=1)
    after = {"out": port("Output", 4)}
    inside = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    nested = {
        "type": "NIRGraph",
        "nodes": {
            "input": port("Input", 4),
            "lif": lif(4),
            "w_rec": w_rec,
            "output": port("Output", 4),
        },
        "edges": inside,
    }
    if kind == "flat":
        nodes = outside | {"1.lif": lif(4), "1.w_rec": w_rec} | after
        edges = [("in", "fc"), ("fc", "1.lif"), ("1.lif", "1.w_rec"), ("1.w_rec", "1.lif")]
        return nodes, [*edges, ("1.lif", "out")]
    if kind == "twice":
        nested = {
            "type": "NIRGraph",
            "nodes": {"i": port("Input", 4), "rec": nested, "o": port("Output", 4)},
        }
    return outside | {"1": nested} | after, None


@pytest.mark.parametrize("kind", ["flat", "nested", "twice"])
def test_recurrence_is_delivered_in_the_next_step(write_nir, kind):
    nodes, edges = recurrent_nodes(kind)
    graph = load(write_nir(nodes, edges), **LOAD)
    (population,) = graph.populations
    assert {(p.source, p.delay) for p in graph.projections} == {("in", 0), (population.name, 1)}
    assert any("is recurrent: delivered in the next step" in a for a in graph.assumptions)
    samples = np.random.default_rng(2).integers(0, 2, (4, STEPS, 3))
    expected = by_hand(samples, nodes["fc"]["weight"], linear(4, 4, seed=1)["weight"])
    assert 0 < expected.sum() < expected.size
    assert (simulate(graph, samples).spikes[population.name] == expected).all()
    network = quantize_with_report(graph, calibration=samples, fraction_bits=2 * STEPS).network
    assert (simulate_integers(network, samples).spikes[population.name] == expected).all()


def test_no_order_of_nodes_and_edges_matters(write_nir):
    nodes = {
        "in": port("Input", 3),
        "a": lif(4),
        "b": lif(2),
        "c": lif(2),
        "in_a": linear(4, 3),
        "a_b": linear(2, 4),
        "b_c": linear(2, 2),
        "c_a": linear(4, 2),
        "out": port("Output", 2),
    }
    edges = [("in", "in_a"), ("in_a", "a"), ("a", "a_b"), ("a_b", "b"), ("b", "b_c")]
    edges += [("b_c", "c"), ("c", "c_a"), ("c_a", "a"), ("c", "out")]
    shuffle = random.Random(1)
    found = set()
    for _ in range(10):
        shuffle.shuffle(edges)
        graph = load(write_nir(dict(shuffle.sample(sorted(nodes.items()), 9)), edges), **LOAD)
        found.add(frozenset((p.source, p.target, p.delay) for p in graph.projections))
    assert found == {frozenset({("in", "a", 0), ("a", "b", 0), ("b", "c", 0), ("c", "a", 1)})}
    assert "c → a go back: delivered in the next step" in graph.assumptions


def test_a_loop_entered_twice_needs_a_delay(write_nir):
    nodes = {
        "in": port("Input", 2),
        "a": lif(2),
        "b": lif(2),
        "ab": linear(2, 2),
        "ba": linear(2, 2),
        "out": port("Output", 2),
    }
    edges = [("in", "a"), ("in", "b"), ("a", "ab"), ("ab", "b"), ("b", "ba"), ("ba", "a")]
    edges.append(("b", "out"))
    with pytest.raises(SemanticsError, match="put a Delay of one step on the edge that goes back"):
        load(write_nir(nodes, edges), **LOAD)
    nodes["wait"] = {"type": "Delay", "delay": np.full(2, 1e-3)}
    edges = [e for e in edges if e != ("ba", "a")] + [("ba", "wait"), ("wait", "a")]
    graph = load(write_nir(nodes, edges), **LOAD)
    assert {p.name: p.delay for p in graph.projections}["b→a"] == 1


def test_delays_differ_between_values(write_nir):
    nodes = {
        "in": port("Input", 3),
        "wait": {"type": "Delay", "delay": np.array([0.0, 2e-3, 5e-3], dtype=np.float32)},
        "fc": linear(2, 3),
        "lif": lif(2),
        "out": port("Output", 2),
    }
    graph = load(write_nir(nodes), **LOAD)
    weights = nodes["fc"]["weight"]
    assert [p.delay for p in graph.projections] == [0, 2, 5]
    for column, projection in enumerate(graph.projections):
        expected = np.zeros_like(weights)
        expected[:, column] = weights[:, column]
        assert (projection.weights == expected).all()
    samples = np.random.default_rng(0).integers(0, 2, (2, 9, 3))
    late = np.zeros_like(samples)
    for column, delay in enumerate((0, 2, 5)):
        late[:, delay:, column] = samples[:, : 9 - delay, column]
    del nodes["wait"]
    at_once = load(write_nir(nodes), **LOAD)
    assert (simulate(graph, samples).spikes["lif"] == simulate(at_once, late).spikes["lif"]).all()


@pytest.mark.parametrize(
    ("delay", "message"),
    [
        (1.5e-3, r"multiple of dt = 0\.001 s, not 0\.0015 s"),
        (-1e-3, r"not -0\.001 s"),
        (np.nan, "delay of node 'wait' must be finite, not nan"),
    ],
)
def test_wrong_delays_are_refused(write_nir, delay, message):
    nodes = {
        "in": port("Input", 2),
        "wait": {"type": "Delay", "delay": np.full(2, delay)},
        "lif": lif(2),
        "out": port("Output", 2),
    }
    with pytest.raises((SemanticsError, CheckpointError), match=message):
        load(write_nir(nodes), **LOAD)


def test_a_late_bias_is_refused(write_nir):
    nodes = {
        "in": port("Input", 2),
        "fc": linear(2, 2) | {"type": "Affine", "bias": np.ones(2)},
        "wait": {"type": "Delay", "delay": np.full(2, 1e-3)},
        "lif": lif(2),
        "out": port("Output", 2),
    }
    with pytest.raises(SemanticsError, match=r"a bias must not pass the Delay 'wait', .* late"):
        load(write_nir(nodes), **LOAD)
    nodes["wait"]["delay"] = np.zeros(2)
    assert load(write_nir(nodes), **LOAD).population("lif").bias.tolist() == [1, 1]


def test_a_recurrent_bias_starts_at_once_only_in_snntorch(write_nir):
    nodes, edges = recurrent_nodes("flat")
    nodes["1.w_rec"] |= {"type": "Affine", "bias": np.full(4, 0.25)}
    path = write_nir(nodes, edges)
    assert load(path, **LOAD).populations[0].bias.tolist() == [0.25] * 4
    with pytest.raises(SemanticsError, match=r"bias on the way back to '1\.lif' must be 0 under"):
        load(path, preset="norse", dt=1e-3)


def test_a_recurrent_reset_to_zero_drops_its_input(write_nir):
    path = write_nir(*recurrent_nodes("flat"))
    graph = load(path, preset="snntorch:reset=zero", dt=1e-3)
    assert graph.populations[0].neuron.drop_input
    assert any("its reset drops a step's input, as that of RLeaky" in a for a in graph.assumptions)


def test_scales_and_parallel_ways_are_folded(write_nir):
    nodes = {
        "in": port("Input", 2),
        "fc": linear(2, 2) | {"type": "Affine", "bias": np.array([1.0, 2.0])},
        "scale": {"type": "Scale", "scale": np.array([0.5, 4.0])},
        "other": {"type": "Scale", "scale": 2.0},
        "lif": lif(2),
        "out": port("Output", 2),
    }
    edges = [("in", "fc"), ("fc", "scale"), ("scale", "lif"), ("in", "other"), ("other", "lif")]
    graph = load(write_nir(nodes, [*edges, ("lif", "out")]), **LOAD)
    (projection,) = graph.projections
    expected = nodes["fc"]["weight"] * [[0.5], [4]] + 2 * np.eye(2)
    assert (projection.weights == expected).all()
    assert projection.origin.count("scale of") == 2
    assert graph.population("lif").bias.tolist() == [0.5, 8]


def test_several_inputs(write_nir):
    nodes = {
        "left": port("Input", 2),
        "right": port("Input", 3),
        "a": linear(2, 2),
        "b": linear(2, 3),
        "lif": lif(2),
        "out": port("Output", 2),
    }
    edges = [("left", "a"), ("right", "b"), ("a", "lif"), ("b", "lif"), ("lif", "out")]
    graph = load(write_nir(nodes, edges), **LOAD)
    assert {i.name: i.size for i in graph.inputs} == {"left": 2, "right": 3}
    assert len(graph.projections) == 2


def test_several_outputs_are_refused(write_nir):
    nodes = {"in": port("Input", 2), "lif": lif(2), "x": port("Output", 2), "y": port("Output", 2)}
    edges = [("in", "lif"), ("lif", "x"), ("lif", "y")]
    with pytest.raises(SemanticsError, match=r"one Output, not \['x', 'y'\]: a network delivers"):
        load(write_nir(nodes, edges), **LOAD)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": port("Input", 4)}, "'1' of .* must have one Input, not 2: edges do not say which"),
        ({"output": linear(4, 4)}, "'1' of .* must have one Output, not 0"),
        (
            {"w_rec": {"type": "SumPool2d"}},
            r"node '1.w_rec' .*\(after 'lif' and before 'lif'\) has the type 'SumPool2d'.*pooling",
        ),
    ],
)
def test_wrong_nested_graphs_are_refused(write_nir, change, message):
    nodes, _ = recurrent_nodes("nested")
    nodes["1"]["nodes"] |= change
    with pytest.raises(CheckpointError, match=message):
        load(write_nir(nodes), **LOAD)


def test_graphs_nested_too_deep_are_refused(write_nir):
    inner = {"i": port("Input", 2), "lif": lif(2), "o": port("Output", 2)}
    for _ in range(9):
        nested = {"type": "NIRGraph", "nodes": inner}
        inner = {"i": port("Input", 2), "g": nested, "o": port("Output", 2)}
    with pytest.raises(CheckpointError, match="nested at most 8 deep"):
        load(write_nir(inner), **LOAD)


def test_names_must_differ_once_graphs_are_inlined(write_nir):
    nodes, _ = recurrent_nodes("nested")
    with pytest.raises(CheckpointError, match=r"once nested graphs are inlined, not '1.lif'"):
        load(write_nir({"1.lif": lif(4)} | nodes, []), **LOAD)


def test_an_edge_out_of_an_output_is_refused(write_nir):
    nodes = {"in": port("Input", 2), "lif": lif(2), "out": port("Output", 2), "l2": lif(2)}
    with pytest.raises(CheckpointError, match=r"the Output 'out' of .* must not feed another node"):
        load(write_nir(nodes, list(pairwise(nodes))), **LOAD)


def test_an_edge_into_an_input_is_refused(write_nir):
    nodes = {"in": port("Input", 2), "lif": lif(2), "out": port("Output", 2)}
    edges = [*pairwise(nodes), ("lif", "in")]
    with pytest.raises(CheckpointError, match=r"the Input 'in' of .* must not be fed by 'lif'"):
        load(write_nir(nodes, edges), **LOAD)


def test_endless_rows_of_nodes_are_refused(write_nir):
    rows = {f"s{i}": {"type": "Scale", "scale": 1.0} for i in range(250)}
    nodes = {"in": port("Input", 2)} | rows | {"lif": lif(2), "out": port("Output", 2)}
    with pytest.raises(CheckpointError, match="must not follow each other 200 times"):
        load(write_nir(nodes), **LOAD)


def test_scalar_parameters_take_their_size_from_before(write_nir):
    numbers = {"type": "CubaLIF", "tau_mem": 2e-3, "tau_syn": 2e-3, "r": 2.0, "w_in": 2.0}
    nodes = {
        "in": port("Input", 2),
        "fc": linear(4, 2),
        "lif": numbers | {"v_leak": 0.0, "v_threshold": np.float32(1)},
        "out": port("Output", 4),
    }
    for edges in itertools.permutations(pairwise(nodes)):
        assert load(write_nir(nodes, list(edges)), **LOAD).population("lif").size == 4

"""On a grid, the integer network is the float network; off it, the report says how far it is."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom import hls_model
from spikeloom.hls_model import EVENTS, Network, Output, Range
from spikeloom.hls_model.errors import SampleError, SemanticsError
from spikeloom.quant import (
    Graph,
    Input,
    Population,
    Projection,
    QuantizationWarning,
    compare,
    quantize,
    quantize_with_report,
    simulate,
)

STEPS = 8
RESETS = [
    ("subtract", False, False),
    ("subtract", True, False),
    ("value", False, False),
    ("value", True, False),
    ("value", True, True),
    ("none", False, False),
]


def population(name, size, random, **options) -> Population:
    """Neurons whose numbers are multiples of 1/8."""
    settings_ = {
        "beta": np.array(0.5),
        "bias": random.integers(-4, 5, size) / 8,
        "threshold": random.integers(1, 17, size) / 8,
        "reset_value": random.integers(-4, 1, size) / 8,
    }
    return Population(name, size, **(settings_ | options))


def on_grid(seed: int, **options) -> tuple[Graph, np.ndarray]:
    """A graph of two populations and a delayed skip, and spikes for it."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 7, 3)
    a = population("a", int(sizes[1]), random, **options)
    b = population("b", int(sizes[2]), random, **options)
    links = [("in", "a", sizes[0], 0), ("a", "b", a.size, 0), ("in", "b", sizes[0], 2)]
    projections = tuple(
        Projection(
            source,
            target,
            random.integers(-7, 8, ((a if target == "a" else b).size, size)) / 8,
            delay,
        )
        for source, target, size, delay in links
    )
    graph = Graph((Input("in", (int(sizes[0]),)),), (a, b), projections, Output("b", EVENTS))
    return graph, random.integers(0, 2, (3, STEPS, int(sizes[0])))


def assert_equal(graph: Graph, samples: np.ndarray, **options) -> None:
    quantized = quantize_with_report(
        graph, calibration=samples, weight_bits=4, fraction_bits=2 * STEPS, **options
    )
    floats = simulate(graph, samples)
    integers = hls_model.simulate(quantized.network, samples)
    for name, spikes in floats.spikes.items():
        assert (integers.spikes[name] == spikes).all(), name
        membranes = integers.states[name]["v"] * quantized.scales[name]
        assert (membranes == floats.states[name]["v"]).all(), name
    assert quantized.report.warnings == ()


@settings(max_examples=1000, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    reset=st.sampled_from(RESETS),
    strict=st.booleans(),
    beta=st.sampled_from([0.0, 0.5, 0.75, 0.25, 1.0]),
    leak=st.sampled_from(["auto", "scale"]),
)
def test_on_a_grid_every_spike_and_membrane_is_equal(seed, reset, strict, beta, leak):
    mode, delayed, drop_input = reset
    graph, samples = on_grid(
        seed,
        beta=np.array(beta),
        reset=mode,
        delayed=delayed,
        drop_input=drop_input,
        strict=strict,
    )
    assert_equal(graph, samples, leak=leak)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(1, 6), signed=st.booleans())
def test_on_a_grid_graded_inputs_are_equal(seed, bits, signed):
    graph, _ = on_grid(seed)
    # The steps of graded and of spike inputs differ: one scale per neuron cannot be exact for both.
    graph = replace(graph, projections=graph.projections[:2])
    random = np.random.default_rng(seed)
    shape = (2, STEPS, graph.inputs[0].size)
    samples = random.integers(-(2**bits) * signed, 2**bits + 1, shape) / 16
    assert_equal(graph, samples)


def test_neurons_may_differ_in_their_decay():
    random = np.random.default_rng(1)
    graph, samples = on_grid(1)
    a = population("a", graph.population("a").size, random, beta=np.array([0.5]))
    beta = np.resize([0.5, 0.25], a.size)
    a = Population("a", a.size, beta, a.bias, a.threshold, a.reset_value)
    assert_equal(
        Graph(graph.inputs, (a, graph.population("b")), graph.projections, graph.output), samples
    )


def trained(seed: int = 0, **options) -> tuple[Graph, np.ndarray]:
    """A network with weights off any grid, read at its last membrane."""
    random = np.random.default_rng(seed)
    lif = {"beta": np.array(0.9), "bias": random.normal(0, 0.02, 40), "threshold": np.array(1.0)}
    first = Population("hidden", 40, **(lif | {"reset_value": np.zeros(1)} | options))
    readout = Population(
        "readout", 5, np.array(0.875), np.zeros(5), np.ones(1), np.zeros(1), fires=False
    )
    graph = Graph(
        (Input("in", (8, 8)),),
        (first, readout),
        (
            Projection("in", "hidden", random.normal(0, 0.2, (40, 64))),
            Projection("hidden", "readout", random.normal(0, 0.3, (5, 40))),
        ),
        Output("readout", "v"),
    )
    return graph, (random.random((50, 12, 8, 8)) < 0.3).astype(np.int8)


def test_off_the_grid_the_report_holds_every_error():
    graph, samples = trained()
    labels = simulate(graph, samples).predictions
    quantized = quantize_with_report(graph, calibration=samples, labels=labels, weight_bits=6)
    report = quantized.report
    assert report.calibration.float_accuracy == 1
    assert report.calibration.integer_accuracy >= 0.9
    assert report.calibration.populations["hidden"].agreement > 0.95
    assert report.populations["hidden"].leak.startswith("(v·")
    assert 0 < report.populations["hidden"].beta_error < 0.1 / 256
    assert 0 < report.populations["hidden"].threshold_error < 0.02
    assert 0 < report.projections["in→hidden"].mean_error < 0.05
    assert report.projections["in→hidden"].bits == 6
    assert json.loads(json.dumps(report.to_json()))["calibration"]["samples"] == 50
    assert report.populations["hidden"].state_bits <= 20


def test_membranes_that_are_compared_share_a_scale():
    graph, samples = trained()
    quantized = quantize_with_report(graph, calibration=samples, weight_bits=4)
    assert np.ptp(quantized.scales["readout"]) == 0
    assert np.ptp(quantized.scales["hidden"]) > 0


def test_a_moved_decay_is_never_silent():
    graph, samples = trained()
    with pytest.warns(QuantizationWarning, match=r"decay of 'hidden' was moved by 0.00\d+ to v −"):
        network = quantize(graph, calibration=samples, leak="shift")
    assert isinstance(network, Network)


def test_saturation_is_never_silent():
    graph, samples = trained(threshold=np.array(2.0), reset="none")
    louder = np.concatenate([samples, np.ones_like(samples)])
    quantized = quantize_with_report(graph, calibration=samples, weight_bits=4, margin=1)
    comparison = compare(graph, quantized.network, louder)
    assert comparison.populations["hidden"].saturated > 0
    assert quantized.report.calibration.populations["hidden"].saturated == 0


def test_widths_may_differ_between_projections():
    graph, samples = trained()
    network = quantize_with_report(
        graph, calibration=samples, weight_bits={"in→hidden": 3, "hidden→readout": 5}
    ).network
    assert {p.source: p.bits for p in network.projections} == {"in": 3, "hidden": 5}
    assert Range.of(network.into("hidden")[0].weights) in Range(-3, 3)


def test_the_network_survives_its_file(tmp_path):
    graph, samples = trained()
    network = quantize_with_report(graph, calibration=samples, weight_bits=4).network
    network.save(tmp_path / "network.npz")
    assert Network.load(tmp_path / "network.npz").hash == network.hash


def test_samples_of_any_kind_set_the_input():
    graph, samples = trained()
    for factor, range_, unit in (
        (1, Range(0, 1), 1.0),
        (3, Range(0, 3), 1.0),
        (-1, Range(-1, 1), 1.0),
        (0.75, Range(0, 3), 0.25),
        (1 / 3, Range(0, 255), 2.0**-9),
    ):
        network = quantize_with_report(graph, calibration=samples * factor).network
        assert (network.inputs[0].range, network.inputs[0].unit) == (range_, unit), factor


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_bits": 1}, r"weight_bits of in→hidden must lie in \[2, 8\], not 1"),
        ({"weight_bits": {"in": 4}}, r"must name projections, which are .*, not 'in'"),
        ({"weight_bits": 9}, r"must lie in \[2, 8\], not 9"),
        ({"fraction_bits": -1}, r"fraction_bits must lie in \[0, 24\], not -1"),
        ({"input_bits": 0}, "input_bits must lie"),
        ({"margin": 0.5}, "margin must be at least 1"),
        ({"leak": "exact"}, "leak must be 'auto', 'shift' or 'scale', not 'exact'"),
    ],
)
def test_wrong_options_are_refused(options, message):
    graph, samples = trained()
    with pytest.raises(SemanticsError, match=message):
        quantize(graph, calibration=samples, **options)


def test_a_vanishing_threshold_is_refused():
    graph, samples = trained(threshold=np.array(1e-3))
    with pytest.raises(SemanticsError, match="must not vanish beside its weights"):
        quantize(graph, calibration=samples, fraction_bits=0)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 3, 9)), r"must have the shape \[samples, steps, 8, 8\]"),
        (np.zeros((2, 8, 8)), "state how many steps"),
        (np.zeros((0, 3, 8, 8)), "must not be empty"),
        (np.full((1, 3, 8, 8), np.nan), "must be finite"),
        (np.full((1, 3, 8, 8), "a"), "must be integers or floats"),
        ({"other": np.zeros((1, 3, 8, 8))}, r"exactly the inputs \['in'\]"),
    ],
)
def test_wrong_samples_are_refused(samples, message):
    graph, _ = trained()
    with pytest.raises(SampleError, match=message):
        quantize(graph, calibration=samples)


def test_wrong_labels_are_refused():
    graph, samples = trained()
    with pytest.raises(SampleError, match="one per sample, 50 in all"):
        quantize(graph, calibration=samples, labels=np.zeros(3))


def test_held_inputs_are_presented_in_each_step():
    graph, samples = trained()
    held = samples[:, 0]
    repeated = np.repeat(held[:, None], 6, axis=1)
    one = quantize_with_report(graph, calibration=held, steps=6).network
    assert one.hash == quantize_with_report(graph, calibration=repeated).network.hash

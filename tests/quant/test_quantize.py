"""On a grid, the integer network is the float network; off it, the report says how far it is."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom import hls_model
from spikeloom.hls_model import (
    EVENTS,
    LIF,
    AdaptiveLIF,
    CubaLIF,
    Integrator,
    MultiSpikeLIF,
    Network,
    Neuron,
    Output,
    Range,
    ScaleLeak,
)
from spikeloom.hls_model.errors import CheckpointError, SampleError, SemanticsError
from spikeloom.quant import (
    DECAY,
    MOST,
    REAL,
    Graph,
    Input,
    Population,
    Projection,
    QuantizationWarning,
    calibration,
    compare,
    quantize,
    quantize_with_report,
    simulate,
    simulator,
)
from spikeloom.quant.calibration import input_error, quantize_input
from spikeloom.quant.templates import decays

STEPS = 8
LIFS = [
    LIF(REAL, DECAY, reset, strict, delayed, drop_input)
    for reset, delayed, drop_input in (
        ("subtract", False, False),
        ("subtract", True, False),
        ("value", False, False),
        ("value", True, False),
        ("value", True, True),
        ("none", False, False),
    )
    for strict in (False, True)
] + [LIF(REAL, DECAY, strict=True, lowered=True)]
ALPHA = ScaleLeak(0, parameter="alpha")
NEURONS = [
    *LIFS,
    *(CubaLIF(REAL, ALPHA, lif, old) for lif in LIFS for old in (False, True)),
    MultiSpikeLIF(REAL, MOST, DECAY),
    MultiSpikeLIF(REAL, MOST, DECAY, clamped=True),
    MultiSpikeLIF(REAL, 1, DECAY, clamped=True),
    CubaLIF(REAL, ALPHA, MultiSpikeLIF(REAL, MOST, DECAY, clamped=True)),
    AdaptiveLIF(REAL, REAL, DECAY, ScaleLeak(0, parameter="rho")),
    AdaptiveLIF(REAL, REAL, DECAY, ScaleLeak(0, parameter="rho"), "value", strict=True),
]


def sends_several(neuron: Neuron) -> bool:
    return isinstance(getattr(neuron, "neuron", neuron), MultiSpikeLIF)


def population(name, size, random, neuron, decay=0.5) -> Population:
    """Neurons whose numbers are multiples of 1/8."""
    numbers = {
        **dict.fromkeys(decays(neuron), decay),
        "threshold": random.integers(16 if sends_several(neuron) else 1, 25, size) / 8,
        "reset_value": random.integers(-4, 1, size) / 8,
        "lowest": random.integers(-8, 1, size) / 8,
        "jump": random.integers(0, 5, size) / 8,
    }
    parameters = {n: numbers[n] for n in neuron.parameters}
    return Population(name, size, neuron, parameters, random.integers(-4, 5, size) / 8)


def on_grid(seed: int, neuron: Neuron, decay=0.5) -> tuple[Graph, np.ndarray]:
    """A graph of two populations, one of them recurrent, with a delayed skip, and spikes for it."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 7, 3)
    a = population("a", int(sizes[1]), random, neuron, decay)
    b = population("b", int(sizes[2]), random, neuron, decay)
    links = [("in", "a", sizes[0], 0), ("a", "b", a.size, 0), ("in", "b", sizes[0], 2)]
    if seed % 2 and not sends_several(neuron):
        links.append(("a", "a", a.size, 1))
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
        for word, values in floats.states[name].items():
            scale = 1 if word == "fired" else quantized.scales[name]
            assert (integers.states[name][word] * scale == values).all(), (name, word)
    assert quantized.report.warnings == ()


@settings(max_examples=1000, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    neuron=st.sampled_from(NEURONS),
    decay=st.sampled_from([0.0, 0.5, 0.75, 0.25, 1.0]),
    leak=st.sampled_from(["auto", "scale"]),
)
def test_on_a_grid_every_spike_and_state_is_equal(seed, neuron, decay, leak):
    graph, samples = on_grid(seed, neuron, decay)
    assert_equal(graph, samples, leak=leak)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(1, 6), signed=st.booleans())
def test_on_a_grid_graded_inputs_are_equal(seed, bits, signed):
    graph, _ = on_grid(seed & ~1, LIF(REAL, DECAY))
    # The steps of graded and of spike inputs differ: one scale per neuron cannot be exact for both.
    graph = replace(graph, projections=graph.projections[:2])
    random = np.random.default_rng(seed)
    shape = (2, STEPS, graph.inputs[0].size)
    samples = random.integers(-(2**bits) * signed, 2**bits + 1, shape) / 16
    assert_equal(graph, samples)


def test_neurons_may_differ_in_their_decay():
    random = np.random.default_rng(1)
    graph, samples = on_grid(1, LIF(REAL, DECAY))
    size = graph.population("a").size
    a = population("a", size, random, LIF(REAL, DECAY), np.resize([0.5, 0.25], size))
    assert_equal(
        Graph(graph.inputs, (a, graph.population("b")), graph.projections, graph.output), samples
    )


def trained(neuron=None, seed: int = 0, **numbers) -> tuple[Graph, np.ndarray]:
    """A network with weights off any grid, read at its last membrane."""
    random = np.random.default_rng(seed)
    numbers = {"threshold": 1.0, "beta": 0.9} | numbers
    first = Population(
        "hidden", 40, neuron or LIF(REAL, DECAY), numbers, random.normal(0, 0.02, 40)
    )
    readout = Population("readout", 5, Integrator(REAL, DECAY), {"beta": 0.875})
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
    assert report.populations["hidden"].leaks["beta"].startswith("(v·")
    assert 0 < report.populations["hidden"].errors["beta"] < 0.1 / 256
    assert 0 < report.populations["hidden"].errors["threshold"] < 0.02
    assert 0 < report.projections["in→hidden"].mean_error < 0.05
    assert report.projections["in→hidden"].bits == 6
    assert json.loads(json.dumps(report.to_json()))["calibration"]["samples"] == 50
    assert report.populations["hidden"].state_bits["v"] <= 20


def test_membranes_that_are_compared_share_a_scale():
    graph, samples = trained()
    quantized = quantize_with_report(graph, calibration=samples, weight_bits=4)
    assert np.ptp(quantized.scales["readout"]) == 0
    assert np.ptp(quantized.scales["hidden"]) > 0


def test_a_moved_decay_is_never_silent():
    graph, samples = trained()
    with pytest.warns(
        QuantizationWarning, match=r"decay beta of 'hidden' was moved by 0.00\d+ to v −"
    ):
        network = quantize(graph, calibration=samples, leak="shift")
    assert isinstance(network, Network)


def test_saturation_is_never_silent():
    graph, samples = trained(LIF(REAL, DECAY, reset="none"), threshold=2.0)
    louder = np.concatenate([samples, np.ones_like(samples)])
    quantized = quantize_with_report(graph, calibration=samples, weight_bits=4, margin=1)
    comparison = compare(graph, quantized.network, louder, scales=quantized.scales)
    assert comparison.populations["hidden"].saturated > 0
    assert quantized.report.calibration.populations["hidden"].saturated == 0


def test_the_float_graph_is_simulated_once(monkeypatch):
    """For calibration and for the comparison, whatever the batches."""
    graph, samples = trained()
    whole = quantize_with_report(graph, calibration=samples, weight_bits=4)
    assert whole.report.calibration == compare(graph, whole.network, samples, scales=whole.scales)
    simulated = []
    run = simulator._run
    monkeypatch.setattr(
        simulator, "_run", lambda g, values, *_: simulated.append(values) or run(g, values, *_)
    )
    monkeypatch.setattr(simulator, "_BATCH_ELEMENTS", 3 * samples[0].size)
    parts = quantize_with_report(graph, calibration=samples, weight_bits=4)
    assert sum(len(values["in"]) for values in simulated) == len(samples)
    assert len(simulated) > 1
    assert parts.network.hash == whole.network.hash
    assert parts.report.calibration.populations["hidden"].agreement == (
        whole.report.calibration.populations["hidden"].agreement
    )


@pytest.mark.parametrize("chunk", [1, 100, 10_000])
def test_input_errors_do_not_depend_on_chunks(chunk, monkeypatch):
    monkeypatch.setattr(calibration, "_CHUNK", chunk)
    values = np.random.default_rng(0).normal(size=(30, 4, 5))
    found = quantize_input(Input("in", (5,)), values, 6)
    difference = np.rint(values / found.unit) * found.unit - values
    error = input_error(found, values)
    assert error["worst_error"] == np.abs(difference).max() / np.abs(values).max()
    mean = np.sqrt(np.mean(difference**2) / np.mean(values**2))
    assert error["mean_error"] == pytest.approx(mean)
    silent = np.zeros((2, 1, 5))
    assert input_error(quantize_input(Input("in", (5,)), silent, 6), silent)["mean_error"] == 0


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
        (1 / 3, Range(0, 1), 1 / 3),
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
        ({"held": ["im"]}, r"held must be .* a list of inputs, which are \['in'\], not "),
        ({"held": "in"}, r"held must be .*, not 'in'"),
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


@pytest.mark.parametrize(
    ("values", "bits", "range_", "unit"),
    [
        (np.arange(256, dtype=np.float32) / np.float32(255), 8, Range(0, 255), 1 / 255),
        (np.arange(251) / 255, 8, Range(0, 255), 1 / 255),
        (np.arange(17) / 16, 8, Range(0, 31), 1 / 16),
        (np.arange(-3, 4) / 7, 8, Range(-3, 3), 1 / 7),
        (np.arange(256) / 255, 4, Range(0, 15), 2.0**-3),
        (np.linspace(0, 1, 1000) ** 0.5, 8, Range(0, 255), 2.0**-7),
    ],
    ids=["pixels", "darker pixels", "sixteenths", "signed", "too few bits", "no grid"],
)
def test_pixels_get_the_unit_of_their_grid(values, bits, range_, unit):
    """Direct coding: intensities become graded events, exactly where they lie on a grid."""
    found = quantize_input(Input("in", values.shape), values, bits)
    assert found.range == range_
    assert found.unit == pytest.approx(unit, rel=1e-6)
    error = input_error(found, values)
    if bits == 8 and len(values) < 1000:
        assert error["worst_error"] < 1e-6
    else:
        assert unit / 4 < error["worst_error"] <= unit / 2 + 1e-6
        assert 0 < error["mean_error"] < 2 * error["worst_error"]


def test_samples_without_a_step_axis_are_held():
    graph, samples = trained()
    constant = samples[:, 0]
    repeated = np.repeat(constant[:, None], 6, axis=1)
    quantized = quantize_with_report(graph, calibration=constant, steps=6)
    assert quantized.network.inputs[0].held
    assert quantized.report.inputs["in"]["held"]
    changing = quantize_with_report(graph, calibration=repeated).network
    assert not changing.inputs[0].held
    assert replace(quantized.network, inputs=changing.inputs).hash == changing.hash
    for held, result in ((True, True), (["in"], True), (False, False), ([], False)):
        network = quantize_with_report(graph, calibration=repeated, held=held).network
        assert network.inputs[0].held == result
    assert (
        quantize_with_report(graph, calibration=constant, steps=6, held=False).network.hash
        == changing.hash
    )


def test_held_samples_that_change_are_refused():
    graph, samples = trained()
    with pytest.raises(
        SampleError,
        match=r"samples for 'in', which is held, must be the same in each step, and sample \d+ has "
        r"\d at address \d+ in step 0 and \d in step \d; .*--no-held",
    ):
        quantize(graph, calibration=samples, held=True)


def quantized_layer(steps=(0.25, 0.125), bits=3) -> Graph:
    integers = np.array([[3, -4, 1], [0, 2, -1]])
    n = Population("n", 2, LIF(REAL, DECAY), {"threshold": 1.0, "beta": 0.5})
    projection = Projection(
        "in", "n", integers * np.array(steps)[:, None], step=np.array(steps), bits=bits
    )
    return Graph((Input("in", (3,)),), (n,), (projection,), Output("n", EVENTS))


def test_integers_that_a_checkpoint_holds_are_taken_over():
    samples = np.ones((1, 4, 3))
    network = quantize(quantized_layer(), calibration=samples, weight_bits=8)
    (projection,) = network.projections
    assert (projection.weights.tolist(), projection.bits) == ([[3, -4, 1], [0, 2, -1]], 3)
    with pytest.raises(SemanticsError, match="must be the 3 bits that its weights were quantized"):
        quantize(quantized_layer(), calibration=samples, weight_bits={"in→n": 4})


def test_integers_that_cannot_be_taken_over_are_refused():
    with pytest.raises(CheckpointError, match=r"integers of 2 bits times their step, but 3 of 6"):
        quantized_layer(bits=2)
    read = replace(quantized_layer(), output=Output("n", "v"))
    with pytest.raises(SemanticsError, match="must share one step, not"):
        quantize(read, calibration=np.ones((1, 4, 3)))


def test_more_spikes_in_a_step_than_hardware_counts_are_refused():
    n = Population("n", 1, MultiSpikeLIF(REAL, MOST, DECAY), {"threshold": 1.0, "beta": 0.5})
    graph = Graph(
        (Input("in", (1,)),), (n,), (Projection("in", "n", np.eye(1)),), Output("n", EVENTS)
    )
    network = quantize(graph, calibration=np.full((1, 1, 1), 3.0))
    assert network.event_range("n") == Range(0, 5)
    with pytest.raises(SemanticsError, match="fire fewer than 31 times in a step, and calibration"):
        quantize(graph, calibration=np.full((1, 1, 1), 40.0))

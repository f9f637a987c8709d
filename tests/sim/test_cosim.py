"""Cosimulation: equal networks pass, and planted faults are found and named."""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest

from examples.semg.network import data_file, network_of
from spikeloom.hls_model import (
    LIF,
    Input,
    Network,
    Output,
    Population,
    Projection,
    Range,
    simulate,
)
from spikeloom.hls_model.errors import MismatchError, SampleError
from spikeloom.hls_model.reference import events_per_step
from spikeloom.hls_model.samples import InputEvents
from spikeloom.sim import cosim
from spikeloom.sim.cosim import cosimulate

STEPS = 6


def small_network(threshold=9, fault=None, initial=0):
    """5 inputs, 4 hidden neurons, 3 outputs; ``fault``: (row, column) of a weight that is off."""
    rng = np.random.default_rng(5)
    hidden, outer = rng.integers(-4, 8, (4, 5)), rng.integers(-4, 8, (3, 4))
    if fault:
        outer[fault] += 1
    lif = LIF(Range.signed(8))
    return Network(
        (Input("pixels", (5,)),),
        (
            Population("hidden", 4, lif, {"threshold": 9}, initial={"v": initial}),
            Population("classes", 3, lif, {"threshold": threshold}),
        ),
        (Projection("pixels", "hidden", hidden), Projection("hidden", "classes", outer)),
        Output("classes"),
    )


def small_samples(count=4, steps=STEPS):
    return np.random.default_rng(6).integers(0, 2, (count, steps, 5))


@pytest.fixture(scope="module")
def design():
    return networks.design_of(small_network(), hidden=(2, 1, 2), classes=(3, 3, 1))


def test_equal_networks_agree_and_everything_is_counted(design):
    finished = []
    report = cosimulate(design, small_samples(), progress=lambda *done: finished.append(done))
    assert report.mismatches == 0
    assert report.samples == 4
    assert report.spikes_compared == report.states_compared == 4 * STEPS * 7
    assert report.cycles_per_sample["min"] <= report.cycles_per_sample["mean"]
    assert report.cycles_per_sample["mean"] <= report.cycles_per_sample["max"]
    assert sum_of(report) <= report.simulated_cycles
    assert report.as_dict()["simulated_cycles_per_second"] > 0
    # A core that starts cold cannot be faster than one that never waits.
    assert report.roofline.cycles >= report.roofline.slowest.overlapped > 0
    assert finished[-1] == (4, 4)


def test_several_inputs_and_outputs():
    lif = LIF(Range.signed(10))
    random = np.random.default_rng(4)
    network = Network(
        (Input("a", (5,)), Input("b", (3,))),
        (Population("o", 4, lif, {"threshold": 9}), Population("end", 3, lif, {"threshold": 7})),
        (
            Projection("a", "o", random.integers(-4, 8, (4, 5))),
            Projection("b", "o", random.integers(-4, 8, (4, 3)), delay=1),
            Projection("o", "end", random.integers(-4, 8, (3, 4))),
        ),
        Output("end", "v"),
        taps=(Output("o"), Output("o", "v"), Output("end")),
    )
    samples = {"a": random.integers(0, 2, (6, 7, 5)), "b": random.integers(0, 2, (6, 7, 3))}
    design = networks.design_of(network, o=(2, 1, 2), end=(3, 1, 1))
    assert cosimulate(design, samples).mismatches == 0
    stressed = cosimulate(design, samples, isolate=False, gaps=0.3, stalls=0.3)
    assert stressed.mismatches == 0


def sum_of(report):
    return report.cycles_per_sample["mean"] * report.samples


def test_cycles_of_a_sample_are_those_of_its_steps(design):
    """Steps without events follow each other at a steady pace, that of the slowest core."""
    pace = max(plan.sweep_interval for plan in design.plans.values())
    short, long = (
        cosimulate(design, np.zeros((3, steps, 5), dtype=int)).cycles_per_sample
        for steps in (10, 25)
    )
    assert short["min"] == short["max"] == short["mean"]
    assert 15 * pace <= long["min"] - short["min"] <= 15 * 1.1 * pace


def test_streamed_samples_take_fewer_cycles_than_isolated_ones(design):
    alone = cosimulate(design, small_samples(20))
    streamed = cosimulate(design, small_samples(20), isolate=False)
    assert streamed.cycles_per_sample == {}
    assert streamed.simulated_cycles < alone.simulated_cycles


@pytest.mark.parametrize("isolate", [False, True])
def test_gaps_and_stalls_cost_cycles_and_nothing_else(design, isolate):
    plain = cosimulate(design, small_samples(20), isolate=isolate)
    rough = cosimulate(design, small_samples(20), gaps=0.7, stalls=0.9, isolate=isolate)
    assert rough.mismatches == 0
    assert rough.simulated_cycles > 1.5 * plain.simulated_cycles


def test_inputs_that_the_output_does_not_wait_for():
    """Two networks side by side; the one that is not the output's takes far longer."""
    lif = LIF(Range.signed(8))
    network = Network(
        (Input("quick", (1,)), Input("slow", (20,))),
        (Population("out", 1, lif, {"threshold": 2}), Population("big", 9, lif, {"threshold": 5})),
        (
            Projection("quick", "out", np.ones((1, 1), dtype=int)),
            Projection("slow", "big", np.ones((9, 20), dtype=int)),
        ),
        Output("out"),
    )
    samples = {"quick": np.ones((3, 2, 1), dtype=int), "slow": np.ones((3, 2, 20), dtype=int)}
    report = cosimulate(networks.design_of(network), samples)
    assert report.samples == 3


def test_constant_samples(design):
    constant = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 1, 1]])
    report = cosimulate(design, constant, steps=3)
    assert report.spikes_compared == 2 * 3 * 7


def test_held_input():
    """Through Verilog, beside recurrence and another input; its events count once everywhere."""
    rng = np.random.default_rng(21)
    network = Network(
        (Input("i", (30,), Range(-3, 4), held=True), Input("j", (3,))),
        (
            Population("a", 12, LIF(Range.signed(12)), {"threshold": 90}),
            Population("b", 5, LIF(Range.signed(10)), {"threshold": 9}),
        ),
        (
            Projection("i", "a", rng.integers(-3, 4, (12, 30))),
            Projection("j", "a", rng.integers(-8, 8, (12, 3))),
            Projection("a", "a", rng.integers(-8, 8, (12, 12)), delay=1),
            Projection("a", "b", rng.integers(-8, 8, (5, 12))),
            Projection("i", "b", rng.integers(-8, 8, (5, 30)), delay=2),
        ),
        Output("b"),
    )
    design = networks.design_of(network, a=(3, 1, 1, "memory"), b=(5, 5, 1))
    samples = networks.random_samples(rng, network, 20, 7)
    samples["i"][0] = 1
    assert simulate(network, samples).spikes["b"].any()
    alone = cosimulate(design, samples)
    assert cosimulate(design, samples, gaps=0.3, stalls=0.3, isolate=False).samples == 20
    core = alone.roofline.cores[0]
    events = events_per_step(network, samples)
    assert core.events == pytest.approx(
        7 * (events["i"] + events["j"]) + delivered(network, samples)
    )
    once = (samples["i"][:, 0] != 0).sum() / 20
    assert events["i"] * 7 == pytest.approx(once)


def test_two_events_per_cycle():
    """Through Verilog: graded events in several slots, a population behind them, empty steps."""
    rng = np.random.default_rng(22)
    network = Network(
        (Input("i", (31,), Range(-3, 4)),),
        (
            Population("a", 12, LIF(Range.signed(12)), {"threshold": 40}),
            Population("b", 5, LIF(Range.signed(10)), {"threshold": 9}),
        ),
        (
            Projection("i", "a", rng.integers(-8, 8, (12, 31))),
            Projection("a", "b", rng.integers(-8, 8, (5, 12))),
        ),
        Output("b"),
    )
    design = networks.design_of(network, a=(6, 1, 2, "memory", "bitstream", 2), b=(5, 5, 1))
    samples = networks.random_samples(rng, network, 20, 7)
    assert simulate(network, samples).spikes["b"].any()
    alone = cosimulate(design, samples)
    # Less than a single event per cycle would take, and no less than two.
    one_by_one = alone.roofline.cores[0].events * design.plans["a"].slots
    assert one_by_one / 2 < alone.cycles_per_sample["mean"] < one_by_one
    assert cosimulate(design, samples, gaps=0.3, stalls=0.3, isolate=False).samples == 20


def delivered(network, samples):
    """Events per sample that the recurrent projection of ``a`` delivers before the last step."""
    return (simulate(network, samples).spikes["a"][:, :-1] != 0).sum() / len(samples["i"])


def test_limit(design):
    assert cosimulate(design, small_samples(), limit=2).samples == 2
    with pytest.raises(SampleError, match="the number of samples must be at least 1, not 0"):
        cosimulate(design, small_samples(), limit=0)


def plant(monkeypatch, other):
    """Let the tapes come from another network: the design then has a fault."""
    reference = cosim.simulate_batches
    monkeypatch.setattr(cosim, "simulate_batches", lambda _, events: reference(other, events))


def first_difference(right, wrong, samples):
    """Sample, step, population and neuron of the first difference, on results of the reference."""
    a, b = simulate(right, samples), simulate(wrong, samples)
    places = []
    for order, population in enumerate(right.populations):
        name = population.name
        differs = (a.spikes[name] != b.spikes[name]) | (a.states[name]["v"] != b.states[name]["v"])
        if differs.any():
            sample, step, neuron = np.argwhere(differs)[0]
            places.append((sample, step, order, neuron, name))
    sample, step, _, neuron, name = min(places)
    events = [int(r.spikes[name][sample, step, neuron]) for r in (b, a)]
    states = [int(r.states[name]["v"][sample, step, neuron]) for r in (b, a)]
    return sample, step, name, neuron, events, states


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"fault": (0, 0)}, id="weight"),
        pytest.param({"fault": (2, 1)}, id="other weight"),
        pytest.param({"threshold": 10}, id="threshold"),
        pytest.param({"initial": 3}, id="initial state"),
    ],
)
def test_a_planted_fault_is_found_and_named(design, other, monkeypatch):
    samples = small_samples()
    truth = small_network(**other)
    sample, step, name, neuron, events, states = first_difference(truth, small_network(), samples)
    plant(monkeypatch, truth)
    with pytest.raises(MismatchError) as caught:
        cosimulate(design, samples)
    message = str(caught.value)
    assert f"at sample {sample}, step {step}, population {name!r}, neuron {neuron}: " in message
    assert message.endswith("rerun with --waves to see it")
    if events[0] != events[1]:
        assert f"its event is {events[0]} and should be {events[1]};" in message
    else:
        assert f"its state 'v' is {states[0]} and should be {states[1]};" in message
    assert "\n" not in message


def test_a_fault_in_the_last_step_of_the_last_sample_is_found(design, monkeypatch):
    samples = small_samples()
    reference = cosim.simulate_batches

    def altered(network, events):
        for result in reference(network, events):
            states = {n: {"v": s["v"].copy()} for n, s in result.states.items()}
            states["hidden"]["v"][3, STEPS - 1, 3] ^= 1
            yield replace(result, states=states)

    monkeypatch.setattr(cosim, "simulate_batches", altered)
    with pytest.raises(
        MismatchError, match=f"sample 3, step {STEPS - 1}, population 'hidden', neuron 3: its state"
    ):
        cosimulate(design, samples)


def test_an_event_that_is_lost_on_its_way_out_is_found(design, monkeypatch):
    """All neurons agree, and only the output's token differs."""
    reference = cosim.simulate_batches
    write = cosim.write_output

    def altered(path, output, layout, result):
        spikes = dict(result.spikes)
        spikes["classes"] = np.zeros_like(spikes["classes"])
        write(path, output, layout, replace(result, spikes=spikes))

    monkeypatch.setattr(cosim, "write_output", altered)
    with pytest.raises(
        MismatchError,
        match=r"the output's token \d+ is 0x\w+ in the RTL and 0x\w+ in the reference, while all "
        "neurons agree",
    ):
        cosimulate(design, small_samples())
    assert reference is cosim.simulate_batches


def test_results_beyond_the_reference_are_found(design, monkeypatch):
    write = cosim.write_input

    def twice(path, layout, events):
        for _ in range(2):
            write(path, layout, events)

    monkeypatch.setattr(cosim, "write_input", twice)
    with pytest.raises(
        MismatchError,
        match="the RTL has results of population 'hidden' after its last step, which the "
        "reference does not have",
    ):
        cosimulate(design, small_samples(), isolate=False)


def test_a_design_that_stops_is_reported(design, monkeypatch):
    write = cosim.write_input

    def shortened(path, layout, events):
        write(path, layout, InputEvents(events.values[:3], events.steps))

    monkeypatch.setattr(cosim, "write_input", shortened)
    with pytest.raises(
        MismatchError,
        match=r"the RTL stopped after 3 of 4 samples and \d+ cycles without a result that is "
        "still expected; look at it with --waves",
    ):
        cosimulate(design, small_samples())


def test_waves_are_an_fst_with_names_that_can_be_recognised(design, tmp_path):
    path = tmp_path / "waves.fst"
    cosimulate(design, small_samples(1), waves=path)
    blocks = fst_blocks(path.read_bytes())
    assert len(blocks[0]) == 329 - 8  # the header
    hierarchy = lz4_literals(blocks[6][8:])
    for name in (
        b"network",
        b"hidden",
        b"classes",
        b"bank1",
        b"unit0",
        b"queue_pixels_0_to_hidden",
    ):
        assert name in hierarchy


def fst_blocks(content):
    """Contents of an FST's blocks by type: a byte for the type, eight for the length."""
    blocks = {}
    while content:
        length = int.from_bytes(content[1:9], "big")
        blocks[content[0]] = content[9 : length + 1]
        content = content[length + 1 :]
    return blocks


def lz4_literals(block):
    """The literals of an LZ4 block, without what it copies."""
    text, position = b"", 0

    def length(short):
        nonlocal position
        total = short
        while short == 15:
            total += block[position]
            short = 15 if block[position] == 255 else 0
            position += 1
        return total

    while position < len(block):
        token = block[position]
        position += 1
        count = length(token >> 4)
        text += block[position : position + count]
        position += count + 2
        if position < len(block):
            length(token & 15)
    return text


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_networks(seed):
    """The same through Verilog and Verilator; many more run in ``tests/rtl/test_network.py``."""
    rng = np.random.default_rng(100 + seed)
    network = networks.random_network(rng)
    design = networks.random_design(rng, network)
    samples = networks.random_samples(rng, network, 20, 7)
    cosimulate(design, samples, gaps=0.3, stalls=0.3, isolate=False)


def test_every_operator_through_verilog():
    """Nets of a neuron with all operators: banks, parts, slots and padding at once."""
    rng = np.random.default_rng(11)
    neuron = networks.Everything(Range.signed(9), (3, -7, 120, 0, 55, -128, 9, 1, 2))
    population = networks.random_population(rng, "all", neuron, 11)
    network = Network(
        (Input("i", (6,), Range(-3, 4)),),
        (population,),
        (
            Projection("i", "all", networks.random_weights(rng, 11, 6)),
            Projection("all", "all", networks.random_weights(rng, 11, 11), delay=1),
        ),
        Output("all"),
    )
    samples = networks.random_samples(rng, network, 30, 20)
    events = simulate(network, samples).spikes["all"]
    assert len(np.unique(events)) >= 5
    design = networks.design_of(network, all=(8, 2, 2))
    assert (design.plans["all"].slots, design.plans["all"].parts) == (2, 2)
    cosimulate(design, samples, gaps=0.2, stalls=0.2, isolate=False)


@pytest.fixture(scope="module")
def semg():
    path = data_file()
    if not path.exists():
        pytest.skip(f"no sEMG data at {path}; set SPIKELOOM_DATA")
    return np.load(path)


def test_published_semg_network_on_real_input(semg):
    """The RTL of a published accelerator's network: every spike and membrane of 400 steps."""
    network = network_of(semg)
    knobs = {"layer1": (8, 1, 1), "layer2": (8, 1, 2), "layer3": (4, 1, 1), "layer4": (4, 2, 1)}
    report = cosimulate(networks.design_of(network, **knobs), semg["input_spikes"][None, :400])
    assert report.mismatches == 0
    assert report.spikes_compared == 400 * (64 + 128 + 64 + 12)

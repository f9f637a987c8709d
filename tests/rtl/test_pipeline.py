"""Neuron pipelines: one neuron per cycle, exact, in as many stages as the clock asks for."""

from __future__ import annotations

import naive
import networks
import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom.hls_model import LIF, Range, ShiftLeak
from spikeloom.hls_model.neuron import trace
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.pipeline import NeuronPipeline, member_name, output_name, schedule

EVERYTHING = networks.Everything(Range.signed(9), (3, -7, 120, 0, 55, -128, 9, 1, 2))


FEWEST_STAGES = {"ice40hx": 1, "ice40up": 1, "gowin": 1, "ecp5": 5}
"""Of ``EVERYTHING``, whatever the clock: an ECP5 has registers to spare (see ``schedule``)."""


def run_pipeline(neuron, dataflow, plan, vectors):
    """Outputs for one vector of inputs per cycle."""
    pipeline = NeuronPipeline(dataflow, plan)
    names = list(dataflow.inputs)
    outputs = [getattr(pipeline, output_name(n)) for n in dataflow.outputs]
    results = []

    async def testbench(ctx):
        for cycle in range(len(vectors) + plan.latency):
            if cycle < len(vectors):
                for name in names:
                    ctx.set(getattr(pipeline, member_name(name)), vectors[cycle][name])
            _, _, *values = await ctx.tick().sample(*outputs)
            if cycle >= plan.latency:
                results.append(dict(zip(dataflow.outputs, map(int, values), strict=True)))

    simulator = Simulator(pipeline)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return results


def check(neuron, sums, parameters, bias, family, target, seed, count=300):
    """Random vectors and corners of all ranges, against Python integers."""
    rng = np.random.default_rng(seed)
    dataflow = trace(neuron, sums, parameters, bias)
    plan = schedule(dataflow, FAMILIES[family], target)
    ranges = {f"state.{w}": r for w, r in neuron.states().items()} | dict(sums)
    ranges |= {f"p.{n}": r for n, r in parameters.items()}
    ranges |= {f"bias.{n}": r for n, r in bias.items()}

    def pick(range):
        corners = [range.lo, range.hi, min(max(0, range.lo), range.hi)]
        return int(rng.choice([*corners, *rng.integers(range.lo, range.hi + 1, 3)]))

    vectors = [{n: pick(r) for n, r in ranges.items()} for _ in range(count)]
    results = run_pipeline(neuron, dataflow, plan, vectors)
    assert len(results) == count
    for vector, result in zip(vectors, results, strict=True):
        state = {w: vector[f"state.{w}"] for w in neuron.states()}
        x = {p: vector[p] + vector[f"bias.{p}"] for p in neuron.ports}
        values = {n: vector[f"p.{n}"] for n in neuron.parameters}
        following, event = naive.step(neuron, state, x, values)
        assert result["event"] == event, vector
        for word, value in following.items():
            assert result[f"state.{word}"] == value, vector
    return plan


@pytest.mark.parametrize("seed", range(40))
def test_random_neurons(seed):
    rng = np.random.default_rng(seed)
    neuron = networks.random_neuron(rng)
    v = neuron.states()["v"]
    leak = getattr(getattr(neuron, "leak", None), "bits", 0)
    limits = {"threshold": Range(1, v.hi), "reset_value": Range(v.lo // 2, v.hi // 2),
              "beta": Range(0, 1 << leak), "open": Range(-3, 3)}  # fmt: skip
    check(
        neuron,
        {port: Range(int(rng.integers(-3000, 1)), int(rng.integers(1, 3000)))
         for port in neuron.ports},
        {n: limits[n] for n in neuron.parameters},
        {port: Range(-9, 9) if rng.integers(2) else Range(4, 4) for port in neuron.ports},
        str(rng.choice(list(FAMILIES))),
        float(rng.choice([10, 60, 150, 400])),
        seed,
    )  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("target", [5, 80, 2000])
def test_every_operator(family, target):
    """All operators, from everything in as few stages as there may be to each in its own."""
    sums, bias = {"x": Range(-300, 300)}, {"x": Range(-5, 5)}
    parameters = {"a": Range(-20, 20), "b": Range(-9, 9)}
    plan = check(EVERYTHING, sums, parameters, bias, family, target, 1, count=500)
    dataflow = trace(EVERYTHING, sums, parameters, bias)
    used = {n.op for n in dataflow.nodes} - {"input", "constant"}
    assert used == set(naive.RULES)
    assert (plan.latency == FEWEST_STAGES[family]) == (target == 5)


def dataflow_of_everything():
    return trace(
        EVERYTHING,
        {"x": Range(-300, 300)},
        {"a": Range(-20, 20), "b": Range(-9, 9)},
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("target", [10, 50, 100, 200])
def test_stages_meet_the_clock_or_hold_one_slow_operation(family, target):
    dataflow = dataflow_of_everything()
    plan = schedule(dataflow, FAMILIES[family], target)
    period = 1000 / target
    slowest = max(FAMILIES[family].delay(n) for n in dataflow.nodes) + FAMILIES[family].register
    assert plan.slowest <= max(period, slowest) + 1e-9
    for node in dataflow.nodes:
        for operand in node.operands:
            assert plan.ready(operand) <= plan.stages[node]
    assert plan.latency == max(
        plan.stages[n] + max(plan.registers.get(n, 0), 1) for n in dataflow.outputs.values()
    )


def test_sums_in_a_row_and_choices_of_a_constant_get_registers_that_are_to_spare():
    neuron = LIF(Range.signed(12), ShiftLeak((3,)), reset="subtract", delayed=True)
    dataflow = trace(neuron, {"x": Range(-40, 40)}, {"threshold": Range(1, 99)})
    by_op = {n.op: n for n in dataflow.nodes}
    plans = {name: schedule(dataflow, FAMILIES[name], 1) for name in ("ecp5", "ice40hx")}
    assert not plans["ice40hx"].registers
    assert plans["ice40hx"].latency == 1
    assert plans["ecp5"].registers == {by_op["select"]: 1, by_op["saturate"]: 2}
    sums = [plans["ecp5"].stages[n] for n in dataflow.nodes if n.op in ("add", "sub")]
    assert sums == [0, 1, 2]


@pytest.mark.parametrize("family", FAMILIES)
def test_latency_grows_with_the_clock(family):
    dataflow = dataflow_of_everything()
    latencies = [schedule(dataflow, FAMILIES[family], mhz).latency for mhz in (1, 25, 50, 100, 300)]
    assert latencies == sorted(latencies)
    assert latencies[0] <= FEWEST_STAGES[family]
    assert latencies[-1] > latencies[0]


def test_names():
    assert member_name("state.v") == "state_v"
    assert output_name("state.v") == "next_v"
    assert output_name("event") == "event"

"""Replays samples on a design in Amaranth's own simulator: nothing to compile.

Independent of the benches of ``spikeloom.sim``: tokens are made and results are decoded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from amaranth.sim import Simulator

from spikeloom.hls_model import EVENTS, Network, Result, simulate
from spikeloom.hls_model.samples import to_events
from spikeloom.rtl.design import Design
from spikeloom.rtl.events import PairLayout

PAIR = ("even", "odd")

_PATIENCE = 20_000
"""Cycles without a result after which a design is stuck."""


def tokens_of(
    sample: np.ndarray, rng: np.random.Generator, is_paired: bool = False
) -> Iterator[dict[str, Any]]:
    """Event tokens of [steps, size], a step's events in random order, pairs with gaps in them."""
    for t, step in enumerate(sample):
        addresses = rng.permutation(np.flatnonzero(step))
        if is_paired:
            yield from pairs_of(addresses, step, rng)
        else:
            for address in addresses:
                yield {"address": int(address), "value": int(step[address])}
        yield {"end": 1, "last": int(t == len(sample) - 1)}


def pairs_of(
    addresses: np.ndarray, step: np.ndarray, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Pairs of which either event, or both, may be absent."""
    waiting = {name: [int(a) for a in addresses if a % 2 == n] for n, name in enumerate(PAIR)}
    while any(waiting.values()):
        token = {}
        for name, left in waiting.items():
            if left and rng.random() < 0.8:
                address = left.pop()
                token[name] = {"valid": 1, "address": address // 2, "value": int(step[address])}
            else:
                # What an absent event would be means nothing.
                token[name] = {"valid": 0, "address": int(rng.integers(2)), "value": 1}
        yield token


def expected_output(network: Network, result: Result) -> list[tuple[int, int, int, int]]:
    """Tokens (end, last, address, value) that must leave, in order; no value if it has no bits."""
    output = network.output
    words = result.spikes[output.population]
    steps = words.shape[1]
    range = network.event_range(output.population)
    if output.source != EVENTS:
        range = network.population(output.population).neuron.states()[output.source]
        words = result.states[output.population][output.source]
    graded = range.lo < 0 or range.hi > 1
    tokens = []
    for sample in words:
        for t, step in enumerate(sample):
            last = int(t == steps - 1)
            for address, value in enumerate(step):
                if (output.source == EVENTS and value) or (output.source != EVENTS and last):
                    tokens.append((0, 0, address, int(value) if graded else 0))
            tokens.append((1, last, 0, 0))
    return tokens


def replay(
    design: Design,
    samples: object,
    seed: int = 0,
    gaps: float = 0.0,
    stalls: float = 0.0,
    expected: Network | None = None,
) -> int:
    """Compare every event, state word and output token with the reference of the design's network,
    or of ``expected``; the cycles until the last of them left."""
    network = expected or design.network
    result = simulate(network, samples)
    rng = np.random.default_rng(seed)
    cores = design.cores()
    simulator = Simulator(cores)
    simulator.add_clock(1e-6)
    output: list[tuple[int, int, int, int]] = []
    wanted = expected_output(network, result)
    probes: dict[str, list[tuple[list[int], list[dict[str, int]]]]] = {n: [] for n in design.plans}
    steps = next(iter(result.spikes.values())).shape[:2]
    entries = {n: steps[0] * steps[1] * p.sweep for n, p in design.plans.items()}
    cycles = finished = 0

    def play(name: str, values: np.ndarray):
        async def testbench(ctx):
            stream = getattr(cores, f"i_{name}")
            is_paired = isinstance(stream.payload.shape(), PairLayout)
            for sample in values:
                for token in tokens_of(sample, rng, is_paired):
                    while rng.random() < gaps:
                        await ctx.tick()
                    ctx.set(stream.payload, token)
                    ctx.set(stream.valid, 1)
                    is_taken = 0
                    while not is_taken:
                        _, _, is_taken = await ctx.tick().sample(stream.ready)
                    ctx.set(stream.valid, 0)

        return testbench

    async def collect(ctx):
        nonlocal cycles, finished
        watched = [cores.o.valid, cores.o.payload, *(c.probe for c in cores.cores.values())]
        idle = 0
        while any(len(probes[n]) < entries[n] for n in probes) or len(output) < len(wanted):
            is_ready = int(rng.random() >= stalls)
            ctx.set(cores.o.ready, is_ready)
            _, _, valid, token, *words = await ctx.tick().sample(*watched)
            cycles += 1
            idle += 1
            if valid and is_ready:
                end = int(token.end)
                value = 0 if end else int(token.value)
                output.append((end, int(token.last), 0 if end else int(token.address), value))
                idle, finished = 0, cycles
            for name, probe in zip(cores.cores, words, strict=True):
                if probe.valid:
                    probes[name].append(probe)
                    idle = 0
            assert idle < _PATIENCE, f"stuck: { ({n: len(p) for n, p in probes.items()}) }"
        for _ in range(20):
            ctx.set(cores.o.ready, 1)
            _, _, valid = await ctx.tick().sample(cores.o.valid)
            assert not valid, "a token that the reference does not have"

    for name, events in to_events(network, samples).items():
        simulator.add_testbench(play(name, events.sent), background=True)
    simulator.add_testbench(collect)
    simulator.run()

    for name, plan in design.plans.items():
        compare(plan, probes[name], result)
    assert output == wanted
    return finished


def compare(plan, probes, result: Result) -> None:
    """A population's sweep entries against the reference."""
    name = plan.population
    spikes, states = result.spikes[name], result.states[name]
    samples, steps, size = spikes.shape
    assert len(probes) == samples * steps * plan.sweep
    for position, probe in enumerate(probes):
        step, entry = divmod(position, plan.sweep)
        where = divmod(step, steps)
        for unit in range(plan.units):
            neuron = entry * plan.units + unit
            if neuron >= size:
                assert int(probe.event[unit]) == 0
                continue
            place = f"sample {where[0]}, step {where[1]}, {name}[{neuron}]"
            assert int(probe.event[unit]) == spikes[*where, neuron], f"{place}: event"
            for word in states:
                assert int(probe.state[unit][word]) == states[word][*where, neuron], (
                    f"{place}: state {word!r}"
                )

"""Drives one component's event streams in Amaranth's simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from amaranth.sim import Simulator

Token = dict[str, int]


def event(address: int, value: int = 1) -> Token:
    return {"address": address, "value": value}


def end(last: int = 0) -> Token:
    return {"end": 1, "last": last}


def transfer(
    component: Any,
    inputs: Mapping[str, list[Token]],
    outputs: list[str],
    *,
    gaps: float = 0.0,
    stalls: float = 0.0,
    cycles: int = 400,
    seed: int = 0,
) -> dict[str, list[tuple[int, dict[str, int]]]]:
    """Play tokens into streams; what comes out of others, with the cycle in which it did.

    Checks that what is offered stays offered until it is taken.
    """
    rng = np.random.default_rng(seed)
    received: dict[str, list[tuple[int, dict[str, int]]]] = {name: [] for name in outputs}

    def play(name: str, tokens: list[Token]):
        async def testbench(ctx):
            stream = getattr(component, name)
            for token in tokens:
                while rng.random() < gaps:
                    await ctx.tick()
                ctx.set(stream.payload, token)
                ctx.set(stream.valid, 1)
                taken = 0
                while not taken:
                    _, _, taken = await ctx.tick().sample(stream.ready)
                ctx.set(stream.valid, 0)

        return testbench

    async def collect(ctx):
        streams = [getattr(component, name) for name in outputs]
        watched = [s for stream in streams for s in (stream.valid, stream.payload)]
        held: dict[str, Any] = {}
        for cycle in range(cycles):
            ready = [int(rng.random() >= stalls) for _ in streams]
            for stream, is_ready in zip(streams, ready, strict=True):
                ctx.set(stream.ready, is_ready)
            _, _, *sampled = await ctx.tick().sample(*watched)
            for index, name in enumerate(outputs):
                valid, payload = sampled[2 * index], sampled[2 * index + 1]
                token = {field: int(payload[field]) for field, _ in payload.shape()}
                if name in held:
                    assert valid, f"{name} withdrew {held[name]}"
                    assert token == held[name], f"{name} changed what it offered"
                held.pop(name, None)
                if valid and ready[index]:
                    received[name].append((cycle, token))
                elif valid:
                    held[name] = token

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    for name, tokens in inputs.items():
        simulator.add_testbench(play(name, tokens), background=True)
    simulator.add_testbench(collect)
    simulator.run()
    return received

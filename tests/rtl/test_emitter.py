"""The emitter: ascending events, then an end; nothing is lost under back-pressure."""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.emitter import Emitter
from spikeloom.rtl.serial_emitter import ReadoutEmitter, SerialEmitter


def plan_of(size, units):
    network = Network(
        (Input("i", (1,)),),
        (Population("p", size, LIF(Range.signed(8)), {"threshold": 3}),),
        (Projection("i", "p", np.ones((size, 1), int)),),
        Output("p"),
    )
    lanes = -(-size // units) * units
    return networks.design_of(network, p=(lanes if lanes <= size else units, units, 1)).plans["p"]


def emitted(plan, value, steps, stalls=0.0, seed=0, cycles=600, fired=None, kind=None, lasts=None):
    """Tokens of sweeps [steps, sweep · units]; each sweep waits for room. What is not 0 has fired,
    if ``fired`` does not say more."""
    rng = np.random.default_rng(seed)
    emitter = (kind or (SerialEmitter if plan.units == 1 else Emitter))(plan, value)
    fired = np.asarray(steps) != 0 if fired is None else fired
    tokens = []

    async def sweep(ctx):
        for step, values in enumerate(steps):
            while not ctx.get(emitter.room):
                await ctx.tick()
            ctx.set(emitter.reserve, 1)
            await ctx.tick()
            ctx.set(emitter.reserve, 0)
            for index in range(plan.sweep):
                entry = slice(index * plan.units, (index + 1) * plan.units)
                chunk = values[entry]
                ctx.set(emitter.valid, 1)
                ctx.set(
                    emitter.entry,
                    {
                        "index": index,
                        "last": int(step in (lasts or [len(steps) - 1])),
                        "fired": sum(int(f) << unit for unit, f in enumerate(fired[step][entry])),
                        "value": [int(v) for v in chunk] if value.lo < 0 else [0] * plan.units,
                    },
                )
                await ctx.tick()
                ctx.set(emitter.valid, 0)

    async def collect(ctx):
        for cycle in range(cycles):
            ready = int(rng.random() >= stalls)
            ctx.set(emitter.o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(emitter.o.valid, emitter.o.payload)
            if valid and ready:
                if payload.end:
                    tokens.append((cycle, "last" if payload.last else "end"))
                else:
                    tokens.append((cycle, (int(payload.address), int(payload.value))))

    simulator = Simulator(emitter)
    simulator.add_clock(1e-6)
    simulator.add_testbench(sweep, background=True)
    simulator.add_testbench(collect)
    simulator.run()
    return tokens


GRADES = Range(-4, 3)


@pytest.mark.parametrize("stalls", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("size", "units"), [(1, 1), (8, 1), (8, 8), (9, 3), (12, 4), (10, 5)])
@pytest.mark.parametrize("density", [0.1, 1.0])
def test_events_ascend_and_steps_close(size, units, density, stalls):
    rng = np.random.default_rng(size)
    plan = plan_of(size, units)
    steps = rng.integers(-4, 4, (5, plan.sweep * plan.units))
    steps[rng.random(steps.shape) >= density] = 0
    steps[:, size:] = 0
    steps[2] = 0
    expected = []
    for index, step in enumerate(steps):
        expected += [(int(n), int(step[n])) for n in np.flatnonzero(step)]
        expected.append("last" if index == 4 else "end")
    tokens = emitted(plan, GRADES, steps, stalls, cycles=1200)
    assert [token for _, token in tokens] == expected


@pytest.mark.parametrize("stalls", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("lanes", [1, 3, 4, 9])
def test_readouts_leave_at_the_last_step(lanes, stalls):
    """Of 9 neurons; with 4 lanes the sweep has 12 entries, of which three are empty."""
    plan = replace(plan_of(9, 1), lanes=lanes)
    rng = np.random.default_rng(lanes)
    steps = rng.integers(-4, 4, (5, plan.sweep))
    fired = np.zeros(steps.shape, bool)
    # Two samples, of three steps and of two.
    expected = []
    for last in (2, 4):
        fired[last, :9] = True
        expected += ["end"] * (1 + (last == 2))
        expected += [(n, int(steps[last][n])) for n in range(9)] + ["last"]
    tokens = emitted(
        plan, GRADES, steps, stalls, cycles=1200, fired=fired, kind=ReadoutEmitter, lasts=(2, 4)
    )
    assert [token for _, token in tokens] == expected


def test_spikes_without_a_grade_carry_no_value():
    plan = plan_of(6, 3)
    tokens = emitted(plan, Range(0, 1), [[0, 1, 1, 0, 0, 1]])
    assert [token for _, token in tokens] == [(1, 0), (2, 0), (5, 0), "last"]


def test_a_token_per_cycle_however_many_units_fire_at_once():
    tokens = emitted(plan_of(12, 4), GRADES, [[1] * 12, [1] * 12])
    cycles = [cycle for cycle, _ in tokens]
    assert cycles[12] - cycles[0] == 12


def test_silent_entries_take_no_time():
    """Of 16 entries the first and the last fire: their events follow each other closely."""
    quiet = emitted(plan_of(16, 1), GRADES, [[1, *[0] * 14, 1]])
    assert [token for _, token in quiet] == [(0, 1), (15, 1), "last"]
    assert quiet[2][0] - quiet[1][0] == 1

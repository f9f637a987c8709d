"""The sequencer: which operation in which cycle, and what holds a sweep back."""

from __future__ import annotations

from itertools import pairwise

import networks
import numpy as np
import pytest
from amaranth.sim import Simulator
from streams import end, event

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.sequencer import Sequencer


def plan_of(size, knobs):
    network = Network(
        (Input("i", (5,)),),
        (Population("p", size, LIF(Range.signed(8)), {"threshold": 3}),),
        (Projection("i", "p", np.ones((size, 5), int)),),
        Output("p"),
    )
    return networks.design_of(network, p=knobs).plans["p"]


def issued(plan, tokens, cycles=80, room=lambda cycle: 1):
    """Operations by cycle: ("add", row, slot), ("sweep", slot, part) or None; starts and lasts."""
    sequencer = Sequencer(plan)
    operations, starts = [], []

    async def play(ctx):
        for token in tokens:
            ctx.set(sequencer.i.payload, token)
            ctx.set(sequencer.i.valid, 1)
            taken = 0
            while not taken:
                _, _, taken = await ctx.tick().sample(sequencer.i.ready)
            ctx.set(sequencer.i.valid, 0)

    async def watch(ctx):
        for cycle in range(cycles):
            ctx.set(sequencer.room, room(cycle))
            _, _, operation, start, last = await ctx.tick().sample(
                sequencer.operation, sequencer.start, sequencer.last
            )
            if operation.accumulate:
                assert not operation.sweep
                operations.append(("add", int(operation.row), int(operation.slot)))
            elif operation.sweep:
                operations.append(("sweep", int(operation.slot), int(operation.part)))
            else:
                operations.append(None)
            if start:
                starts.append((cycle, bool(last)))

    simulator = Simulator(sequencer)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play, background=True)
    simulator.add_testbench(watch)
    simulator.run()
    return operations, starts


def test_an_event_takes_a_cycle_per_slot():
    plan = plan_of(6, (2, 1, 1))
    operations, starts = issued(plan, [event(4), event(0)])
    assert [o for o in operations if o] == [
        ("add", 12, 0), ("add", 13, 1), ("add", 14, 2), ("add", 0, 0), ("add", 1, 1), ("add", 2, 2),
    ]  # fmt: skip
    assert operations.index(("add", 2, 2)) - operations.index(("add", 12, 0)) == 5
    assert starts == []


@pytest.mark.parametrize(
    ("size", "knobs", "expected"),
    [
        (4, (4, 4, 1), [("sweep", 0, 0)]),
        (4, (4, 1, 1), [("sweep", 0, part) for part in range(4)]),
        (4, (4, 1, 2), [("sweep", 0, 0), ("sweep", 0, 1)]),
        (
            8,
            (4, 1, 2),
            [("sweep", 0, 0), ("sweep", 0, 1), None, None, ("sweep", 1, 0), ("sweep", 1, 1)],
        ),
    ],
)
def test_a_sweep_visits_slots_and_parts_and_waits_for_the_other_banks(size, knobs, expected):
    operations, starts = issued(plan_of(size, knobs), [end(1)])
    first = next(i for i, o in enumerate(operations) if o)
    assert operations[first : first + len(expected)] == expected
    assert not any(operations[first + len(expected) :])
    assert starts == [(first, True)]


def test_sweeps_keep_their_distance():
    plan = plan_of(4, (4, 4, 1))
    _, starts = issued(plan, [end(), end(), end(1), end()])
    cycles = [cycle for cycle, _ in starts]
    assert [b - a for a, b in pairwise(cycles)] == 3 * [plan.sweep_interval]
    assert [last for _, last in starts] == [False, False, True, False]


def test_events_of_the_next_step_follow_a_sweep_at_once():
    operations, _ = issued(plan_of(4, (4, 2, 1)), [end(), event(3), event(1)])
    first = next(i for i, o in enumerate(operations) if o)
    assert operations[first : first + 4] == [
        ("sweep", 0, 0), ("sweep", 0, 1), ("add", 3, 0), ("add", 1, 0),
    ]  # fmt: skip


def test_a_sweep_waits_for_room_and_events_before_it_do_not():
    operations, starts = issued(
        plan_of(4, (4, 4, 1)), [event(2), end(), event(1)], room=lambda cycle: cycle >= 30
    )
    assert operations.index(("add", 2, 0)) < 5
    assert [cycle for cycle, _ in starts] == [31]
    assert operations.index(("add", 1, 0)) > 31

"""Queues, forks and merges of event streams: order, steps, delays, back-pressure."""

from __future__ import annotations

import pytest
from amaranth.sim import Simulator
from streams import end, event, transfer

from spikeloom.hls_model import BOOL, Range
from spikeloom.rtl.events import EventLayout, PairLayout
from spikeloom.rtl.streams import EventQueue, Fork, Merge, Source, ToPairs

PLAIN = EventLayout(8, BOOL)
GRADED = EventLayout(5, Range(-4, 3))
WIDE = EventLayout(13, Range(-4, 3))

STEPS = [event(1), event(2), end(), end(), event(7), end(last=1)]
rough = pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.5, 0), (0, 0.6), (0.5, 0.6)])


def plain(tokens):
    """Tokens without cycle; of an end, only what means something."""
    return [
        ("last" if t["last"] else "end") if t["end"] else (t["address"], t["value"])
        for _, t in tokens
    ]


@rough
def test_queue_keeps_order(gaps, stalls):
    queue = EventQueue(GRADED, depth=3)
    tokens = [event(n % 5, n % 7 - 4) for n in range(12)] + [end()]
    received = transfer(queue, {"i": tokens}, ["o"], gaps=gaps, stalls=stalls)["o"]
    assert plain(received) == [(n % 5, n % 7 - 4) for n in range(12)] + ["end"]


def test_queue_passes_a_token_per_cycle():
    received = transfer(EventQueue(PLAIN, depth=4), {"i": [event(1)] * 20}, ["o"])["o"]
    first, last = received[0][0], received[-1][0]
    assert last - first == 19
    assert first == 2


@rough
def test_one_entry_keeps_order(gaps, stalls):
    queue = EventQueue(GRADED, depth=1)
    tokens = [event(n % 5, n % 7 - 4) for n in range(12)] + [end()]
    received = transfer(queue, {"i": tokens}, ["o"], gaps=gaps, stalls=stalls)["o"]
    assert plain(received) == [(n % 5, n % 7 - 4) for n in range(12)] + ["end"]


def test_one_entry_is_refilled_as_it_empties():
    received = transfer(EventQueue(PLAIN, depth=1), {"i": [event(1)] * 20}, ["o"])["o"]
    first, last = received[0][0], received[-1][0]
    assert last - first == 19
    assert first == 1


@rough
def test_leading_ends_delay_a_stream(gaps, stalls):
    queue = EventQueue(PLAIN, depth=3, leading=2)
    received = transfer(queue, {"i": STEPS}, ["o"], gaps=gaps, stalls=stalls)["o"]
    assert plain(received) == ["end", "end", (1, 0), (2, 0), "end", "end", (7, 0), "last"]


@rough
@pytest.mark.parametrize("count", [1, 2, 3])
def test_fork_gives_every_token_to_each_once(count, gaps, stalls):
    outputs = [f"o{n}" for n in range(count)]
    received = transfer(Fork(PLAIN, count), {"i": STEPS}, outputs, gaps=gaps, stalls=stalls)
    for name in outputs:
        assert plain(received[name]) == [(1, 0), (2, 0), "end", "end", (7, 0), "last"]


def test_fork_to_nobody_swallows():
    fork = Fork(PLAIN, 0)

    async def testbench(ctx):
        ctx.set(fork.i.valid, 1)
        assert ctx.get(fork.i.ready)

    simulator = Simulator(fork)
    simulator.add_testbench(testbench)
    simulator.run()


def by_step(tokens):
    """Sets of events per step, and whether it was the last."""
    steps, events = [], []
    for token in plain(tokens):
        if isinstance(token, str):
            steps.append((sorted(events), token))
            events = []
        else:
            events.append(token)
    assert not events
    return steps


@rough
@pytest.mark.parametrize("seed", range(3))
def test_merge_joins_steps_and_adds_offsets(seed, gaps, stalls):
    merge = Merge([Source(PLAIN, 0, 0), Source(GRADED, 8, 0)], WIDE)
    other = [event(4, -4), end(), event(0, 3), event(1, 2), end(), end(last=1)]
    received = transfer(
        merge, {"i0": STEPS, "i1": other}, ["o"], gaps=gaps, stalls=stalls, seed=seed
    )["o"]
    assert by_step(received) == [
        ([(1, 1), (2, 1), (12, -4)], "end"),
        ([(8, 3), (9, 2)], "end"),
        ([(7, 1)], "last"),
    ]


@rough
def test_merge_drops_what_a_delayed_source_carries_into_the_next_sample(gaps, stalls):
    """Two samples of two steps; the source with delay 1 starts with an empty step."""
    merge = Merge([Source(PLAIN, 0, 0), Source(GRADED, 8, 1)], WIDE)
    now = [event(1), end(), event(2), end(1), event(3), end(), event(4), end(1)]
    late = [end(), event(1, -1), end(), event(2, -2), end(1), event(3, -3), end()]
    received = transfer(merge, {"i0": now, "i1": late}, ["o"], gaps=gaps, stalls=stalls)["o"]
    assert by_step(received) == [
        ([(1, 1)], "end"),
        ([(2, 1), (9, -1)], "last"),
        ([(3, 1)], "end"),
        ([(4, 1), (11, -3)], "last"),
    ]


@rough
def test_merge_takes_held_sources_first_in_each_step(gaps, stalls):
    merge = Merge([Source(PLAIN, 0, 0), Source(GRADED, 8, 0, held=True)], WIDE)
    held = [event(4, -4), event(0, 3), end(), event(1, 2), end(), end(last=1)]
    received = transfer(merge, {"i0": STEPS, "i1": held}, ["o"], gaps=gaps, stalls=stalls)["o"]
    assert plain(received) == [
        (12, -4), (8, 3), (1, 1), (2, 1), "end", (9, 2), "end", (7, 1), "last",
    ]  # fmt: skip


@rough
def test_merge_drops_the_events_of_a_marker(gaps, stalls):
    """It says which step is the last, which a delayed source cannot."""
    merge = Merge([Source(GRADED, 8, 1), Source(PLAIN, 0, 0, marks=True)], WIDE)
    late = [end(), event(1, -1), end(), event(2, -2), end()]
    received = transfer(merge, {"i0": late, "i1": STEPS}, ["o"], gaps=gaps, stalls=stalls)["o"]
    assert plain(received) == ["end", (9, -1), "end", (10, -2), "last"]


def test_merge_passes_a_token_per_cycle():
    merge = Merge([Source(PLAIN, 0, 0), Source(PLAIN, 0, 0)], PLAIN)
    tokens = [event(3)] * 10 + [end()]
    received = transfer(merge, {"i0": tokens, "i1": tokens}, ["o"])["o"]
    assert len(received) == 21
    assert received[-1][0] - received[0][0] == 20


def test_each_event_becomes_half_of_a_pair():
    pairs = ToPairs(PairLayout(5, Range(-4, 3)))
    seen = []

    async def testbench(ctx):
        ctx.set(pairs.o.ready, 1)
        for token in [event(3, -4), event(4, 2), end(), end(1)]:
            ctx.set(pairs.i.payload, token)
            ctx.set(pairs.i.valid, 1)
            assert (ctx.get(pairs.o.valid), ctx.get(pairs.i.ready)) == (1, 1)
            pair = ctx.get(pairs.o.payload)
            events = {
                name: (half.address, half.value)
                for name, half in (("even", pair.even), ("odd", pair.odd))
                if half.valid
            }
            seen.append((pair.end, pair.last, events))
        ctx.set(pairs.i.valid, 0)
        ctx.set(pairs.o.ready, 0)
        assert (ctx.get(pairs.o.valid), ctx.get(pairs.i.ready)) == (0, 0)

    simulator = Simulator(pairs)
    simulator.add_testbench(testbench)
    simulator.run()
    assert seen == [
        (0, 0, {"odd": (1, -4)}), (0, 0, {"even": (2, 2)}), (1, 0, {}), (1, 1, {}),
    ]  # fmt: skip

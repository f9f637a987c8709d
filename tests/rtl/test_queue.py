"""Queues in memories: order, room, pace, whatever their depth."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom.rtl.queue import Queue


def passed(queue, words, gaps=0.0, stalls=0.0, cycles=400):
    """Words as they leave, each with its cycle; and the most that were inside at a time."""
    rng = np.random.default_rng(3)
    left, entered, most = [], 0, 0

    async def testbench(ctx):
        nonlocal entered, most
        for cycle in range(cycles):
            offers = entered < len(words) and rng.random() >= gaps
            takes = rng.random() >= stalls
            ctx.set(queue.w_en, int(offers))
            ctx.set(queue.w_data, words[entered] if offers else 0)
            ctx.set(queue.r_en, int(takes))
            _, _, room, there, word = await ctx.tick().sample(
                queue.w_rdy, queue.r_rdy, queue.r_data
            )
            if there and takes:
                left.append((cycle, word))
            entered += bool(offers and room)
            most = max(most, entered - len(left))

    simulator = Simulator(queue)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return left, most


@pytest.mark.parametrize("in_block", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 17])
@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.5, 0), (0, 0.6), (0.5, 0.6)])
def test_words_keep_their_order(depth, gaps, stalls, in_block):
    words = [n * 37 % 101 for n in range(60)]
    left, _ = passed(Queue(7, depth, in_block), words, gaps, stalls)
    assert [word for _, word in left] == words


@pytest.mark.parametrize(("in_block", "latency"), [(False, 2), (True, 3)])
def test_latency_and_pace(in_block, latency):
    left, _ = passed(Queue(7, 9, in_block), [*range(20)])
    assert [cycle for cycle, _ in left] == [*range(latency, 20 + latency)]
    left, _ = passed(Queue(7, 1), [*range(20)])
    assert [cycle for cycle, _ in left] == [*range(1, 21)]


@pytest.mark.parametrize(("depth", "in_block"), [(1, False), (2, False), (6, False), (9, True)])
def test_a_full_queue_holds_its_depth(depth, in_block):
    """In block RAM one word more lies between memory and register."""
    _, most = passed(Queue(7, depth, in_block), [*range(40)], stalls=1)
    assert most == depth + in_block

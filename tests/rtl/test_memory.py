"""Weight memories: two cycles, a row per cycle."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom.rtl.memory import RowMemory, TwoPortMemory, takes_blocks


@pytest.mark.parametrize(("rows", "width"), [(1, 3), (2, 1), (5, 70), (300, 17)])
def test_a_row_per_cycle_two_cycles_later(rows, width):
    rng = np.random.default_rng(rows)
    contents = [int.from_bytes(rng.bytes(16), "little") % (1 << width) for _ in range(rows)]
    memory = RowMemory(contents, width)
    addresses = [int(a) for a in rng.integers(0, rows, 50)]
    seen = []

    async def testbench(ctx):
        for address in [*addresses, 0, 0]:
            ctx.set(memory.address, address)
            _, _, row = await ctx.tick().sample(memory.data)
            seen.append(row)

    simulator = Simulator(memory)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert seen[2:] == [contents[a] for a in addresses]


@pytest.mark.parametrize(("words", "width"), [(2, 3), (5, 40), (64, 18)])
def test_a_word_is_written_while_another_is_read(words, width):
    rng = np.random.default_rng(words)
    held = [int.from_bytes(rng.bytes(8), "little") % (1 << width) for _ in range(words)]
    memory = TwoPortMemory(list(held), width)
    seen, expected = [], []

    async def testbench(ctx):
        for _ in range(60):
            address, target = (int(n) for n in rng.integers(0, words, 2))
            write = int(target != address and rng.random() < 0.7)
            word = int.from_bytes(rng.bytes(8), "little") % (1 << width)
            ctx.set(memory.address, address)
            ctx.set(memory.write, write)
            ctx.set(memory.target, target)
            ctx.set(memory.word, word)
            expected.append(held[address])
            if write:
                held[target] = word
            _, _, data = await ctx.tick().sample(memory.data)
            seen.append(data)

    simulator = Simulator(memory)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert seen[2:] == expected[:-2]


@pytest.mark.parametrize(
    ("words", "bits", "blocks"),
    [(2, 3, False), (16, 7, False), (10, 14, True), (32, 80, True), (64, 40, True)],
)
def test_what_takes_blocks_of_an_ecp5(words, bits, blocks):
    assert takes_blocks(words, bits) is blocks

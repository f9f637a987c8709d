"""Weight memories: two cycles, a row per cycle."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom.rtl.memory import RowMemory


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

"""The handover: the enabled source's word, after the stated latency, one per cycle."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.lib import data
from amaranth.sim import Simulator

from spikeloom.rtl.handover import Handover, handover_latency


@pytest.mark.parametrize(
    ("sources", "spare", "plain"),
    [(1, 1, 1), (2, 2, 1), (4, 2, 2), (5, 3, 2), (8, 3, 2), (9, 3, 3), (16, 3, 3), (32, 4, 3)],
)
def test_latency(sources, spare, plain):
    assert handover_latency(sources, True) == spare
    assert handover_latency(sources, False) == plain


@pytest.mark.parametrize("has_spare_registers", [True, False])
@pytest.mark.parametrize("sources", [1, 2, 3, 4, 9, 33])
def test_the_enabled_word_comes_out(sources, has_spare_registers):
    rng = np.random.default_rng(sources)
    layout = data.ArrayLayout(data.StructLayout({"x": 5, "y": 3}), 2)
    handover = Handover(layout, sources, has_spare_registers)
    latency = handover_latency(sources, has_spare_registers)
    words = rng.integers(0, 1 << 16, (40, sources))
    chosen = rng.integers(0, sources, 40)
    results = []

    async def testbench(ctx):
        for cycle in range(40 + latency):
            if cycle < 40:
                for source in range(sources):
                    ctx.set(handover.i[source], layout.from_bits(int(words[cycle, source])))
                ctx.set(handover.enabled, 1 << int(chosen[cycle]))
            _, _, word = await ctx.tick().sample(handover.o)
            results.append(word.as_bits())

    simulator = Simulator(handover)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert results[latency:] == [int(words[n, chosen[n]]) for n in range(40)]

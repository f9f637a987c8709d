"""Parts of the bench that need no simulation model."""

from __future__ import annotations

import pytest
from amaranth.sim import Simulator

from spikeloom.sim.bench import Chance, whole_bytes


@pytest.mark.parametrize(("bits", "expected"), [(0, 8), (1, 8), (8, 8), (9, 16), (129, 136)])
def test_words_are_whole_bytes(bits, expected):
    assert whole_bytes(bits) == expected


@pytest.mark.parametrize("level", [0, 64, 192, 256])
@pytest.mark.parametrize("seed", [0, 1, 977])
def test_chance_hits_as_often_as_its_level_says(level, seed):
    chance = Chance(seed)
    hits = []

    async def count(ctx):
        ctx.set(chance.level, level)
        for _ in range(2000):
            hits.append((await ctx.tick().sample(chance.hit))[2])

    simulator = Simulator(chance)
    simulator.add_clock(1e-6)
    simulator.add_testbench(count)
    simulator.run()
    assert sum(hits) == pytest.approx(2000 * level / 256, abs=100 if 0 < level < 256 else 0)
    if 0 < level < 256:
        # Not a short cycle.
        assert len({tuple(hits[i : i + 32]) for i in range(1900)}) > 1800

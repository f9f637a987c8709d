from __future__ import annotations

import re
from typing import Any

import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import io
from amaranth.sim import Simulator

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.clock import plan_clock
from spikeloom.boards.domain import BoardTop, Settle


class Toggle(Elaboratable):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.led = led = io.Buffer("o", platform.request("led", 0, dir="-"))
        m.d.sync += led.o.eq(~led.o)
        return m


def rtlil(name: str, target_mhz: float) -> str:
    board = BOARDS[name]
    top = BoardTop(Toggle(), board, plan_clock(board, target_mhz))
    text: str = board.platform().prepare(top, "top").files["top.il"]
    return text


def cells(text: str) -> set[str]:
    return set(re.findall(r"^\s*cell \\([A-Z]\w+) ", text, re.MULTILINE))


@pytest.mark.parametrize(("name", "target", "pll"), [
    ("icebreaker", 36, "SB_PLL40_PAD"),
    ("hx8k-evn", 60, "SB_PLL40_CORE"),
    ("ulx3s-25f", 150, "EHXPLLL"),
    ("ulx3s-85f", 150, "EHXPLLL"),
    ("tangnano9k", 54, "rPLL"),
])
def test_each_family_has_its_pll(name: str, target: float, pll: str) -> None:
    assert re.search(rf"cell \\{pll} ", rtlil(name, target))


@pytest.mark.parametrize("name", BOARDS)
def test_the_oscillator_needs_no_pll(name: str) -> None:
    assert "PLL" not in rtlil(name, BOARDS[name].clock_mhz)


def test_ice40_parameters_reach_the_cell() -> None:
    text = rtlil("icebreaker", 36)
    assert "parameter \\DIVF 7'0101111" in text
    assert "parameter \\DIVQ 3'100" in text
    assert "parameter \\FILTER_RANGE 3'001" in text


def test_ecp5_starts_by_its_clock_and_the_others_by_reset() -> None:
    assert "DCCA" in cells(rtlil("ulx3s-25f", 150))
    assert "DCCA" not in cells(rtlil("icebreaker", 36))
    assert "rst" in rtlil("icebreaker", 36)


def test_nothing_is_ready_before_the_lock_has_held() -> None:
    settle = Settle(cycles=13)  # 16, after two for the synchronizer
    sim = Simulator(settle)
    sim.add_clock(1e-6)

    async def bench(ctx: Any) -> None:
        for locked, cycles, ready in (
            (0, 40, 0), (1, 17, 0), (0, 3, 0), (1, 17, 0), (1, 1, 1), (1, 40, 1), (0, 3, 0),
        ):
            ctx.set(settle.locked, locked)
            await ctx.tick().repeat(cycles)
            assert ctx.get(settle.ready) == ready, (locked, cycles)

    sim.add_testbench(bench)
    sim.run()

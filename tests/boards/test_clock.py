from __future__ import annotations

import re
import subprocess
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.clock import ECP5PLL, ICE40PLL, GowinPLL, find_pll, plan_clock
from spikeloom.boards.tools import find_program
from spikeloom.hls_model.errors import BoardError


def run(program: str, *arguments: str) -> str:
    path = find_program(program)
    assert path is not None
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout


def number(name: str, text: str) -> float:
    match = re.search(rf"{name}\W*([\d.]+)", text)
    assert match is not None
    return float(match[1])


@pytest.mark.parametrize(("source", "target", "divr", "divf", "divq", "filter_range"), [
    (12, 16.5, 0, 87, 6, 1),
    (12, 36, 0, 47, 4, 1),
    (12, 48, 0, 63, 4, 1),
    (12, 60, 0, 79, 4, 1),
    (100, 48, 2, 22, 4, 3),
    (100, 60, 4, 47, 4, 2),
])
def test_ice40_settings(
    source: int, target: float, divr: int, divf: int, divq: int, filter_range: int,
) -> None:
    pll = find_pll("ice40", Fraction(source), Fraction(str(target)))
    assert isinstance(pll, ICE40PLL)
    assert (pll.divr, pll.divf, pll.divq, pll.filter_range) == (divr, divf, divq, filter_range)


@pytest.mark.parametrize("target", [18, 24, 36, 48, 60, 75, 99])
def test_ice40_settings_are_those_of_icepll(target: int) -> None:
    pll = find_pll("ice40", Fraction(12), Fraction(target))
    assert isinstance(pll, ICE40PLL)
    text = run("yowasp-icepll", "-i", "12", "-o", str(target))
    assert number(r"F_PLLOUT:.*\nF_PLLOUT", text) == target
    assert [pll.divr, pll.divf, pll.divq, pll.filter_range] == [
        number(name, text) for name in ("DIVR", "DIVF", "DIVQ", "FILTER_RANGE")
    ]


@pytest.mark.parametrize("target", [50, 75, 100, 125, 150, 175, 200])
def test_ecp5_reaches_what_ecppll_reaches(target: int) -> None:
    pll = find_pll("ecp5", Fraction(25), Fraction(target))
    assert pll is not None
    text = run("yowasp-ecppll", "-i", "25", "-o", str(target))
    assert pll.output_mhz == number("clkout0 frequency", text) == target


def test_ecp5_reaches_what_is_no_multiple_of_its_oscillator() -> None:
    pll = find_pll("ecp5", Fraction(25), Fraction(135))
    assert isinstance(pll, ECP5PLL)
    assert pll.output_mhz == 135 == Fraction(25 * pll.clkfb * pll.clkop, pll.clki * pll.clkos)


@pytest.mark.parametrize("target", [54, 60, 63, 81, 108])
def test_gowin_reaches_what_gowin_pll_reaches(target: int) -> None:
    pll = find_pll("gowin", Fraction(27), Fraction(target))
    assert isinstance(pll, GowinPLL)
    text = run("gowin_pll", "-i", "27", "-o", str(target), "-d", "GW1NR-9 C6/I5")
    assert pll.output_mhz == number(r"CLKOUT =", text) == target
    assert (pll.idiv, pll.fbdiv) == (number("IDIV_SEL", text), number("FBDIV_SEL", text))


@pytest.mark.parametrize("family", ["ice40", "ecp5", "gowin"])
@settings(max_examples=15, deadline=None)
@given(source=st.integers(10, 60), target=st.decimals(20, 250, places=1))
def test_every_setting_is_within_limits_and_not_above_target(
    family: str, source: int, target: object,
) -> None:
    goal = Fraction(str(target))
    pll = find_pll(family, Fraction(source), goal)  # type: ignore[arg-type]
    if pll is None:
        return
    assert goal / 2 < pll.output_mhz <= goal
    for frequency, (low, high) in (
        (pll.pfd_mhz, pll.limits.pfd), (pll.vco_mhz, pll.limits.vco),
        (pll.output_mhz, pll.limits.output),
    ):
        assert low <= frequency <= high


def test_the_oscillator_itself_needs_no_pll() -> None:
    plan = plan_clock(BOARDS["ulx3s-25f"], 25)
    assert (plan.mhz, plan.pll) == (25, None)


def test_the_oscillator_serves_targets_that_the_pll_cannot_reach() -> None:
    plan = plan_clock(BOARDS["icebreaker"], 14)
    assert (plan.mhz, plan.pll) == (12, None)


def test_a_clock_never_exceeds_its_target() -> None:
    assert plan_clock(BOARDS["icebreaker"], 50).mhz == Fraction("49.5")
    assert plan_clock(BOARDS["ulx3s-25f"], 133).mhz == Fraction("132.5")


@pytest.mark.parametrize(("target", "message"), [
    (5, "icebreaker cannot run at 5 MHz: its clock must be at least 12 MHz"),
    (0, "a clock must be a positive number of MHz, not 0"),
    (float("nan"), "a clock must be a positive number of MHz, not nan"),
    (float("inf"), "a clock must be a positive number of MHz, not inf"),
])
def test_impossible_clocks(target: float, message: str) -> None:
    with pytest.raises(BoardError) as error:
        plan_clock(BOARDS["icebreaker"], target)
    assert str(error.value) == message

"""Which clocks a board's PLL can make: exact, within the datasheet's limits, hardware-free.

The generator itself, in Amaranth, is :mod:`spikeloom.boards.domain`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from spikeloom.boards.catalog import Board
from spikeloom.boards.devices import Family
from spikeloom.hls_model.errors import BoardError

__all__ = ["ECP5PLL", "ICE40PLL", "PLL", "ClockPlan", "GowinPLL", "find_pll", "plan_clock"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Frequencies in MHz, both ends included: input, phase detector, VCO, output."""

    input: tuple[float, float]
    pfd: tuple[float, float]
    vco: tuple[float, float]
    output: tuple[float, float]


def _within(value: Fraction, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


@dataclass(frozen=True, slots=True)
class ICE40PLL:
    """SB_PLL40 with simple feedback: ``output = input·(divf+1) / ((divr+1)·2**divq)``.

    Limits: FPGA-DS-02029 (LP/HX) and FPGA-DS-02008 (UltraPlus), "sysCLOCK PLL Timing", the same
    in both. ``divr`` 0 to 15, ``divf`` 0 to 127, ``divq`` 1 to 6 (FPGA-TN-02052).
    """

    input_mhz: Fraction
    divr: int
    divf: int
    divq: int

    limits: ClassVar[Limits] = Limits(
        input=(10, 133), pfd=(10, 133), vco=(533, 1066), output=(16, 275),
    )

    @property
    def pfd_mhz(self) -> Fraction:
        return self.input_mhz / (self.divr + 1)

    @property
    def vco_mhz(self) -> Fraction:
        return self.pfd_mhz * (self.divf + 1)

    @property
    def output_mhz(self) -> Fraction:
        return self.vco_mhz / 2**self.divq

    @property
    def filter_range(self) -> int:
        """The loop filter's setting, 1 to 6, from the phase detector's frequency."""
        return 1 + sum(self.pfd_mhz >= edge for edge in (17, 26, 44, 66, 101))

    @classmethod
    def candidates(cls, input_mhz: Fraction, target_mhz: Fraction) -> Iterator[ICE40PLL]:
        for divr in range(16):
            pfd = input_mhz / (divr + 1)
            for divq in range(1, 7):
                vco = min(target_mhz * 2**divq, Fraction(cls.limits.vco[1]))
                if pfd <= vco:
                    yield cls(input_mhz, divr, min(128, vco // pfd) - 1, divq)


@dataclass(frozen=True, slots=True)
class ECP5PLL:
    """EHXPLLL, feedback from CLKOP, output on CLKOS.

    ``output = input·clkfb·clkop / (clki·clkos)``; all four dividers 1 to 128 (FPGA-TN-02200).
    Two outputs instead of one give frequencies that are no multiple of the phase detector's.
    Limits: FPGA-DS-02012, "sysCLOCK PLL Timing".
    """

    input_mhz: Fraction
    clki: int
    clkfb: int
    clkop: int
    clkos: int

    limits: ClassVar[Limits] = Limits(
        input=(8, 400), pfd=(10, 400), vco=(400, 800), output=(3.125, 400),
    )

    @property
    def pfd_mhz(self) -> Fraction:
        return self.input_mhz / self.clki

    @property
    def feedback_mhz(self) -> Fraction:
        """CLKOP."""
        return self.pfd_mhz * self.clkfb

    @property
    def vco_mhz(self) -> Fraction:
        return self.feedback_mhz * self.clkop

    @property
    def output_mhz(self) -> Fraction:
        return self.vco_mhz / self.clkos

    @classmethod
    def candidates(cls, input_mhz: Fraction, target_mhz: Fraction) -> Iterator[ECP5PLL]:
        low, high = cls.limits.vco
        for clki in range(1, math.floor(input_mhz / Fraction(cls.limits.pfd[0])) + 1):
            pfd = input_mhz / clki
            for multiple in range(math.ceil(low / pfd), math.floor(high / pfd) + 1):
                # The slowest feedback that divides evenly; at best the phase detector's own.
                clkop = max(divider for divider in range(1, 129) if multiple % divider == 0)
                clkos = math.ceil(pfd * multiple / target_mhz)
                if multiple // clkop <= 128 and clkos <= 128:
                    yield cls(input_mhz, clki, multiple // clkop, clkop, clkos)


@dataclass(frozen=True, slots=True)
class GowinPLL:
    """rPLL with internal feedback: ``output = input·(fbdiv+1) / (idiv+1)``.

    ``idiv`` and ``fbdiv`` 0 to 63, ``odiv`` 2, 4, 8, 16, 32, 48 … 128; the oscillator runs at
    ``output·odiv``. Limits: the narrower of DS117 (GW1NR-9, C6/I5) and DS226 (GW2AR-18, C8/I7).
    """

    input_mhz: Fraction
    idiv: int
    fbdiv: int
    odiv: int

    limits: ClassVar[Limits] = Limits(
        input=(3, 400), pfd=(3, 400), vco=(500, 1200), output=(3.125, 600),
    )

    @property
    def pfd_mhz(self) -> Fraction:
        return self.input_mhz / (self.idiv + 1)

    @property
    def output_mhz(self) -> Fraction:
        return self.pfd_mhz * (self.fbdiv + 1)

    @property
    def vco_mhz(self) -> Fraction:
        return self.output_mhz * self.odiv

    @classmethod
    def candidates(cls, input_mhz: Fraction, target_mhz: Fraction) -> Iterator[GowinPLL]:
        for idiv in range(64):
            pfd = input_mhz / (idiv + 1)
            output = min(target_mhz, Fraction(cls.limits.output[1]))
            if pfd <= output:
                for odiv in (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128):
                    yield cls(input_mhz, idiv, min(64, output // pfd) - 1, odiv)


PLL = ICE40PLL | ECP5PLL | GowinPLL

_PLLS: dict[Family, type[PLL]] = {"ice40": ICE40PLL, "ecp5": ECP5PLL, "gowin": GowinPLL}


def find_pll(family: Family, input_mhz: Fraction, target_mhz: Fraction) -> PLL | None:
    """The setting with the highest output that does not exceed ``target_mhz``; None if none does.

    Each ``candidates`` yields the fastest output not above the target for every choice of the
    other dividers. Among equals the fastest phase detector wins (least jitter), then the fastest
    VCO.
    """
    kind = _PLLS[family]
    limits = kind.limits
    if not _within(input_mhz, limits.input):
        return None
    return max(
        (
            pll for pll in kind.candidates(input_mhz, target_mhz)
            if _within(pll.output_mhz, limits.output)
            and _within(pll.vco_mhz, limits.vco)
            and _within(pll.pfd_mhz, limits.pfd)
        ),
        key=lambda pll: (pll.output_mhz, pll.pfd_mhz, pll.vco_mhz),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class ClockPlan:
    """How the ``sync`` domain gets its clock.

    Attributes
    ----------
    mhz : Fraction
        Its exact frequency, given an exact oscillator.
    pll : ICE40PLL, ECP5PLL, GowinPLL or None
        The PLL's setting; None: the oscillator itself.
    """

    mhz: Fraction
    pll: PLL | None


def plan_clock(board: Board, target_mhz: float) -> ClockPlan:
    """The fastest clock of ``board`` that does not exceed ``target_mhz``.

    Raises
    ------
    BoardError
        If ``target_mhz`` is below the slowest clock that the board can make.
    """
    target = _exact(target_mhz)
    oscillator = _exact(board.clock_mhz)
    pll = find_pll(board.device.family, oscillator, target)
    if oscillator <= target and (pll is None or pll.output_mhz <= oscillator):
        return ClockPlan(oscillator, None)
    if pll is None:
        lowest = min(board.clock_mhz, _PLLS[board.device.family].limits.output[0])
        raise BoardError(
            f"{board.name} cannot run at {target_mhz:g} MHz: its clock must be at least "
            f"{lowest:g} MHz"
        )
    return ClockPlan(pll.output_mhz, pll)


def _exact(mhz: float) -> Fraction:
    """``mhz`` as the decimal it was written as: 33.3 is 333/10."""
    if not (math.isfinite(mhz) and mhz > 0):
        raise BoardError(f"a clock must be a positive number of MHz, not {mhz!r}")
    return Fraction(str(float(mhz)))

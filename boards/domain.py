"""The ``sync`` domain of a board: the PLL, and nothing that moves before it has settled."""

from fractions import Fraction
from typing import Any

from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    Const,
    DomainRenamer,
    Elaboratable,
    Instance,
    Module,
    ResetSignal,
    Signal,
)
from amaranth.lib import io, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from spikeloom.boards.catalog import Board
from spikeloom.boards.clock import ECP5PLL, ICE40PLL, ClockPlan, GowinPLL

__all__ = ["BoardTop", "ClockGenerator", "Settle"]

# iCE40 block RAM reads as zero for about 3 us after configuration, by the device's own timer
# (github.com/YosysHQ/icestorm, issue 76); five times that is what Amaranth waits too.
_SETTLE_US = 15


class Settle(wiring.Component):
    """Says when a clock has been good for long enough.

    Parameters
    ----------
    cycles : int
        How long ``locked`` must have been 1 before ``ready`` becomes 1, at least 1; rounded up to
        a power of two.

    Members
    -------
    locked : in
        The PLL's lock output, asynchronous. 0 takes ``ready`` back within three cycles.
    ready : out
    """

    locked: In(1)
    ready: Out(1)

    def __init__(self, cycles: int):
        self._cycles = cycles
        super().__init__()

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        locked = Signal()
        m.submodules.sync = FFSynchronizer(self.locked, locked)
        # Its top bit ends the count: a comparator would be the slowest path of an UltraPlus.
        timer = Signal((self._cycles - 1).bit_length() + 1)
        with m.If(~locked):
            m.d.sync += timer.eq(0)
        with m.Elif(~self.ready):
            m.d.sync += timer.eq(timer + 1)
        m.d.comb += self.ready.eq(timer[-1])
        return m


class ClockGenerator(Elaboratable):
    """Drives the clock and reset of ``sync``, which starts 15 to 30 µs after the PLL has locked.

    iCE40 and Gowin: the domain is reset until then, and again whenever the PLL loses lock.

    ECP5: the domain has no reset; its clock is held low until then (DCCA, FPGA-TN-02200), so every
    register still has the value that the bitstream gave it. A reset has no global network there:
    its wires to thousands of registers were the critical path of every seed tried (146 to 200 MHz
    with it, 196 to 208 MHz without, for 2,380 registers).

    Parameters
    ----------
    board : Board
    plan : ClockPlan
        From :func:`spikeloom.boards.clock.plan_clock` for the same board.
    """

    def __init__(self, board: Board, plan: ClockPlan):
        self._board = board
        self._plan = plan

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        clk = Signal(name="clk")
        locked = Signal()
        pin = platform.request(platform.default_clk, dir="-")
        pll = self._plan.pll

        if isinstance(pll, ICE40PLL) and self._board.clock_on_pll_pad:
            m.submodules.pll = _ice40_pll(pll, "SB_PLL40_PAD", clk, locked, ("PACKAGEPIN", pin.io))
        else:
            clk_buf: Any = io.Buffer("i", pin)
            m.submodules.clk_buf = clk_buf
            if isinstance(pll, ICE40PLL):
                m.submodules.pll = _ice40_pll(
                    pll, "SB_PLL40_CORE", clk, locked, ("REFERENCECLK", clk_buf.i))
            elif isinstance(pll, ECP5PLL):
                m.submodules.pll = _ecp5_pll(pll, clk, locked, clk_buf.i)
            elif isinstance(pll, GowinPLL):
                m.submodules.pll = _gowin_pll(pll, platform.family, clk, locked, clk_buf.i)
            else:
                m.d.comb += clk.eq(clk_buf.i), locked.eq(1)

        m.domains.por = ClockDomain(reset_less=True, local=True)
        m.d.comb += ClockSignal("por").eq(clk)

        settle = Settle(int(self._plan.mhz * _SETTLE_US))
        m.submodules.settle = DomainRenamer("por")(settle)
        m.d.comb += settle.locked.eq(locked)
        if self._board.device.family == "ecp5":
            m.submodules.gate = Instance("DCCA",
                i_CLKI=clk,
                i_CE=settle.ready,
                o_CLKO=ClockSignal("sync"),
            )
        else:
            m.d.comb += ClockSignal("sync").eq(clk), ResetSignal("sync").eq(~settle.ready)
        return m


class BoardTop(Elaboratable):
    """A design with the clock of its board around it."""

    def __init__(self, design: Any, board: Board, plan: ClockPlan):
        self._design = design
        self._clock = ClockGenerator(board, plan)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.clock = self._clock
        m.submodules.design = self._design
        return m


def _ice40_pll(
    pll: ICE40PLL, cell: str, clk: Signal, locked: Signal, source: tuple[str, Any],
) -> Instance:
    port, value = source
    reference = ("io" if port == "PACKAGEPIN" else "i", port, value)
    return Instance(cell, reference,
        p_FEEDBACK_PATH="SIMPLE",
        p_DIVR=Const(pll.divr, 4),
        p_DIVF=Const(pll.divf, 7),
        p_DIVQ=Const(pll.divq, 3),
        p_FILTER_RANGE=Const(pll.filter_range, 3),
        i_RESETB=Const(1),
        i_BYPASS=Const(0),
        o_PLLOUTGLOBAL=clk,
        o_LOCK=locked,
    )


def _ecp5_pll(pll: ECP5PLL, clk: Signal, locked: Signal, reference: Any) -> Instance:
    feedback = Signal(name="clk_feedback")
    return Instance("EHXPLLL",
        # The analogue settings that Project Trellis's ecppll writes for every frequency.
        a_ICP_CURRENT="12",
        a_LPF_RESISTOR="8",
        a_MFG_ENABLE_FILTEROPAMP="1",
        a_MFG_GMCREF_SEL="2",
        a_FREQUENCY_PIN_CLKI=_decimal(pll.input_mhz),
        a_FREQUENCY_PIN_CLKOP=_decimal(pll.feedback_mhz),
        a_FREQUENCY_PIN_CLKOS=_decimal(pll.output_mhz),
        p_PLLRST_ENA="DISABLED",
        p_INTFB_WAKE="DISABLED",
        p_STDBY_ENABLE="DISABLED",
        p_DPHASE_SOURCE="DISABLED",
        p_OUTDIVIDER_MUXA="DIVA",
        p_OUTDIVIDER_MUXB="DIVB",
        p_OUTDIVIDER_MUXC="DIVC",
        p_OUTDIVIDER_MUXD="DIVD",
        p_CLKI_DIV=pll.clki,
        p_CLKOP_ENABLE="ENABLED",
        p_CLKOP_DIV=pll.clkop,
        p_CLKOP_CPHASE=pll.clkop - 1,
        p_CLKOP_FPHASE=0,
        p_CLKOS_ENABLE="ENABLED",
        p_CLKOS_DIV=pll.clkos,
        p_CLKOS_CPHASE=pll.clkos - 1,
        p_CLKOS_FPHASE=0,
        p_FEEDBK_PATH="CLKOP",
        p_CLKFB_DIV=pll.clkfb,
        i_RST=Const(0),
        i_STDBY=Const(0),
        i_CLKI=reference,
        i_CLKFB=feedback,
        i_PHASESEL0=Const(0),
        i_PHASESEL1=Const(0),
        i_PHASEDIR=Const(1),
        i_PHASESTEP=Const(1),
        i_PHASELOADREG=Const(1),
        i_PLLWAKESYNC=Const(0),
        i_ENCLKOP=Const(0),
        o_CLKOP=feedback,
        o_CLKOS=clk,
        o_LOCK=locked,
    )


def _gowin_pll(
    pll: GowinPLL, family: str, clk: Signal, locked: Signal, reference: Any,
) -> Instance:
    return Instance("rPLL",
        p_DEVICE=family,
        p_FCLKIN=_decimal(pll.input_mhz),
        p_IDIV_SEL=pll.idiv,
        p_FBDIV_SEL=pll.fbdiv,
        p_ODIV_SEL=pll.odiv,
        p_DYN_IDIV_SEL="false",
        p_DYN_FBDIV_SEL="false",
        p_DYN_ODIV_SEL="false",
        p_DYN_SDIV_SEL=2,
        p_PSDA_SEL="0000",
        p_DYN_DA_EN="false",
        p_DUTYDA_SEL="1000",
        p_CLKFB_SEL="internal",
        p_CLKOUT_BYPASS="false",
        p_CLKOUTP_BYPASS="false",
        p_CLKOUTD_BYPASS="false",
        i_CLKIN=reference,
        i_CLKFB=Const(0),
        i_RESET=Const(0),
        i_RESET_P=Const(0),
        i_FBDSEL=Const(0, 6),
        i_IDSEL=Const(0, 6),
        i_ODSEL=Const(0, 6),
        i_PSDA=Const(0, 4),
        i_DUTYDA=Const(0, 4),
        i_FDLY=Const(0, 4),
        o_CLKOUT=clk,
        o_LOCK=locked,
    )


def _decimal(mhz: Fraction) -> str:
    return f"{float(mhz):.6g}"

"""The supported boards. One entry here is all that a new board needs."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from spikeloom.boards.devices import DEVICES, Device
from spikeloom.hls_model.errors import BoardError

__all__ = ["BAUD", "BOARDS", "Board", "Programmer", "find_board"]

BAUD = 1_000_000
"""Bits per second of a link of which nothing else is said: all bridges can, and all clocks from
25 MHz on divide to it within 2 %."""


@dataclass(frozen=True, slots=True)
class Programmer:
    """How a board takes a bitstream.

    Attributes
    ----------
    tool : str
        The executable.
    volatile, persistent : tuple of str or None
        Arguments before the bitstream's path that load it until power-off, or write it to the
        board's flash. ``volatile`` is None where only the flash can be reached.
    check : str
        How it makes sure that the board has the bitstream.
    advice : str
        How to get the tool.
    hint : str
        What the board needs before it can be programmed.
    """

    tool: str
    volatile: tuple[str, ...] | None
    persistent: tuple[str, ...]
    check: str
    advice: str
    hint: str = ""


_FT2232H = (0x0403, 0x6010)
_FT231X = (0x0403, 0x6015)

_ICEPROG = "Debian package fpga-icestorm, or github.com/YosysHQ/icestorm"
_OPENFPGALOADER = "Debian package openfpgaloader, or github.com/trabucayre/openFPGALoader"
_NEW_OPENFPGALOADER = "0.11 or newer, from github.com/trabucayre/openFPGALoader"
_DFU_UTIL = "Debian package dfu-util, or dfu-util.sourceforge.net"

_BUILT = "netlist simulated; bitstream built; never run on hardware"
_UNPACKED = "netlist simulated; bitstream unpacked, memories compared; never run on hardware"
_READ_BACK = "netlist and bitstream simulated; never run on hardware"


@dataclass(frozen=True, slots=True)
class Board:
    """A board that Spikeloom builds for.

    Attributes
    ----------
    name : str
        What ``--board`` takes.
    title : str
        The maker's name for it.
    device : Device
        Its FPGA.
    clock_mhz : float
        The oscillator that feeds the FPGA.
    clock_on_pll_pad : bool
        iCE40 only: the oscillator sits on the PLL's own pad, which then reaches nothing else.
    platform_class : str
        ``module:class`` of the platform, in amaranth-boards or :mod:`.platforms`, whose ``uart``
        resource is the link.
    programmer : Programmer
        The board's usual programmer.
    proven : str
        How far the flow has been carried on this board.
    baud, max_baud : int
        Bits per second of the link, by default and at most: what the bridge to USB can.
    usb_ids : tuple of (vendor, product)
        Of that bridge.
    link : str
        Where the link leaves the board.
    """

    name: str
    title: str
    device: Device
    clock_mhz: float
    clock_on_pll_pad: bool
    platform_class: str
    programmer: Programmer
    proven: str
    baud: int = BAUD
    max_baud: int = BAUD
    usb_ids: tuple[tuple[int, int], ...] = ()
    link: str = "USB"

    def platform(self) -> Any:
        """A fresh ``amaranth.build.Platform``: one can be prepared only once."""
        module, _, name = self.platform_class.partition(":")
        return getattr(importlib.import_module(module), name)()


def _ulx3s(size: str) -> Board:
    return Board(
        name=f"ulx3s-{size}f",
        title=f"Radiona ULX3S {size}F",
        device=DEVICES[f"ECP5-{size}F"],
        clock_mhz=25.0,
        clock_on_pll_pad=False,
        platform_class=f"amaranth_boards.ulx3s:ULX3S_{size}F_Platform",
        programmer=Programmer(
            tool="openFPGALoader",
            volatile=("-b", "ulx3s", "-m"),
            persistent=("-b", "ulx3s", "-f", "--verify"),
            check="status register; flash read back",
            advice=_OPENFPGALOADER,
        ),
        proven=_UNPACKED,
        # FT231X (FT_000565).
        max_baud=3_000_000,
        usb_ids=(_FT231X,),
    )


BOARDS = MappingProxyType({board.name: board for board in (
    Board(
        name="icebreaker",
        title="1BitSquared iCEBreaker",
        device=DEVICES["iCE40UP5K"],
        clock_mhz=12.0,
        clock_on_pll_pad=True,
        platform_class="amaranth_boards.icebreaker:ICEBreakerPlatform",
        # The FPGA's own configuration port is reached only after a change of jumpers.
        programmer=Programmer(
            tool="iceprog",
            volatile=None,
            persistent=(),
            check="flash read back, CDONE",
            advice=_ICEPROG,
        ),
        proven=_BUILT,
        # FT2232H, second channel; up to 12 Mbaud (FT_000061).
        max_baud=3_000_000,
        usb_ids=(_FT2232H,),
    ),
    Board(
        name="hx8k-evn",
        title="Lattice iCE40-HX8K-B-EVN",
        device=DEVICES["iCE40HX8K"],
        clock_mhz=12.0,
        clock_on_pll_pad=False,
        platform_class="amaranth_boards.ice40_hx8k_b_evn:ICE40HX8KBEVNPlatform",
        # The board's jumpers must be set for the mode: SRAM (`-S`) or flash (EB85).
        programmer=Programmer(
            tool="iceprog",
            volatile=("-S",),
            persistent=(),
            check="CDONE; flash read back",
            advice=_ICEPROG,
        ),
        proven=_READ_BACK,
        # FT2232H, second channel; up to 12 Mbaud (FT_000061).
        max_baud=3_000_000,
        usb_ids=(_FT2232H,),
    ),
    _ulx3s("25"),
    _ulx3s("85"),
    Board(
        name="tangnano9k",
        title="Sipeed Tang Nano 9K",
        device=DEVICES["GW1NR-9"],
        clock_mhz=27.0,
        clock_on_pll_pad=False,
        platform_class="amaranth_boards.tang_nano_9k:TangNano9kPlatform",
        programmer=Programmer(
            tool="openFPGALoader",
            volatile=("-b", "tangnano9k"),
            persistent=("-b", "tangnano9k", "-f"),
            check="checksum",
            advice=_OPENFPGALOADER,
        ),
        proven=_BUILT,
        # A BL702 that calls itself an FT2232H; runs at 3 Mbaud
        # (github.com/sipeed/TangNano-9K-example, issue 7).
        max_baud=3_000_000,
        usb_ids=(_FT2232H,),
    ),
    Board(
        name="orangecrab",
        title="OrangeCrab r0.2 25F",
        device=DEVICES["ECP5-25F-MG285"],
        clock_mhz=48.0,
        clock_on_pll_pad=False,
        platform_class="spikeloom.boards.platforms:OrangeCrabPlatform",
        # Its boot loader writes the flash from 0x80000 on, and nothing else.
        programmer=Programmer(
            tool="dfu-util",
            volatile=None,
            persistent=("-d", "1209:5af0", "-a", "0", "-D"),
            check="the boot loader's status",
            advice=_DFU_UTIL,
            hint="hold its button while plugging it in, which starts the boot loader",
        ),
        proven=_UNPACKED,
        # No bridge: an adapter of the user's choice, at the header.
        max_baud=3_000_000,
        link="header 0/1",
    ),
    Board(
        name="tangnano20k",
        title="Sipeed Tang Nano 20K",
        device=DEVICES["GW2AR-18"],
        clock_mhz=27.0,
        clock_on_pll_pad=False,
        platform_class="spikeloom.boards.platforms:TangNano20kPlatform",
        programmer=Programmer(
            tool="openFPGALoader",
            volatile=("-b", "tangnano20k"),
            persistent=("-b", "tangnano20k", "-f"),
            check="checksum",
            advice=_NEW_OPENFPGALOADER,
        ),
        proven=_BUILT,
        # A BL616 that calls itself an FT2232H.
        usb_ids=(_FT2232H,),
    ),
)})


def find_board(name: str) -> Board:
    """The board called ``name``.

    Raises
    ------
    BoardError
        If there is none; the message names the nearest one, or all of them.
    """
    if name in BOARDS:
        return BOARDS[name]
    near = difflib.get_close_matches(name.lower(), BOARDS, n=1, cutoff=0.4)
    advice = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(BOARDS)}"
    raise BoardError(f"unknown board {name!r}: {advice}")

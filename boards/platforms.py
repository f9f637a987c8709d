"""Platforms that amaranth-boards lacks, or in which it leaves out what the link needs."""

from typing import Any, ClassVar

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.vendor import GowinPlatform
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
from amaranth_boards.resources import ButtonResources, LEDResources, UARTResource

__all__ = ["OrangeCrabPlatform", "TangNano20kPlatform"]


class OrangeCrabPlatform(OrangeCrabR0_2_25FPlatform):
    """OrangeCrab r0.2 with the 25F, its UART at the header pins that a Feather has it on.

    The board has no bridge to USB: a 3.3 V adapter goes to ``0`` (RX, N17), ``1`` (TX, M18) and
    GND. Source of the pins: amaranth-boards, connector ``io``.
    """

    resources: ClassVar[list[Any]] = [
        *OrangeCrabR0_2_25FPlatform.resources,
        *LEDResources(pins="K4", invert=True, attrs=Attrs(IO_TYPE="LVCMOS33")),
        UARTResource(0, rx="N17", tx="M18",
            attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
    ]


class TangNano20kPlatform(GowinPlatform):
    """Sipeed Tang Nano 20K: oscillator, the UART of its BL616, LEDs, buttons.

    Source of the pins: LiteX-Boards, ``sipeed_tang_nano_20k``.
    """

    part        = "GW2AR-LV18QN88C8/I7"
    family      = "GW2AR-18C"
    default_clk = "clk27"
    resources: ClassVar[list[Any]] = [
        Resource("clk27", 0, Pins("4", dir="i"),
                 Clock(27e6), Attrs(IO_TYPE="LVCMOS33")),

        *ButtonResources(pins="88 87", attrs=Attrs(IO_TYPE="LVCMOS33")),

        *LEDResources(pins="15 16 17 18 19 20", invert=True,
                      attrs=Attrs(IO_TYPE="LVCMOS33")),

        UARTResource(0, rx="70", tx="69",
            attrs=Attrs(PULL_MODE="UP", IO_TYPE="LVCMOS33")),
    ]
    connectors: ClassVar[list[Any]] = []

"""Generates a design for a board: knobs that fit its device, and the top that is synthesised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import *
from amaranth.lib import io, wiring

from spikeloom.boards.catalog import Board, find_board
from spikeloom.boards.clock import plan_clock
from spikeloom.hls_model.errors import FitError
from spikeloom.hls_model.network import Network
from spikeloom.rtl.design import Design
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.fit import Budget, Knob, fit
from spikeloom.rtl.link import Link
from spikeloom.rtl.protocol import BAUD, Identity
from spikeloom.rtl.uart import divisor_of

__all__ = ["BoardTop", "generate"]

_LINK_LUTS = 900
"""What link, clock and reset take of a device's look-up tables, at most."""

_LINK_BLOCKS = 4

_USABLE_LUTS = 0.75
"""Part of the look-up tables that estimates may fill: fuller devices route badly."""

def generate(
    network: Network,
    board: str | Board | None = None,
    *,
    lanes: Knob = None,
    units: Knob = None,
    target_mhz: float | None = None,
    activity: Mapping[str, float] | None = None,
) -> Design:
    """A design for ``network``.

    Parameters
    ----------
    board
        Whose device it must fit; None: as fast as possible, pipelined for an ECP5.
    lanes, units
        Accumulator lanes (L) and neuron units (U): one number for all populations, numbers by
        population, or free to be chosen.
    target_mhz
        The clock to aim for; by default the family's.
    activity
        Mean number of events per step by input and population, which weighs lanes against units
        (see :func:`spikeloom.hls_model.reference.events_per_step`); by default a tenth of each.

    Raises
    ------
    BoardError
        If there is no such board.
    FitError
        If the network does not fit, or a knob makes no sense for it.
    """
    if board is None:
        family, budget = FAMILIES["ecp5"], None
    else:
        device = (find_board(board) if isinstance(board, str) else board).device
        family = FAMILIES[device.timing]
        luts = int(device.lut4 * _USABLE_LUTS) - _LINK_LUTS
        budget = Budget(device.name, luts, device.bram.count - _LINK_BLOCKS)
    target = target_mhz or family.target_mhz
    plans = fit(network, family, target, budget, lanes=lanes, units=units, activity=activity)
    return Design(network, family, target, plans)


class BoardTop(wiring.Component):
    """A design with its host link at a board's UART pins: what becomes the bitstream.

    Elaborating it raises a :class:`FitError` if the network has several inputs.
    """

    def __init__(self, design: Design, board: Board):
        self._design = design
        self._board = board
        super().__init__({})

    @property
    def identity(self) -> Identity:
        network = self._design.network
        clock = plan_clock(self._board, self._design.target_mhz)
        return Identity(
            network_hash=int(network.hash[:16], 16),
            board=self._board.name,
            clock_hz=round(clock.mhz * 1_000_000),
            contract=network.contract,
        )

    def elaborate(self, platform: Any) -> Module:
        inputs = self._design.network.inputs
        if len(inputs) != 1:
            raise FitError(f"the link feeds one input, and this network has {len(inputs)}")
        m = Module()
        identity = self.identity
        m.submodules.network = cores = self._design.cores()
        source = getattr(cores, f"i_{inputs[0].name}")
        m.submodules.link = link = Link(
            source.payload.shape(),
            cores.output_layout,
            identity,
            divisor_of(identity.clock_hz, BAUD),
        )
        wiring.connect(m, link.o, source)
        wiring.connect(m, cores.o, link.i)
        uart = platform.request("uart", dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [link.rx.eq(rx.i), tx.o.eq(link.tx)]
        return m

"""Generates a design for a board: knobs that fit its device, and the top that is synthesised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.hdl import *
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.boards.catalog import Board, find_board
from spikeloom.boards.clock import plan_clock
from spikeloom.hls_model.errors import BoardError, FitError
from spikeloom.hls_model.network import Network
from spikeloom.rtl.budget import Budget, LatencyBound
from spikeloom.rtl.candidates import Kind, Knob
from spikeloom.rtl.design import Design
from spikeloom.rtl.estimate import link_estimate
from spikeloom.rtl.events import EventLayout, PairLayout
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.fit import fit as choose
from spikeloom.rtl.link import Link
from spikeloom.rtl.protocol import Identity
from spikeloom.rtl.streams import ToPairs
from spikeloom.rtl.timing import Events
from spikeloom.rtl.uart import divisor_of

__all__ = [
    "VIRTUAL_DIVISOR", "BoardTop", "LinkedDesign", "VirtualTop", "generate", "identity_of",
    "link_baud",
]

VIRTUAL_DIVISOR = 12
"""Clock cycles per bit of a simulated link: the fewest with which it is the line that limits."""

_EASILY_USED = 0.75
"""Part of the look-up tables that estimates may fill: fuller devices route badly."""

_USABLE = {"ice40": _EASILY_USED, "ecp5": _EASILY_USED, "gowin": 0.875}
"""The same where a fuller one is a good deal faster. Counted by place, nextpnr 0.11 routes 82 % of
a GW1NR-9 (digits, 16 units) at 90 MHz; it places 87 % (784-128-10, 9 units) with seeds 1 to 3, in
four times the time that 70 % take (3 units), and 98 % (13 units) with seeds 1 and 3, not 2."""

_USABLE_LUT_RAMS = 0.7
"""Part of the look-up-table RAMs that cores may take. Each takes a tile, for which chains of adders
compete: nextpnr 0.11 places 179 of a GW1NR-9's 270 (784-128-10), but not 213 (sEMG)."""


def generate(
    network: Network,
    board: str | Board | None = None,
    *,
    lanes: Knob = None,
    units: Knob = None,
    accumulators: Kind = None,
    weights: Kind = None,
    events_per_cycle: int = 1,
    target_mhz: float | None = None,
    activity: Mapping[str, float] | None = None,
    fit: str = "latency",
    max_latency_us: float | None = None,
    steps: int | None = None,
    events: Sequence[Events] = (),
) -> Design:
    """A design for ``network``: as fast as the board allows, or the smallest that is fast enough.

    Parameters
    ----------
    board
        Whose device it must fit; None: as fast as possible, pipelined for an ECP5.
    lanes, units
        Accumulator lanes (L) and neuron units (U): one number for all populations, numbers by
        population, or free to be chosen.
    accumulators, weights
        Kinds of memory, as :class:`.rtl.plan.CorePlan` names them, for all populations or by
        population; ``weights="loadable"`` lets a running board take other weights.
    events_per_cycle
        2: inputs send pairs of an even and an odd address, which their populations take at once.
        The link sends one event at a time all the same.
    target_mhz
        The clock to aim for; by default the family's.
    activity
        Mean number of events per step by input and population, which weighs lanes against units
        (see :func:`spikeloom.hls_model.reference.events_per_step`); by default a tenth of each.

    fit
        ``"latency"``: the fastest that fits. ``"area"``: the fewest look-up tables with which a
        sample takes at most ``max_latency_us`` on average, at the clock that the board makes;
        needs ``steps``, the steps of a sample.
    events
        Of typical samples: their exact cycles (see :func:`.rtl.timing.token_cycles`) then keep
        ``max_latency_us``, instead of an estimate from ``activity``.

    Raises
    ------
    BoardError
        If there is no such board.
    FitError
        If the network does not fit, a knob makes no sense for it, or no build is fast enough.
    """
    found = find_board(board) if isinstance(board, str) else board
    if found is None:
        family, budget = FAMILIES["ecp5"], None
    else:
        device = found.device
        family = FAMILIES[device.timing]
        link = link_estimate(family, is_loadable=True)
        budget = Budget(
            device.name,
            int(device.lut4 * _USABLE[device.family]) - link.luts,
            device.bram.count - link.blocks,
            device.spram.count,
            device.dsp,
            device.lut_rams and int(device.lut_rams * _USABLE_LUT_RAMS),
            int(device.lut4 * _EASILY_USED) - link.luts,
        )
    target = target_mhz or family.target_mhz
    clock_mhz = float(plan_clock(found, target).mhz) if found is not None else target
    bound = _latency_bound(fit, max_latency_us, steps, clock_mhz)
    plans = choose(
        network, family, target, budget, lanes=lanes, units=units, accumulators=accumulators,
        weights=weights, events_per_cycle=events_per_cycle, activity=activity, events=events,
        bound=bound,
    )
    return Design(network, family, target, plans)


def _latency_bound(
    fit: str,
    max_latency_us: float | None,
    steps: int | None,
    clock_mhz: float,
) -> LatencyBound | None:
    if fit not in ("latency", "area"):
        raise FitError(f"fit must be 'latency' or 'area', not {fit!r}")
    if fit == "latency":
        if max_latency_us is not None:
            raise FitError(
                "max_latency_us bounds the latency of fit='area'; give both, or neither"
            )
        return None
    if max_latency_us is None or max_latency_us <= 0:
        raise FitError(
            f"fit='area' must have a max_latency_us above 0 to keep to, not {max_latency_us}"
        )
    if steps is None or steps < 1:
        raise FitError(f"fit='area' must know the steps of a sample, at least 1, not {steps}")
    return LatencyBound(max_latency_us, steps, clock_mhz)


class LinkedDesign(wiring.Component):
    """A design with its host link, in the ``sync`` domain: all of a bitstream but clock and pins.

    Elaborating it raises a :class:`FitError` if the network has several inputs or outputs.

    Parameters
    ----------
    design : Design
    identity : Identity
    divisor : int
        Cycles per bit of the link's UART.

    Members
    -------
    rx : In(1)
    tx : Out(1)
    """

    def __init__(self, design: Design, identity: Identity, divisor: int):
        self._design   = design
        self._identity = identity
        self._divisor  = divisor
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        name = _input_of(self._design.network)
        m.submodules.network = cores = self._design.cores()
        source = getattr(cores, f"i_{name}")
        layout = source.payload.shape()
        m.submodules.link = link = Link(
            EventLayout(layout.addresses, layout.range), cores.output_layout, self._identity,
            self._divisor, image=cores.image)
        if cores.image.plans:
            m.d.comb += cores.load.eq(link.load)
        if isinstance(layout, PairLayout):
            m.submodules.to_pairs = to_pairs = ToPairs(layout)
            wiring.connect(m, to_pairs.o, source)
            source = to_pairs.i
        wiring.connect(m, link.o, source)
        wiring.connect(m, cores.o, link.i)
        m.d.comb += [link.rx.eq(self.rx), self.tx.eq(link.tx)]
        return m


def _input_of(network: Network) -> str:
    if len(network.inputs) != 1:
        raise FitError(f"the link feeds one input, and this network has {len(network.inputs)}")
    if network.taps:
        raise FitError(
            f"the link delivers one output, and this network has {len(network.outputs)}; leave its "
            "taps out"
        )
    return network.inputs[0].name


def identity_of(design: Design, board: Board) -> Identity:
    """What ``design`` on ``board`` says of itself.

    Raises
    ------
    BoardError
        If the board cannot make so slow a clock.
    """
    clock = plan_clock(board, design.target_mhz)
    return Identity(
        network_hash=int(design.network.hash[:16], 16),
        board=board.name,
        clock_hz=round(clock.mhz * 1_000_000),
        contract=design.network.contract,
    )


def link_baud(design: Design, board: str | Board, baud: int | None = None) -> int:
    """Bits per second of the link: ``baud``, or else the board's usual rate.

    Raises
    ------
    BoardError
        If the board's bridge to USB is slower than ``baud``, or its clock cannot make it.
    """
    found = find_board(board) if isinstance(board, str) else board
    baud = baud or found.baud
    if baud > found.max_baud:
        raise BoardError(
            f"the link of {found.name} must run at {found.max_baud} baud at most, which is what "
            f"its bridge to USB can, not {baud}"
        )
    divisor_of(identity_of(design, found).clock_hz, baud)
    return baud


class BoardTop(wiring.Component):
    """A design with its host link at a board's UART pins: what becomes the bitstream.

    Elaborating it raises a :class:`BoardError` if the board's clock cannot make ``baud``, and a
    :class:`FitError` if the network has several inputs or outputs.

    Parameters
    ----------
    design : Design
    board : Board
    baud : int, optional
        Bits per second of the link; by default the board's.
    """

    def __init__(self, design: Design, board: Board, baud: int | None = None):
        self._design = design
        self._board  = board
        self._baud   = baud or board.baud
        super().__init__({})

    def elaborate(self, platform: Any) -> Module:
        # Before anything is created that would then be left unused.
        _input_of(self._design.network)
        identity = identity_of(self._design, self._board)
        divisor  = divisor_of(identity.clock_hz, self._baud)
        m = Module()
        m.submodules.linked = linked = LinkedDesign(self._design, identity, divisor)
        uart = platform.request("uart", dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [linked.rx.eq(rx.i), tx.o.eq(linked.tx)]
        return m


class VirtualTop(wiring.Component):
    """A design with its host link for a simulator: the clock is a pin, and there is no reset.

    Parameters
    ----------
    design : Design
    board : Board
    divisor : int
        Clock cycles per bit of the link.

    Members
    -------
    clk, rx : In(1)
    tx : Out(1)
    """

    def __init__(self, design: Design, board: Board, divisor: int = VIRTUAL_DIVISOR):
        self._design  = design
        self._board   = board
        self._divisor = divisor
        super().__init__({"clk": In(1), "rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # Registers and memories start from their initial values, as after configuration.
        m.domains.sync = ClockDomain(reset_less=True)
        m.submodules.linked = linked = LinkedDesign(
            self._design, identity_of(self._design, self._board), self._divisor)
        m.d.comb += [
            ClockSignal().eq(self.clk),
            linked.rx.eq(self.rx),
            self.tx.eq(linked.tx),
        ]
        return m

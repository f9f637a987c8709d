"""Loading weights: the image, the hardware that writes it, and the link's LOAD end to end."""

from __future__ import annotations

import dataclasses

import machine
import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range, simulate
from spikeloom.hls_model.errors import FitError
from spikeloom.rtl.design import Design
from spikeloom.rtl.events import PairLayout
from spikeloom.rtl.exchange import reload
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.firmware import firmware
from spikeloom.rtl.link import WINDOW
from spikeloom.rtl.loading import ImageLayout, Loader, image_of, regions
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.protocol import (
    MAX_BODY,
    Command,
    Description,
    Fault,
    Identity,
    Kind,
    crc16,
    decode_frame,
    encode_frame,
)
from spikeloom.rtl.tokens import TokenFormat

UP5K = FAMILIES["ice40up"]


def network_of(seed=0, size=7, sources=6, bits=5, thresholds=8):
    rng = np.random.default_rng(seed)
    return Network(
        (Input("i", (sources,)),),
        (Population("a", size, LIF(Range.signed(9)), {"threshold": thresholds}),
         Population("b", 3, LIF(Range.signed(9)), {"threshold": 5})),
        (Projection("i", "a", rng.integers(-4, 12, (size, sources)), bits=bits),
         Projection("a", "b", rng.integers(-4, 8, (3, size)), bits=bits)),
        Output("b", "v"),
    )  # fmt: skip


def design_of(network, **weights):
    knobs = {"a": (4, 1, 2, "memory"), "b": (3, 1, 1, "registers")}
    plans = {
        name: CorePlan(network, name, UP5K, 48.0, *knob, weights.get(name, "bitstream"))
        for name, knob in knobs.items()
    }
    return Design(network, UP5K, 48.0, plans)


def _with_events(design, **per_cycle):
    plans = {
        name: dataclasses.replace(plan, events_per_cycle=per_cycle.get(name, 1))
        for name, plan in design.plans.items()
    }
    return dataclasses.replace(design, plans=plans)


def test_an_image_is_rows_of_words_and_a_crc():
    weights = np.array([[1, -1], [2, 3], [-4, 0]])
    network = Network(
        (Input("i", (2,)),),
        (Population("p", 3, LIF(Range.signed(9)), {"threshold": 8}),),
        (Projection("i", "p", weights, bits=8),),
        Output("p"),
    )
    plan = CorePlan(network, "p", UP5K, 48.0, 3, 1, 1, "registers", "spram")
    assert plan.load_columns == 2
    # Lane by lane, 8 bits each, filled up to whole words.
    words = bytes([1, 2, 0xFC, 0, 0xFF, 3, 0, 0])
    assert image_of({"p": plan}) == words + crc16(words).to_bytes(2, "big")
    assert image_of({"p": dataclasses.replace(plan, weights="bitstream")}) == b"\xff\xff"


def loaded(design, *attempts):
    """Words written per attempt, by population, and whether it then was complete."""
    loader = Loader(ImageLayout(design.plans))
    results = []

    async def testbench(ctx):
        first = ctx.get(loader.complete)
        for image in attempts:
            words = []
            ctx.set(loader.begin, 1)
            await ctx.tick()
            ctx.set(loader.begin, 0)
            for byte in [*(b for known in image for b in (known, None)), None, None, None]:
                ctx.set(loader.i.valid, byte is not None)
                ctx.set(loader.i.payload, byte or 0)
                for name in loader._image.plans:
                    port = ctx.get(loader.o[name])
                    if port.valid:
                        words.append((name, port.row, port.column, port.word))
                await ctx.tick()
            results.append((words, ctx.get(loader.complete)))
        results.append(first)

    simulator = Simulator(loader)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return results


def test_words_go_to_their_rows_and_only_a_whole_image_is_complete():
    design = design_of(network_of(), a="spram", b="loadable")
    image = image_of(design.plans)
    damaged = bytes([image[0] ^ 1, *image[1:]])
    attempts = loaded(design, image, image[:-1], damaged, image + b"\0", image)
    assert [complete for _, complete in attempts[:-1]] == [1, 0, 0, 0, 1]
    assert attempts[-1] == 0
    places = [(name, row, column) for name, row, column, _ in attempts[0][0]]
    assert places == [
        (name, row, column)
        for name, plan in design.plans.items()
        for row in range(plan.rows)
        for column in range(plan.load_columns)
    ]
    assert b"".join(w.to_bytes(2, "little") for *_, w in attempts[0][0]) == image[:-2]


def test_weights_of_the_bitstream_are_complete_from_the_start():
    design = design_of(network_of(), b="loadable")
    assert loaded(design, image_of(design.plans))[-1] == 1


class Board(wiring.Component):
    """A network with its loader, without a link."""

    def __init__(self, design):
        self.cores = design.cores()
        self.loader = Loader(self.cores.image)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.cores, m.submodules.loader = self.cores, self.loader
        m.d.comb += self.cores.load.eq(self.loader.o)
        return m


def readout(design, image, sample):
    """The membranes that come of a sample with other weights."""
    board = Board(design)
    source, sink = board.cores.i_i, board.cores.o
    values, done = [], []

    async def host(ctx):
        ctx.set(board.loader.begin, 1)
        await ctx.tick()
        ctx.set(board.loader.begin, 0)
        for byte in image:
            ctx.set(board.loader.i.payload, byte)
            ctx.set(board.loader.i.valid, 1)
            await ctx.tick()
            ctx.set(board.loader.i.valid, 0)
            await ctx.tick()
        await ctx.tick().repeat(5)
        assert ctx.get(board.loader.complete)
        is_paired = isinstance(source.payload.shape(), PairLayout)
        for t, step in enumerate(sample):
            tokens = [{"address": int(n)} for n in np.flatnonzero(step)]
            if is_paired:
                tokens = [
                    {("even", "odd")[n % 2]: {"valid": 1, "address": int(n) // 2}}
                    for n in np.flatnonzero(step)
                ]
            for token in (*tokens, {"end": 1, "last": t == len(sample) - 1}):
                ctx.set(source.payload, token)
                ctx.set(source.valid, 1)
                await ctx.tick().until(source.ready)
                ctx.set(source.valid, 0)
        while not done:
            await ctx.tick()

    async def listen(ctx):
        ctx.set(sink.ready, 1)
        while True:
            _, _, valid, token = await ctx.tick().sample(sink.valid, sink.payload)
            if valid and not token.end:
                values.append(token.value)
            if valid and token.last:
                done.append(True)

    simulator = Simulator(board)
    simulator.add_clock(1e-6)
    simulator.add_testbench(host)
    simulator.add_testbench(listen, background=True)
    simulator.run()
    return values


class Host:
    """The other end of the link's firmware."""

    def __init__(self, size, complete):
        formats = [TokenFormat(6, Range(0, 1)), TokenFormat(3, Range.signed(9))]
        board = Description(Identity(1, "b", 1_000_000), WINDOW, *formats)
        self.dut = machine.Endpoint(firmware(board, 1 << 20, is_loadable=True), *formats)
        self.dut.complete = complete
        self._size = size

    def ask(self, *frame):
        dut = self.dut
        dut.tx.clear()
        for byte in encode_frame(*frame):
            dut.rx.append(byte)
            for _ in range(80):
                dut.step()
        while not (frames := self._answers()):
            if frame[0] == Command.LOAD:
                dut.complete = len(dut.image) == self._size and not crc16(bytes(dut.image))
            if dut.given is not None:
                dut.tokens.append(dut.given)
                dut.given = None
            dut.step()
        return frames[0]

    def _answers(self):
        frames = [decode_frame(code) for code in bytes(self.dut.tx).split(b"\0")[:-1]]
        return [frame for frame in frames if frame[0] != Kind.OUTPUT]


def loads(image, tag):
    """LOAD frames for an image, numbered from ``tag``."""
    pieces = [image[n : n + MAX_BODY - 1] for n in range(0, len(image), MAX_BODY - 1)]
    return [
        (Command.LOAD, (tag + n) % 256, bytes([n == 0]) + piece) for n, piece in enumerate(pieces)
    ]


@pytest.mark.parametrize("events_per_cycle", [1, 2])
@pytest.mark.parametrize("kinds", [{"a": "spram"}, {"a": "loadable", "b": "loadable"}], ids=str)
def test_loaded_weights_are_those_that_count(kinds, events_per_cycle):
    mine, theirs = network_of(0), network_of(1)
    design, other = (
        _with_events(design_of(network, **kinds), a=events_per_cycle) for network in (mine, theirs)
    )
    sample = np.ones((4, 6), dtype=int)
    expected = Network(
        mine.inputs, mine.populations,
        tuple(t if t.target in kinds else m for m, t in
              zip(mine.projections, theirs.projections, strict=True)),
        mine.output,
    )  # fmt: skip
    membranes = [simulate(n, sample[None]).states["b"]["v"][0, -1] for n in (expected, mine)]
    assert readout(design, image_of(other.plans), sample) == list(membranes[0])
    assert (membranes[0] != membranes[1]).any()


@pytest.mark.parametrize("family", ["ice40up", "ecp5"])
@pytest.mark.parametrize("knobs", [(4, 1, 2, "memory"), (6, 3, 1, "registers")], ids=str)
def test_loaded_parameters_are_those_that_count(family, knobs):
    """Two units, or one, whose thresholds differ; the last entries of a sweep may be padded."""
    mine = network_of(0, thresholds=[8, 9, 10, 11, 12, 13, 14])
    theirs = network_of(0, thresholds=[12, 3, 15, 8, 2, 9, 11])
    plans = {
        "a": CorePlan(mine, "a", FAMILIES[family], 48.0, *knobs, "loadable"),
        "b": CorePlan(mine, "b", FAMILIES[family], 48.0, 3, 1, 1),
    }
    design = Design(mine, FAMILIES[family], 48.0, plans)
    weights, parameters = regions(plans["a"])
    assert parameters.first == weights.columns == plans["a"].load_columns
    assert parameters.rows == plans["a"].sweep
    image = image_of(reload(design, theirs).plans)
    words = weights.rows * weights.columns + parameters.rows * parameters.columns
    assert len(image) == 2 * words + 2
    sample = np.eye(6, dtype=int)
    membranes = [simulate(n, sample[None]).states["b"]["v"][0, -1] for n in (theirs, mine)]
    assert readout(design, image, sample) == list(membranes[0])
    assert (membranes[0] != membranes[1]).any()


def test_an_image_comes_over_the_link():
    image = image_of(design_of(network_of(), a="spram").plans)
    host = Host(len(image), complete=False)
    assert host.ask(Command.WRITE, 0, b"\3") == (Kind.ERROR, 0, bytes([Fault.WEIGHTS]))
    frames = loads(image, 0)
    for frame in frames:
        assert host.ask(*frame) == (Kind.LOAD, frame[1], bytes([frame is frames[-1]]))
    assert host.dut.image == image
    assert host.ask(Command.WRITE, len(frames), b"\3") == (Kind.WRITE, len(frames), b"")


def test_load_is_refused_while_a_sample_is_in_the_network():
    host = Host(100, complete=True)
    sent = [(Command.WRITE, 0, bytes([3])), (Command.LOAD, 1, b"\1ab"), (Command.RESET, 1),
            (Command.LOAD, 2, b"\1ab"), (Command.LOAD, 3, b"\2a"), (Command.LOAD, 3),
            (Command.LOAD, 3), (Command.WRITE, 4, b"\x81")]  # fmt: skip
    assert [host.ask(*frame) for frame in sent] == [
        (Kind.WRITE, 0, b""),
        (Kind.ERROR, 1, bytes([Fault.WEIGHTS])),
        (Kind.RESET, 1, b""),
        (Kind.LOAD, 2, b"\0"),
        (Kind.ERROR, 3, bytes([Fault.TOKEN])),
        (Kind.LOAD, 3, b"\0"),
        (Kind.ERROR, 4, bytes([Fault.SEQUENCE])),
        (Kind.ERROR, 4, bytes([Fault.WEIGHTS])),
    ]


@pytest.mark.parametrize(
    ("family", "kind", "message"),
    [
        ("ice40up", "flash", "must be one of bitstream, loadable, spram, not 'flash'"),
        ("ecp5", "spram", "'a' have 42 rows and SPRAM has 0; keep them in the bitstream"),
    ],
)
def test_weights_that_make_no_sense(family, kind, message):
    with pytest.raises(FitError, match=message):
        CorePlan(network_of(), "a", FAMILIES[family], 48.0, 1, 1, 1, "memory", kind)

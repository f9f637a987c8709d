"""Weights that come over the link: the image a host sends, and the hardware that writes it."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.plan import WORD_BITS, CorePlan
from spikeloom.rtl.protocol import CRC, crc16
from spikeloom.rtl.weights import bank_rows

__all__ = ["ImageLayout", "LoadLayout", "Loader", "image_of"]


class LoadLayout(data.StructLayout):
    """One word for a core's weight memories.

    Members
    -------
    valid : write in this cycle
    row : of the weight memories
    column : which word of the row, counted over all banks
    word : 16 bits
    """

    def __init__(self, plan: CorePlan):
        super().__init__({
            "valid":  1,
            "row":    range(max(plan.rows, 2)),
            "column": range(max(plan.load_columns, 2)),
            "word":   WORD_BITS,
        })


class ImageLayout(data.StructLayout):
    """Words for every core whose weights can be loaded, by population, in the network's order."""

    def __init__(self, plans: Mapping[str, CorePlan]):
        self.plans = {name: plan for name, plan in plans.items() if plan.is_loadable}
        super().__init__({name: LoadLayout(plan) for name, plan in self.plans.items()})

    @property
    def is_in_bitstream(self) -> bool:
        """Whether all of these weights are there from the start."""
        return all(plan.weights != "spram" for plan in self.plans.values())


def image_of(plans: Mapping[str, CorePlan]) -> bytes:
    """What a host sends: for each core row after row, in a row the words of bank after bank, lowest
    bits first and low byte first; then the CRC-16 of all that, high byte first."""
    image = bytearray()
    for plan in ImageLayout(plans).plans.values():
        size = 2 * ceil(plan.bank_lanes * len(plan.ports) * plan.weight_bits / WORD_BITS)
        for row in zip(*bank_rows(plan), strict=True):
            image += b"".join(bank.to_bytes(size, "little") for bank in row)
    return bytes(image) + crc16(bytes(image)).to_bytes(2, "big")


class Loader(wiring.Component):
    """Writes the bytes of an image, in order, to where they belong.

    Latency: 1 cycle from a word's second byte. Throughput: one byte every other cycle.

    Members
    -------
    begin : In, the next byte is the image's first
    i : In, bytes; always ready
    o : Out, words by core
    complete : Out, all weights are there: those of the bitstream, or a whole image whose CRC was
        right
    """

    def __init__(self, image: ImageLayout):
        self._image = image
        super().__init__({
            "begin":    In(1),
            "i":        In(stream.Signature(8)),
            "o":        Out(image),
            "complete": Out(1, init=image.is_in_bitstream),
        })

    def elaborate(self, platform):
        m = Module()
        plans = list(self._image.plans.values())
        m.submodules.crc = crc = CRC().create()
        core = Signal(range(len(plans) + 2))    # of the next word; then the CRC, then nothing
        row = Signal(range(max(plan.rows for plan in plans)))
        column = Signal(range(max(plan.load_columns for plan in plans)))
        low, high = Signal(8), Signal(8)
        has_low, is_word, is_whole = Signal(), Signal(), Signal()

        m.d.comb += [
            self.i.ready.eq(1),
            crc.start.eq(self.begin),
            crc.valid.eq(self.i.valid),
            crc.data.eq(self.i.payload),
        ]
        m.d.sync += [
            is_word.eq(self.i.valid & has_low),
            is_whole.eq(is_word & (core == len(plans))),
        ]
        with m.If(is_whole):
            m.d.sync += self.complete.eq(crc.match_detected)
        with m.If(self.i.valid):
            m.d.sync += [has_low.eq(~has_low), self.complete.eq(0)]
            with m.If(has_low):
                m.d.sync += high.eq(self.i.payload)
            with m.Else():
                m.d.sync += low.eq(self.i.payload)
        with m.If(is_word & (core == len(plans))):
            m.d.sync += core.eq(core + 1)
        for index, (name, plan) in enumerate(self._image.plans.items()):
            target = self.o[name]
            m.d.comb += [
                target.valid.eq(is_word & (core == index)),
                target.row.eq(row),
                target.column.eq(column),
                target.word.eq(Cat(low, high)),
            ]
            with m.If(target.valid):
                m.d.sync += column.eq(column + 1)
                with m.If(column == plan.load_columns - 1):
                    m.d.sync += [column.eq(0), row.eq(row + 1)]
                    with m.If(row == plan.rows - 1):
                        m.d.sync += [row.eq(0), core.eq(index + 1)]
        with m.If(self.begin):
            m.d.sync += [s.eq(0) for s in (core, row, column, has_low, self.complete)]
        return m

"""Weights and parameters that come over the link: the image a host sends, and the hardware that
writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from math import ceil

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.plan import WORD_BITS, CorePlan
from spikeloom.rtl.protocol import CRC, crc16
from spikeloom.rtl.weights import bank_rows, parameter_layout, parameter_rows

__all__ = ["ImageLayout", "LoadLayout", "Loader", "Region", "image_of", "regions"]


@dataclass(frozen=True)
class Region:
    """What is loaded into a core, row after row: words from column ``first`` on."""

    rows: int
    first: int
    columns: int


def regions(plan: CorePlan) -> list[Region]:
    """A loadable core's weights, in columns over all banks; then, if neurons differ, their
    parameters."""
    weights = Region(plan.rows, 0, plan.load_columns)
    if bits := parameter_layout(plan).size:
        return [weights, Region(plan.sweep, plan.load_columns, ceil(bits / WORD_BITS))]
    return [weights]


class LoadLayout(data.StructLayout):
    """One word for a core's memories.

    Members
    -------
    valid : write in this cycle
    row : of the memory
    column : which word of the row, counted over all regions
    word : 16 bits
    """

    def __init__(self, plan: CorePlan):
        parts = regions(plan)
        super().__init__({
            "valid":  1,
            "row":    range(max(2, *(part.rows for part in parts))),
            "column": range(max(2, sum(part.columns for part in parts))),
            "word":   WORD_BITS,
        })


class ImageLayout(data.StructLayout):
    """Words for every core that can be loaded, by population, in the network's order."""

    def __init__(self, plans: Mapping[str, CorePlan]):
        self.plans = {name: plan for name, plan in plans.items() if plan.is_loadable}
        super().__init__({name: LoadLayout(plan) for name, plan in self.plans.items()})

    @property
    def is_in_bitstream(self) -> bool:
        """Whether all of these weights are there from the start."""
        return all(plan.weights != "spram" for plan in self.plans.values())


def image_of(plans: Mapping[str, CorePlan]) -> bytes:
    """What a host sends: for each core row after row, in a row the words of bank after bank, in a
    bank of memory after memory, lowest bits first and low byte first, and in the same way its
    parameters, an entry of the sweep a row; then the CRC-16 of all that, high byte first."""
    image = bytearray()
    for plan in ImageLayout(plans).plans.values():
        size = 2 * ceil(plan.row_bits / WORD_BITS)
        for row in zip(*chain(*bank_rows(plan)), strict=True):
            image += b"".join(part.to_bytes(size, "little") for part in row)
        for part in regions(plan)[1:]:
            image += b"".join(
                row.to_bytes(2 * part.columns, "little") for row in parameter_rows(plan)
            )
    return bytes(image) + crc16(bytes(image)).to_bytes(2, "big")


class Loader(wiring.Component):
    """Writes the bytes of an image, in order, to where they belong.

    Latency: 1 cycle from a word's second byte. Throughput: one byte every other cycle.

    Members
    -------
    begin : In, the next byte is the image's first
    i : In, bytes; always ready
    o : Out, words by core
    complete : Out, all is there: what the bitstream holds, or a whole image whose CRC was right
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
        parts = [(n, part) for n, plan in self._image.plans.items() for part in regions(plan)]
        m.submodules.crc = crc = CRC().create()
        place = Signal(range(len(parts) + 2))   # of the next word; then the CRC, then nothing
        row = Signal(range(max(part.rows for _, part in parts)))
        column = Signal(range(max(part.first + part.columns for _, part in parts)))
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
            is_whole.eq(is_word & (place == len(parts))),
        ]
        with m.If(is_whole):
            m.d.sync += self.complete.eq(crc.match_detected)
        with m.If(self.i.valid):
            m.d.sync += [has_low.eq(~has_low), self.complete.eq(0)]
            with m.If(has_low):
                m.d.sync += high.eq(self.i.payload)
            with m.Else():
                m.d.sync += low.eq(self.i.payload)
        with m.If(is_word & (place == len(parts))):
            m.d.sync += place.eq(place + 1)
        for name in self._image.plans:
            target = self.o[name]
            mine = [index for index, (owner, _) in enumerate(parts) if owner == name]
            m.d.comb += [
                target.valid.eq(is_word & Cat(place == index for index in mine).any()),
                target.row.eq(row),
                target.column.eq(column),
                target.word.eq(Cat(low, high)),
            ]
        for index, ((_, part), following) in enumerate(pairwise([*parts, None])):
            with m.If(is_word & (place == index)):
                m.d.sync += column.eq(column + 1)
                with m.If(column == part.first + part.columns - 1):
                    m.d.sync += [column.eq(part.first), row.eq(row + 1)]
                    with m.If(row == part.rows - 1):
                        m.d.sync += [
                            row.eq(0),
                            column.eq(following[1].first if following else 0),
                            place.eq(index + 1),
                        ]
        with m.If(self.begin):
            m.d.sync += [s.eq(0) for s in (place, row, column, has_low, self.complete)]
        return m

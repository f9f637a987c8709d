"""Memories whose contents are fixed in the bitstream: two cycles from address to data."""

from math import ceil

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.blocks import Block, find_block

__all__ = ["RowMemory"]


class RowMemory(wiring.Component):
    """Rows of bits, fixed in the bitstream, and in no way in the logic around them.

    Latency: 2 cycles (the memory's read and its output register). Throughput: 1 row per cycle.

    Parameters
    ----------
    rows : contents, one unsigned integer of ``width`` bits per row

    For a platform of a family whose block RAMs are known (see :mod:`.blocks`), they are
    instantiated; Yosys chooses elsewhere.

    Members
    -------
    address : In
    data : Out
    """

    def __init__(self, rows: list[int], width: int):
        self._rows = rows
        super().__init__({
            "address": In(range(max(len(rows), 2))),
            "data":    Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        block = find_block(getattr(platform, "family", ""))
        if block is None:
            self._infer(m, "block")
        elif len(self._rows) * len(self.data) <= block.worth:
            self._infer(m, "logic")
        else:
            self._instantiate(m, block)
        return m

    def _infer(self, m: Module, style: str) -> None:
        # Yosys would rather make tables of a memory that fills less than half of a block.
        m.submodules.cells = cells = Memory(
            shape=unsigned(len(self.data)), depth=len(self._rows), init=self._rows,
            attrs={"ram_style": style},
        )
        port = cells.read_port()
        m.d.comb += port.addr.eq(self.address)
        m.d.sync += self.data.eq(port.data)

    def _instantiate(self, m: Module, block: Block) -> None:
        """Block RAMs side by side for the width; where rows are many, one above the other."""
        width, depth = len(self.data), len(self._rows)
        words, columns = block.shape_for(depth, width)
        levels: list[Signal] = []
        for first in range(0, depth, words):
            data = Signal(ceil(width / columns) * columns, name=f"level{len(levels)}")
            for column in range(0, width, columns):
                contents = [
                    row >> column & (1 << columns) - 1 for row in self._rows[first : first + words]
                ]
                name = f"block{len(levels)}_{column // columns}"
                m.submodules[name] = block.instance(
                    contents, columns, self.address, data[column : column + columns]
                )
            levels.append(data)
        level = self.address[(words - 1).bit_length() :]
        for _ in range(2 if block.has_output_register else 1):
            delayed = Signal.like(level)
            m.d.sync += delayed.eq(level)
            level = delayed
        domain = m.d.comb if block.has_output_register else m.d.sync
        domain += self.data.eq(Array(levels)[level] if len(levels) > 1 else levels[0])

"""Weight memories: read-only rows, two cycles from address to data, with the block's register."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["RowMemory"]


class RowMemory(wiring.Component):
    """Rows of bits, fixed in the bitstream.

    Latency: 2 cycles (the memory's read and its output register). Throughput: 1 row per cycle.

    Parameters
    ----------
    rows : contents, one unsigned integer of ``width`` bits per row

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
        m.submodules.cells = cells = Memory(
            shape=unsigned(len(self.data)), depth=len(self._rows), init=self._rows
        )
        port = cells.read_port()
        m.d.comb += port.addr.eq(self.address)
        m.d.sync += self.data.eq(port.data)
        return m

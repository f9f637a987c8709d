"""Memories that can be written while the board runs: block RAM, or SPRAM of an iCE40UP."""

from math import ceil

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.loading import LoadLayout
from spikeloom.rtl.plan import WORD_BITS, CorePlan

__all__ = ["WritableMemory"]


class WritableMemory(wiring.Component):
    """Rows of a bank's weights, or of parameters, in columns of 16 bits that are written one at a
    time.

    Latency: 2 cycles, as a :class:`.memory.RowMemory`. Throughput: 1 row per cycle. While a word
    is written, and two cycles beyond, ``data`` means nothing.

    SPRAM is instantiated for an iCE40, and is then empty at first. Without a platform it is a
    memory that holds ``rows``, so that a network is simulated without waiting for its weights.

    Parameters
    ----------
    rows : contents, one unsigned integer of ``width`` bits per row
    first : index of the first column among those of its core
    kind : of memory: ``spram``, ``block`` or ``distributed``

    Members
    -------
    address : In
    data : Out
    load : In
    """

    def __init__(
        self, plan: CorePlan, rows: list[int], width: int, first: int, kind: str = "block"
    ):
        self._rows = rows
        self._first = first
        self._kind = kind
        super().__init__({
            "address": In(range(max(len(rows), 2))),
            "data":    Out(width),
            "load":    In(LoadLayout(plan)),
        })

    def elaborate(self, platform):
        m = Module()
        width = len(self.data)
        shown = Signal(width)
        is_ice40 = getattr(platform, "family", "").lower().startswith("ice40")
        is_spram = is_ice40 and self._kind == "spram"
        for index in range(ceil(width / WORD_BITS)):
            enable = self.load.valid & (self.load.column == self._first + index)
            bits = shown.word_select(index, WORD_BITS)
            if is_spram:
                self._spram(m, index, enable, bits)
            else:
                self._block(m, index, enable, bits)
        m.d.sync += self.data.eq(shown)
        return m

    def _block(self, m: Module, index: int, enable: Value, bits: Value) -> None:
        contents = [row >> WORD_BITS * index & (1 << WORD_BITS) - 1 for row in self._rows]
        m.submodules[f"column{index}"] = cells = Memory(
            shape=unsigned(WORD_BITS), depth=len(contents), init=contents,
            attrs={"ram_style": "distributed" if self._kind == "distributed" else "block"},
        )
        read, write = cells.read_port(domain="comb"), cells.write_port()
        m.d.comb += [
            read.addr.eq(self.address),
            write.addr.eq(self.load.row),
            write.data.eq(self.load.word),
            write.en.eq(enable),
        ]
        # Never reading while it writes, it needs no logic for a meeting of both ports.
        with m.If(~enable):
            m.d.sync += bits.eq(read.data)

    def _spram(self, m: Module, index: int, enable: Value, bits: Value) -> None:
        """Source: Lattice FPGA-TN-02022 (SB_SPRAM256KA: 16,384 words of 16 bits, 1 cycle)."""
        output = Signal(WORD_BITS, name=f"output{index}")
        address = Mux(self.load.valid, self.load.row, self.address)
        m.submodules[f"column{index}"] = Instance(
            "SB_SPRAM256KA",
            i_CLOCK=ClockSignal(), i_CHIPSELECT=1, i_STANDBY=0, i_SLEEP=0, i_POWEROFF=1,
            i_ADDRESS=Cat(address, C(0, 14))[:14], i_DATAIN=self.load.word,
            i_WREN=enable, i_MASKWREN=C(0b1111, 4), o_DATAOUT=output,
        )
        m.d.comb += bits.eq(output)

"""A queue in a memory."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.blocks import find_block
from spikeloom.rtl.scratch import Scratch

__all__ = ["Queue"]


class Queue(wiring.Component):
    """First in, first out; what leaves next lies in a register behind the memory.

    Each pointer has one bit more than its memory's address, so that equal pointers mean empty and
    pointers that differ in that bit alone mean full: nothing else is counted.

    Latency: 2 cycles through an empty queue, 3 in a block RAM, 1 with a depth of 1, where ``w_rdy``
    follows ``r_en`` in the same cycle. Throughput: one word per cycle.

    Parameters
    ----------
    width : bits of a word
    depth : words at most; pointers are smallest if it is a power of two and one
    in_block : it lies in block RAM whose output register is used (see :mod:`.blocks`)
    is_reserved : whoever writes knows that there is room: ``w_rdy`` says nothing else

    Members
    -------
    w_data, w_en : In
    w_rdy : Out, there is room
    r_data, r_rdy : Out
    r_en : In, take the word; without effect unless ``r_rdy``
    """

    def __init__(self, width: int, depth: int, in_block: bool = False, is_reserved: bool = False):
        self._words = depth - 1
        self._is_reserved = is_reserved
        self._in_block = in_block
        super().__init__({
            "w_data": In(width),
            "w_en":   In(1),
            "w_rdy":  Out(1),
            "r_data": Out(width),
            "r_rdy":  Out(1),
            "r_en":   In(1),
        })

    def elaborate(self, platform):
        m = Module()
        if not self._words:
            self._hold(m)
            return m
        write, read = Signal(), Signal()
        produced, following = self._count(m, write, "produced")
        consumed, _ = self._count(m, read, "consumed")
        bits = len(produced) - 1
        is_empty = produced == consumed
        # A register, since room is what those that come before wait for.
        is_full = Signal()
        if not self._is_reserved:
            with m.If(read):
                m.d.sync += is_full.eq(0)
            with m.Elif(write):
                m.d.sync += is_full.eq(following == consumed ^ (1 << bits))
        m.d.comb += [self.w_rdy.eq(~is_full), write.eq(self.w_en & self.w_rdy)]
        leave = self.r_en | ~self.r_rdy
        enter, is_read = leave, ~is_empty
        if self._in_block:
            is_read = Signal()
            enter = leave | ~is_read
            with m.If(enter):
                m.d.sync += is_read.eq(~is_empty)
        with m.If(leave):
            m.d.sync += self.r_rdy.eq(is_read)
        m.d.comb += read.eq(~is_empty & enter)
        self._store(m, platform, write, produced[:bits], consumed[:bits], read, leave)
        return m

    def _hold(self, m: Module) -> None:
        """One register, which takes a word in the cycle in which another leaves."""
        m.d.comb += self.w_rdy.eq(self.r_en | ~self.r_rdy)
        with m.If(self.w_rdy):
            m.d.sync += [self.r_rdy.eq(self.w_en), self.r_data.eq(self.w_data)]

    def _count(self, m: Module, enable: Value, name: str) -> tuple[Signal, Signal]:
        """A pointer, and above it a bit that turns when the pointer starts over; and the next."""
        bits = (self._words - 1).bit_length()
        pointer = Signal(bits + 1, name=name)
        following = Signal(bits + 1, name=f"{name}_next")
        m.d.comb += following.eq(pointer + 1)
        if self._words != 1 << bits:
            with m.If(pointer[:bits] == self._words - 1):
                m.d.comb += following.eq(Cat(C(0, bits), ~pointer[-1]))
        with m.If(enable):
            m.d.sync += pointer.eq(following)
        return pointer, following

    def _store(self, m: Module, platform, write, target, address, read, leave) -> None:
        block = find_block(getattr(platform, "family", ""))
        if self._in_block and block is not None and self._words <= block.port_words:
            for first in range(0, len(self.w_data), block.port_bits):
                bits = slice(first, min(first + block.port_bits, len(self.w_data)))
                m.submodules[f"block{first // block.port_bits}"] = block.two_port(
                    [], write, target, self.w_data[bits], address, self.r_data[bits],
                    enable=leave | read, output=leave,
                )
            return
        style = "block" if self._in_block else None
        m.submodules.storage = storage = Scratch(len(self.w_data), [0] * self._words, style)
        m.d.comb += [
            storage.enable.eq(write),
            storage.target.eq(target),
            storage.word.eq(self.w_data),
            storage.address.eq(address),
            storage.read.eq(read),
        ]
        if not self._in_block:
            m.d.comb += self.r_data.eq(storage.data)
            return
        with m.If(leave):
            m.d.sync += self.r_data.eq(storage.data)

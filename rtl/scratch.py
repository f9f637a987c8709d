"""Memories that a core reads and writes as it runs: states, and accumulators of several slots."""

from math import ceil

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Scratch"]

_BITS, _WORDS = 16, 256
"""Of an iCE40's block RAM."""


class Scratch(wiring.Component):
    """Words with one port to read and one to write, which never meet at one address while the
    word that is read matters.

    Latency: 1 cycle to read. Throughput: 1 word per cycle each way.

    On an iCE40 the block RAMs are instantiated: Yosys would guard inferred ones against a meeting.

    Parameters
    ----------
    init : the words at first, unsigned integers of ``width`` bits
    style : ``block``, ``distributed``, or what Yosys chooses

    Members
    -------
    address : In, of the word to read
    read : In, read it; ``data`` stays otherwise
    data : Out
    target, word, enable : In, where to write what
    """

    def __init__(self, width: int, init: list[int], style: str | None = None):
        self._init = init
        self._style = style
        super().__init__({
            "address": In(range(len(init))),
            "read":    In(1, init=1),
            "data":    Out(width),
            "target":  In(range(len(init))),
            "word":    In(width),
            "enable":  In(1),
        })

    def elaborate(self, platform):
        m = Module()
        is_ice40 = getattr(platform, "family", "").lower().startswith("ice40")
        if is_ice40 and len(self._init) > 1:
            self._instantiate(m)
        else:
            self._infer(m)
        return m

    def _infer(self, m: Module) -> None:
        m.submodules.cells = cells = Memory(
            shape=unsigned(len(self.data)), depth=len(self._init), init=self._init,
            attrs={"ram_style": self._style} if self._style else {},
        )
        read, write = cells.read_port(), cells.write_port()
        m.d.comb += [
            read.addr.eq(self.address),
            read.en.eq(self.read),
            self.data.eq(read.data),
            write.addr.eq(self.target),
            write.data.eq(self.word),
            write.en.eq(self.enable),
        ]

    def _instantiate(self, m: Module) -> None:
        """Blocks side by side, and for many words one above the other."""
        levels: list[Signal] = []
        for first in range(0, len(self._init), _WORDS):
            level = Signal(len(self.data), name=f"level{len(levels)}")
            chosen = self.enable
            if len(self._init) > _WORDS:
                chosen = chosen & (self.target >> 8 == len(levels))
            for column in range(0, len(self.data), _BITS):
                words = [
                    word >> column & (1 << _BITS) - 1
                    for word in self._init[first : first + _WORDS]
                ]
                output = Signal(_BITS, name=f"block{len(levels)}_{column}")
                m.d.comb += level[column : column + _BITS].eq(output)
                m.submodules[f"block{len(levels)}_{column // _BITS}"] = self._block(
                    words, self.word[column : column + _BITS], chosen, output
                )
            levels.append(level)
        upper = Signal(range(ceil(len(self._init) / _WORDS)))
        with m.If(self.read):
            m.d.sync += upper.eq(self.address >> 8)
        m.d.comb += self.data.eq(Array(levels)[upper] if len(levels) > 1 else levels[0])

    def _block(self, words: list[int], word: Value, enable: Value, output: Signal) -> Instance:
        """Source: Lattice FPGA-TN-02002 (SB_RAM40_4K: 256 words of 16 bits, 1 cycle)."""
        lines = [words[first : first + 16] for first in range(0, len(words), 16)]
        initial = {
            f"p_INIT_{index:X}": Const(sum(w << 16 * n for n, w in enumerate(line)), 256)
            for index, line in enumerate(lines)
        }
        return Instance(
            "SB_RAM40_4K", **initial, p_READ_MODE=0, p_WRITE_MODE=0,
            i_RCLK=ClockSignal(), i_RCLKE=1, i_RE=self.read,
            i_RADDR=Cat(self.address[:8], C(0, 11))[:11],
            i_WCLK=ClockSignal(), i_WCLKE=1, i_WE=enable,
            i_WADDR=Cat(self.target[:8], C(0, 11))[:11], i_MASK=C(0, 16),
            i_WDATA=Cat(word, C(0, 16))[:16], o_RDATA=output,
        )

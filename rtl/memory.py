"""Memories with two cycles from address to data: read only, or written beside being read."""

from math import ceil

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.blocks import Block, find_block
from spikeloom.rtl.scratch import Scratch

__all__ = ["RowMemory", "TwoPortMemory", "takes_blocks"]

_TABLES_PER_BLOCK = 12
"""Look-up tables that a block RAM is worth."""

_DP16KD_BITS = 18


class RowMemory(wiring.Component):
    """Rows of bits, fixed in the bitstream, and in no way in the logic around them.

    Latency: 2 cycles (the memory's read and its output register). Throughput: 1 row per cycle.

    Parameters
    ----------
    rows : contents, one unsigned integer of ``width`` bits per row
    is_early : the register that the block RAMs lack is in front of them instead of behind

    For a platform of a family whose block RAMs are known (see :mod:`.blocks`), they are
    instantiated; Yosys chooses elsewhere.

    Members
    -------
    address : In
    data : Out
    """

    def __init__(self, rows: list[int], width: int, is_early: bool = False):
        self._rows = rows
        self._is_early = is_early
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
        address = self.address
        if self._is_early:
            address = Signal.like(self.address, name="early")
            m.d.sync += address.eq(self.address)
        levels: list[Signal] = []
        for first in range(0, depth, words):
            data = Signal(ceil(width / columns) * columns, name=f"level{len(levels)}")
            for column in range(0, width, columns):
                contents = [
                    row >> column & (1 << columns) - 1 for row in self._rows[first : first + words]
                ]
                name = f"block{len(levels)}_{column // columns}"
                m.submodules[name] = block.instance(
                    contents, columns, address, data[column : column + columns]
                )
            levels.append(data)
        level = self.address[(words - 1).bit_length() :]
        has_register = block.has_output_register or self._is_early
        for _ in range(2 if has_register else 1):
            delayed = Signal.like(level)
            m.d.sync += delayed.eq(level)
            level = delayed
        domain = m.d.comb if has_register else m.d.sync
        domain += self.data.eq(Array(levels)[level] if len(levels) > 1 else levels[0])


def takes_blocks(words: int, bits: int, family: str = "") -> bool:
    """Whether a :class:`TwoPortMemory` is better made of block RAMs than of look-up-table RAM, of
    which 16 words of 4 bits take six tables on an ECP5."""
    tables = 6 * ceil(words / 16) * ceil(bits / 4)
    block = find_block(family)
    price = block.tables if block is not None and block.worth else _TABLES_PER_BLOCK
    return tables > price * ceil(bits / _DP16KD_BITS)


class TwoPortMemory(wiring.Component):
    """Words, one of which is written while another is read.

    Latency: 2 cycles from ``address`` to ``data``; 1 from ``word`` until it can be read.
    Throughput: 1 word per cycle each way. A word must not be read in the cycle in which it is
    written.

    Parameters
    ----------
    initial : contents at the start, one unsigned integer of ``width`` bits per word
    in_blocks : it lies in block RAMs however small it is, and not only if it is large (see
        :func:`takes_blocks`)

    On an ECP5 block RAMs are instantiated, since Yosys does not use their output registers.

    Members
    -------
    write, target, word : In
    address : In
    data : Out
    """

    def __init__(self, initial: list[int], width: int, in_blocks: bool = False):
        self._initial = initial
        self._in_blocks = in_blocks
        super().__init__({
            "write":   In(1),
            "target":  In(range(max(len(initial), 2))),
            "word":    In(width),
            "address": In(range(max(len(initial), 2))),
            "data":    Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        family = getattr(platform, "family", "")
        block = find_block(family)
        words, bits = len(self._initial), len(self.data)
        is_large = self._in_blocks or takes_blocks(words, bits, family)
        can_instantiate = block is not None and 0 < words <= block.port_words
        if can_instantiate and is_large:
            self._instantiate(m, block)
        elif is_large:
            self._infer(m, "block")
        else:
            # Yosys would take blocks that are scarce.
            self._infer(m, "distributed" if block is not None and block.worth else None)
        return m

    def _infer(self, m: Module, style: str | None) -> None:
        m.submodules.cells = cells = Scratch(len(self.data), self._initial, style)
        m.d.comb += [
            cells.address.eq(self.address),
            cells.enable.eq(self.write),
            cells.target.eq(self.target),
            cells.word.eq(self.word),
        ]
        m.d.sync += self.data.eq(cells.data)

    def _instantiate(self, m: Module, block: Block) -> None:
        for first in range(0, len(self.data), _DP16KD_BITS):
            bits = slice(first, min(first + _DP16KD_BITS, len(self.data)))
            contents = [word >> first & (1 << _DP16KD_BITS) - 1 for word in self._initial]
            m.submodules[f"block{first // _DP16KD_BITS}"] = block.two_port(
                contents, self.write, self.target, self.word[bits], self.address, self.data[bits]
            )

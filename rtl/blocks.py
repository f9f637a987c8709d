"""Block RAMs as the FPGAs have them, mostly for contents that are fixed in the bitstream.

They are instantiated rather than inferred, but for Gowin's: Yosys uses no output register of the
ECP5's, and takes columns out of an inferred memory that happen to be constant. What is instantiated
has the same netlist whatever it holds, so that a finished bitstream takes other contents.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

from amaranth.hdl import *
from amaranth.lib.memory import Memory

__all__ = ["Block", "find_block"]


@dataclass(frozen=True)
class Block:
    """A kind of block RAM, read only.

    Attributes
    ----------
    shapes : (rows, bits) that one block can have, the deepest first
    has_output_register : data come two cycles after the address, else one
    worth : bits up to which a memory is left to look-up tables
    tables : look-up tables that a block is worth where one shape takes more blocks and another more
        logic around them
    port_words, port_bits : of a block that is written beside being read (``two_port``); 0 where
        none is instantiated here
    """

    shapes: tuple[tuple[int, int], ...]
    has_output_register: bool
    worth: int = 0
    tables: int = 12
    port_words: int = 0
    port_bits: int = 0

    def shape_for(self, rows: int, width: int) -> tuple[int, int]:
        """The shape of which the fewest blocks hold ``rows`` of ``width`` bits.

        What chooses between blocks above each other counts too.
        """

        def cost(shape: tuple[int, int]) -> float:
            levels = ceil(rows / shape[0])
            return levels * ceil(width / shape[1]) + (levels - 1) * width / self.tables

        return min(self.shapes, key=cost)

    def words(self, contents: list[int], bits: int) -> list[int]:
        """Physical words, of 18 or 16 bits, of a block with rows of ``bits`` bits."""
        raise NotImplementedError

    def instance(self, contents: list[int], bits: int, address: Value, data: Value) -> Any:
        """A block with rows of ``bits`` bits."""
        raise NotImplementedError


class _DP16KD(Block):
    """The block RAM of an ECP5, 1,024 words of 18 bits, which are two bytes of 9.

    Rows of 4, 2 or 1 bits fill the lower 8 bits of each byte.

    Source: Lattice FPGA-TN-02204 (ports, 18-bit words from ADx4 up), Project Trellis (an INITVAL
    holds sixteen words in slots of 20 bits).
    """

    def words(self, contents: list[int], bits: int) -> list[int]:
        if bits == 18:
            return contents
        if bits == 36:
            # Two ports read the halves of a row.
            return [half for row in contents for half in (row & 0x3ffff, row >> 18)]
        per_byte = max(8 // bits, 1)
        words = [0] * ceil(len(contents) / (2 * per_byte))
        for index, row in enumerate(contents):
            byte, place = divmod(index, per_byte)
            words[byte // 2] |= row << 9 * (byte % 2) + bits * place
        return words

    def instance(self, contents: list[int], bits: int, address: Value, data: Value) -> Instance:
        both_ports = bits == 36
        row = Cat(C(0, 1), address) if both_ports else address
        width = min(bits, 18)
        ports = self._port("A", width, row, data[:width])
        if both_ports:
            ports |= self._port("B", width, Cat(C(1, 1), address), data[width:])
        else:
            ports |= self._port("B", width)
        return self._instance(self.words(contents, bits), ports)

    def two_port(
        self, contents: list[int], write: Value, target: Value, word: Value, address: Value,
        data: Value, enable: Value | int = 1, output: Value | int = 1,
    ) -> Instance:
        """A block with rows of up to 18 bits, one of which is written while another is read.

        The output register lets ``data`` follow ``address`` two cycles later: the row is read if
        ``enable``, and moves to the register if ``output``, which implies ``enable``. What is read
        from the row that is being written is undefined.
        """
        ports = self._port("A", 18, target, write=write, word=word)
        ports |= self._port("B", 18, address, data)
        ports |= {"i_CEB": enable, "i_OCEB": output}
        return self._instance(contents, ports)

    def _instance(self, words: list[int], ports: dict[str, object]) -> Instance:
        initial = {
            f"p_INITVAL_{index:02X}": Const(
                sum(w << 20 * slot for slot, w in enumerate(words[16 * index : 16 * index + 16])),
                320,
            )
            for index in range(64)
        }
        return Instance("DP16KD", p_RESETMODE="SYNC", p_GSR="DISABLED", **initial, **ports)

    def _port(
        self, name: str, width: int, row: Value | None = None, data: Value | None = None,
        write: Value | int = 0, word: Value | None = None,
    ) -> dict[str, object]:
        """One port's parameters and connections; without a row it is off."""
        is_used = int(row is not None)
        # Where a port writes words of 18 bits, the lowest two address lines enable their halves.
        below = C(0 if word is None else 3, width.bit_length() - 1)
        lines = Cat(below, C(0, 1) if row is None else row, C(0, 14))
        bits = C(0, 18) if word is None else Cat(word, C(0, 18))
        ports: dict[str, object] = {
            f"p_DATA_WIDTH_{name}": width,
            f"p_REGMODE_{name}": "OUTREG",
            f"p_CSDECODE_{name}": "0b000",
            f"p_CLK{name}MUX": f"CLK{name}",
            f"i_CLK{name}": ClockSignal() if is_used else 0,
            f"i_CE{name}": is_used,
            f"i_OCE{name}": is_used,
            f"i_WE{name}": write,
            f"i_RST{name}": 0,
        }
        ports |= {f"i_CS{name}{bit}": 0 for bit in range(3)}
        ports |= {f"i_AD{name}{bit}": lines[bit] for bit in range(14)}
        ports |= {f"i_DI{name}{bit}": bits[bit] for bit in range(18)}
        if data is not None:
            ports |= {f"o_DO{name}{bit}": data[bit] for bit in range(len(data))}
        return ports


class _SB_RAM40_4K(Block):
    """The block RAM of an iCE40, 256 words of 16 bits.

    A row of 8, 4 or 2 bits takes every second, fourth or eighth bit of a word, the first for
    addresses from 0, the next for those from 256.

    Source: Lattice FPGA-TN-02002 (ports and modes), Yosys's ``ice40/cells_sim.v`` (bits by mode).
    """

    def words(self, contents: list[int], bits: int) -> list[int]:
        ratio = 16 // bits
        words = [0] * min(256, len(contents))
        for address, row in enumerate(contents):
            for bit in range(bits):
                words[address % 256] |= (row >> bit & 1) << ratio * bit + address // 256
        return words

    def instance(self, contents: list[int], bits: int, address: Value, data: Value) -> Instance:
        return self.two_port(contents, C(0), C(0), C(0, bits), address, data)

    def two_port(
        self, contents: list[int], write: Value, target: Value, word: Value, address: Value,
        data: Value,
    ) -> Instance:
        """A block with rows of as many bits as ``word``, one of which is written while another is
        read."""
        bits = len(word)
        ratio = 16 // bits
        words = self.words(contents, bits)
        initial = {
            f"p_INIT_{index:X}": Const(
                sum(w << 16 * slot for slot, w in enumerate(words[16 * index : 16 * index + 16])),
                256,
            )
            for index in range(16)
        }
        # A row's bits come and go in the middle of their groups.
        middle = max(ratio // 2 - 1, 0)
        places = {ratio * bit + middle: bit for bit in range(bits)}
        clock = C(0) if isinstance(write, Const) else ClockSignal()
        return Instance("SB_RAM40_4K", **initial,
            p_READ_MODE=ratio.bit_length() - 1,
            p_WRITE_MODE=ratio.bit_length() - 1,
            i_RCLK=ClockSignal(),
            i_RCLKE=1,
            i_RE=1,
            i_RADDR=Cat(address, C(0, 11))[:11],
            i_WCLK=clock,
            i_WCLKE=write,
            i_WE=write,
            i_WADDR=Cat(target, C(0, 11))[:11],
            i_MASK=C(0, 16),
            i_WDATA=Cat(word[places[n]] if n in places else C(0, 1) for n in range(16)),
            o_RDATA=Cat(
                data[places[n]] if n in places else Signal(name=f"unused_{n}") for n in range(16)),
        )


class _Inferred(Elaboratable):
    """A memory of the shape of one block, which Yosys makes one block of."""

    def __init__(self, contents: list[int], bits: int, address: Value, data: Value):
        self._contents, self._bits = contents, bits
        self._address, self._data = address, data

    def elaborate(self, platform):
        m = Module()
        m.submodules.cells = cells = Memory(
            shape=unsigned(self._bits), depth=len(self._contents), init=self._contents,
            attrs={"ram_style": "block"},
        )
        port = cells.read_port()
        m.d.comb += [port.addr.eq(self._address), self._data.eq(port.data)]
        return m


class _Gowin(Block):
    """The block RAM of a GW1N, 512 words of 36 bits.

    Its output register is left alone: that of a GW1N-9C or GW2A-18C is faulty, and nextpnr, as
    Gowin's own tools do, puts flip-flops in its place.

    Source: Gowin SUG283; nextpnr, ``himbaechel/uarch/gowin`` (NEED_BSRAM_OUTREG_FIX).
    """

    def words(self, contents: list[int], bits: int) -> list[int]:
        return contents

    def instance(self, contents: list[int], bits: int, address: Value, data: Value) -> Elaboratable:
        return _Inferred(contents, bits, address, data)


_GOWIN = _Gowin(
    ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36)),
    has_output_register=False, worth=6144, tables=500,
)

_BLOCKS = {
    "gw": _GOWIN,
    "gowin": _GOWIN,
    "ice40": _SB_RAM40_4K(
        ((2048, 2), (1024, 4), (512, 8), (256, 16)), has_output_register=False
    ),
    "ecp5": _DP16KD(
        ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36)),
        has_output_register=True, port_words=1024, port_bits=18,
    ),
}


def find_block(family: str) -> Block | None:
    """The block RAM of a family, called as here or as in Amaranth; None: left to Yosys."""
    return next((b for name, b in _BLOCKS.items() if family.lower().startswith(name)), None)

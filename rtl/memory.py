"""Weight memories: read-only rows, two cycles from address to data, with the block's register."""

from math import ceil

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.families import Family

__all__ = ["RowMemory", "dp16kd_words"]

_DP16KD_WORDS = 1024
_DP16KD_BITS = 18


class RowMemory(wiring.Component):
    """Rows of bits, fixed in the bitstream.

    Latency: 2 cycles (the memory's read and its output register). Throughput: 1 row per cycle.

    Parameters
    ----------
    rows : contents, one unsigned integer of ``width`` bits per row
    family : on ECP5, block RAMs are instantiated, since Yosys does not use their output register

    Members
    -------
    address : In
    data : Out
    """

    def __init__(self, rows: list[int], width: int, family: Family):
        self._rows = rows
        self._family = family
        super().__init__({
            "address": In(range(max(len(rows), 2))),
            "data":    Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        if platform is not None and self._family.name == "ecp5":
            self._instantiate(m)
        else:
            self._infer(m)
        return m

    def _infer(self, m: Module) -> None:
        # Yosys would rather make tables of a memory that fills less than half of a block.
        m.submodules.cells = cells = Memory(
            shape=unsigned(len(self.data)), depth=len(self._rows), init=self._rows,
            attrs={"ram_style": "block"},
        )
        port = cells.read_port()
        m.d.comb += port.addr.eq(self.address)
        m.d.sync += self.data.eq(port.data)

    def _instantiate(self, m: Module) -> None:
        """Block RAMs side by side for the width; where rows are many, one above the other."""
        width, depth = len(self.data), len(self._rows)
        both_ports = depth <= _DP16KD_WORDS // 2
        columns = 2 * _DP16KD_BITS if both_ports else _DP16KD_BITS
        words = _DP16KD_WORDS // 2 if both_ports else _DP16KD_WORDS
        levels: list[Signal] = []
        for first in range(0, depth, words):
            data = Signal(ceil(width / columns) * columns, name=f"level{len(levels)}")
            for column in range(0, width, columns):
                contents = [
                    row >> column & (1 << columns) - 1 for row in self._rows[first : first + words]
                ]
                name = f"block{len(levels)}_{column // columns}"
                m.submodules[name] = _block(contents, self.address, data[column:], both_ports)
            levels.append(data)
        upper = self.address[(words - 1).bit_length() :]
        for _ in range(2):
            delayed = Signal.like(upper)
            m.d.sync += delayed.eq(upper)
            upper = delayed
        m.d.comb += self.data.eq(Array(levels)[upper] if len(levels) > 1 else levels[0])


def dp16kd_words(contents: list[int], both_ports: bool) -> list[int]:
    """18-bit words of a block whose two ports, if ``both_ports``, read the halves of a row."""
    if not both_ports:
        return contents
    mask = (1 << _DP16KD_BITS) - 1
    return [half for row in contents for half in (row & mask, row >> _DP16KD_BITS)]


def _block(contents: list[int], address: Value, data: Value, both_ports: bool) -> Instance:
    """A DP16KD with its output registers, read only.

    Source: Lattice FPGA-TN-02204 (ports, 18-bit words from ADx4 up), Project Trellis (an INITVAL
    holds sixteen words in slots of 20 bits).
    """
    words = dp16kd_words(contents, both_ports)
    initial: dict[str, Const] = {}
    for index in range(64):
        slots = words[16 * index : 16 * index + 16]
        value = sum(word << 20 * slot for slot, word in enumerate(slots))
        initial[f"p_INITVAL_{index:02X}"] = Const(value, 320)
    ports: dict[str, object] = {}
    for half, port in enumerate("AB"):
        used = port == "A" or both_ports
        row = Cat(C(half, 1), address) if both_ports else address
        lines = Cat(C(0, 4), row, C(0, 14))[:14]
        ports |= {
            f"p_DATA_WIDTH_{port}": _DP16KD_BITS,
            f"p_REGMODE_{port}": "OUTREG",
            f"p_CSDECODE_{port}": "0b000",
            f"p_CLK{port}MUX": f"CLK{port}",
            f"i_CLK{port}": ClockSignal() if used else 0,
            f"i_CE{port}": int(used),
            f"i_OCE{port}": int(used),
            f"i_WE{port}": 0,
            f"i_RST{port}": 0,
        }
        ports |= {f"i_CS{port}{bit}": 0 for bit in range(3)}
        ports |= {f"i_AD{port}{bit}": lines[bit] if used else 0 for bit in range(14)}
        ports |= {f"i_DI{port}{bit}": 0 for bit in range(_DP16KD_BITS)}
        if used:
            first = half * _DP16KD_BITS
            ports |= {
                f"o_DO{port}{bit}": data[first + bit]
                for bit in range(_DP16KD_BITS)
            }
    return Instance("DP16KD", p_RESETMODE="SYNC", p_GSR="DISABLED", **initial, **ports)

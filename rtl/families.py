"""What the generated hardware needs to know of an FPGA family: delays and memories.

Delays are rough figures for placed and routed logic, each including one hop of average routing.
They decide where pipeline registers go; nextpnr has the last word on the clock.
"""

from dataclasses import dataclass
from math import ceil, log2

from spikeloom.hls_model.dataflow import Node
from spikeloom.hls_model.ranges import Range

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """Delays in ns and memory shapes of one FPGA family.

    Attributes
    ----------
    register : from a register's clock edge to another's set-up, without logic between
    level : one look-up table
    carry : an adder's fixed part; ``carry_bit`` comes on top for each bit
    multiplier : a hardware multiplier without its registers; None: built of adders
    product_bits : widest operands of a hardware multiplier, and what narrower ones take of it
    narrowest : narrowest operand and narrowest product that Yosys gives to one
    block_shapes : (words, bits) of one block RAM
    has_spare_registers : a register can be used without the look-up table in front of it
    lut_ram_tables : tables that a look-up-table RAM of 16 words of 4 bits takes, which can be read
        without a clock edge; 0 if there is none
    has_adder_registers : a register can lie behind an adder without taking a table's place
    target_mhz : the clock to aim for where the user states none
    spram_words : words of 16 bits in one SPRAM; 0 if there is none
    """

    name: str
    register: float
    level: float
    carry: float
    carry_bit: float
    multiplier: float | None
    block_shapes: tuple[tuple[int, int], ...]
    has_spare_registers: bool
    lut_ram_tables: int
    has_adder_registers: bool
    target_mhz: float
    spram_words: int = 0
    product_bits: tuple[tuple[int, float], ...] = ()
    narrowest: tuple[int, int] = (0, 0)

    @property
    def has_lut_ram(self) -> bool:
        return self.lut_ram_tables > 0

    def delay(self, node: Node) -> float:
        """Estimated delay of a dataflow node."""
        width = max((n.range.width for n in (node, *node.operands)), default=0)
        adder = self.carry + self.carry_bit * width
        match node.op:
            # Sums, states and parameters come from registers, those of memories included.
            case "input" | "constant" | "shift_left" | "wrap":
                return 0.0
            case "add" | "sub" | "neg" | "ge":
                return adder
            case "minimum" | "maximum":
                return adder + self.level
            case "mul":
                return self._multiply(node)
            case "shift_right":
                return 0.0 if node.attrs["rounding"] == "floor" else adder + self.level
            case "saturate":
                return self._saturate(node, adder)
            case "eq" | "lookup":
                return self.level * max(1, ceil(log2(max(width, 2)) / 2))
        return self.level

    def multipliers(self, a: int, b: int) -> float:
        """Hardware multipliers of a signed product of ``a`` by ``b`` bits; 0: built of adders."""
        operand, product = self.narrowest
        if not self.product_bits or min(a, b) < operand or a + b < product:
            return 0
        for bits, share in self.product_bits:
            if max(a, b) <= bits:
                return share
        # Of a wide operand all parts but the highest are unsigned.
        widest, _ = self.product_bits[-1]
        return ceil((a - 1) / (widest - 1)) * ceil((b - 1) / (widest - 1))

    def _multiply(self, node: Node) -> float:
        a, b = (o.range.width for o in node.operands)
        if self.multiplier is not None and self.multipliers(a, b):
            return self.multiplier
        return (self.carry + self.carry_bit * (a + b)) * ceil(log2(max(min(a, b), 2)))

    def _saturate(self, node: Node, adder: float) -> float:
        bounds: Range = node.attrs["range"]
        if bounds == Range.signed(bounds.width) or bounds == Range.unsigned(bounds.width):
            return 2 * self.level
        return adder + self.level


FAMILIES = {
    # Lattice FPGA-TN-02006 (iCE40 HX, LP, UP: memory usage), delays from nextpnr reports.
    "ice40hx": Family("ice40hx", 1.8, 1.2, 1.5, 0.13, None,
                      ((256, 16), (512, 8), (1024, 4), (2048, 2)), False, 0, True, 72.0),
    "ice40up": Family("ice40up", 3.5, 2.6, 3.0, 0.28, 9.0,
                      ((256, 16), (512, 8), (1024, 4), (2048, 2)), False, 0, True, 30.0,
                      16384, ((16, 1),), (2, 11)),
    # Lattice FPGA-TN-02204 (ECP5 memory usage), speed grade 6.
    "ecp5":    Family("ecp5", 1.4, 1.1, 1.4, 0.05, 4.0,
                      ((1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), True, 6, True,
                      100.0, 0, ((18, 1),), (2, 0)),
    # Gowin SUG283 (GW1NR primitives). nextpnr 0.11 pairs registers with tables, not with adders.
    "gowin":   Family("gowin", 2.0, 1.8, 2.2, 0.06, 6.0,
                      ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2)), False, 8, False,
                      54.0, 0, ((9, 0.5), (18, 1)), (4, 0)),
}

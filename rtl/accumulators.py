"""Accumulators of several slots in a memory: look-up-table RAM, or the block RAM of iCE40."""

from math import ceil

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.events import shape_of
from spikeloom.rtl.plan import CorePlan

__all__ = ["AccumulatorMemory", "totals_layout"]

_BLOCK_BITS = 16
_BLOCK_WORDS = 256


def totals_layout(plan: CorePlan) -> data.ArrayLayout:
    """Weighted sums of a bank's lanes, by port."""
    ports = {port: shape_of(plan.accumulator_range(port)) for port in plan.ports}
    return data.ArrayLayout(data.StructLayout(ports), plan.bank_lanes)


class AccumulatorMemory(wiring.Component):
    """Σ w·e of a bank's lanes: one word of all lanes per slot, read, added to and written back.

    Operations visit the slots in turn, so one slot comes up every ``plan.slots`` cycles at the
    earliest, later than its last sum has been written: there is no hazard to wait for, and none to
    forward around. A sum is written one cycle late where there are slots enough, which puts a
    register behind the adder; its reset is what clears.

    Latency: 1 cycle from ``slot`` to ``totals``. Throughput: one operation per cycle, those on the
    same slot at least ``plan.slots`` cycles apart unless they only read.

    Members
    -------
    slot : In, of the operation that comes in the next cycle
    accumulate : In, add ``addends`` to the slot
    clear : In, make the slot 0
    addends : In, by lane and port
    totals : Out, sums of the slot before this operation
    """

    def __init__(self, plan: CorePlan, addends: data.ArrayLayout):
        self._plan = plan
        self._totals = totals_layout(plan)
        super().__init__({
            "slot":       In(range(plan.slots)),
            "accumulate": In(1),
            "clear":      In(1),
            "addends":    In(addends),
            "totals":     Out(self._totals),
        })

    def elaborate(self, platform):
        m = Module()
        plan = self._plan
        read, write = Signal(range(plan.slots)), Signal(range(plan.slots))
        enable, word = Signal(), Signal(self._totals)
        slot, sums = Signal(range(plan.slots)), Signal(self._totals)
        m.d.sync += slot.eq(self.slot)
        for lane in range(plan.bank_lanes):
            for port in plan.ports:
                m.d.comb += sums[lane][port].eq(self.totals[lane][port] + self.addends[lane][port])
        m.d.comb += read.eq(self.slot)
        if plan.slots > 2:
            with m.If(self.clear):
                m.d.sync += word.eq(0)
            with m.Else():
                m.d.sync += word.eq(sums)
            m.d.sync += [write.eq(slot), enable.eq(self.accumulate | self.clear)]
        else:
            m.d.comb += [
                word.eq(Mux(self.clear, 0, sums)),
                write.eq(slot),
                enable.eq(self.accumulate | self.clear),
            ]
        if getattr(platform, "family", "").lower().startswith("ice40"):
            self._instantiate(m, read, write, enable, Value.cast(word))
        else:
            self._infer(m, read, write, enable, Value.cast(word))
        return m

    def _infer(self, m: Module, read, write, enable, word) -> None:
        width = len(word)
        m.submodules.cells = cells = Memory(
            shape=unsigned(width), depth=self._plan.slots, init=[],
            attrs={"ram_style": "distributed"} if self._plan.family.has_lut_ram else {},
        )
        source, target = cells.read_port(domain="comb"), cells.write_port()
        m.d.comb += [
            source.addr.eq(read),
            target.addr.eq(write),
            target.en.eq(enable),
            target.data.eq(word),
        ]
        m.d.sync += Value.cast(self.totals).eq(source.data)

    def _instantiate(self, m: Module, read, write, enable, word) -> None:
        """Blocks side by side. Yosys would guard inferred ones against a meeting of both ports at
        one address, which never happens.

        Source: Lattice FPGA-TN-02002 (SB_RAM40_4K: 256 words of 16 bits, 1 cycle).
        """
        totals = Value.cast(self.totals)
        levels = []
        for level in range(ceil(self._plan.slots / _BLOCK_WORDS)):
            shown = Signal(len(word), name=f"level{level}")
            chosen = (write >> 8 == level) & enable if len(write) > 8 else enable
            for first in range(0, len(word), _BLOCK_BITS):
                bits = shown[first : first + _BLOCK_BITS]
                output = Signal(_BLOCK_BITS, name=f"block{level}_{first}")
                m.d.comb += bits.eq(output)
                m.submodules[f"block{level}_{first // _BLOCK_BITS}"] = Instance(
                    "SB_RAM40_4K", p_READ_MODE=0, p_WRITE_MODE=0,
                    i_RCLK=ClockSignal(), i_RCLKE=1, i_RE=1, i_RADDR=Cat(read[:8], C(0, 11))[:11],
                    i_WCLK=ClockSignal(), i_WCLKE=1, i_WE=chosen,
                    i_WADDR=Cat(write[:8], C(0, 11))[:11], i_MASK=C(0, 16),
                    i_WDATA=Cat(word[first : first + _BLOCK_BITS], C(0, 16))[:16],
                    o_RDATA=output,
                )
            levels.append(shown)
        if len(levels) == 1:
            m.d.comb += totals.eq(levels[0])
        else:
            upper = Signal(range(len(levels)))
            m.d.sync += upper.eq(read >> 8)
            m.d.comb += totals.eq(Array(levels)[upper])

"""Accumulators of several slots in a memory: look-up-table RAM, or the block RAM of iCE40."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.events import shape_of
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.scratch import Scratch

__all__ = ["AccumulatorMemory", "totals_layout"]


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
        write, enable, word = Signal(range(plan.slots)), Signal(), Signal(self._totals)
        slot, sums = Signal(range(plan.slots)), Signal(self._totals)
        m.d.sync += slot.eq(self.slot)
        for lane in range(plan.bank_lanes):
            for port in plan.ports:
                m.d.comb += sums[lane][port].eq(self.totals[lane][port] + self.addends[lane][port])
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
        style = "distributed" if plan.family.has_lut_ram else None
        m.submodules.cells = cells = Scratch(len(Value.cast(word)), [0] * plan.slots, style)
        m.d.comb += [
            cells.address.eq(self.slot),
            Value.cast(self.totals).eq(cells.data),
            cells.target.eq(write),
            cells.word.eq(word),
            cells.enable.eq(enable),
        ]
        return m

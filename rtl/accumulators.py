"""Accumulators of several slots in a memory: look-up-table RAM or block RAM."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.events import shape_of
from spikeloom.rtl.memory import TwoPortMemory
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
    register behind the adder; its reset is what clears. Where held inputs are added to, a second
    memory keeps what they have contributed.

    Latency: ``plan.slot_lead`` cycles from ``slot`` to ``totals``. Throughput: one operation per
    cycle, those on the same slot at least ``plan.slots`` cycles apart unless they only read.

    Members
    -------
    slot : In, of the operation that comes ``plan.slot_lead`` cycles later
    accumulate : In, add ``addends`` to the slot
    held : In, with ``accumulate``: they are of a held input, and come before those of others
    sweep : In, make the slot what held inputs have contributed
    last : In, with ``sweep``: make it 0
    addends : In, by lane and port
    totals : Out, sums of the slot before this operation
    """

    def __init__(self, plan: CorePlan, addends: data.ArrayLayout):
        self._plan = plan
        self._totals = totals_layout(plan)
        super().__init__({
            "slot":       In(range(plan.slots)),
            "accumulate": In(1),
            "held":       In(int(plan.keeps_sums)),
            "sweep":      In(1),
            "last":       In(int(plan.held_count > 0)),
            "addends":    In(addends),
            "totals":     Out(self._totals),
        })

    def elaborate(self, platform):
        m = Module()
        plan = self._plan
        slot, sums = self.slot, Signal(self._totals)
        for cycle in range(plan.slot_lead):
            later = Signal(range(plan.slots), name=f"slot_{cycle}")
            m.d.sync += later.eq(slot)
            slot = later
        for lane in range(plan.bank_lanes):
            for port in plan.ports:
                m.d.comb += sums[lane][port].eq(self.totals[lane][port] + self.addends[lane][port])
        write, enable, keep = Signal(range(plan.slots)), Signal(), Signal()
        word, kept = Signal(self._totals), Signal(self._totals)
        clear = self.sweep & self.last if plan.held_count else self.sweep

        domain = m.d.sync if plan.slots > 2 else m.d.comb
        with m.If(clear):
            domain += word.eq(0)
        if plan.keeps_sums:
            with m.Elif(self.sweep):
                domain += word.eq(kept)
        with m.Else():
            domain += word.eq(sums)
        changed = self.sweep if plan.keeps_sums else clear
        domain += [write.eq(slot), enable.eq(self.accumulate | changed)]
        m.submodules.cells = self._cells(m, write, word, enable, self.totals)
        if plan.keeps_sums:
            # Events of held inputs come first, so there is nothing else in these sums.
            domain += keep.eq(self.accumulate & self.held | clear)
            m.submodules.kept = self._cells(m, write, word, keep, kept)
        return m

    def _cells(self, m: Module, write, word, enable, data) -> Scratch | TwoPortMemory:
        plan = self._plan
        initial, width = [0] * plan.slots, len(Value.cast(word))
        cells: Scratch | TwoPortMemory
        if plan.accumulators == "blocks":
            cells = TwoPortMemory(initial, width, in_blocks=True)
            m.d.comb += [cells.write.eq(enable), Value.cast(data).eq(cells.data)]
        else:
            cells = Scratch(width, initial, "distributed" if plan.family.has_lut_ram else None)
            m.d.comb += [cells.enable.eq(enable), Value.cast(data).eq(cells.data)]
        m.d.comb += [
            cells.address.eq(self.slot),
            cells.target.eq(write),
            cells.word.eq(word),
        ]
        return cells

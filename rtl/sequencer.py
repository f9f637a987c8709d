"""Turns event tokens into operations for the banks, and decides when a sweep may start.

The core's pipeline behind the sequencer never stalls: whatever is issued runs through. All
waiting happens here, at the head of the event stream.
"""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.bank import OperationLayout
from spikeloom.rtl.events import event_signature, times
from spikeloom.rtl.plan import CorePlan

__all__ = ["Sequencer"]


class Sequencer(wiring.Component):
    """Issues one operation per cycle.

    An event takes ``plan.slots`` cycles, one for each row of its weights; an end-of-step token
    takes ``plan.issue_cycles``. Sweeps start at least ``plan.sweep_interval`` cycles apart and
    only if there is room for all that may fire.

    Members
    -------
    i : In, event tokens; an event's address counts the rows of all sources. The two events of a
        pair are carried out at once, and one that is absent as the row of zeros
    operation : Out, registered
    start : Out, with the first operation of a sweep
    last : Out, with ``start``: the sweep closes a sample
    room : In, a whole sweep fits into the queues behind the pipeline
    """

    def __init__(self, plan: CorePlan):
        self._plan = plan
        super().__init__({
            "i":         In(event_signature(
                plan.source_count, plan.source_range, plan.events_per_cycle)),
            "operation": Out(OperationLayout(plan)),
            "start":     Out(1),
            "last":      Out(1),
            "room":      In(1),
        })
        self._is_paced = Signal(init=1)

    def elaborate(self, platform):
        m = Module()
        plan, token = self._plan, self.i.payload
        slot = Signal(range(plan.slots))
        operation = Signal(OperationLayout(plan))
        start = Signal()

        m.d.comb += [
            operation.slot.eq(slot),
            *self._fetch(operation, slot),
            operation.last.eq(token.last),
        ]
        with m.If(self.i.valid & ~token.end):
            m.d.comb += [operation.accumulate.eq(1), self.i.ready.eq(slot == plan.slots - 1)]
            m.d.sync += slot.eq(Mux(self.i.ready, 0, slot + 1))
        with m.Elif(self.i.valid):
            self._issue_sweep(m, operation, slot, start)
        if plan.is_paced:
            self._pace(m, start)
        m.d.sync += [
            self.operation.eq(operation),
            self.start.eq(start),
            self.last.eq(start & token.last),
        ]
        return m

    def _fetch(self, operation: data.View, slot: Signal) -> list:
        """Which rows, times which values."""
        plan, token = self._plan, self.i.payload
        if plan.events_per_cycle == 1:
            return [
                operation.row.eq(times(token.address, plan.slots) + slot),
                operation.value.eq(token.value),
                operation.held.eq(token.address < plan.held_count),
            ]
        statements = []
        for index, event in enumerate((token.even, token.odd)):
            row = times(event.address, plan.slots) + slot
            statements += [
                operation.row[index].eq(Mux(event.valid, row, plan.rows - 1)),
                operation.value[index].eq(event.value),
            ]
        return statements

    def _issue_sweep(self, m: Module, operation, slot: Signal, start: Signal) -> None:
        """Operations for each slot's parts, then, before the next slot's, a pause in which its
        other banks are visited."""
        plan = self._plan
        period = plan.banks * plan.parts if plan.slots > 1 else plan.parts
        phase = Signal(range(period))
        is_first = (slot == 0) & (phase == 0)
        is_final = (slot == plan.slots - 1) & (phase == plan.parts - 1)
        may_go = ~is_first | (self._is_paced & self.room)

        m.d.comb += [
            operation.part.eq(phase),
            operation.sweep.eq(may_go & (phase < plan.parts)),
            start.eq(may_go & is_first),
            self.i.ready.eq(may_go & is_final),
        ]
        with m.If(may_go):
            m.d.sync += phase.eq(phase + 1)
            with m.If(is_final):
                m.d.sync += [phase.eq(0), slot.eq(0)]
            with m.Elif(phase == period - 1):
                m.d.sync += [phase.eq(0), slot.eq(slot + 1)]

    def _pace(self, m: Module, start: Signal) -> None:
        """Keep ``plan.sweep_interval`` cycles between sweeps."""
        wait = Signal(range(self._plan.sweep_interval))
        with m.If(start):
            m.d.sync += [wait.eq(self._plan.sweep_interval - 1), self._is_paced.eq(0)]
        with m.Elif(~self._is_paced):
            m.d.sync += [wait.eq(wait - 1), self._is_paced.eq(wait == 1)]

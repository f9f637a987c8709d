"""The emitter of a core with one neuron unit: its entries are single neurons, in order."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.emitter import Entry
from spikeloom.rtl.plan import CorePlan

__all__ = ["SerialEmitter"]


class SerialEmitter(wiring.Component):
    """What an :class:`.emitter.Emitter` does, for entries of one neuron.

    There is room for a sweep if the queue has place for it and for what an earlier one still has
    in the pipeline, which is no more than the pipeline is long.

    Latency: 3 or 4 cycles from an entry to its event. Throughput: one token per cycle.

    Members
    -------
    As of :class:`.emitter.Emitter`.
    """

    def __init__(self, plan: CorePlan, value: Range):
        self._plan = plan
        self._layout = Entry(plan, value)
        super().__init__({
            "entry":   In(self._layout),
            "valid":   In(1),
            "reserve": In(1),
            "room":    Out(1, init=1),
            "o":       Out(stream.Signature(self._layout.event)),
        })

    def elaborate(self, platform):
        m = Module()
        plan = self._plan
        m.submodules.queue = queue = SyncFIFOBuffered(
            width=self._layout.size, depth=plan.queue_depth
        )
        is_final = self.entry.index == plan.sweep - 1
        m.d.comb += [
            queue.w_data.eq(self.entry),
            queue.w_en.eq(self.valid & (self.entry.fired[0] | is_final)),
        ]
        spare = plan.queue_depth - plan.sweep - plan.sweep_latency
        m.d.sync += self.room.eq(queue.w_level <= spare)

        may_leave = self.o.ready | ~self.o.valid
        is_done, has_sent = Signal(), Signal()
        if plan.family.has_spare_registers:
            # The queue's block RAM is slow.
            entry, is_there = Signal(self._layout), Signal()
            m.d.comb += queue.r_en.eq(~is_there | is_done)
            with m.If(queue.r_en):
                m.d.sync += [entry.eq(queue.r_data), is_there.eq(queue.r_rdy)]
        else:
            entry, is_there = self._layout(queue.r_data), queue.r_rdy
            m.d.comb += queue.r_en.eq(is_done)
        fires = entry.fired[0] & ~has_sent
        ends = entry.index == plan.sweep - 1
        m.d.comb += is_done.eq(may_leave & ~(fires & ends))
        with m.If(may_leave):
            m.d.sync += [
                self.o.valid.eq(is_there),
                self.o.payload.end.eq(~fires),
                self.o.payload.last.eq(~fires & entry.last),
                self.o.payload.address.eq(entry.index),
                self.o.payload.value.eq(entry.value[0]),
                has_sent.eq(is_there & fires & ends),
            ]
        return m

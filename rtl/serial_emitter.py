"""The emitter of a core with one neuron unit: its entries are single neurons, in order."""

from amaranth.hdl import *

from spikeloom.rtl.emitter import Emitter
from spikeloom.rtl.queue import Queue

__all__ = ["SerialEmitter"]


class SerialEmitter(Emitter):
    """What an :class:`.Emitter` does, for entries of one neuron: nothing in them is chosen between.

    Latency: 3 to 5 cycles from an entry to its event. Throughput: one token per cycle.
    """

    @property
    def _has_register(self) -> bool:
        return self._plan.family.has_spare_registers

    def _unpack(self, m: Module, queue: Queue) -> None:
        entry = self._layout(queue.r_data)
        may_leave = self.o.ready | ~self.o.valid
        has_sent = Signal()
        fires = entry.fired[0] & ~has_sent
        # A sweep's last entry becomes two tokens if its neuron fired.
        has_more = fires & self._is_final(entry)
        m.d.comb += queue.r_en.eq(may_leave & ~has_more)
        with m.If(may_leave):
            m.d.sync += [
                self.o.valid.eq(queue.r_rdy),
                self.o.payload.end.eq(~fires),
                self.o.payload.last.eq(~fires & entry.last),
                self.o.payload.address.eq(entry.index),
                self.o.payload.value.eq(entry.value[0]),
                has_sent.eq(queue.r_rdy & has_more),
            ]

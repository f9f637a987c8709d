"""The emitters of a core with one neuron unit: its entries are single neurons, in order."""

from amaranth.hdl import *
from amaranth.lib import data

from spikeloom.rtl.emitter import Emitter
from spikeloom.rtl.queue import Queue

__all__ = ["ReadoutEmitter", "SerialEmitter"]


class SerialEmitter(Emitter):
    """What an :class:`.Emitter` does, for entries of one neuron: nothing in them is chosen between.

    Latency: 3 to 5 cycles from an entry to its event. Throughput: one token per cycle.
    """

    @property
    def _has_register(self) -> bool:
        return self._plan.family.has_spare_registers

    def _unpack(self, m: Module, queue: Queue) -> Value:
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
        return self._is_final(entry)


class ReadoutEmitter(SerialEmitter):
    """The same for a state word, which every neuron sends at a sample's last step and none before.

    That says which neuron an entry is, and which step: the queue holds neither.
    """

    def _kept(self, entry: data.View) -> Value:
        return Cat(entry.fired, entry.value[0])

    def _unpack(self, m: Module, queue: Queue) -> Value:
        size = self._plan.size
        fired, value = queue.r_data[0], queue.r_data[1:]
        sent, has_sent = Signal(range(size + 1)), Signal()
        may_leave = self.o.ready | ~self.o.valid
        fires = fired & ~has_sent
        # If no entry follows the last neuron's, that becomes two tokens.
        has_more = fires & (sent == size - 1) if self._plan.sweep == size else C(0)
        is_final = ~fired | has_sent
        m.d.comb += queue.r_en.eq(may_leave & ~has_more)
        with m.If(may_leave):
            m.d.sync += [
                self.o.valid.eq(queue.r_rdy),
                self.o.payload.end.eq(~fires),
                self.o.payload.last.eq(~fires & (has_sent | (sent == size))),
                self.o.payload.address.eq(sent),
                self.o.payload.value.eq(value),
                has_sent.eq(queue.r_rdy & has_more),
            ]
            with m.If(queue.r_rdy & ~has_more):
                m.d.sync += sent.eq(Mux(is_final, 0, sent + 1))
        return is_final

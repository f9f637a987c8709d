"""Turns swept neurons into an event stream, one event per cycle, without scanning silent ones."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.hls_model.network import EVENTS
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout, times
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.queue import Queue

__all__ = ["Emitter", "Entry", "kept_bits"]


class Entry(data.StructLayout):
    """What the neuron pipeline hands over for one sweep entry.

    Members
    -------
    index : of the entry within the sweep
    last : the sweep closes a sample
    fired : one bit per unit
    value : event values by unit
    """

    def __init__(self, plan: CorePlan, value: Range):
        self.event = EventLayout(plan.size, value)
        super().__init__({
            "index": range(plan.sweep),
            "last":  1,
            "fired": plan.units,
            "value": data.ArrayLayout(self.event["value"].shape, plan.units),
        })


def kept_bits(plan: CorePlan, word: str) -> int:
    """Bits of an entry of ``word``, ``events`` or a state word, in its emitter's queue."""
    value = plan.emitted[word]
    if plan.units == 1 and word != EVENTS:
        return 1 + EventLayout(plan.size, value)["value"].width
    return Entry(plan, value).size


class Credit(wiring.Component):
    """Counts sweeps, so that the queue has room for all entries of any that starts.

    Latency: 2 cycles, less than sweeps are apart.

    Members
    -------
    reserve : In, a sweep starts: all its entries may need room
    released : In, the last entry of one has left the queue
    room : Out, a whole sweep fits
    """

    def __init__(self, plan: CorePlan):
        self._sweeps = (plan.queue_depth - 1) // plan.sweep
        super().__init__({"reserve": In(1), "released": In(1), "room": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        running = Signal(range(self._sweeps + 1))
        with m.If(self.reserve & ~self.released):
            m.d.sync += running.eq(running + 1)
        with m.If(self.released & ~self.reserve):
            m.d.sync += running.eq(running - 1)
        m.d.sync += self.room.eq(running != self._sweeps)
        return m


class Emitter(wiring.Component):
    """Events of the neurons that fired, in ascending order of address, then an end-of-step token.

    Latency: 5 cycles from an entry to its first event. Throughput: one token per cycle; entries
    in which nothing fired take no time, except a sweep's last, which becomes the token.

    Members
    -------
    entry, valid : In
    reserve : In, a sweep starts; only while ``room``
    room : Out, the queue takes a whole sweep
    o : Out, event stream
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
        m.submodules.credit = credit = Credit(self._plan)
        kept = self._kept(self.entry)
        m.submodules.queue = queue = self._plan.emitter_queue(len(kept))
        entry, is_kept = Signal(len(kept)), Signal()
        is_released = Signal()
        domain = m.d.sync if self._has_register else m.d.comb
        domain += [
            entry.eq(kept),
            is_kept.eq(self.valid & (self.entry.fired.any() | self._is_final(self.entry))),
        ]
        is_final = self._unpack(m, queue)
        m.d.sync += is_released.eq(queue.r_en & queue.r_rdy & is_final)
        m.d.comb += [
            queue.w_data.eq(entry),
            queue.w_en.eq(is_kept),
            credit.reserve.eq(self.reserve),
            credit.released.eq(is_released),
            self.room.eq(credit.room),
        ]
        return m

    def _kept(self, entry: data.View) -> Value:
        """What of an entry goes through the queue."""
        return Value.cast(entry)

    @property
    def _has_register(self) -> bool:
        """Whether a register lies in front of the queue, whose memory takes a while to write."""
        return True

    def _is_final(self, entry: data.View) -> Value:
        """Whether the entry is its sweep's last."""
        return entry.index == self._plan.sweep - 1

    def _unpack(self, m: Module, queue: Queue) -> Value:
        """Turn what leaves the queue into tokens; whether it is its sweep's last."""
        m.submodules.unpacker = unpacker = _Unpacker(self._plan, self._layout)
        m.d.comb += [
            unpacker.entry.eq(queue.r_data),
            unpacker.valid.eq(queue.r_rdy),
            queue.r_en.eq(unpacker.ready),
        ]
        wiring.connect(m, wiring.flipped(self.o), unpacker.o)
        return self._is_final(self._layout(queue.r_data))


class _Unpacker(wiring.Component):
    """Splits entries into tokens: first which unit is next, one-hot, then its address and value.

    A sweep's last entry has one more bit, above its units: the end-of-step token.
    """

    def __init__(self, plan: CorePlan, layout: Entry):
        self._plan = plan
        self._layout = layout
        super().__init__({
            "entry": In(layout),
            "valid": In(1),
            "ready": Out(1),
            "o":     Out(stream.Signature(layout.event)),
        })

    def elaborate(self, platform):
        m = Module()
        plan = self._plan
        tokens = Cat(self.entry.fired, self.entry.index == plan.sweep - 1)
        entry, left, is_single = Signal(self._layout), Signal(plan.units + 1), Signal()
        picked, chosen = Signal(self._layout), Signal(plan.units + 1)
        may_pick, may_leave = Signal(), Signal()

        m.d.comb += [
            may_leave.eq(self.o.ready | ~self.o.valid),
            may_pick.eq(may_leave | ~chosen.any()),
            self.ready.eq(~left.any() | (is_single & may_pick)),
        ]
        below = [left[:index].any() for index in range(len(left))]
        with m.If(may_pick):
            m.d.sync += [
                picked.eq(entry),
                chosen.eq(Cat(bit & ~lower for bit, lower in zip(left, below, strict=True))),
                left.eq(Cat(bit & lower for bit, lower in zip(left, below, strict=True))),
                is_single.eq(~_at_least(left, 3)),
            ]
        with m.If(self.ready):
            m.d.sync += [
                entry.eq(self.entry),
                left.eq(Mux(self.valid, tokens, 0)),
                is_single.eq(~_at_least(tokens, 2)),
            ]
        with m.If(may_leave):
            m.d.sync += [
                self.o.valid.eq(chosen.any()),
                self.o.payload.end.eq(chosen[-1]),
                self.o.payload.last.eq(chosen[-1] & picked.last),
                self.o.payload.address.eq(
                    times(picked.index, plan.units) + _index_of(chosen[:-1])
                ),
                self.o.payload.value.eq(_selected(chosen[:-1], picked.value)),
            ]
        return m


def _at_least(bits: Value, count: int) -> Value:
    """Whether ``count`` of the bits are set, in logic of logarithmic depth without adders."""

    def unary(bits: Value) -> list[Value]:
        """Entry k: at least k + 1 bits are set."""
        if len(bits) == 1:
            return [bits, *([Const(0)] * (count - 1))]
        half = len(bits) // 2
        a, b = [Const(1), *unary(bits[:half])], [Const(1), *unary(bits[half:])]
        return [Cat(a[i] & b[k - i] for i in range(k + 1)).any() for k in range(1, count + 1)]

    return unary(bits)[count - 1]


def _index_of(one_hot: Value) -> Value:
    """The position of the only set bit; 0 if there is none."""
    bits = range((len(one_hot) - 1).bit_length())
    return Cat(Cat(one_hot[i] for i in range(len(one_hot)) if i >> b & 1).any() for b in bits)


def _selected(one_hot: Value, values: data.View) -> Value:
    """The value at the only set bit."""
    result = Const(0, len(values[0]))
    for index in range(len(one_hot)):
        result |= Mux(one_hot[index], Value.cast(values[index]), 0)
    return result

"""Turns swept neurons into an event stream, one event per cycle, without scanning silent ones."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout, times
from spikeloom.rtl.plan import CorePlan

__all__ = ["Emitter", "Entry"]


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


class Credit(wiring.Component):
    """Room left in the emitter's queue, counted so that a sweep that starts always fits.

    Members
    -------
    reserve : In, a sweep starts: all its entries may need room
    unused : In, one of them did not
    released : In, the queue gave an entry away
    room : Out, a whole sweep fits
    """

    def __init__(self, plan: CorePlan):
        self._plan = plan
        super().__init__({"reserve": In(1), "unused": In(1), "released": In(1), "room": Out(1)})

    def elaborate(self, platform):
        m = Module()
        depth, sweep = self._plan.queue_depth, self._plan.sweep
        free = Signal(range(depth + 1), init=depth)
        following = Signal.like(free)
        m.d.comb += following.eq(
            free + self.unused + self.released - Mux(self.reserve, sweep, 0)
        )
        m.d.sync += [free.eq(following), self.room.eq(following >= sweep)]
        return m


class Emitter(wiring.Component):
    """Events of the neurons that fired, in ascending order of address, then an end-of-step token.

    Latency: 4 cycles from an entry to its first event. Throughput: one token per cycle; entries
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
        plan = self._plan
        m.submodules.credit = credit = Credit(plan)
        m.submodules.queue = queue = SyncFIFOBuffered(
            width=self._layout.size, depth=plan.queue_depth
        )
        is_kept = self.entry.fired.any() | (self.entry.index == plan.sweep - 1)
        m.d.comb += [
            queue.w_data.eq(self.entry),
            queue.w_en.eq(self.valid & is_kept),
            credit.reserve.eq(self.reserve),
            credit.unused.eq(self.valid & ~is_kept),
            credit.released.eq(queue.r_en & queue.r_rdy),
            self.room.eq(credit.room),
        ]
        m.submodules.unpacker = unpacker = _Unpacker(plan, self._layout)
        m.d.comb += [
            unpacker.entry.eq(queue.r_data),
            unpacker.valid.eq(queue.r_rdy),
            queue.r_en.eq(unpacker.ready),
        ]
        wiring.connect(m, wiring.flipped(self.o), unpacker.o)
        return m


class _Unpacker(wiring.Component):
    """Splits entries into tokens: first which unit is next, one-hot, then its address and value."""

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
        is_end = self.entry.index == plan.sweep - 1
        done = Signal(plan.units)
        left = Signal(plan.units)
        chosen = Signal(plan.units)
        picked = Signal(self._layout)
        picked_valid, picked_end, advance = Signal(), Signal(), Signal()

        m.d.comb += [
            left.eq(self.entry.fired & ~done),
            chosen.eq(_lowest(left)),
            advance.eq(~picked_valid | self.o.ready | ~self.o.valid),
            self.ready.eq(advance & self.valid & Mux(is_end, ~left.any(), _at_most_one(left))),
        ]
        with m.If(advance):
            m.d.sync += [
                picked.eq(self.entry),
                picked.fired.eq(chosen),
                picked_end.eq(is_end & ~left.any()),
                picked_valid.eq(self.valid),
                done.eq(Mux(self.valid & ~self.ready, done | chosen, 0)),
            ]
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += [
                self.o.valid.eq(picked_valid),
                self.o.payload.end.eq(picked_end),
                self.o.payload.last.eq(picked_end & picked.last),
                self.o.payload.address.eq(times(picked.index, plan.units) + _index_of(picked.fired)),
                self.o.payload.value.eq(_selected(picked.fired, picked.value)),
            ]
        return m


def _lowest(mask: Value) -> Value:
    """The lowest set bit alone."""
    return mask & -mask


def _at_most_one(mask: Value) -> Value:
    """Whether no more than one bit is set."""
    return ~(mask & (mask - 1)).any()


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

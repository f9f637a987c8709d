"""Joins the event streams that end at one population, step by step, and delays some of them."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.events import EventLayout, PairLayout, event_signature
from spikeloom.rtl.queue import Queue

__all__ = ["EventQueue", "Fork", "Merge", "Source", "ToPairs"]


class EventQueue(wiring.Component):
    """A queue of event tokens with back-pressure.

    Latency: 2 cycles through an empty queue; 1 through a single entry, which is refilled in the
    cycle in which it empties: there ``i.ready`` follows ``o.ready``. Throughput: one token per
    cycle.

    Parameters
    ----------
    leading : end-of-step tokens that leave before anything that came in; a stream that starts
        with d of them arrives d steps late

    Members
    -------
    i, o : event streams
    """

    def __init__(self, layout: EventLayout | PairLayout, depth: int, leading: int = 0):
        self._layout = layout
        self._depth = depth
        self._leading = leading
        super().__init__({
            "i": In(stream.Signature(layout)),
            "o": Out(stream.Signature(layout)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = Queue(self._layout.size, self._depth)
        pending = Signal(range(self._leading + 1), init=self._leading)
        m.d.comb += [
            fifo.w_data.eq(self.i.payload),
            fifo.w_en.eq(self.i.valid),
            self.i.ready.eq(fifo.w_rdy),
        ]
        with m.If(pending != 0):
            m.d.comb += [self.o.valid.eq(1), self.o.payload.end.eq(1)]
            with m.If(self.o.ready):
                m.d.sync += pending.eq(pending - 1)
        with m.Else():
            m.d.comb += [
                self.o.payload.eq(fifo.r_data),
                self.o.valid.eq(fifo.r_rdy),
                fifo.r_en.eq(self.o.ready),
            ]
        return m


@dataclass(frozen=True)
class Source:
    """One stream that a :class:`Merge` joins.

    Attributes
    ----------
    layout : of its tokens
    offset : added to its addresses
    delay : steps that it is behind; what it carries over from the sample before is dropped
    held : its events of a step come before those of all sources that are not held
    marks : it marks the ends of steps and has no events of its own: they are dropped
    """

    layout: EventLayout
    offset: int
    delay: int
    held: bool = False
    marks: bool = False


class Merge(wiring.Component):
    """All events that belong to a step, from all sources in any order, then one end token.

    The end token waits for that of every source, so steps never mix. ``last`` comes from the
    sources without delay, of which there must be one.

    Latency: 1 cycle. Throughput: one token per cycle.

    Members
    -------
    i0, i1, … : In, event streams by source
    o : Out, event stream with the offsets added
    """

    def __init__(self, sources: list[Source], layout: EventLayout):
        self._sources = sources
        super().__init__(
            {f"i{n}": In(stream.Signature(s.layout)) for n, s in enumerate(sources)}
            | {"o": Out(stream.Signature(layout))}
        )

    def elaborate(self, platform):
        m = Module()
        streams = [getattr(self, f"i{n}") for n in range(len(self._sources))]
        longest = max(s.delay for s in self._sources)
        step = Signal(range(longest + 1))
        token = Signal(self.o.payload.shape())
        advance, valid = Signal(), Signal()

        # The output is registered: a choice, once offered, stays.
        m.d.comb += advance.eq(self.o.ready | ~self.o.valid)
        with m.If(advance):
            m.d.sync += [self.o.valid.eq(valid), self.o.payload.eq(token)]
        self._choose_event(m, streams, step, token, valid, advance)
        with m.If(Cat(i.valid & i.payload.end for i in streams).all()):
            undelayed = [i for s, i in zip(self._sources, streams, strict=True) if not s.delay]
            m.d.comb += [
                valid.eq(1),
                token.end.eq(1),
                token.last.eq(undelayed[0].payload.last),
                *(i.ready.eq(advance) for i in streams),
            ]
            with m.If(advance & token.last):
                m.d.sync += step.eq(0)
            with m.Elif(advance & (step != longest)):
                m.d.sync += step.eq(step + 1)
        return m

    def _choose_event(self, m: Module, streams, step, token, valid, advance) -> None:
        """The first source that has an event of this step; stale events are dropped."""
        taken = Const(0)
        held = [i for source, i in zip(self._sources, streams, strict=True) if source.held]
        for source, i in zip(self._sources, streams, strict=True):
            is_event = i.valid & ~i.payload.end
            if held and not source.held and not source.marks:
                is_event &= Cat(h.valid & h.payload.end for h in held).all()
            is_stale = is_event if source.marks else is_event & (step < source.delay)
            with m.If(is_stale):
                m.d.comb += i.ready.eq(1)
            with m.Elif(is_event & ~taken):
                m.d.comb += [
                    valid.eq(1),
                    token.address.eq(i.payload.address + source.offset),
                    token.value.eq(i.payload.value if source.layout.is_graded else 1),
                    i.ready.eq(advance),
                ]
            taken |= is_event & ~is_stale


class ToPairs(wiring.Component):
    """Each event of a stream as a pair without the other event. Combinational.

    Members
    -------
    i : In, tokens of :class:`.events.EventLayout`
    o : Out, tokens of ``layout``
    """

    def __init__(self, layout: PairLayout):
        super().__init__({
            "i": In(event_signature(layout.addresses, layout.range)),
            "o": Out(stream.Signature(layout)),
        })

    def elaborate(self, platform):
        m = Module()
        token, pair = self.i.payload, self.o.payload
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            pair.end.eq(token.end),
            pair.last.eq(token.last),
        ]
        for odd, event in enumerate((pair.even, pair.odd)):
            m.d.comb += [
                event.valid.eq(~token.end & (token.address[0] == odd)),
                event.address.eq(token.address[1:]),
                event.value.eq(token.value),
            ]
        return m


class Fork(wiring.Component):
    """Gives each token of a stream to several consumers.

    Members
    -------
    i : In
    o0, o1, … : Out
    """

    def __init__(self, layout: EventLayout | PairLayout, count: int):
        self._count = count
        super().__init__(
            {"i": In(stream.Signature(layout))}
            | {f"o{n}": Out(stream.Signature(layout)) for n in range(count)}
        )

    def elaborate(self, platform):
        m = Module()
        outputs = [getattr(self, f"o{n}") for n in range(self._count)]
        done = Signal(self._count)
        taken = Cat(done[n] | o.ready for n, o in enumerate(outputs))
        m.d.comb += self.i.ready.eq(taken.all())
        for n, o in enumerate(outputs):
            m.d.comb += [o.payload.eq(self.i.payload), o.valid.eq(self.i.valid & ~done[n])]
        with m.If(self.i.valid):
            m.d.sync += done.eq(Mux(self.i.ready, 0, taken))
        return m

"""Queues, forks and merges, for every possible traffic."""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.hdl import Assert, Assume, Module, Mux, Signal
from proving import MISSING, holds

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.streams import EventQueue, Fork, Merge, Source

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")

LAYOUT = EventLayout(2, Range(0, 3))
"""Two addresses, values of two bits."""


def drive(m: Module, stream: Any, name: str) -> list[Signal]:
    """A producer that does what it likes, but keeps what it offers until it is taken."""
    payload, valid = Signal(LAYOUT.size, name=f"{name}_payload"), Signal(name=f"{name}_valid")
    m.d.comb += [stream.payload.as_value().eq(payload), stream.valid.eq(valid)]
    was, stalled = Signal(LAYOUT.size, name=f"{name}_was"), Signal(name=f"{name}_stalled")
    m.d.sync += [was.eq(payload), stalled.eq(valid & ~stream.ready)]
    with m.If(stalled):
        m.d.comb += [Assume(valid), Assume(payload == was)]
    return [payload, valid]


def take(m: Module, stream: Any, name: str) -> list[Signal]:
    """A consumer that takes when it likes; what it is offered must stay until then."""
    ready = Signal(name=f"{name}_ready")
    m.d.comb += stream.ready.eq(ready)
    offered = stream.payload.as_value()
    was, stalled = Signal(LAYOUT.size, name=f"{name}_was"), Signal(name=f"{name}_stalled")
    m.d.sync += [was.eq(offered), stalled.eq(stream.valid & ~ready)]
    with m.If(stalled):
        m.d.comb += [Assert(stream.valid), Assert(offered == was)]
    return [ready]


class Held:
    """What ``part`` offers at its outputs stays until it is taken."""

    def __init__(self, part: Any, inputs: list[str], outputs: list[str]) -> None:
        self._part, self._i, self._o = part, inputs, outputs
        self.inputs: list[Signal] = []

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.part = self._part
        for name in self._i:
            self.inputs += drive(m, getattr(self._part, name), name)
        for name in self._o:
            self.inputs += take(m, getattr(self._part, name), name)
        return m


class Ordered:
    """The token at a freely chosen place of the stream leaves ``queue`` at the same place, and the
    queue holds no more than ``room`` tokens."""

    def __init__(self, queue: Any, room: int, leading: int = 0) -> None:
        self._queue, self._room, self._leading = queue, room, leading
        self.inputs: list[Signal] = []

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.queue = queue = self._queue
        self.inputs += drive(m, queue.i, "i") + take(m, queue.o, "o")
        place, kept = Signal(5), Signal(5)
        self.inputs.append(place)
        started = Signal()
        m.d.sync += [kept.eq(place), started.eq(1)]
        with m.If(started):
            m.d.comb += Assume(place == kept)
        came, left = Signal(6, init=self._leading), Signal(6)
        seen = Signal(LAYOUT.size)
        end = Signal(LAYOUT)
        m.d.comb += end.end.eq(1)
        with m.If(queue.i.valid & queue.i.ready):
            m.d.sync += came.eq(came + 1)
            with m.If(came == place):
                m.d.sync += seen.eq(queue.i.payload.as_value())
        with m.If(queue.o.valid & queue.o.ready):
            m.d.sync += left.eq(left + 1)
            with m.If(left == place):
                wanted = Mux(place < self._leading, end.as_value(), seen)
                m.d.comb += Assert(queue.o.payload.as_value() == wanted)
        m.d.comb += [Assert(left <= came), Assert(came - left <= self._room)]
        return m


class Separate:
    """Events never cross an end of step: each carries its step's parity, in and out."""

    def __init__(self, part: Any, inputs: list[str], outputs: list[str]) -> None:
        self._part, self._i, self._o = part, inputs, outputs
        self.inputs: list[Signal] = []

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.part = self._part
        for name in self._i:
            stream = getattr(self._part, name)
            self.inputs += drive(m, stream, name)
            parity = Signal(name=f"{name}_parity")
            with m.If(stream.valid & ~stream.payload.end):
                m.d.comb += Assume(stream.payload.value[0] == parity)
            with m.If(stream.valid & stream.ready & stream.payload.end):
                m.d.sync += parity.eq(~parity)
        for name in self._o:
            stream = getattr(self._part, name)
            self.inputs += take(m, stream, name)
            parity = Signal(name=f"{name}_parity")
            with m.If(stream.valid & ~stream.payload.end):
                m.d.comb += Assert(stream.payload.value[0] == parity)
            with m.If(stream.valid & stream.ready & stream.payload.end):
                m.d.sync += parity.eq(~parity)
        return m


def sources() -> list[Source]:
    return [Source(LAYOUT, 0, 0), Source(LAYOUT, 0, 0)]


def test_streams_hold_what_they_offer(tmp_path):
    for number, bench in enumerate((
        Held(EventQueue(LAYOUT, 1), ["i"], ["o"]),
        Held(EventQueue(LAYOUT, 2), ["i"], ["o"]),
        Held(Fork(LAYOUT, 2), ["i"], ["o0", "o1"]),
        Held(Merge(sources(), LAYOUT), ["i0", "i1"], ["o"]),
    )):  # fmt: skip
        folder = tmp_path / str(number)
        folder.mkdir()
        assert holds(bench, folder, depth=4, inductive=True), number


@pytest.mark.parametrize(("depth", "leading"), [(1, 0), (2, 0), (2, 2)])
def test_queues_neither_lose_nor_duplicate(depth, leading, tmp_path):
    queue = EventQueue(LAYOUT, depth, leading=leading)
    assert holds(Ordered(queue, depth + leading, leading), tmp_path, depth=10)


def test_ends_of_steps_are_never_overtaken_in_a_merge(tmp_path):
    assert holds(Separate(Merge(sources(), LAYOUT), ["i0", "i1"], ["o"]), tmp_path, depth=8)


def test_ends_of_steps_are_never_overtaken_in_a_fork(tmp_path):
    assert holds(Separate(Fork(LAYOUT, 2), ["i"], ["o0", "o1"]), tmp_path, depth=8)


class Forgetful(EventQueue):
    """A queue that takes a token in when it is full."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.i.ready.eq(1)
        return m


class Hasty(Merge):
    """A merge whose sources may end their steps alone."""

    def _choose_event(
        self, m: Module, streams: Any, step: Any, token: Any, valid: Any, advance: Any
    ) -> None:
        super()._choose_event(m, streams, step, token, valid, advance)
        m.d.comb += streams[1].ready.eq(1)


def test_a_planted_bug_is_found(tmp_path):
    for number, bench in enumerate((
        Ordered(Forgetful(LAYOUT, 2), 2),
        Separate(Hasty(sources(), LAYOUT), ["i0", "i1"], ["o"]),
    )):  # fmt: skip
        folder = tmp_path / str(number)
        folder.mkdir()
        assert not holds(bench, folder, depth=10), number

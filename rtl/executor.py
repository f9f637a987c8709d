"""What the link does with a frame."""

from amaranth.hdl import *
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from spikeloom.rtl.frames import ChunkLayout
from spikeloom.rtl.protocol import ANSWER, Command, Fault

__all__ = ["Executor"]


class Executor(Component):
    """Carries out frames, one after the other, and answers each.

    A frame is played twice: first to be checked, then, if it is a WRITE without a fault, to be
    executed. Nothing changes before the check has passed.

    Members
    -------
    frame, fault : In(stream), done : In(1), again, release, constant : Out(1)
        As of :class:`FrameReader`.
    body : Out(stream.Signature(8)), start, dry : Out(1), wrong, partial : In(1)
        As of :class:`TokenReader`.
    answer : Out(stream.Signature(ChunkLayout())), answering : Out(1)
        A frame for the host, and that there is one.
    reset : Out(1)
        A RESET is under way: close the sample, let the network run empty, drop what it gives.
    quiet : In(1)
        No token is on its way to the network.
    empty : In(1)
        No sample is in the network, nor its output in a frame.
    counters : In(stream), read : Out(1)
        As ``o`` and ``read`` of the counters.
    error : Out(1)
        An ERROR answer begins.
    load : Out(stream.Signature(8)), begin : Out(1), complete : In(1)
        As ``i``, ``begin`` and ``complete`` of the :class:`.loading.Loader`; only with
        ``has_loader``.
    """

    def __init__(self, has_loader: bool = False):
        self._has_loader = has_loader
        members = {
            "frame":    In(stream.Signature(data.StructLayout({"data": 8, "last": 1}))),
            "done":     In(1),
            "again":    Out(1),
            "release":  Out(1),
            "constant": Out(1),
            "fault":    In(stream.Signature(4)),
            "body":     Out(stream.Signature(8)),
            "start":    Out(1),
            "dry":      Out(1, init=1),
            "wrong":    In(1),
            "partial":  In(1),
            "answer":   Out(stream.Signature(ChunkLayout())),
            "answering": Out(1),
            "reset":    Out(1),
            "quiet":    In(1),
            "empty":    In(1),
            "counters": In(stream.Signature(data.StructLayout({"data": 8, "last": 1}))),
            "read":     Out(1),
            "error":    Out(1),
        }
        if has_loader:
            members |= {
                "load":     Out(stream.Signature(8)),
                "begin":    Out(1),
                "complete": In(1),
            }
        super().__init__(members)

    def elaborate(self, platform) -> Module:
        m = Module()
        command  = Signal(3)
        tag      = Signal(8)
        expected = Signal(8)               # sequence number of the next WRITE
        fault    = Signal(4)
        is_bad   = Signal()                # this byte of the body
        was_bad  = Signal()                # the one before, long before the next is judged
        m.d.sync += was_bad.eq(is_bad)
        m.d.comb += self.body.payload.eq(self.frame.payload.data)
        with m.FSM():
            self._take(m, command, tag, expected, fault, is_bad)
            self._carry_out(m, command, tag, expected, fault)
            self._answer(m, command, tag, fault)
        with m.If(was_bad):
            m.d.sync += fault.eq(Fault.TOKEN)
        return m

    def _take(self, m, command, tag, expected, fault, is_bad) -> None:
        frame = self.frame
        highest = Command.LOAD if self._has_loader else Command.COUNTERS
        known = (frame.payload.data != 0) & (frame.payload.data <= highest)
        with m.State("COMMAND"):
            m.d.comb += self.start.eq(1)
            m.d.sync += [command.eq(frame.payload.data), fault.eq(0)]
            with m.If(self.fault.valid & self.dry):
                m.d.comb += self.fault.ready.eq(1)
                m.d.sync += fault.eq(self.fault.payload)
                m.next = "ERROR"
            with m.Else():
                m.d.comb += frame.ready.eq(1)
                with m.If(frame.valid):
                    with m.If(~known):
                        m.d.sync += fault.eq(Fault.COMMAND)
                    m.next = "TAG"
        with m.State("TAG"):
            m.d.comb += frame.ready.eq(1)
            m.d.sync += tag.eq(frame.payload.data)
            with m.If(frame.valid):
                writes = self._writes(command)
                if self._has_loader:
                    loads = command == Command.LOAD
                    with m.If(Mux(loads, ~(self.empty & self.quiet), writes & ~self.complete)):
                        m.d.sync += fault.eq(Fault.WEIGHTS)
                with m.If(writes & (frame.payload.data != expected)):
                    m.d.sync += fault.eq(Fault.SEQUENCE)
                with m.If(~writes & ~frame.payload.last):
                    m.d.sync += fault.eq(Fault.LENGTH)
                with m.If(fault != 0):
                    m.d.sync += fault.eq(fault)
                m.next = "BODY"
                if self._has_loader:
                    with m.If(command == Command.LOAD):
                        m.next = "OPENING"
                with m.If(frame.payload.last):
                    m.next = "JUDGE"
        if self._has_loader:
            self._take_image(m, command, fault)
        with m.State("BODY"):
            skip = fault != 0
            m.d.comb += [
                self.body.valid.eq(frame.valid & ~skip),
                frame.ready.eq(self.body.ready | skip),
            ]
            with m.If(frame.valid & frame.ready):
                m.d.comb += is_bad.eq(
                    ~skip & self.dry & (self.wrong | (self.partial & frame.payload.last)))
                with m.If(frame.payload.last):
                    m.next = "JUDGE"

    def _writes(self, command: Value) -> Value:
        """Whether the command has a body, a sequence number, and is played twice."""
        writes = command == Command.WRITE
        return writes | (command == Command.LOAD) if self._has_loader else writes

    def _take_image(self, m, command, fault) -> None:
        """A LOAD's body: a byte that tells whether the image begins, and bytes of the image."""
        frame = self.frame
        with m.State("OPENING"):
            m.d.comb += [frame.ready.eq(1), self.begin.eq(frame.valid & frame.payload.data[0])]
            with m.If(self.dry | (fault != 0)):
                m.d.comb += self.begin.eq(0)
            with m.If(frame.valid):
                with m.If((fault == 0) & (frame.payload.data > 1)):
                    m.d.sync += fault.eq(Fault.TOKEN)
                m.next = "IMAGE"
                with m.If(frame.payload.last):
                    m.next = "JUDGE"
        with m.State("IMAGE"):
            m.d.comb += [
                frame.ready.eq(1),
                self.load.payload.eq(frame.payload.data),
                self.load.valid.eq(frame.valid & ~self.dry & (fault == 0)),
            ]
            with m.If(frame.valid & frame.payload.last):
                m.next = "JUDGE"

    def _carry_out(self, m, command, tag, expected, fault) -> None:
        with m.State("JUDGE"), m.If(self.done):
            with m.If(fault != 0):
                m.d.comb += self.release.eq(1)
                m.next = "ERROR"
            with m.Elif(self._writes(command) & self.dry):
                m.d.comb += self.again.eq(1)
                m.d.sync += self.dry.eq(0)
                m.next = "COMMAND"
            with m.Elif(command == Command.RESET):
                m.d.sync += self.reset.eq(1)
                m.next = "WAIT"
            with m.Else():
                m.next = "WAIT"
        with m.State("WAIT"):
            writes = self._writes(command) | self.reset
            with m.If(~writes | (self.quiet & (self.empty | ~self.reset))):
                m.d.comb += [
                    self.release.eq(1),
                    self.constant.eq(command == Command.IDENTITY),
                ]
                with m.If(writes):
                    m.d.sync += expected.eq(tag + 1)
                m.d.sync += [self.reset.eq(0), self.dry.eq(1)]
                m.next = "KIND"
        with m.State("ERROR"):
            m.d.comb += self.error.eq(1)
            m.d.sync += [command.eq(0), tag.eq(expected)]
            m.next = "KIND"

    def _answer(self, m, command, tag, fault) -> None:
        with m.State("KIND"), self._chunk(m, ANSWER | command):
            m.next = "ANSWER TAG"
        with m.State("ANSWER TAG"), self._chunk(m, tag), m.Switch(command):
            with m.Case(Command.IDENTITY):
                m.next = "IDENTITY"
            with m.Case(Command.COUNTERS):
                m.next = "COUNTERS"
            with m.Case(0):
                m.next = "FAULT"
            if self._has_loader:
                with m.Case(Command.LOAD):
                    m.next = "LOADED"
            with m.Default():
                m.next = "END"
        for name, source in (("IDENTITY", self.frame), ("COUNTERS", self.counters)):
            with m.State(name):
                m.d.comb += source.ready.eq(self.answer.ready)
                m.d.comb += self.read.eq(name == "COUNTERS")
                with self._chunk(m, source.payload.data, source.valid), m.If(source.payload.last):
                    m.next = "END"
        with m.State("FAULT"), self._chunk(m, fault):
            m.next = "END"
        if self._has_loader:
            with m.State("LOADED"), self._chunk(m, self.complete):
                m.next = "END"
        with m.State("END"):
            m.d.comb += self.answer.payload.end.eq(1)
            with self._chunk(m, 0):
                m.next = "COMMAND"

    def _chunk(self, m, byte, valid=1):
        """Offers a byte of the answer; the context is entered when it has been taken."""
        m.d.comb += [
            self.answering.eq(1),
            self.answer.valid.eq(valid),
            self.answer.payload.data.eq(byte),
        ]
        return m.If(self.answer.valid & self.answer.ready)

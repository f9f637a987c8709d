"""The host link: checked frames in, event streams through the network, frames out."""

from amaranth.hdl import *
from amaranth.lib import data, memory, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.frames import ChunkLayout, FrameReader, FrameWriter
from spikeloom.rtl.protocol import ANSWER, MAX_PAYLOAD, Command, Description, Fault, Identity, Kind
from spikeloom.rtl.tokenizer import TokenReader, TokenWriter
from spikeloom.rtl.tokens import TokenFormat
from spikeloom.rtl.uart import Receiver, Transmitter

__all__ = ["Endpoint", "Link"]

_MAX_SAMPLES = 15
"""Samples that may be in the network at once; the link writes no more ends of samples then."""


class _Counters(Component):
    """Four counters of 32 bits in a memory of bytes.

    One byte after the other gets what is due to it: the strobes of the last round, or the carry
    from the byte below. A round takes 48 cycles. When the counters are read, a byte stays until it
    has been taken, which must not make a round longer than 63 cycles.

    Members
    -------
    strobe : In(4)
        Of the counters, in the order of the body of a COUNTERS answer; at most one per 8 cycles
        for the last.
    read : In(1)
        Give the body at ``o``, from the beginning of the next round.
    o : Out(stream.Signature(StructLayout({"data": 8, "last": 1})))
    """

    strobe: In(4)
    read:   In(1)
    o:      Out(stream.Signature(data.StructLayout({"data": 8, "last": 1})))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.cells = cells = memory.Memory(
            shape=8, depth=16, init=[], attrs={"ram_style": "block"})
        old   = cells.read_port(domain="comb")
        new   = cells.write_port()
        place = Signal(4)
        byte  = Signal(8, reset_less=True)
        total = Signal(9, reset_less=True)
        dues  = Array(Signal(bits, name=f"due_{index}") for index, bits in enumerate((6, 6, 6, 3)))
        giving = Signal()
        m.d.comb += [
            old.addr.eq(place),
            new.addr.eq(place),
            new.data.eq(total),
            self.o.payload.data.eq(total),
            self.o.payload.last.eq(place == 15),
        ]
        for due, strobe in zip(dues, self.strobe, strict=True):
            m.d.sync += due.eq(due + strobe)
        with m.FSM():
            with m.State("READ"):
                m.d.sync += byte.eq(old.data)
                m.next = "ADD"
            with m.State("ADD"):
                m.d.sync += total.eq(byte + Mux(place[:2] == 0, dues[place[2:]], total[8]))
                for index, (due, strobe) in enumerate(zip(dues, self.strobe, strict=True)):
                    with m.If(place == 4 * index):
                        m.d.sync += due.eq(strobe)
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [self.o.valid.eq(giving), new.en.eq(1)]
                with m.If(~giving | self.o.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == 15):
                        m.d.sync += giving.eq(self.read & ~giving)
                    m.next = "READ"
        return m


class _Executor(Component):
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
    """

    def __init__(self):
        super().__init__({
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
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        command  = Signal(3)
        tag      = Signal(8)
        expected = Signal(8)               # sequence number of the next WRITE
        fault    = Signal(4)
        m.d.comb += self.body.payload.eq(self.frame.payload.data)
        with m.FSM():
            self._take(m, command, tag, expected, fault)
            self._carry_out(m, command, tag, expected, fault)
            self._answer(m, command, tag, fault)
        return m

    def _take(self, m, command, tag, expected, fault) -> None:
        frame = self.frame
        known = (frame.payload.data != 0) & (frame.payload.data <= Command.COUNTERS)
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
                writes = command == Command.WRITE
                with m.If(writes & (frame.payload.data != expected)):
                    m.d.sync += fault.eq(Fault.SEQUENCE)
                with m.If(~writes & ~frame.payload.last):
                    m.d.sync += fault.eq(Fault.LENGTH)
                with m.If(fault != 0):
                    m.d.sync += fault.eq(fault)
                m.next = "BODY"
                with m.If(frame.payload.last):
                    m.next = "JUDGE"
        with m.State("BODY"):
            skip = fault != 0
            m.d.comb += [
                self.body.valid.eq(frame.valid & ~skip),
                frame.ready.eq(self.body.ready | skip),
            ]
            with m.If(frame.valid & frame.ready):
                with m.If(~skip & self.dry & (self.wrong | (self.partial & frame.payload.last))):
                    m.d.sync += fault.eq(Fault.TOKEN)
                with m.If(frame.payload.last):
                    m.next = "JUDGE"

    def _carry_out(self, m, command, tag, expected, fault) -> None:
        with m.State("JUDGE"), m.If(self.done):
            with m.If(fault != 0):
                m.d.comb += self.release.eq(1)
                m.next = "ERROR"
            with m.Elif((command == Command.WRITE) & self.dry):
                m.d.comb += self.again.eq(1)
                m.d.sync += self.dry.eq(0)
                m.next = "COMMAND"
            with m.Elif(command == Command.RESET):
                m.d.sync += self.reset.eq(1)
                m.next = "WAIT"
            with m.Else():
                m.next = "WAIT"
        with m.State("WAIT"):
            writes = (command == Command.WRITE) | self.reset
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


class Endpoint(Component):
    """The link without its line: bytes from and to the host, whatever carries them.

    Executes WRITE frames as tokens for the network and collects the network's tokens into OUTPUT
    frames: an OUTPUT frame grows as long as the line has something else to send and is sent when
    the line is free. Whole frames wait in a buffer whose size the host knows (``window``): it
    never sends more than that before an answer, so nothing is lost when the network stalls.

    Latency: a WRITE frame of n bytes begins to be executed 3·n + 20 cycles after its delimiter.
    Throughput: 6 cycles per byte and about 30 per frame from ``rx``; 1 token of one byte per
    2 cycles to ``tx``. A UART byte takes 40 cycles at least.

    Parameters
    ----------
    input : EventLayout
        Of the network's input.
    output : EventLayout
        Of the network's output.
    identity : Identity
    window : int
        Bytes of frames the host may have on their way: a power of two from 256 to 32,768.
    timeout : int, optional
        Cycles of silence after which a half frame is dropped; 1/20 s if not given.

    Members
    -------
    rx : In(stream.Signature(8))
        From the line. Not ready for one cycle after each frame; a byte may wait that long.
    tx : Out(stream.Signature(8))
        To the line.
    o : Out(stream.Signature(input))
        To the network: events, and an end of step with ``last`` for each sample.
    i : In(stream.Signature(output))
        From the network: for each step its events and its end, ``last`` as it was written.
    """

    def __init__(self, input: EventLayout, output: EventLayout, identity: Identity, *,
                 window: int = 512, timeout: int | None = None):
        self.input    = input
        self.output   = output
        self.timeout  = identity.clock_hz // 20 if timeout is None else timeout
        self.description = Description(
            identity, window, TokenFormat.of(input), TokenFormat.of(output))
        super().__init__({
            "rx": In(stream.Signature(8)),
            "tx": Out(stream.Signature(8)),
            "o":  Out(stream.Signature(input)),
            "i":  In(stream.Signature(output)),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.reader   = reader   = FrameReader(
            self.description.window, self.description.pack(), self.timeout)
        m.submodules.executor = executor = _Executor()
        m.submodules.inputs   = inputs   = TokenReader(self.input)
        m.submodules.outputs  = outputs  = TokenWriter(self.output, Kind.OUTPUT, MAX_PAYLOAD - 2)
        m.submodules.writer   = writer   = FrameWriter()
        m.submodules.counters = counters = _Counters()

        connect(m, flipped(self.rx), reader.i)
        connect(m, reader.o, executor.frame)
        connect(m, reader.fault, executor.fault)
        connect(m, executor.body, inputs.i)
        connect(m, counters.o, executor.counters)
        connect(m, flipped(self.i), outputs.i)
        connect(m, writer.o, flipped(self.tx))
        m.d.comb += [
            executor.done.eq(reader.done),
            reader.again.eq(executor.again),
            reader.release.eq(executor.release),
            reader.constant.eq(executor.constant),
            inputs.start.eq(executor.start),
            inputs.dry.eq(executor.dry),
            executor.wrong.eq(inputs.wrong),
            executor.partial.eq(inputs.partial),
            outputs.flush.eq(writer.idle),
            outputs.close.eq(executor.answering),
            outputs.drop.eq(executor.reset),
            counters.read.eq(executor.read),
        ]
        m.d.comb += [writer.i.payload.eq(outputs.o.payload), writer.i.valid.eq(outputs.o.valid)]
        with m.If(outputs.idle):
            m.d.comb += [
                writer.i.payload.eq(executor.answer.payload),
                writer.i.valid.eq(executor.answer.valid),
                executor.answer.ready.eq(writer.i.ready),
            ]
        with m.Else():
            m.d.comb += outputs.o.ready.eq(writer.i.ready)
        self._follow_samples(m, executor, inputs, outputs, counters)
        return m

    def _follow_samples(self, m, executor, inputs, outputs, counters) -> None:
        """Count the samples in the network, and close a half-written one on RESET."""
        is_open = Signal()
        samples = Signal(range(_MAX_SAMPLES + 1))
        enter   = Signal()
        leave   = Signal()
        token   = self.o.payload
        full    = samples == _MAX_SAMPLES
        m.d.comb += [
            token.eq(inputs.o.payload),
            self.o.valid.eq(inputs.o.valid & ~(token.last & full)),
            inputs.o.ready.eq(self.o.ready & ~(token.last & full)),
        ]
        with m.If(executor.reset & ~inputs.o.valid):
            m.d.comb += [self.o.valid.eq(is_open & ~full), token.end.eq(1), token.last.eq(1)]

        pushed = self.o.valid & self.o.ready
        pulled = self.i.valid & self.i.ready
        m.d.comb += [
            enter.eq(pushed & token.last),
            leave.eq(pulled & self.i.payload.last),
        ]
        with m.If(pushed):
            m.d.sync += is_open.eq(~token.last)
        with m.If(enter & ~leave):
            m.d.sync += samples.eq(samples + 1)
        with m.If(leave & ~enter):
            m.d.sync += samples.eq(samples - 1)

        busy = Signal()
        m.d.sync += busy.eq(is_open | (samples != 0))
        m.d.comb += [
            executor.quiet.eq(~inputs.o.valid),
            executor.empty.eq(~is_open & (samples == 0) & outputs.idle),
            counters.strobe.eq(Cat(
                busy,
                pushed & ~token.end,
                pulled & ~self.i.payload.end,
                executor.error,
            )),
        ]


class Link(Component):
    """The host link over a UART: :class:`Endpoint` with a :class:`Receiver` and a
    :class:`Transmitter`.

    Parameters
    ----------
    input, output, identity, window, timeout
        As of :class:`Endpoint`.
    divisor : int
        Clock cycles per bit, at least 4; see :func:`spikeloom.rtl.uart.divisor_of`.

    Members
    -------
    rx : In(1)
        Pin from the host, 8N1; need not be synchronous.
    tx : Out(1)
        Pin to the host.
    o : Out(stream.Signature(input))
        To the network.
    i : In(stream.Signature(output))
        From the network.
    """

    def __init__(self, input: EventLayout, output: EventLayout, identity: Identity, divisor: int,
                 *, window: int = 512, timeout: int | None = None):
        self.divisor  = divisor
        self.endpoint = Endpoint(input, output, identity, window=window, timeout=timeout)
        super().__init__({
            "rx": In(1, init=1),
            "tx": Out(1, init=1),
            "o":  Out(stream.Signature(input)),
            "i":  In(stream.Signature(output)),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.endpoint    = endpoint    = self.endpoint
        m.submodules.receiver    = receiver    = Receiver(self.divisor)
        m.submodules.transmitter = transmitter = Transmitter(self.divisor)
        connect(m, receiver.o, endpoint.rx)
        connect(m, endpoint.tx, transmitter.i)
        connect(m, endpoint.o, flipped(self.o))
        connect(m, flipped(self.i), endpoint.i)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        return m

"""The host link: checked frames in, event streams through the network, frames out."""

from amaranth.hdl import *
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from spikeloom.rtl.counters import Counters
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.executor import Executor
from spikeloom.rtl.frames import FrameReader, FrameWriter
from spikeloom.rtl.loading import ImageLayout, Loader
from spikeloom.rtl.protocol import MAX_PAYLOAD, Description, Identity, Kind
from spikeloom.rtl.streams import Cut
from spikeloom.rtl.tokenizer import TokenReader, TokenWriter
from spikeloom.rtl.tokens import TokenFormat
from spikeloom.rtl.uart import Receiver, Transmitter

__all__ = ["Endpoint", "Link"]

_MAX_SAMPLES = 15
"""Samples that may be in the network at once; the link writes no more ends of samples then."""


class Endpoint(Component):
    """The link without its line: bytes from and to the host, whatever carries them.

    Executes WRITE frames as tokens for the network and collects the network's tokens into OUTPUT
    frames: an OUTPUT frame grows as long as the line has something else to send and is sent when
    the line is free. Whole frames wait in a buffer whose size the host knows (``window``): it
    never sends more than that before an answer, so nothing is lost when the network stalls.

    Latency: a WRITE frame of n bytes begins to be executed 4·n + 22 cycles after its delimiter.
    Throughput: 8 cycles per byte and about 30 per frame from ``rx``; 1 token of one byte per
    2 cycles to ``tx``. A UART byte takes 40 cycles at least.

    Parameters
    ----------
    input : EventLayout
        Of the network's input.
    output : EventLayout
        Of the network's output.
    identity : Identity
    image : ImageLayout, optional
        Weights that the link can load.
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
    load : Out(image)
        To the network's weight memories; only if there is an image.
    """

    def __init__(self, input: EventLayout, output: EventLayout, identity: Identity, *,
                 image: ImageLayout | None = None, window: int = 512, timeout: int | None = None):
        self.input    = input
        self.output   = output
        self.image    = image if image is not None and image.plans else None
        self.timeout  = identity.clock_hz // 20 if timeout is None else timeout
        self.description = Description(
            identity, window, TokenFormat.of(input), TokenFormat.of(output))
        super().__init__({
            "rx": In(stream.Signature(8)),
            "tx": Out(stream.Signature(8)),
            "o":  Out(stream.Signature(input)),
            "i":  In(stream.Signature(output)),
        } | ({"load": Out(self.image)} if self.image else {}))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.reader   = reader   = FrameReader(
            self.description.window, self.description.pack(), self.timeout)
        m.submodules.executor = executor = Executor(has_loader=self.image is not None)
        m.submodules.inputs   = inputs   = TokenReader(self.input)
        m.submodules.outputs  = outputs  = TokenWriter(self.output, Kind.OUTPUT, MAX_PAYLOAD - 2)
        m.submodules.writer   = writer   = FrameWriter()
        m.submodules.counters = counters = Counters()

        connect(m, flipped(self.rx), reader.i)
        connect(m, reader.o, executor.frame)
        connect(m, reader.fault, executor.fault)
        connect(m, executor.body, inputs.i)
        connect(m, counters.o, executor.counters)
        # Cores keep their pace whatever the line does.
        m.submodules.cut = cut = Cut(self.output)
        connect(m, flipped(self.i), cut.i)
        connect(m, cut.o, outputs.i)
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
        self._follow_samples(m, executor, inputs, outputs.idle & ~cut.o.valid, counters)
        if self.image is not None:
            m.submodules.loader = loader = Loader(self.image)
            connect(m, executor.load, loader.i)
            m.d.comb += [
                loader.begin.eq(executor.begin),
                executor.complete.eq(loader.complete),
                self.load.eq(loader.o),
            ]
        return m

    def _follow_samples(self, m, executor, inputs, is_sent, counters) -> None:
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
            executor.empty.eq(~is_open & (samples == 0) & is_sent),
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
    input, output, identity, image, window, timeout
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
    load : Out(image)
        To the network's weight memories; only if there is an image.
    """

    def __init__(self, input: EventLayout, output: EventLayout, identity: Identity, divisor: int,
                 *, image: ImageLayout | None = None, window: int = 512,
                 timeout: int | None = None):
        self.divisor  = divisor
        self.endpoint = Endpoint(
            input, output, identity, image=image, window=window, timeout=timeout)
        super().__init__({
            "rx": In(1, init=1),
            "tx": Out(1, init=1),
            "o":  Out(stream.Signature(input)),
            "i":  In(stream.Signature(output)),
        } | ({"load": Out(self.endpoint.image)} if self.endpoint.image else {}))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.endpoint    = endpoint    = self.endpoint
        m.submodules.receiver    = receiver    = Receiver(self.divisor)
        m.submodules.transmitter = transmitter = Transmitter(self.divisor)
        connect(m, receiver.o, endpoint.rx)
        connect(m, endpoint.tx, transmitter.i)
        # The network may lie far away.
        m.submodules.cut = cut = Cut(endpoint.input)
        connect(m, endpoint.o, cut.i)
        connect(m, cut.o, flipped(self.o))
        connect(m, flipped(self.i), endpoint.i)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        if endpoint.image:
            m.d.comb += self.load.eq(endpoint.load)
        return m

"""The host link: checked frames in, event streams through the network, frames out."""

from amaranth.hdl import *
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.firmware import firmware
from spikeloom.rtl.loading import ImageLayout, Loader
from spikeloom.rtl.microcode import Condition, Port, Strobe
from spikeloom.rtl.processor import Processor
from spikeloom.rtl.protocol import CRC, Description, Identity
from spikeloom.rtl.tokens import TokenFormat
from spikeloom.rtl.uart import Receiver, Transmitter

__all__ = ["WINDOW", "Endpoint", "Link"]

WINDOW = 256
"""Bytes of frames the host may have on their way."""


class Endpoint(Component):
    """The link without its line: bytes from and to the host, whatever carries them.

    Executes WRITE frames as tokens for the network and collects the network's tokens into OUTPUT
    frames: an OUTPUT frame grows as long as the line has something else to send and is sent when
    the line is free. Whole frames wait in a buffer whose size the host knows (:data:`WINDOW`): it
    never sends more than that before an answer, so nothing is lost when the network stalls.

    All of that is the program (:mod:`.firmware`) of a small processor; here is what it works with:
    the streams, a CRC for each direction, and the lowest byte of the counter of cycles.

    Throughput: a byte per 80 cycles from ``rx``; one token of one byte per 100 cycles to ``tx``.

    Parameters
    ----------
    input : EventLayout
        Of the network's input.
    output : EventLayout
        Of the network's output.
    identity : Identity
    image : ImageLayout, optional
        Weights that the link can load.
    timeout : int, optional
        Cycles of silence after which a half frame is dropped, at least 8,192; 1/20 s if not given.

    Members
    -------
    rx : In(stream.Signature(8))
        From the line.
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
                 image: ImageLayout | None = None, timeout: int | None = None):
        self.input    = input
        self.output   = output
        self.image    = image if image is not None and image.plans else None
        self.timeout  = identity.clock_hz // 20 if timeout is None else timeout
        self.description = Description(
            identity, WINDOW, TokenFormat.of(input), TokenFormat.of(output))
        super().__init__({
            "rx": In(stream.Signature(8)),
            "tx": Out(stream.Signature(8)),
            "o":  Out(stream.Signature(input)),
            "i":  In(stream.Signature(output)),
        } | ({"load": Out(self.image)} if self.image else {}))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.processor = processor = Processor(
            firmware(self.description, self.timeout, self.image is not None))
        ports: dict[int, Value] = {}
        self._serve_line(m, processor, ports)
        self._give(m, processor)
        self._take(m, processor, ports)
        self._count_cycles(m, processor, ports)
        if self.image is not None:
            self._load(m, processor, self.image)
        with m.Switch(processor.port):
            for number, value in ports.items():
                with m.Case(number):
                    m.d.comb += processor.value.eq(value)
        return m

    def _serve_line(self, m, processor, ports) -> None:
        """Bytes, and the CRC of what they carry."""
        condition, strobe = processor.condition, processor.strobe
        is_received = Signal()
        received    = Signal(8, reset_less=True)
        m.d.comb += [
            self.rx.ready.eq(~is_received),
            condition[Condition.RECEIVED].eq(is_received),
            condition[Condition.SENT].eq(self.tx.ready),
            self.tx.valid.eq(strobe[Strobe.SEND]),
            self.tx.payload.eq(processor.byte),
        ]
        with m.If(~is_received):
            m.d.sync += [is_received.eq(self.rx.valid), received.eq(self.rx.payload)]
        with m.Elif(strobe[Strobe.RECEIVE]):
            m.d.sync += is_received.eq(0)

        for name, start, feed in (
            ("crc_in", Strobe.OPEN_IN, Strobe.FEED_IN),
            ("crc_out", Strobe.OPEN_OUT, Strobe.FEED_OUT),
        ):
            m.submodules[name] = crc = CRC().create()
            m.d.comb += [
                crc.start.eq(strobe[start]),
                crc.valid.eq(strobe[feed]),
                crc.data.eq(processor.byte),
            ]
        m.d.comb += condition[Condition.INTACT].eq(m.submodules.crc_in.match_detected)
        ports[Port.RECEIVED] = received
        ports[Port.CRC] = m.submodules.crc_out.crc[8:]

    def _give(self, m, processor) -> None:
        """Tokens for the network."""
        strobe, byte = processor.strobe, processor.byte
        format  = self.description.input
        token   = self.o.payload
        low     = Signal(min(len(token.address), 7))
        page    = Signal(format.page_bits)
        grade   = Signal(8 * format.value_bytes, reset_less=True)
        m.d.comb += [
            processor.condition[Condition.GIVEN].eq(self.o.valid),
            token.address.eq(Cat(low, page)),
        ]
        if format.value_bytes:
            range  = self.input.range
            number = grade.as_signed() if range.is_signed else grade
            m.d.comb += token.value.eq(grade)
            m.d.sync += processor.condition[Condition.IN_RANGE].eq(
                (number >= range.lo) & (number <= range.hi))
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(strobe[Strobe.EVENT] | strobe[Strobe.END]):
            m.d.sync += [
                self.o.valid.eq(1),
                token.end.eq(strobe[Strobe.END]),
                token.last.eq(strobe[Strobe.END] & byte[0]),
                low.eq(byte),
            ]
        with m.If(strobe[Strobe.PAGE]):
            m.d.sync += page.eq(Cat(byte[:6], page))
        with m.If(strobe[Strobe.END]):
            m.d.sync += page.eq(0)
        with m.If(strobe[Strobe.VALUE]):
            m.d.sync += grade.eq(Cat(grade, byte)[8:])

    def _take(self, m, processor, ports) -> None:
        """Tokens from the network."""
        token  = self.i.payload
        format = self.description.output
        m.d.comb += [
            self.i.ready.eq(processor.strobe[Strobe.TAKE]),
            processor.condition[Condition.TOKEN].eq(self.i.valid),
            processor.condition[Condition.END].eq(token.end),
            processor.condition[Condition.LAST].eq(token.last),
        ]
        ports[Port.ADDRESS] = token.address[:7]
        if format.page_bits:
            ports[Port.PAGE] = token.address[7:13]
        if format.page_bits > 6:
            ports[Port.HIGH] = token.address[13:]
        value = Signal(8 * format.value_bytes)
        m.d.comb += value.eq(token.value)  # extends the sign
        for index in range(format.value_bytes):
            ports[Port.VALUE + index] = value[8 * index : 8 * index + 8]

    def _count_cycles(self, m, processor, ports) -> None:
        """The cycles in which the network holds a sample, or a part of one."""
        strobe = processor.strobe
        is_busy, wrapped = Signal(), Signal()
        cycles = Signal(9)
        with m.If(strobe[Strobe.EVENT] | strobe[Strobe.END]):
            m.d.sync += is_busy.eq(1)
        with m.Elif(strobe[Strobe.REST]):
            m.d.sync += is_busy.eq(0)
        m.d.sync += cycles.eq(cycles[:8] + is_busy)
        with m.If(cycles[8]):
            m.d.sync += wrapped.eq(1)
        with m.Elif(strobe[Strobe.UNWRAP]):
            m.d.sync += wrapped.eq(0)
        m.d.comb += processor.condition[Condition.WRAPPED].eq(wrapped)
        ports[Port.CYCLES] = cycles[:8]

    def _load(self, m, processor, image) -> None:
        """Weights."""
        m.submodules.loader = loader = Loader(image)
        m.d.comb += [
            loader.begin.eq(processor.strobe[Strobe.BEGIN]),
            loader.i.valid.eq(processor.strobe[Strobe.LOAD]),
            loader.i.payload.eq(processor.byte),
            processor.condition[Condition.COMPLETE].eq(loader.complete),
            self.load.eq(loader.o),
        ]


class Link(Component):
    """The host link over a UART: :class:`Endpoint` with a :class:`Receiver` and a
    :class:`Transmitter`.

    Parameters
    ----------
    input, output, identity, image, timeout
        As of :class:`Endpoint`.
    divisor : int
        Clock cycles per bit, at least 8; see :func:`spikeloom.rtl.uart.divisor_of`.

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
                 *, image: ImageLayout | None = None, timeout: int | None = None):
        self.divisor  = divisor
        self.endpoint = Endpoint(
            input, output, identity, image=image, timeout=timeout)
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
        connect(m, endpoint.o, flipped(self.o))
        connect(m, flipped(self.i), endpoint.i)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        if endpoint.image:
            m.d.comb += self.load.eq(endpoint.load)
        return m

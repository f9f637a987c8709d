"""Serial line of the link: 8 data bits, no parity, 1 stop bit."""

from amaranth.hdl import *
from amaranth.lib import stream
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import Component, In, Out

from spikeloom.hls_model.errors import BoardError

__all__ = ["MIN_DIVISOR", "Receiver", "Transmitter", "divisor_of"]


MIN_DIVISOR = 8
"""Clock cycles per bit, at least."""


def divisor_of(clock_hz: int, baud: int) -> int:
    """Clock cycles per bit.

    Raises
    ------
    BoardError
        If the nearest divisor is below :data:`MIN_DIVISOR` or misses ``baud`` by more than 2 %.
    """
    divisor = max(round(clock_hz / baud), MIN_DIVISOR)
    if abs(clock_hz / divisor - baud) > baud / 50:
        raise BoardError(
            f"a clock of {clock_hz / 1e6:g} MHz cannot make {baud} baud within 2 %; "
            f"the nearest is {round(clock_hz / divisor)}"
        )
    return divisor


def _checked(divisor: int) -> int:
    if not isinstance(divisor, int) or divisor < MIN_DIVISOR:
        raise ValueError(
            f"divisor must be an integer of at least {MIN_DIVISOR} cycles, not {divisor!r}"
        )
    return divisor


class Receiver(Component):
    """Bytes from a serial line.

    Each bit is sampled in its middle. A byte without a stop bit, and a start bit that does not
    last, are dropped: the frame's CRC notices.

    Latency: a byte is offered half a bit (and two cycles of synchronizer) after its stop bit began.
    Throughput: as the line. A line does not wait: a byte must be taken before the first data bit
    of the next, ``divisor`` cycles later at least, or it is lost.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, at least 8.

    Members
    -------
    rx : In(1)
        The pin; idles high. Need not be synchronous.
    o : Out(stream.Signature(8))
    """

    def __init__(self, divisor: int):
        self.divisor = _checked(divisor)
        super().__init__({
            "rx": In(1, init=1),
            "o":  Out(stream.Signature(8)),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        line  = Signal(init=1)
        # The start bit's zero travels down the register and arrives when all data bits are in.
        shift = Signal(9, init=0x1ff)
        timer = Signal(range(self.divisor))
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        m.d.comb += self.o.payload.eq(shift[1:])

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        m.d.sync += timer.eq(timer - 1)
        with m.If(timer == 0):
            m.d.sync += timer.eq(self.divisor - 1)

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += timer.eq(self.divisor // 2 - 1)
                with m.If(~line):
                    m.next = "START"
            with m.State("START"), m.If(timer == 0):
                m.d.sync += shift.eq(0xff)
                m.next = "DATA"
                with m.If(line):
                    m.next = "IDLE"
            with m.State("DATA"), m.If(timer == 0):
                m.d.sync += self.o.valid.eq(0)
                with m.If(shift[0]):
                    m.d.sync += shift.eq(Cat(shift[1:], line))
                with m.Else():
                    m.d.sync += self.o.valid.eq(line)
                    m.next = "IDLE"
                    with m.If(~line):
                        m.next = "BREAK"
            with m.State("BREAK"), m.If(line):
                m.next = "IDLE"
        return m


class Transmitter(Component):
    """Bytes to a serial line.

    Latency: a start bit begins the cycle after its byte was accepted. Throughput: one byte per
    ``10 * divisor`` cycles, without gaps.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit.

    Members
    -------
    i : In(stream.Signature(8))
    tx : Out(1)
        The pin, from a register; idles high.
    """

    def __init__(self, divisor: int):
        self.divisor = _checked(divisor)
        super().__init__({
            "i":  In(stream.Signature(8)),
            "tx": Out(1, init=1),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        # Zeros follow the stop bit into the register: it is done, and the line idle, at 1.
        shift = Signal(10, init=1)
        timer = Signal(range(self.divisor))
        m.d.comb += [
            self.tx.eq(shift[0]),
            self.i.ready.eq((shift == 1) & (timer == 0)),
        ]
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(shift != 1):
            m.d.sync += [shift.eq(shift[1:]), timer.eq(self.divisor - 1)]
        with m.Elif(self.i.valid):
            m.d.sync += [shift.eq(Cat(0, self.i.payload, 1)), timer.eq(self.divisor - 1)]
        return m

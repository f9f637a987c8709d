"""Event streams from and to the bodies of frames."""

from amaranth.hdl import *
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.frames import ChunkLayout
from spikeloom.rtl.tokens import TokenCode, TokenFormat

__all__ = ["TokenReader", "TokenWriter"]


class TokenReader(Component):
    """Tokens from the bytes of a frame's body.

    The body is read twice: with ``dry``, to see that all of it is right, then for good. A byte is
    wrong if no token begins with it, or if it completes an address or a value that the stream
    does not have.

    Latency: 1 cycle from a token's last byte. Throughput: one byte per cycle, but none while a
    token is offered.

    Parameters
    ----------
    layout : EventLayout

    Members
    -------
    i : In(stream.Signature(8))
    o : Out(stream.Signature(layout))
    start : In(1)
        A frame begins: forget the page, and an unfinished token.
    dry : In(1)
        Let no tokens out.
    wrong : Out(1)
        The byte at ``i`` is wrong; means something while ``i.valid``.
    partial : Out(1)
        After the byte at ``i``, the token is still unfinished.
    """

    def __init__(self, layout: EventLayout):
        self.layout = layout
        self.format = TokenFormat.of(layout)
        super().__init__({
            "i":       In(stream.Signature(8)),
            "o":       Out(stream.Signature(layout)),
            "start":   In(1),
            "dry":     In(1),
            "wrong":   Out(1),
            "partial": Out(1),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        byte    = self.i.payload
        accept  = self.i.valid & self.i.ready
        page    = Signal(self.format.page_bits)
        token   = self.o.payload
        m.d.comb += self.i.ready.eq(~self.o.valid)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        grade = Signal(8 * self.format.value_bytes)
        rest  = Signal(range(self.format.value_bytes + 1))     # bytes of the value to come
        if self.format.value_bytes:
            m.d.comb += token.value.eq(grade)
            in_value = rest != 0
        else:
            in_value = C(0)
        is_event = ~byte[7] & ~in_value

        with m.If(in_value):
            new = Cat(grade[8:], byte)
            m.d.comb += self.partial.eq(rest != 1)
            m.d.comb += self.wrong.eq((rest == 1) & self._leaves_range(new))
            with m.If(accept):
                m.d.sync += [grade.eq(new), rest.eq(rest - 1)]
                m.d.sync += self.o.valid.eq(~self.dry & (rest == 1))
        with m.Elif(is_event):
            address = Cat(byte[:7], page)
            m.d.comb += self.partial.eq(self.format.value_bytes != 0)
            if self.layout.addresses < 1 << len(address):
                m.d.comb += self.wrong.eq(address >= self.layout.addresses)
            with m.If(accept):
                m.d.sync += [token.address.eq(address), token.end.eq(0), token.last.eq(0)]
                m.d.sync += [rest.eq(self.format.value_bytes)]
                m.d.sync += self.o.valid.eq(~self.dry & (self.format.value_bytes == 0))
        with m.Elif(byte[6]):
            m.d.comb += self.wrong.eq(byte[min(self.format.page_bits, 6):6] != 0)
            if not self.format.page_bits:
                m.d.comb += self.wrong.eq(1)
            with m.If(accept):
                m.d.sync += page.eq(Cat(byte[:6], page))
        with m.Else():
            m.d.comb += self.wrong.eq(byte[1:6] != 0)
            with m.If(accept):
                m.d.sync += [page.eq(0), token.end.eq(1), token.last.eq(byte[0])]
                m.d.sync += self.o.valid.eq(~self.dry)
        with m.If(self.start):
            m.d.sync += [page.eq(0), rest.eq(0)]
        return m

    def _leaves_range(self, grade: Value) -> Value:
        value = self.layout.range
        number = grade.as_signed() if value.is_signed else grade
        whole = Range.signed(len(grade)) if value.is_signed else Range.unsigned(len(grade))
        low  = number < value.lo if value.lo > whole.lo else C(0)
        high = number > value.hi if value.hi < whole.hi else C(0)
        return low | high


class TokenWriter(Component):
    """Frames of bytes from tokens.

    Writes kind and sequence number before the first token of a frame, and ends the frame when the
    next token might not fit, or between two tokens when asked to. Frames are numbered from 0,
    modulo 256.

    Latency: 4 cycles to the first byte of a frame's first token, 2 to that of the others.
    Throughput: one byte per cycle, and 1 cycle between tokens.

    Parameters
    ----------
    layout : EventLayout
    kind : int
        First byte of a frame.
    size : int
        Bytes of a frame at most, 64 to 127; kind and sequence number count.

    Members
    -------
    i : In(stream.Signature(layout))
    o : Out(stream.Signature(ChunkLayout()))
    flush : In(1)
        End the frame as soon as no token is waiting.
    close : In(1)
        End the frame after this token, and begin none.
    drop : In(1)
        End the frame after this token; then take tokens, forget them, and number from 0 again.
    idle : Out(1)
        No frame is open.
    """

    def __init__(self, layout: EventLayout, kind: int, size: int):
        self.layout = layout
        self.format = TokenFormat.of(layout)
        self.kind   = kind
        self.limit  = size - self.format.max_bytes
        super().__init__({
            "i":     In(stream.Signature(layout)),
            "o":     Out(stream.Signature(ChunkLayout())),
            "flush": In(1),
            "close": In(1),
            "drop":  In(1),
            "idle":  Out(1),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        token    = self.i.payload
        size     = Signal(7)               # bytes written
        sequence = Signal(8)
        page     = Signal(self.format.page_bits)
        index    = Signal(range(max(self.format.page_tokens, self.format.value_bytes, 2)))
        written  = self.o.valid & self.o.ready
        with m.If(written):
            m.d.sync += size.eq(size + 1)

        with m.FSM():
            with m.State("CLOSED"):
                m.d.comb += self.idle.eq(1)
                m.d.sync += [size.eq(0), page.eq(0)]
                with m.If(self.drop):
                    m.d.comb += self.i.ready.eq(1)
                    m.d.sync += sequence.eq(0)
                with m.Elif(self.i.valid & ~self.close):
                    m.next = "KIND"
            with m.State("KIND"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.data.eq(self.kind)]
                with m.If(written):
                    m.next = "SEQUENCE"
            with m.State("SEQUENCE"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.data.eq(sequence)]
                with m.If(written):
                    m.d.sync += sequence.eq(sequence + 1)
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += index.eq(0)
                with m.If((size > self.limit) | self.close | self.drop):
                    m.next = "END"
                with m.Elif(self.i.valid):
                    m.next = "TOKEN"
                    if self.format.page_bits:
                        with m.If(~token.end & (page != token.address[7:])):
                            m.next = "PAGE"
                with m.Elif(self.flush):
                    m.next = "END"
            if self.format.page_bits:
                with m.State("PAGE"):
                    self._write_page(m, page, index, written)
            with m.State("TOKEN"):
                self._write_token(m, page, written)
            if self.format.value_bytes:
                with m.State("VALUE"):
                    self._write_value(m, index, written)
            with m.State("END"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.end.eq(1)]
                with m.If(written):
                    m.next = "CLOSED"
        return m

    def _write_page(self, m, page, index, written) -> None:
        digits = [
            TokenCode.PAGE | self.i.payload.address[7:][6 * digit:6 * digit + 6]
            for digit in reversed(range(self.format.page_tokens))
        ]
        m.d.comb += [self.o.valid.eq(1), self.o.payload.data.eq(Array(digits)[index])]
        with m.If(written):
            m.d.sync += index.eq(index + 1)
            with m.If(index == self.format.page_tokens - 1):
                m.d.sync += [page.eq(self.i.payload.address[7:]), index.eq(0)]
                m.next = "TOKEN"

    def _write_token(self, m, page, written) -> None:
        token = self.i.payload
        m.d.comb += [
            self.o.valid.eq(1),
            self.o.payload.data.eq(
                Mux(token.end, Cat(token.last, C(TokenCode.END >> 1, 7)), token.address[:7])),
        ]
        with m.If(written):
            with m.If(token.end):
                m.d.sync += page.eq(0)
            m.next = "NEXT"
            if self.format.value_bytes:
                m.d.comb += self.i.ready.eq(token.end)
                with m.If(~token.end):
                    m.next = "VALUE"
            else:
                m.d.comb += self.i.ready.eq(1)

    def _write_value(self, m, index, written) -> None:
        value = Value.cast(self.i.payload.value)
        width = 8 * self.format.value_bytes
        code  = Signal(width)
        m.d.comb += [
            code.eq(value),                # extends the sign
            self.o.valid.eq(1),
            self.o.payload.data.eq(code.word_select(index, 8)),
        ]
        with m.If(written):
            m.d.sync += index.eq(index + 1)
            with m.If(index == self.format.value_bytes - 1):
                m.d.comb += self.i.ready.eq(1)
                m.next = "NEXT"

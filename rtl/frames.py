"""COBS frames with CRC-16, between a byte-wide line and a buffer of whole, checked payloads."""

from amaranth.hdl import *
from amaranth.lib import data, memory, stream
from amaranth.lib.wiring import Component, In, Out
from amaranth.utils import ceil_log2, exact_log2

from spikeloom.rtl.blocks import find_block
from spikeloom.rtl.memory import RowMemory
from spikeloom.rtl.protocol import CRC, MAX_PAYLOAD, Fault

__all__ = ["ChunkLayout", "FrameDecoder", "FrameReader", "FrameWriter"]


class ChunkLayout(data.StructLayout):
    """One item of a frame that is being written: a byte, or its end.

    Members
    -------
    data : 8
    end : 1
        The frame is complete; ``data`` means nothing.
    """

    def __init__(self):
        super().__init__({"data": 8, "end": 1})


class FrameDecoder(Component):
    """Payload bytes and a verdict from COBS code.

    Undoes COBS (Cheshire and Baker, 1999) and checks length and CRC. Each accepted code byte gives
    at most one payload byte, combinationally; the delimiter gives the verdict. Whatever came
    before, the byte after a delimiter begins a new frame; so does the first byte after a gap of
    ``timeout`` cycles inside a frame.

    Latency: 0 cycles. Throughput: one byte per cycle, never stalls.

    Parameters
    ----------
    timeout : int
        Cycles of silence that end a half frame; rounded up to a power of two.

    Members
    -------
    strobe : In(1)
        ``code`` is the next byte of the line.
    code : In(8)
    first : Out(1)
        With ``strobe``: a frame begins, unless ``code`` is the delimiter.
    write : Out(1)
        ``data`` is the next byte of the payload.
    data : Out(8)
    good : Out(1)
        The frame is complete and right.
    length : Out(8)
        Bytes of the payload so far, less the two of the CRC.
    fault : Out(Fault)
        The frame is wrong: FRAME, CRC or TIMEOUT, for one cycle; else 0.
    """

    def __init__(self, timeout: int):
        self.timeout = timeout
        super().__init__({
            "strobe": In(1),
            "code":   In(8),
            "first":  Out(1, init=1),
            "write":  Out(1),
            "data":   Out(8),
            "good":   Out(1),
            "length": Out(8, init=0xfe),
            "fault":  Out(4),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC().create()
        run    = Signal(8)                 # bytes until the next code
        broken = Signal()                  # too long
        timer  = Signal(ceil_log2(self.timeout) + 1)

        is_end = self.strobe & (self.code == 0)
        m.d.comb += [
            # The code of the first run stands for no zero.
            self.data.eq(Mux(run == 0, 0, self.code)),
            self.write.eq(self.strobe & (self.code != 0) & ~broken & ~self.first),
            crc.data.eq(self.data),
            crc.valid.eq(self.write),
            crc.start.eq(self.first),
        ]
        with m.If(self.strobe):
            m.d.sync += [run.eq(Mux(run == 0, self.code, run) - 1), self.first.eq(0)]
        with m.If(self.write):
            m.d.sync += self.length.eq(self.length + 1)
            with m.If(self.length == MAX_PAYLOAD - 2):
                m.d.sync += broken.eq(1)

        late = timer[-1]
        m.d.sync += timer.eq(timer + 1)
        with m.If(self.strobe | self.first):
            m.d.sync += timer.eq(0)
        with m.If(is_end | late):
            m.d.sync += [
                run.eq(0), broken.eq(0),
                self.first.eq(1), self.length.eq(self.length.init),
            ]
        # A delimiter that comes while `late` is raised ends the same frame: one verdict.
        with m.If(late):
            m.d.comb += self.fault.eq(Fault.TIMEOUT)
        with m.Elif(is_end & ~self.first):
            with m.If((run != 0) | broken | self.length[7] | (self.length[1:7] == 0)):
                m.d.comb += self.fault.eq(Fault.FRAME)
            with m.Elif(~crc.match_detected):
                m.d.comb += self.fault.eq(Fault.CRC)
            with m.Else():
                m.d.comb += self.good.eq(1)
        return m


class _Buffer(Component):
    """A memory of bytes that writes or reads in a cycle, never both.

    A block RAM needs no logic around it then: what it shows when both ports meet at one address
    differs from family to family and would have to be made good.

    Latency: ``fresh`` 3 cycles after ``step``, later if bytes are written: the block RAM's output,
    which is slow, goes through a register.

    Members
    -------
    write : In(1), target : In, byte : In(8)
        Store ``byte`` at ``target``.
    address : In
        Of the byte to be read. It changes with ``step`` only.
    there : In(1)
        The byte at ``address`` has been written.
    step : In(1)
        ``address`` is about to change.
    fresh : Out(1), data : Out(8)
        ``data`` is the byte at ``address``.
    """

    def __init__(self, depth: int):
        self._depth = depth
        super().__init__({
            "write":   In(1),
            "target":  In(range(depth)),
            "byte":    In(8),
            "address": In(range(depth)),
            "there":   In(1),
            "step":    In(1),
            "fresh":   Out(1),
            "data":    Out(8),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        block = find_block(getattr(platform, "family", ""))
        if block is not None and block.has_output_register:
            m.submodules.cells = block.two_port(
                [], self.write, self.target, self.byte, self.address, self.data)
        else:
            self._infer(m)
        is_shown = Signal()
        with m.If(self.step):
            m.d.sync += [is_shown.eq(0), self.fresh.eq(0)]
        with m.Else():
            m.d.sync += self.fresh.eq(is_shown)
            with m.If(self.there & ~self.write):
                m.d.sync += is_shown.eq(1)
        return m

    def _infer(self, m: Module) -> None:
        m.submodules.cells = cells = memory.Memory(shape=8, depth=self._depth, init=[])
        write = cells.write_port()
        read  = cells.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.target),
            write.data.eq(self.byte),
            read.addr.eq(self.address),
        ]
        shown  = Signal(8, reset_less=True)
        output = Signal(8, reset_less=True)
        m.d.comb += self.data.eq(output)
        m.d.sync += output.eq(shown)
        with m.If(~self.write):
            m.d.sync += shown.eq(read.data)


class FrameReader(Component):
    """Buffers whole, checked frames from a line and plays them, as often as asked.

    A frame is taken up only when its CRC is right and it fits, and its room is given back only on
    ``release``: the sender keeps the sum of its unreleased frames, as sent, within ``window``
    bytes and no frame is lost. One constant frame lies in a memory of its own, so that a bitstream
    takes another.

    Latency: 9 cycles from the delimiter to the first byte. Throughput: one byte per cycle from
    the line; one byte per four cycles at ``o``.

    Parameters
    ----------
    window : int
        Bytes of the buffer: a power of two, at least 256.
    constant : bytes
        The constant frame, at most 127 bytes.
    timeout : int
        As :class:`FrameDecoder`.

    Members
    -------
    i : In(stream.Signature(8))
        The line; always ready.
    o : Out(stream.Signature(StructLayout({"data": 8, "last": 1})))
        The payload of the oldest frame, without CRC. It stops after ``last``.
    done : Out(1)
        It has stopped, and waits for one of:
    again : In(1)
        Play the frame once more.
    release : In(1)
        Forget the frame, go on to the next.
    constant : In(1)
        With ``release``: play the constant frame before the next; it needs no release.
    fault : Out(stream.Signature(4))
        A frame was dropped for this :class:`Fault`. Holds one; those that come while it is not
        taken are dropped.
    """

    def __init__(self, window: int, constant: bytes, timeout: int):
        if window < 256 or window & (window - 1):
            raise ValueError(f"window must be a power of two of at least 256, not {window!r}")
        if not 1 <= len(constant) < MAX_PAYLOAD:
            raise ValueError(f"a constant frame must be 1 to 127 bytes, not {len(constant)}")
        self.window  = window
        self.content = constant
        self.timeout = timeout
        super().__init__({
            "i":        In(stream.Signature(8)),
            "o":        Out(stream.Signature(data.StructLayout({"data": 8, "last": 1}))),
            "done":     Out(1),
            "again":    In(1),
            "release":  In(1),
            "constant": In(1),
            "fault":    Out(stream.Signature(4)),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        bits = exact_log2(self.window)
        m.submodules.decoder = decoder = FrameDecoder(self.timeout)
        m.submodules.buffer = buffer = _Buffer(self.window)
        m.submodules.content = content = RowMemory([len(self.content), *self.content], 8)

        oldest = Signal(bits)              # the frame that is played
        newest = Signal(bits)              # the frame that comes in; its length byte
        self._receive(m, decoder, buffer, oldest, newest)
        self._play(m, buffer, content, oldest, newest)
        return m

    def _receive(self, m, decoder, buffer, oldest, newest) -> None:
        room    = Signal(len(oldest))      # where the next byte goes
        behind  = Signal(len(oldest), init=1)   # the one after that
        overrun = Signal()
        verdict = Signal(4)
        # What the decoder says, one cycle later.
        adds, closes, fault = Signal(), Signal(), Signal(4)
        byte    = Signal(8, reset_less=True)
        opens   = decoder.strobe & decoder.first & (decoder.code != 0)
        good    = closes & ~overrun
        m.d.sync += [
            # The first code byte takes the place of the length, which follows at the end.
            adds.eq(decoder.write | opens),
            byte.eq(Mux(decoder.write, decoder.data, decoder.length)),
            closes.eq(decoder.good),
            fault.eq(decoder.fault),
        ]
        m.d.comb += [
            self.i.ready.eq(1),
            decoder.strobe.eq(self.i.valid),
            decoder.code.eq(self.i.payload),
            # The first byte that is not taken up falls on a free one.
            buffer.write.eq((adds | closes) & ~overrun),
            buffer.target.eq(Mux(adds, room, newest)),
            buffer.byte.eq(byte),
        ]
        with m.If(adds):
            with m.If(behind == oldest):
                m.d.sync += overrun.eq(1)
            with m.Elif(~overrun):
                m.d.sync += [room.eq(behind), behind.eq(behind + 1)]

        m.d.comb += verdict.eq(Mux(closes & overrun, Fault.OVERRUN, fault))
        with m.If(good):
            m.d.sync += newest.eq(room)
        with m.If(verdict != 0):
            m.d.sync += [overrun.eq(0), room.eq(newest), behind.eq(newest + 1)]

        with m.If(self.fault.ready):
            m.d.sync += self.fault.valid.eq(0)
        with m.If((verdict != 0) & ~self.fault.valid):
            m.d.sync += [self.fault.valid.eq(1), self.fault.payload.eq(verdict)]

    def _play(self, m, buffer, content, oldest, newest) -> None:
        position = Signal(len(oldest) + 1)      # its top bit: in the constant frame
        left     = Signal(7)
        step     = buffer.step
        fresh    = Signal()
        byte     = self.o.payload.data
        again, release, constant = Signal(), Signal(), Signal()
        m.d.sync += [
            again.eq(self.again), release.eq(self.release), constant.eq(self.constant)]
        m.d.comb += [
            buffer.address.eq(position),
            content.address.eq(position),
            buffer.there.eq((oldest != newest) | position[-1]),
            self.o.payload.last.eq(left == 1),
        ]
        # Both memories take as long, and lie far away.
        m.d.sync += [
            byte.eq(Mux(position[-1], content.data, buffer.data)),
            fresh.eq(buffer.fresh & ~step),
        ]
        with m.If(step):
            m.d.sync += position.eq(position + 1)
            m.d.sync += position[-1].eq(position[-1])

        with m.FSM():
            with m.State("LENGTH"):
                m.d.sync += left.eq(byte)
                with m.If(fresh):
                    m.d.comb += step.eq(1)
                    m.next = "BYTES"
            with m.State("BYTES"):
                m.d.comb += self.o.valid.eq(fresh)
                with m.If(fresh & self.o.ready):
                    m.d.comb += step.eq(1)
                    m.d.sync += left.eq(left - 1)
                    with m.If(self.o.payload.last):
                        m.next = "CRC HIGH"
            with m.State("CRC HIGH"):
                m.d.comb += step.eq(1)
                m.next = "CRC LOW"
            with m.State("CRC LOW"):
                m.d.comb += step.eq(1)
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(~again & ~release)
                with m.If(again | position[-1]):
                    m.d.comb += step.eq(1)
                    m.d.sync += position.eq(oldest)
                    m.next = "LENGTH"
                with m.If(release):
                    m.d.comb += step.eq(1)
                    m.d.sync += [oldest.eq(position), position.eq(position)]
                    with m.If(constant):
                        m.d.sync += position.eq(self.window)
                    m.next = "LENGTH"


class FrameWriter(Component):
    """Puts a CRC to frames, encodes them with COBS, and buffers them for a line.

    A zero byte's place in the buffer takes the COBS code of the run that follows it, so that one
    write per byte is enough. The line sees only whole frames.

    Latency: 10 cycles from ``end`` to the first byte. Throughput: one byte per cycle, and 7 cycles
    for the end of a frame.

    Parameters
    ----------
    depth : int
        Bytes of the buffer: a power of two, at least 512.

    Members
    -------
    i : In(stream.Signature(ChunkLayout()))
        Frames of 2 to ``MAX_PAYLOAD - 2`` bytes, without CRC, each followed by ``end``.
    o : Out(stream.Signature(8))
        The line.
    idle : Out(1)
        The line has been given all there is.
    """

    def __init__(self, depth: int = 512):
        if depth < 512 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two of at least 512, not {depth!r}")
        self.depth = depth
        super().__init__({
            "i":    In(stream.Signature(ChunkLayout())),
            "o":    Out(stream.Signature(8)),
            "idle": Out(1),
        })

    def elaborate(self, platform) -> Module:
        m = Module()
        bits = exact_log2(self.depth)
        m.submodules.crc    = crc   = CRC().create()
        m.submodules.buffer = buffer = _Buffer(self.depth)
        code  = Signal(bits)               # where the code of the current run belongs
        tail  = Signal(bits, init=1)       # where the next byte goes
        sent  = Signal(bits)               # next byte for the line
        whole = Signal(bits)               # behind the last complete frame

        # A frame takes at most 131 bytes: the rest of its page of 128 bytes, the next, and 3 of the
        # one after. It is begun when the line reads this very page or has left those two.
        page_of = exact_log2(MAX_PAYLOAD)
        ahead   = Signal(bits - page_of)
        m.d.comb += ahead.eq(sent[page_of:] - tail[page_of:])
        has_room = (ahead == 0) | (ahead >= 3)

        byte    = Signal(8, reset_less=True)
        put     = Signal()                 # `byte` is the next of the payload
        advance = Signal()
        m.d.comb += [
            buffer.target.eq(tail),
            buffer.byte.eq(byte),
            buffer.write.eq(put),
            advance.eq(put),
        ]
        with m.If(put & (byte == 0)):
            m.d.comb += [buffer.target.eq(code), buffer.byte.eq(tail - code)]
            m.d.sync += code.eq(tail)
        with m.If(advance):
            m.d.sync += tail.eq(tail + 1)

        m.d.comb += crc.data.eq(byte)
        m.d.sync += [byte.eq(self.i.payload.data), put.eq(0)]
        with m.FSM():
            with m.State("DATA"):
                m.d.comb += [self.i.ready.eq(1), crc.valid.eq(put)]
                with m.If(self.i.valid & self.i.ready):
                    m.d.sync += put.eq(~self.i.payload.end)
                    with m.If(self.i.payload.end):
                        m.next = "HIGH"
            with m.State("HIGH"):
                m.d.sync += [byte.eq(crc.crc[8:]), put.eq(1)]
                m.next = "LOW"
            with m.State("LOW"):
                m.d.sync += [byte.eq(crc.crc[:8]), put.eq(1)]
                m.next = "LAST"
            with m.State("LAST"):
                m.next = "CODE"
            with m.State("CODE"):
                m.d.comb += [
                    buffer.target.eq(code),
                    buffer.byte.eq(tail - code),
                    buffer.write.eq(1),
                ]
                m.d.sync += byte.eq(0)
                m.next = "DELIMITER"
            with m.State("DELIMITER"):
                m.d.comb += [buffer.write.eq(1), advance.eq(1)]
                m.next = "OPEN"
            with m.State("OPEN"):
                m.d.comb += [advance.eq(1), crc.start.eq(1)]
                m.d.sync += [code.eq(tail), whole.eq(tail)]
                m.next = "ROOM"
            with m.State("ROOM"), m.If(has_room):
                m.next = "DATA"

        m.d.comb += [
            self.idle.eq(sent == whole),
            buffer.address.eq(sent),
            buffer.there.eq(~self.idle),
            buffer.step.eq(self.o.valid & self.o.ready),
            self.o.valid.eq(buffer.fresh),
            self.o.payload.eq(buffer.data),
        ]
        with m.If(buffer.step):
            m.d.sync += sent.eq(sent + 1)
        return m

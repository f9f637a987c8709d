"""A thread of the link's processor: bytes of the line become whole, checked frames in a ring."""

from __future__ import annotations

from math import ceil

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.microcode import Condition as If
from spikeloom.rtl.microcode import Mode, Port, Strobe
from spikeloom.rtl.protocol import MAX_PAYLOAD, Fault

__all__ = ["receive"]

_WAIT = 12
"""Cycles of the loop that waits for a byte."""


def receive(p: Program, timeout: int) -> None:
    """Undo COBS (Cheshire and Baker, 1999), check length and CRC.

    ``newest`` is where the length of the frame that comes in belongs, ``last`` its latest byte;
    ``floor`` is the last byte that may be written, and ``run`` the bytes until the next code.
    """
    # Silence is counted in 24 bits, of which a byte sets the highest eight only. They count units
    # of an eighth of the timeout, or longer ones: of 65,536 steps, and a carry takes time too.
    step = min(max(ceil((_WAIT << 16) / max(timeout / 8 - (_WAIT << 8), 1)), 1), 255)
    unit = (_WAIT << 16) / step + (_WAIT << 8)

    p.label("receive")
    p.hold(on=(If.RECEIVED, "begin"))
    p.jump("receive")
    p.label("begin")
    p.take(Port.RECEIVED, strobe=Strobe.OPEN_IN)
    p.subtract(1, on=(If.ZERO, "ignore"))
    p.store("run")
    p.load("newest")
    p.store("last")
    p.load(0)
    p.store("is full")
    p.jump("check room")
    p.label("ignore")
    p.hold(strobe=Strobe.RECEIVE)
    p.jump("receive")

    p.label("check room")
    p.load("last", strobe=Strobe.RECEIVE)
    p.subtract("floor")
    p.load(-(ceil(timeout / unit) + 1) & 0xff, on=(If.ZERO, "full"))
    p.store("patience")
    p.label("wait")
    p.load("silence", on=(If.RECEIVED, "decode"))
    p.add(step)
    p.store("silence", on=(If.CARRY, "silent"))
    p.jump("wait")
    p.label("silent")
    p.load("silence 1")
    p.add(1)
    p.store("silence 1", on=(If.CARRY, "more silent"))
    p.jump("wait")
    p.label("more silent")
    p.load("patience")
    p.add(1)
    p.store("patience", on=(If.CARRY, "late"))
    p.jump("wait")
    # The last byte is overwritten by all that follow; the frame is lost.
    p.label("full")
    p.store("patience")
    p.store("is full")
    p.load("last")
    p.subtract(1)
    p.store("last")
    p.jump("wait")

    p.label("decode")
    p.take(Port.RECEIVED)
    p.load("run", on=(If.ZERO, "delimiter"))
    p.subtract(1, on=(If.ZERO, "code"))
    p.store("run")
    p.load("last")
    p.add(1)
    p.store("last")
    p.take(Port.RECEIVED)
    p.label("keep")
    p.put(Mode.RING, strobe=Strobe.FEED_IN)
    p.jump("check room")
    p.label("code")
    p.take(Port.RECEIVED)
    p.subtract(1)
    p.store("run")
    p.load("last")
    p.add(1)
    p.store("last")
    p.load(0)
    p.jump("keep")

    p.label("delimiter")
    p.hold(strobe=Strobe.RECEIVE)
    p.load("last", on=(If.ZERO, "whole run"))
    p.jump("malformed")
    p.label("whole run")
    p.subtract("newest")
    p.subtract(4)
    p.subtract(MAX_PAYLOAD - 3, on=(If.CARRY, "long enough"))
    p.jump("malformed")
    p.label("long enough")
    p.load("is full", on=(If.CARRY, "malformed"))
    p.hold(on=(If.INTACT, "intact"))
    p.load(Fault.CRC)
    p.jump("report")
    p.label("intact")
    p.load("last", on=(If.ZERO, "keep frame"))
    p.load(Fault.OVERRUN)
    p.jump("report")
    p.label("keep frame")
    p.subtract("newest")
    p.subtract(2)
    p.store("size")
    p.load("newest")
    p.load("size")
    p.put(Mode.RING)
    p.load("last")
    p.add(1)
    p.store("newest")
    p.jump("receive")

    p.label("late")
    p.load(Fault.TIMEOUT)
    p.jump("report")
    p.label("malformed")
    p.load(Fault.FRAME)
    p.label("report")
    p.store("new fault")
    p.load("line fault")
    p.load("new fault", on=(If.ZERO, "report first"))
    p.jump("receive")
    p.label("report first")
    p.store("line fault")
    p.jump("receive")

"""A thread of the link's processor: carries out frames, one after the other."""

from __future__ import annotations

from spikeloom.rtl.microcode import Condition as If
from spikeloom.rtl.microcode import Mode, Port, Program, Strobe
from spikeloom.rtl.protocol import ANSWER, Command, Description, Fault
from spikeloom.rtl.tokens import TokenCode, TokenFormat

__all__ = ["execute"]

_MAX_SAMPLES = 15
"""Samples that may be in the network at once; the link writes no more ends of samples then."""

_COMMANDS = {
    Command.IDENTITY: "identity",
    Command.WRITE:    "write",
    Command.RESET:    "reset",
    Command.COUNTERS: "counters",
}


def execute(p: Program, board: Description, is_loadable: bool) -> None:
    """Wait for a frame, or a fault of the line, carry it out, and have it answered.

    Tokens are all checked before the first is executed. ``oldest`` is where the frame's length
    lies, ``stop`` the last byte of its body, ``ahead`` the bytes from there to the one before the
    next, at most 0.
    """
    _wait(p)
    _dispatch(p, is_loadable)
    _answer(p)
    for name in ("identity", "reset", "counters"):
        p.label(name)
        p.load("ahead")
        p.load("tag", on=(If.ZERO, f"do {name}"))
        p.jump("bad length")
    _identity(p, board)
    _count(p)
    _write(p, board.input, is_loadable)
    _reset(p)
    if is_loadable:
        _load(p)


def _wait(p: Program) -> None:
    p.label("execute")
    p.load("answer")
    p.load("line fault", on=(If.ZERO, "free"))
    p.jump("execute")
    p.label("free")
    p.load("oldest", on=(If.ZERO, "no fault"))
    p.load("line fault")
    p.store("fault")
    p.load(0)
    p.store("line fault")
    p.jump("refuse")
    p.label("no fault")
    p.subtract("newest")
    p.load("oldest", on=(If.ZERO, "execute"))


def _dispatch(p: Program, is_loadable: bool) -> None:
    p.store("place")
    p.fetch(Mode.RING)
    p.add("oldest")
    p.store("stop")
    for name in ("command", "tag"):
        _advance(p)
        p.store(name)
    _measure(p)
    p.load("command")
    p.subtract(1)
    for name in _COMMANDS.values():
        p.subtract(1, on=(If.ZERO, name))
    if is_loadable:
        p.hold(on=(If.ZERO, "load"))
    _refuse(p, "unknown", Fault.COMMAND)


def _advance(p: Program) -> None:
    """The next byte of the frame."""
    p.load("place")
    p.add(1)
    p.store("place")
    p.fetch(Mode.RING)


def _measure(p: Program) -> None:
    """Begin with the body's first byte; the accumulator tells how far ahead it ends."""
    p.load("oldest")
    p.add(2)
    p.subtract("stop")
    p.store("ahead")


def _refuse(p: Program, label: str, fault: Fault) -> None:
    p.label(label)
    p.load(fault)
    p.store("fault")
    p.jump("refuse")


def _answer(p: Program) -> None:
    _refuse(p, "bad length", Fault.LENGTH)
    p.label("refuse")
    p.increment([f"count {index}" for index in range(12, 16)], "tell fault")
    p.label("tell fault")
    p.load("expected")
    p.store("tag")
    _append(p, p.address_of("fault"), p.address_of("fault") + 1)
    p.load(ANSWER)
    p.jump("answered")

    p.label("done")
    p.load(0)
    p.store("body")
    p.store("body end")
    p.label("answer command")
    p.load("command")
    p.add(ANSWER)
    # Gives the frame's room back, that of its CRC too. A fault of the line has no frame, and
    # gives once more what was given before.
    p.label("answered")
    p.store("kind of answer")
    p.load("stop")
    p.add(2)
    p.store("floor")
    p.add(1)
    p.store("oldest")
    p.load("kind of answer")
    p.store("answer")
    p.jump("execute")


def _append(p: Program, start: int, end: int) -> None:
    """Let the answer have the variables from ``start`` to ``end`` as its body."""
    p.load(start - 1 & 0xff)
    p.store("body")
    p.load(end - 1 & 0xff)
    p.store("body end")


def _identity(p: Program, board: Description) -> None:
    p.label("do identity")
    _append(p, *p.array([f"identity {index}" for index in range(len(board.pack()))]))
    p.jump("answer command")


def _count(p: Program) -> None:
    """The lowest byte of the cycles is counted outside, and the others may change."""
    p.label("do counters")
    for index in range(1, 4):
        p.load(f"cycles {index}")
        p.store(f"count {index}")
    p.take(Port.CYCLES)
    p.store("count 0", on=(If.WRAPPED, "do counters"))
    p.hold(on=(If.WRAPPED, "do counters"))
    _append(p, *p.array([f"count {index}" for index in range(16)]))
    p.jump("answer command")


def _write(p: Program, format: TokenFormat, is_loadable: bool) -> None:
    p.label("write")
    if format.value_bytes:
        p.load(0)
        p.store("is checked")
    p.load("tag")
    p.subtract("expected")
    if is_loadable:
        p.hold(on=(If.ZERO, "write in turn"))
        _refuse(p, "out of turn", Fault.SEQUENCE)
        p.label("write in turn")
        p.load(_limit(format, 0), on=(If.COMPLETE, "check"))
        _refuse(p, "no weights", Fault.WEIGHTS)
    else:
        p.load(_limit(format, 0), on=(If.ZERO, "check"))
        _refuse(p, "out of turn", Fault.SEQUENCE)
    _check(p, format)
    _give(p, format)


def _next(p: Program, label: str, at_end: str) -> None:
    """Point at the next byte of the body; ``at_end`` is where to go on when there is none."""
    p.label(label)
    p.load("ahead")
    p.label(f"{label}, loaded")
    p.add(1, on=(If.ZERO, at_end))
    p.store("ahead")
    p.add("stop")


def _fetch_next(p: Program, label: str, at_end: str) -> None:
    _next(p, label, at_end)
    p.hold()
    p.fetch(Mode.RING)


def _limit(format: TokenFormat, page: int) -> int:
    """Addresses in a page."""
    return max(min(format.size - 128 * page, 128), 0)


def _check(p: Program, format: TokenFormat) -> None:
    """``limit`` is the number of addresses in the page, ``page`` its lower six bits."""
    _refuse(p, "bad token", Fault.TOKEN)
    p.label("check")
    p.store("limit")
    _fetch_next(p, "check next", "give")
    p.subtract("limit", on=(If.BIT7, "check code"))
    if format.value_bytes:
        p.hold(on=(If.CARRY, "bad token"))
        _fetch_value(p, format)
        p.label("value to check")
        p.hold(on=(If.IN_RANGE, "check next"))
        p.jump("bad token")
    else:
        p.load("ahead", on=(If.CARRY, "bad token"))
        p.jump("check next, loaded")

    p.label("check code")
    p.add("limit")
    p.subtract(TokenCode.END)
    p.subtract(1, on=(If.ZERO, "check end"))
    p.subtract(TokenCode.PAGE - TokenCode.LAST, on=(If.ZERO, "check end"))
    if format.page_bits:
        p.hold(on=(If.CARRY, "check page"))
    p.jump("bad token")
    p.label("check end")
    if format.page_bits > 6:
        p.load(0)
        p.store("page")
    p.load(_limit(format, 0))
    p.jump("check")
    if format.page_bits:
        p.label("check page")
        _check_page(p, format)


def _fetch_value(p: Program, format: TokenFormat) -> None:
    """Put a value together, when an event is checked and when it is given."""
    p.label("value")
    p.load(format.value_bytes)
    p.store("bytes of value")
    _fetch_next(p, "byte of value", "bad token")
    p.hold(strobe=Strobe.VALUE)
    p.load("bytes of value")
    p.subtract(1)
    p.store("bytes of value")
    p.load("is checked", on=(If.ZERO, "whole value"))
    p.jump("byte of value")
    p.label("whole value")
    p.hold(on=(If.ZERO, "value to check"))
    p.jump("value to give")


def _check_page(p: Program, format: TokenFormat) -> None:
    """The accumulator is the lowest digit of the page, to base 64."""
    last = (format.size - 1) // 128
    if format.page_bits > 6:
        p.store("digit")
        p.load("page")
        p.label("upper digit")
        base = 1 << format.page_bits - 6
        p.subtract(base)
        p.hold(on=(If.BIT7, "upper digit found"))
        p.jump("upper digit")
        p.label("upper digit found")
        p.add(base - (last >> 6) & 0xff)
        p.store("upper")
        p.load("digit")
        p.store("page")
        p.load("upper")
        p.load("digit", on=(If.ZERO, "compare digit"))
        p.load("upper")
        p.jump("compare page")
        p.label("compare digit")
        p.subtract(last & 0x3f)
    elif format.page_bits < 6:
        p.subtract(1 << format.page_bits)
        p.subtract(last - (1 << format.page_bits) & 0xff, on=(If.CARRY, "bad token"))
    else:
        p.subtract(last)
    p.label("compare page")
    p.hold(on=(If.ZERO, "last page"))
    p.load(_limit(format, 0), on=(If.BIT7, "check"))
    p.load(0)
    p.jump("check")
    p.label("last page")
    p.load(_limit(format, last))
    p.jump("check")


def _give(p: Program, format: TokenFormat) -> None:
    p.label("give")
    if format.value_bytes:
        p.load(1)
        p.store("is checked")
    if format.page_bits:
        p.load(0)
        for _ in range(format.page_tokens):
            p.hold(strobe=Strobe.PAGE)
    _measure(p)
    p.hold(on=(If.ZERO, "give next"))
    p.store("open")
    _next(p, "give next", "given")
    p.label("take turns")
    p.hold(on=(If.GIVEN, "take turns"))
    p.fetch(Mode.RING)
    p.hold(on=(If.BIT7, "give code"))
    if format.value_bytes:
        p.store("address")
        p.jump("value")
        p.label("value to give")
        p.load("address")
    p.hold(strobe=Strobe.EVENT)
    p.increment([f"count {index}" for index in range(4, 8)], "give next")

    p.label("give code")
    p.subtract(TokenCode.END)
    p.hold(on=(If.ZERO, "give end"))
    p.subtract(1)
    p.hold(on=(If.ZERO, "give last"))
    p.subtract(TokenCode.PAGE - TokenCode.LAST)
    p.hold(strobe=Strobe.PAGE)
    p.jump("give next")
    # Waits for room in the network.
    p.label("give last")
    p.load("entered")
    p.subtract("left")
    p.subtract(_MAX_SAMPLES)
    p.load("entered", on=(If.ZERO, "give last"))
    p.add(1)
    p.store("entered")
    p.load("ahead")
    p.store("open")
    p.load(1)
    p.label("give end")
    p.hold(strobe=Strobe.END)
    p.jump("give next")

    p.label("given")
    p.load("drop", on=(If.GIVEN, "given"))
    p.hold(on=(If.ZERO, "carried out"))
    _test_empty(p, "draining", "drained", "draining")
    p.label("drained")
    p.load(0)
    p.store("drop")
    p.store("sequence")
    p.label("carried out")
    p.load("tag")
    p.add(1)
    p.store("expected")
    p.jump("done")


def _reset(p: Program) -> None:
    """Like a WRITE that ends a half-written sample, or is empty."""
    p.label("do reset")
    p.load(1)
    p.store("drop")
    p.load("open")
    p.hold(on=(If.ZERO, "given"))
    p.jump("give last")


def _test_empty(p: Program, label: str, if_empty: str, otherwise: str) -> None:
    """Whether no whole sample is in the network, nor its output in a frame."""
    p.label(label)
    p.load("entered")
    p.subtract("left")
    p.load("is writing", on=(If.ZERO, f"{label}: samples"))
    p.jump(otherwise)
    p.label(f"{label}: samples")
    p.hold(on=(If.ZERO, if_empty))
    p.jump(otherwise)


def _load(p: Program) -> None:
    """A byte that tells whether the image begins, and bytes of the image."""
    p.label("load")
    p.load("tag")
    p.subtract("expected")
    p.load("open", on=(If.ZERO, "load in turn"))
    p.jump("out of turn")
    p.label("load in turn")
    p.hold(on=(If.ZERO, "no sample open"))
    p.jump("no weights")
    p.label("no sample open")
    _test_empty(p, "no sample", "opening", "no weights")
    _fetch_next(p, "opening", "loaded")
    p.hold(on=(If.ZERO, "image"))
    p.subtract(1)
    p.hold(on=(If.ZERO, "begin image"))
    p.jump("bad token")
    p.label("begin image")
    p.hold(strobe=Strobe.BEGIN)
    _fetch_next(p, "image", "loaded")
    p.hold(strobe=Strobe.LOAD)
    p.jump("image")
    p.label("loaded")
    p.load("tag")
    p.add(1)
    p.store("expected")
    p.load(0, on=(If.COMPLETE, "loaded all"))
    p.jump("tell loaded")
    p.label("loaded all")
    p.load(1)
    p.label("tell loaded")
    p.store("loaded")
    _append(p, p.address_of("loaded"), p.address_of("loaded") + 1)
    p.jump("answer command")

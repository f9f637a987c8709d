"""The command WRITE of the link's processor: tokens for the network."""

from __future__ import annotations

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.frame_body import fetch_next, go_to_next, measure, refuse
from spikeloom.rtl.microcode import Condition as If
from spikeloom.rtl.microcode import Mode, Strobe
from spikeloom.rtl.protocol import Fault
from spikeloom.rtl.tokens import TokenCode, TokenFormat

__all__ = ["branch_if_empty", "write"]

_MAX_SAMPLES = 15
"""Samples that may be in the network at once; the link writes no more ends of samples then."""


def write(p: Program, format: TokenFormat, is_loadable: bool) -> None:
    """Check all tokens of a frame's body before the first is given to the network."""
    p.label("write")
    if format.value_bytes:
        p.load(0)
        p.store("is checked")
    p.load("tag")
    p.subtract("expected")
    if is_loadable:
        p.hold(on=(If.ZERO, "write in turn"))
        refuse(p, "out of turn", Fault.SEQUENCE)
        p.label("write in turn")
        p.load(_limit(format, 0), on=(If.COMPLETE, "check"))
        refuse(p, "no weights", Fault.WEIGHTS)
    else:
        p.load(_limit(format, 0), on=(If.ZERO, "check"))
        refuse(p, "out of turn", Fault.SEQUENCE)
    _check(p, format)
    _give(p, format)


def _limit(format: TokenFormat, page: int) -> int:
    """Addresses in a page."""
    return max(min(format.size - 128 * page, 128), 0)


def _check(p: Program, format: TokenFormat) -> None:
    """``limit`` is the number of addresses in the page, ``page`` its lower six bits."""
    refuse(p, "bad token", Fault.TOKEN)
    p.label("check")
    p.store("limit")
    fetch_next(p, "check next", "give")
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
    fetch_next(p, "byte of value", "bad token")
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
    measure(p)
    p.hold(on=(If.ZERO, "give next"))
    p.store("open")
    go_to_next(p, "give next", "given")
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
    branch_if_empty(p, "draining", "drained", "draining")
    p.label("drained")
    p.load(0)
    p.store("drop")
    p.store("sequence")
    p.label("carried out")
    p.load("tag")
    p.add(1)
    p.store("expected")
    p.jump("done")


def branch_if_empty(p: Program, label: str, if_empty: str, otherwise: str) -> None:
    """Go on by whether no whole sample is in the network, nor its output in a frame."""
    p.label(label)
    p.load("entered")
    p.subtract("left")
    p.load("is writing", on=(If.ZERO, f"{label}: samples"))
    p.jump(otherwise)
    p.label(f"{label}: samples")
    p.hold(on=(If.ZERO, if_empty))
    p.jump(otherwise)

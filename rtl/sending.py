"""A thread of the link's processor: answers and output become frames in a ring."""

from __future__ import annotations

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.microcode import Condition as If
from spikeloom.rtl.microcode import Mode, Port, Strobe
from spikeloom.rtl.protocol import MAX_PAYLOAD, Description, Kind
from spikeloom.rtl.tokens import TokenCode, TokenFormat

__all__ = ["send"]


def send(p: Program, board: Description) -> None:
    """Collect tokens into OUTPUT frames as long as the line is busy; give answers between them.

    Undone by COBS (Cheshire and Baker, 1999): a zero byte's place in the ring takes the code of the
    run that follows it. ``tail`` is the last byte written, ``code`` where the current run's code
    belongs, ``whole`` what follows the last complete frame, and ``sent`` the line's next byte.
    """
    _choose(p)
    format = board.output
    _open(p, format)
    _collect(p, format)
    _take_event(p, format)
    _take_end(p, format)
    _copy_body(p)
    _close(p)
    _emit(p, [
        "second byte", "body", "copy", "collect", "crc low", "finish",
        "delimit",
        *(["page low"] if format.page_bits > 6 else []),
        *(["address"] if format.page_bits else []),
        *(f"value {index} out" for index in range(format.value_bytes)),
    ])


def _choose(p: Program) -> None:
    p.label("send")
    p.load("drop")
    p.load("answer", on=(If.ZERO, "nothing is dropped"))
    p.load(0, on=(If.TOKEN, "drop token"))
    p.jump("send")
    p.label("nothing is dropped")
    p.hold(on=(If.ZERO, "no answer"))
    p.store("kind")
    p.load("tag")
    p.store("second")
    p.jump("open")
    p.label("no answer")
    p.load(1, on=(If.TOKEN, "open output"))
    p.jump("send")
    p.label("open output")
    p.store("is writing")
    p.load(Kind.OUTPUT)
    p.store("kind")
    p.load("sequence")
    p.store("second")
    p.add(1)
    p.store("sequence")
    p.jump("open")

    p.label("drop token")
    p.hold(on=(If.END, "end token"))
    p.jump("event taken")


def _open(p: Program, format: TokenFormat) -> None:
    """Begin a frame when there is room for the longest: 131 bytes on the line."""
    p.label("open")
    p.load("tail")
    p.store("start")
    p.subtract("sent")
    p.subtract(256 - MAX_PAYLOAD - 5)
    p.load(0, on=(If.CARRY, "open"), strobe=Strobe.OPEN_OUT)
    p.store("return")
    _forget_page(p, format)
    p.load("kind")
    p.jump("emit")
    p.label("second byte")
    p.load(1)
    p.store("return")
    p.load("second")
    p.jump("emit")
    p.label("body")
    p.load("is writing")
    p.load(2, on=(If.ZERO, "answer body"))
    p.jump("first token")


def _collect(p: Program, format: TokenFormat) -> None:
    """The next token, if there is one, and it surely fits, and nothing else is urgent."""
    p.label("first token")
    p.load(3)
    p.store("return")
    p.jump("token")
    p.label("collect")
    p.load("tail")
    p.subtract("start")
    p.subtract(MAX_PAYLOAD - 2 - format.max_bytes + 1)
    p.load("answer", on=(If.CARRY, "close"))
    p.add("drop")
    p.load("sent", on=(If.ZERO, "look for token"))
    p.jump("close")
    p.label("look for token")
    p.subtract("whole", on=(If.TOKEN, "token"))
    p.hold(on=(If.ZERO, "close"))
    p.jump("collect")
    p.label("token")
    p.hold(on=(If.END, "end token"))
    p.jump("event token")


def _take_event(p: Program, format: TokenFormat) -> None:
    p.label("event token")
    if format.page_bits:
        p.take(Port.PAGE)
        if format.page_bits > 6:
            # Both digits, as one number that changes with either.
            p.store("digit out")
            p.take(Port.HIGH)
            p.store("upper out")
            p.subtract("page upper out")
            p.load("digit out", on=(If.ZERO, "same upper digit"))
            p.jump("write page")
            p.label("same upper digit")
        p.subtract("page out")
        p.hold(on=(If.ZERO, "address"))
        if format.page_bits > 6:
            p.label("write page")
            p.load(7)
            p.store("return")
            p.load("upper out")
            p.store("page upper out")
            p.add(TokenCode.PAGE)
            p.jump("emit")
            p.label("page low")
        p.load(7 + (format.page_bits > 6))
        p.store("return")
        p.take(Port.PAGE)
        p.store("page out")
        p.add(TokenCode.PAGE)
        p.jump("emit")
        p.label("address")
    first = 7 + (format.page_bits > 6) + (format.page_bits > 0)
    p.load(first if format.value_bytes else 3)
    p.store("return")
    p.take(Port.ADDRESS)
    if format.value_bytes:
        p.jump("emit")
    for index in range(format.value_bytes):
        is_last = index == format.value_bytes - 1
        p.label(f"value {index} out")
        p.load(3 if is_last else first + index + 1)
        p.store("return")
        p.take(Port.VALUE + index)
        if not is_last:
            p.jump("emit")
    p.label("event taken")
    p.store("token byte", strobe=Strobe.TAKE)
    p.increment([f"count {index}" for index in range(8, 12)], "token taken")
    p.label("token taken")
    p.load("is writing")
    p.load("token byte", on=(If.ZERO, "send"))
    p.jump("emit")


def _forget_page(p: Program, format: TokenFormat) -> None:
    """The accumulator must be 0."""
    if format.page_bits:
        p.store("page out")
    if format.page_bits > 6:
        p.store("page upper out")


def _take_end(p: Program, format: TokenFormat) -> None:
    p.label("end token")
    p.load(0)
    _forget_page(p, format)
    p.load(TokenCode.END, on=(If.LAST, "last token"))
    p.store("token byte", strobe=Strobe.TAKE)
    p.jump("token taken")
    p.label("last token")
    p.add(1)
    p.store("token byte", strobe=Strobe.TAKE)
    p.load("left")
    p.add(1)
    p.store("left")
    p.subtract("entered")
    p.load("open", on=(If.ZERO, "none left"))
    p.jump("token taken")
    p.label("none left")
    p.hold(on=(If.ZERO, "network is empty"))
    p.jump("token taken")
    p.label("network is empty")
    p.hold(strobe=Strobe.REST)
    p.jump("token taken")


def _copy_body(p: Program) -> None:
    p.label("answer body")
    p.store("return")
    p.label("copy")
    p.load("body")
    p.subtract("body end")
    p.load("body", on=(If.ZERO, "close"))
    p.add(1)
    p.store("body")
    p.fetch(Mode.VARIABLES)
    p.jump("emit")


def _close(p: Program) -> None:
    p.label("close")
    p.load(4)
    p.store("return")
    p.take(Port.CRC)
    p.jump("emit")
    # With its own upper byte added, the lower one takes its place.
    p.label("crc low")
    p.load(5)
    p.store("return")
    p.take(Port.CRC)
    p.jump("emit")
    # Another zero byte would end the last run: its place takes the delimiter.
    p.label("finish")
    p.load(6)
    p.store("return")
    p.load(0)
    p.jump("emit")
    p.label("delimit")
    p.load("tail")
    p.load(0)
    p.put(Mode.LINE)
    p.load("tail")
    p.add(1)
    p.store("tail")
    p.store("code")
    p.store("whole")
    p.load("is writing")
    p.load(0, on=(If.ZERO, "answered, line"))
    p.store("is writing")
    p.jump("send")
    p.label("answered, line")
    p.store("answer")
    p.jump("send")


def _emit(p: Program, places: list[str]) -> None:
    """Write the accumulator, then go on where ``return`` says: in ``places``."""
    p.label("emit")
    p.store("byte", strobe=Strobe.FEED_OUT)
    p.load("tail", on=(If.ZERO, "emit zero"))
    p.add(1)
    p.store("tail")
    p.load("byte")
    p.put(Mode.LINE)
    p.jump("emitted")
    p.label("emit zero")
    p.add(1)
    p.store("tail")
    p.subtract("code")
    p.store("run out")
    p.load("code")
    p.load("run out")
    p.put(Mode.LINE)
    p.load("tail")
    p.store("code")

    p.label("emitted")
    p.load("return")
    for place in places[:-1]:
        p.subtract(1, on=(If.ZERO, place))
    p.jump(places[-1])

"""A thread of the link's processor: carries out frames, one after the other."""

from __future__ import annotations

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.frame_body import fetch_next, measure, refuse
from spikeloom.rtl.microcode import Condition as If
from spikeloom.rtl.microcode import Mode, Port, Strobe
from spikeloom.rtl.protocol import ANSWER, Command, Description, Fault
from spikeloom.rtl.write_command import branch_if_empty, write

__all__ = ["execute"]

_COMMANDS = {
    Command.IDENTITY: "identity",
    Command.WRITE:    "write",
    Command.RESET:    "reset",
    Command.COUNTERS: "counters",
}


def execute(p: Program, board: Description, is_loadable: bool) -> None:
    """Wait for a frame, or a fault of the line, carry it out, and have it answered.

    ``oldest`` is where the frame's length lies.
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
    write(p, board.input, is_loadable)
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
    measure(p)
    p.load("command")
    p.subtract(1)
    for name in _COMMANDS.values():
        p.subtract(1, on=(If.ZERO, name))
    if is_loadable:
        p.hold(on=(If.ZERO, "load"))
    refuse(p, "unknown", Fault.COMMAND)


def _advance(p: Program) -> None:
    """The next byte of the frame."""
    p.load("place")
    p.add(1)
    p.store("place")
    p.fetch(Mode.RING)


def _answer(p: Program) -> None:
    refuse(p, "bad length", Fault.LENGTH)
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


def _reset(p: Program) -> None:
    """Like a WRITE that ends a half-written sample, or is empty."""
    p.label("do reset")
    p.load(1)
    p.store("drop")
    p.load("open")
    p.hold(on=(If.ZERO, "given"))
    p.jump("give last")


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
    branch_if_empty(p, "no sample", "opening", "no weights")
    fetch_next(p, "opening", "loaded")
    p.hold(on=(If.ZERO, "image"))
    p.subtract(1)
    p.hold(on=(If.ZERO, "begin image"))
    p.jump("bad token")
    p.label("begin image")
    p.hold(strobe=Strobe.BEGIN)
    fetch_next(p, "image", "loaded")
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

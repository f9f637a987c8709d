"""What commands of the link's processor do with a frame: refuse it, or go through its body.

``stop`` is the last byte of the body, ``ahead`` the bytes from there to the one before the next, at
most 0.
"""

from __future__ import annotations

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.microcode import Condition as If
from spikeloom.rtl.microcode import Mode
from spikeloom.rtl.protocol import Fault

__all__ = ["fetch_next", "go_to_next", "measure", "refuse"]


def refuse(p: Program, label: str, fault: Fault) -> None:
    """Have the frame answered with ``fault`` from ``label`` on."""
    p.label(label)
    p.load(fault)
    p.store("fault")
    p.jump("refuse")


def measure(p: Program) -> None:
    """Begin with the body's first byte; the accumulator tells how far ahead it ends."""
    p.load("oldest")
    p.add(2)
    p.subtract("stop")
    p.store("ahead")


def go_to_next(p: Program, label: str, at_end: str) -> None:
    """Point at the next byte of the body; ``at_end`` is where to go on when there is none."""
    p.label(label)
    p.load("ahead")
    p.label(f"{label}, loaded")
    p.add(1, on=(If.ZERO, at_end))
    p.store("ahead")
    p.add("stop")


def fetch_next(p: Program, label: str, at_end: str) -> None:
    """Take the next byte of the body into the accumulator, as :func:`go_to_next` finds it."""
    go_to_next(p, label, at_end)
    p.hold()
    p.fetch(Mode.RING)

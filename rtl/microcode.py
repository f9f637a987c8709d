"""Instructions of the link's processor.

An instruction names its successors instead of being followed by the next address: one, or two
that lie at addresses which differ in the lowest bit. So nothing counts, and a branch costs no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["DATA_SIZE", "Condition", "Instruction", "Mode", "Port", "Source", "Strobe"]

DATA_SIZE = 256
"""Bytes of each of the processor's pages of memory."""


class Condition(IntEnum):
    """What an instruction may branch on: the accumulator before it, and what goes on outside."""

    NEVER    = 0
    ZERO     = 1
    CARRY    = 2
    """Of the addition before; after a subtraction: nothing was borrowed."""
    BIT7     = 3
    IN_RANGE = 4
    """The value that has been put together is one of the input's."""
    RECEIVED = 5
    SENT     = 6
    """The line takes a byte."""
    GIVEN    = 7
    """A token for the network has not been taken yet."""
    TOKEN    = 8
    """A token has come from the network."""
    END      = 9
    LAST     = 10
    WRAPPED  = 11
    """The lowest byte of the counter of cycles has wrapped."""
    INTACT   = 12
    """The CRC of what has been received is right."""
    COMPLETE = 13
    """All weights are there."""
    SLOT0    = 14
    SLOT1    = 15
    """Number of the thread."""


class Strobe(IntEnum):
    """What an instruction may set off; the accumulator before it is at hand."""

    NONE       = 0
    RECEIVE    = 1
    """The byte received is no longer needed."""
    OPEN_IN    = 2
    FEED_IN    = 3
    """Begin the CRC of what is received; add the accumulator to it."""
    SEND       = 4
    OPEN_OUT   = 5
    FEED_OUT   = 6
    EVENT      = 7
    """Give the network an event; the accumulator is its address in the page."""
    END        = 8
    """Give the network an end of step, ``last`` if the accumulator is odd; page ← 0."""
    PAGE       = 9
    VALUE      = 10
    TAKE       = 11
    """The token from the network is no longer needed."""
    UNWRAP     = 12
    REST       = 13
    """The network is empty."""
    LOAD       = 14
    BEGIN      = 15


class Port(IntEnum):
    """Bytes that can be taken from outside."""

    RECEIVED = 0
    CYCLES   = 1
    CRC      = 2
    ADDRESS  = 3
    PAGE     = 4
    HIGH     = 5
    """The page's bits above the sixth."""
    VALUE    = 8
    """The first of four."""


class Mode(IntEnum):
    """Where the memory is addressed."""

    NAMED     = 0
    """In the page of variables, by the instruction."""
    RING      = 1
    """In the page of what was received, by the accumulator before the last instruction."""
    LINE      = 2
    """In the page of what is sent, likewise."""
    VARIABLES = 3
    """In the page of variables, likewise."""


class Source(IntEnum):
    """Second operand of an instruction."""

    ZERO   = 0
    PORT   = 1
    MEMORY = 2


@dataclass(frozen=True)
class Instruction:
    """One word, still with names.

    ``load`` leaves the accumulator out of the sum, ``negate`` subtracts the operand, ``store``
    writes the accumulator, as it was before, to where the operand would be read. After it comes
    ``then`` if the condition held before, else ``other``.
    """

    load: bool = False
    negate: bool = False
    source: Source = Source.ZERO
    mode: Mode = Mode.NAMED
    argument: str | int = 0
    store: bool = False
    strobe: Strobe = Strobe.NONE
    condition: Condition = Condition.NEVER
    then: str = ""
    other: str = ""

    def encode(self, argument: int, successor: int) -> int:
        """The word of 32 bits, with addresses in place of names."""
        fields = (
            (successor, 9), (argument, 8), (self.condition, 4), (self.strobe, 4), (self.mode, 2),
            (self.store, 1), (self.source, 2), (self.load, 1), (self.negate, 1),
        )
        word = shift = 0
        for value, bits in fields:
            word |= int(value) << shift
            shift += bits
        return word

"""The cycles in which tokens pass the blocks of :mod:`.streams`, whatever they carry.

Each block shows one token at a time, and from which cycle on it is there; whoever takes it says in
which cycle. A block shows None while it does not know of a next token, and tells its target when
it does. There is no clock: a token passes at the latest of the cycles in which it comes, there is
room for it, and so on, whenever these become known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

__all__ = ["Block", "Delay", "Memory", "Register", "Shown", "Source"]

Shown = tuple[int, Any]
"""From which cycle on a token is there, and what it is: of events, whether a step ends."""


class Target(Protocol):
    """What pulls from a block."""

    def fill(self) -> None:
        """A token is there."""


class Block:
    """One end of a chain: shows tokens.

    Attributes
    ----------
    token : what it shows
    target : what takes it
    """

    token: Shown | None = None
    target: Target

    def take(self, cycle: int) -> None:
        """The token leaves in ``cycle``."""
        raise NotImplementedError


class Source(Block):
    """Offers tokens one after the other, each as soon as the one before has been taken."""

    def __init__(self, tokens: Iterable[bool]):
        self._tokens = iter(tokens)
        self.take(-1)

    def take(self, cycle: int) -> None:
        following = next(self._tokens, None)
        self.token = None if following is None else (cycle + 1, following)


class Register(Block):
    """Holds one token, and takes the next in the cycle in which it leaves."""

    def __init__(self, source: Block):
        self._source = source
        self._empty = 0
        source.target = self

    def fill(self) -> None:
        if self.token is None and (shown := self._source.token) is not None:
            cycle = max(shown[0], self._empty)
            self.token = (cycle + 1, shown[1])
            self._source.take(cycle)
            self.target.fill()

    def take(self, cycle: int) -> None:
        self.token = None
        self._empty = cycle
        self.fill()


class Memory(Block):
    """What lies between a queue's input and the register behind it.

    Parameters
    ----------
    words : how many; None: whoever puts something in knows that there is room
    """

    def __init__(self, words: int | None, source: Block | None = None):
        self._source = source
        self._written: deque[Shown] = deque()
        self._room = deque([0] * (words or 0))
        """By free word, the first cycle in which it can be written."""
        if source is not None:
            source.target = self

    def fill(self) -> None:
        if self._room and self._source is not None and (shown := self._source.token) is not None:
            cycle = max(shown[0], self._room.popleft())
            self._source.take(cycle)
            self.put(cycle, shown[1])

    def put(self, cycle: int, what: Any) -> None:
        """Write in ``cycle``."""
        self._written.append((cycle + 1, what))
        if self.token is None:
            self.token = self._written[0]
            self.target.fill()

    def take(self, cycle: int) -> None:
        self._written.popleft()
        self.token = self._written[0] if self._written else None
        if self._source is not None:
            self._room.append(cycle + 1)
            self.fill()


class Delay(Block):
    """Shows ends of steps before anything that comes in."""

    def __init__(self, source: Block, leading: int):
        self._source = source
        self._leading = leading
        self._last = -1
        source.target = self
        self.token = (0, True)

    def fill(self) -> None:
        shown = self._source.token
        if not self._leading and self.token is None and shown is not None:
            self.token = (max(shown[0], self._last + 1), shown[1])
            self.target.fill()

    def take(self, cycle: int) -> None:
        self._last = cycle
        self.token = None
        if not self._leading:
            self._source.take(cycle)
            return
        self._leading -= 1
        if self._leading:
            self.token = (cycle + 1, True)
        else:
            self.fill()

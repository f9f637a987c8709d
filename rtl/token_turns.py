"""Blocks of :mod:`.token_flow` that wait for their turn, and the agenda that gives it.

A :class:`Process` follows when all that led to its token has been done. A :class:`Merge` must know
what comes first: it chooses when nothing earlier can come any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from spikeloom.rtl.token_flow import Block

__all__ = ["Agenda", "EndsOnly", "Fork", "Merge", "Process", "Sink"]


@dataclass
class Agenda:
    """What has something to do.

    Attributes
    ----------
    ready : processes whose sources show something new
    merges : all of the design
    """

    ready: deque[Process] = field(default_factory=deque)
    merges: list[Merge] = field(default_factory=list)

    def run(self) -> None:
        """Until nothing happens any more."""
        while True:
            while self.ready:
                process = self.ready.popleft()
                process.is_ready = False
                process.run()
            # What is not known yet follows from a choice, so it is later than the earliest choice.
            choices = [choice for merge in self.merges if (choice := merge.choice()) is not None]
            if not choices:
                return
            first = min(choices, key=lambda choice: choice.cycle)
            first.merge.choose(first)


class Process:
    """Does what it can when its source shows a token, after all that led to this has been done."""

    def __init__(self, agenda: Agenda):
        self._agenda = agenda
        self.is_ready = False

    def fill(self) -> None:
        if not self.is_ready:
            self.is_ready = True
            self._agenda.ready.append(self)

    def run(self) -> None:
        raise NotImplementedError


class EndsOnly(Block, Process):
    """Drops events as they come."""

    def __init__(self, agenda: Agenda, source: Block):
        Process.__init__(self, agenda)
        self._source = source
        source.target = self

    def run(self) -> None:
        while self.token is None and (shown := self._source.token) is not None:
            if shown[1]:
                self.token = shown
                self.target.fill()
            else:
                self._source.take(shown[0])

    def take(self, cycle: int) -> None:
        self.token = None
        self._source.take(cycle)
        self.fill()


class _Branch(Block):
    """One output of a :class:`Fork`."""

    def __init__(self, fork: Fork):
        self._fork = fork

    def take(self, cycle: int) -> None:
        self.token = None
        self._fork.taken(cycle)


class Fork(Process):
    """Gives each token to several targets, each of which takes it when it can; the next one comes
    when all have."""

    def __init__(self, agenda: Agenda, source: Block):
        super().__init__(agenda)
        self._source = source
        self._branches: list[_Branch] = []
        self._waiting = 0
        self._latest = 0
        source.target = self

    def branch(self) -> Block:
        """One output more."""
        self._branches.append(_Branch(self))
        return self._branches[-1]

    def run(self) -> None:
        if self._waiting or (shown := self._source.token) is None:
            return
        self._waiting = len(self._branches)
        self._latest = 0
        for branch in self._branches:
            branch.token = shown
        for branch in self._branches:
            branch.target.fill()

    def taken(self, cycle: int) -> None:
        self._waiting -= 1
        self._latest = max(self._latest, cycle)
        if not self._waiting:
            self._source.take(self._latest)
            self.fill()


class Sink(Process):
    """Takes everything as it comes.

    Attributes
    ----------
    last : the cycle in which the last token came
    """

    def __init__(self, agenda: Agenda, source: Block):
        super().__init__(agenda)
        self._source = source
        self.last = 0
        source.target = self

    def run(self) -> None:
        while (shown := self._source.token) is not None:
            self.last = shown[0]
            self._source.take(self.last)


@dataclass(frozen=True)
class _Choice:
    """In ``cycle``, ``merge`` takes what ``sources`` show."""

    cycle: int
    merge: Merge
    sources: Sequence[Block]
    is_end: bool


class Merge(Block):
    """All events of a step, in each cycle from the first source that has one, then its end, which
    waits for that of every source.

    Parameters
    ----------
    sources : blocks, and whether each is held: its events come before those of all that are not
    """

    def __init__(self, agenda: Agenda, sources: Sequence[tuple[Block, bool]]):
        self._sources = sources
        self._empty = 0
        agenda.merges.append(self)
        for source, _ in sources:
            source.target = self

    def fill(self) -> None:
        """It chooses when its turn comes."""

    def choice(self) -> _Choice | None:
        """What it takes next, unless something comes before; None if nothing is known yet."""
        if self.token is not None:
            return None
        shown = [source.token for source, _ in self._sources]
        ends = [s[0] for s in shown if s is not None and s[1]]
        if len(ends) == len(shown):
            everything = [source for source, _ in self._sources]
            return _Choice(max(self._empty, *ends), self, everything, is_end=True)
        best: _Choice | None = None
        for (source, is_held), s in zip(self._sources, shown, strict=True):
            earliest = self._empty if is_held else self._after_held
            if s is None or s[1] or earliest is None:
                continue
            cycle = max(s[0], earliest)
            if best is None or cycle < best.cycle:
                best = _Choice(cycle, self, [source], is_end=False)
        return best

    @property
    def _after_held(self) -> int | None:
        """First cycle for events of sources that are not held; None if it is not known yet."""
        shown = [source.token for source, is_held in self._sources if is_held]
        ends = [s[0] for s in shown if s is not None and s[1]]
        return max([self._empty, *ends]) if len(ends) == len(shown) else None

    def choose(self, choice: _Choice) -> None:
        """Take what was chosen."""
        self.token = (choice.cycle + 1, choice.is_end)
        for source in choice.sources:
            source.take(choice.cycle)
        self.target.fill()

    def take(self, cycle: int) -> None:
        self.token = None
        self._empty = cycle

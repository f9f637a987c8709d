"""Cycles of a sample, from the events that are sent in it: the design's flow control without its
arithmetic, token by token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat

from spikeloom.hls_model.network import EVENTS
from spikeloom.rtl.emitter import kept_bits
from spikeloom.rtl.events import PairLayout
from spikeloom.rtl.network import input_layouts
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.token_flow import Block, Delay, Memory, Register, Source
from spikeloom.rtl.token_turns import Agenda, EndsOnly, Fork, Merge, Process, Sink

__all__ = ["Events", "token_cycles"]

_CREDIT_LATENCY = 3
"""Cycles from the one in which a sweep's last entry leaves the emitter's queue to the first sweep
that may take its room."""

Events = Mapping[str, Sequence[Iterable[int]]]
"""By input and population, the addresses that send an event in each step, ascending."""


def token_cycles(plans: Mapping[str, CorePlan], events: Events) -> int:
    """Cycles from a sample's first token to its last output, if the sample runs alone with nothing
    left of one before, its tokens are there when they are taken, and its outputs are taken when
    they are there.

    Parameters
    ----------
    events : of a held input in its first step only
    """
    network = next(iter(plans.values())).network
    agenda = Agenda()
    cores = {name: _Core(agenda, plan, events) for name, plan in plans.items()}
    streams: dict[str, Block] = {}
    for name, layout in input_layouts(network, plans).items():
        per_cycle = 2 if isinstance(layout, PairLayout) else 1
        streams[name] = Source(_tokens(events[name], per_cycle))
    streams |= {n: core.emitters[EVENTS].o for n, core in cores.items() if EVENTS in core.emitters}
    forks = {name: Fork(agenda, stream) for name, stream in streams.items()}
    for core in cores.values():
        core.feed(forks)
    sinks = {}
    for output in network.outputs:
        name, word = output.population, output.source
        stream = forks[name].branch() if word == EVENTS else cores[name].emitters[word].o
        sinks[output] = Sink(agenda, stream)
    for fork in forks.values():
        fork.fill()
    agenda.run()
    return sinks[network.output].last + 1


def _tokens(steps: Sequence[Iterable[int]], per_cycle: int) -> Iterator[bool]:
    """For each token of an input, whether it ends a step; one of two events has an even and an odd
    address, as long as there are both."""
    for step in steps:
        kinds = Counter(address % per_cycle for address in step)
        yield from repeat(False, max(kinds.values(), default=0))
        yield True


class _Core(Process):
    """A core's :class:`.sequencer.Sequencer`, and what lies before and behind it."""

    def __init__(self, agenda: Agenda, plan: CorePlan, events: Events):
        super().__init__(agenda)
        self._plan = plan
        self._free = 0
        """First cycle in which another token is taken."""
        self._paced = 0
        """First cycle in which another sweep may start."""
        self._sweeps = 0
        self.emitters = {word: _Emitter(plan, word, events, self) for word in plan.emitted}

    def feed(self, forks: Mapping[str, Fork]) -> None:
        """Queue what comes from the sources, and join it."""
        plan = self._plan
        queues = []
        for name, delay in plan.sources:
            depth = plan.input_queue
            if delay:
                depth = delay * (plan.network.node(name).size + 1) + 1
            queue = _queue(forks[name].branch(), depth)
            queues.append((Delay(queue, delay) if delay else queue, plan.is_held(name)))
        if plan.marker is not None:
            queue = _queue(forks[plan.marker].branch(), plan.input_queue)
            queues.append((EndsOnly(self._agenda, queue), False))
        is_single = len(queues) == 1 and not plan.sources[0][1]
        self._source = queues[0][0] if is_single else Merge(self._agenda, queues)
        self._source.target = self

    def run(self) -> None:
        while (shown := self._source.token) is not None:
            cycle, is_end = max(shown[0], self._free), shown[1]
            if not is_end:
                self._free = cycle + self._plan.slots
            elif not self._sweep(cycle):
                return
            self._source.take(self._free - 1)

    def _sweep(self, cycle: int) -> bool:
        """Start a sweep as soon as possible; False if it is not known yet when that is."""
        rooms = [emitter.room(self._sweeps) for emitter in self.emitters.values()]
        if any(room is None for room in rooms):
            return False
        start = max([cycle, self._paced, *(room for room in rooms if room is not None)])
        self._free = start + self._plan.issue_cycles
        self._paced = start + self._plan.sweep_interval
        for emitter in self.emitters.values():
            emitter.sweep(self._sweeps, start)
        self._sweeps += 1
        return True


def _queue(source: Block, depth: int) -> Block:
    """An :class:`.streams.EventQueue`."""
    return Register(Memory(depth - 1, source) if depth > 1 else source)


class _Credit(Block):
    """Passes a sweep's entries on, and tells when the last of each has left its queue."""

    def __init__(self, source: Block, waiting: Process):
        self._source = source
        self._waiting = waiting
        self._is_final = False
        self.released: list[int] = []
        """By sweep, the cycle in which its last entry left."""
        source.target = self

    def fill(self) -> None:
        if (shown := self._source.token) is not None:
            self.token = shown
            _, self._is_final = shown[1]
            self.target.fill()

    def take(self, cycle: int) -> None:
        self.token = None
        if self._is_final:
            self.released.append(cycle)
            self._waiting.fill()
        self._source.take(cycle)


class _Splitter(Block):
    """Makes tokens of entries, which say how many events they hold and whether an end follows."""

    def __init__(self, source: Block):
        self._source = source
        self._left = 0
        self._is_final = False
        source.target = self

    def fill(self) -> None:
        if self.token is None and (shown := self._source.token) is not None:
            cycle, (events, self._is_final) = shown
            self._left = events + self._is_final
            self._show(cycle)
            self.target.fill()

    def _show(self, cycle: int) -> None:
        self.token = (cycle, self._is_final and self._left == 1)

    def take(self, cycle: int) -> None:
        self._left -= 1
        if self._left:
            self._show(cycle + 1)
        else:
            self.token = None
            self._source.take(cycle)


class _Emitter:
    """One of a core's emitters (see :mod:`.emitter`).

    Attributes
    ----------
    o : the stream of what it emits
    """

    def __init__(self, plan: CorePlan, word: str, events: Events, core: Process):
        self._plan = plan
        self._events = events
        self._word = word
        is_serial = plan.units == 1
        has_register = not is_serial or plan.family.has_spare_registers
        latency = plan.accumulate_latency + plan.handover_latency + plan.schedule.latency
        self._latency = 1 + latency + has_register
        self._room = (plan.queue_depth - 1) // plan.sweep
        self._entries = Memory(None)
        queue = Register(self._entries)
        if plan.is_queue_in_block(kept_bits(plan, word)):
            queue = Register(queue)
        self._credit = _Credit(queue, core)
        if is_serial:
            self.o = Register(_Splitter(self._credit))
        else:
            self.o = Register(Register(_Splitter(Register(self._credit))))

    def room(self, sweep: int) -> int | None:
        """From when on it has room for a sweep; None if that is not known yet."""
        before = sweep - self._room
        if before < 0:
            return 0
        released = self._credit.released
        return released[before] + _CREDIT_LATENCY if before < len(released) else None

    def sweep(self, step: int, start: int) -> None:
        """Queue those entries in which something fires, and the last."""
        plan = self._plan
        last = plan.sweep - 1
        fired = Counter(address // plan.units for address in self._sent(step))
        fired[last] += 0
        for index, count in fired.items():
            self._entries.put(start + self._latency + index, (count, index == last))

    def _sent(self, step: int) -> Iterable[int]:
        """The addresses that send something in a step: all send their state in the last one."""
        if self._word == EVENTS:
            return map(int, self._events[self._plan.population][step])
        is_last = step == len(next(iter(self._events.values()))) - 1
        return range(self._plan.size if is_last else 0)

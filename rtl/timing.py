"""Cycles of a sample, from the events that are sent in it: the design's flow control without its
arithmetic, token by token.

Exact for a core that hears one stream. Where several streams meet, the core's queues are taken to
be long enough for what arrives, which one entry sometimes is not: some cycles are then missing.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spikeloom.hls_model.network import EVENTS, Output
from spikeloom.rtl.emitter import kept_bits
from spikeloom.rtl.plan import CorePlan

__all__ = ["Events", "token_cycles"]

_QUEUED = 2
"""Cycles of a token through an empty queue of several entries; one through a single entry."""

_MERGED = 1
"""Cycles through the :class:`.streams.Merge`."""

Events = Mapping[str, Sequence[Iterable[int]]]
"""By input and population, the addresses that send an event in each step, ascending."""


def token_cycles(plans: Mapping[str, CorePlan], events: Events) -> int:
    """Cycles from a sample's first token to its last output, if the sample runs alone, its tokens
    are there when they are taken, and its outputs are taken when they are there.

    Parameters
    ----------
    events : of a held input in its first step only
    """
    return _Flow(plans, events).run()


@dataclass
class _Core:
    """What a core waits for.

    Attributes
    ----------
    free : first cycle in which its sequencer takes another token
    swept : cycle in which its last sweep started
    step : of the next sweep
    left : by emitter, the cycle in which its last token left
    queued : cycles in which the tokens in its queue leave that
    arriving : by source, the events of steps that are not complete, and their time
    complete : by source, events and end of each step that has not been swept
    """

    plan: CorePlan
    free: int = 0
    swept: int | None = None
    step: int = 0
    left: dict[str, int] = field(default_factory=dict)
    queued: deque[int] = field(default_factory=deque)
    arriving: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    complete: dict[tuple[str, int], deque[tuple[list[int], int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for source in self.plan.sources:
            _, delay = source
            self.arriving[source] = []
            self.complete[source] = deque(([], 0) for _ in range(delay))

    @property
    def hears_one_stream(self) -> bool:
        (_, delay), *others = self.plan.sources
        return not others and not delay

    @property
    def queue_latency(self) -> int:
        return _QUEUED if self.plan.input_queue > 1 else 1

    def emission_latency(self, word: str) -> int:
        """Cycles from a sweep's start to the first of its tokens."""
        plan = self.plan
        emitter = 6 if plan.units > 1 else 3 + plan.family.has_spare_registers
        emitter += plan.is_queue_in_block(kept_bits(plan, word))
        pipeline = plan.accumulate_latency + plan.handover_latency + plan.schedule.latency
        return 1 + pipeline + emitter


class _Flow:
    """The cores of a network and the tokens between them."""

    def __init__(self, plans: Mapping[str, CorePlan], events: Events):
        self._network = next(iter(plans.values())).network
        self._events = events
        self._steps = len(next(iter(events.values())))
        self._cores = {name: _Core(plan) for name, plan in plans.items()}
        self._joined: deque[_Core] = deque()
        """Cores of several streams to which an end of a step has come."""
        self._targets = {
            name: [
                (self._cores[target], (name, delay))
                for target, delay in {(p.target, p.delay) for p in self._network.out_of(name)}
            ]
            for name in events
        }
        self._end = 0

    def run(self) -> int:
        now = {i.name: 0 for i in self._network.inputs}
        for step in range(self._steps):
            for name in now:
                for end in (*(False for _ in self._events[name][step]), True):
                    now[name] = self._send(name, now[name], end) + 1
            while self._joined:
                self._join(self._joined.popleft())
        return self._end + 1

    def _send(self, name: str, offered: int, end: bool) -> int:
        """When all that listen to ``name`` have taken a token that is there from ``offered`` on."""
        return max(
            [offered, *(self._arrive(c, source, offered, end) for c, source in self._targets[name])]
        )

    def _arrive(self, core: _Core, source: tuple[str, int], offered: int, end: bool) -> int:
        if core.hears_one_stream:
            if len(core.queued) == core.plan.input_queue:
                # A single entry is refilled as it empties.
                offered = max(offered, core.queued.popleft() + (core.plan.input_queue > 1))
            self._take(core, offered + core.queue_latency, end)
            core.queued.append(core.free - 1)
        elif end:
            at = offered + core.queue_latency + _MERGED
            core.complete[source].append((core.arriving[source], at))
            core.arriving[source] = []
            self._joined.append(core)
        else:
            core.arriving[source].append(offered + core.queue_latency + _MERGED)
        return offered

    def _join(self, core: _Core) -> None:
        """Take the steps that have come from all sources; what is held comes first."""
        while all(core.complete.values()) and core.step < self._steps:
            steps = {source: waiting.popleft() for source, waiting in core.complete.items()}
            held = max((e for (n, _), (_, e) in steps.items() if core.plan.is_held(n)), default=0)
            times = [
                at if core.plan.is_held(name) else max(at, held)
                for (name, _), (events, _) in steps.items() for at in events
            ]
            for at in sorted(times):
                self._take(core, at, end=False)
            self._take(core, max(end for _, end in steps.values()), end=True)

    def _take(self, core: _Core, at: int, end: bool) -> None:
        """The sequencer takes a token that is there from ``at`` on."""
        plan, at = core.plan, max(at, core.free)
        if not end:
            core.free = at + plan.slots
            return
        if core.swept is not None:
            at = max(at, core.swept + plan.sweep_interval)
        core.swept, core.free = at, at + plan.issue_cycles
        step = core.step
        core.step += 1
        if plan.emits_events:
            self._emit(core, at, EVENTS, self._events[plan.population][step])
        if plan.readout is not None:
            read = range(plan.size if step == self._steps - 1 else 0)
            self._emit(core, at, plan.readout, read)

    def _emit(self, core: _Core, swept: int, word: str, addresses: Iterable[int]) -> None:
        """Send what a sweep gives off: a token per cycle, as its entries come."""
        plan = core.plan
        first = swept + core.emission_latency(word)
        entries = [*((int(a) // plan.units, False) for a in addresses), (plan.sweep - 1, True)]
        left = core.left.get(word, -1)
        for entry, end in entries:
            offered = max(left + 1, first + entry)
            left = self._send(plan.population, offered, end) if word == EVENTS else offered
        core.left[word] = left
        if Output(plan.population, word) == self._network.output:
            self._end = left

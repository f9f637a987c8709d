"""Plans with what they take, and which of them to take together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from spikeloom.hls_model.network import Network
from spikeloom.rtl.budget import Budget, LatencyBound
from spikeloom.rtl.candidates import Knobs, candidates
from spikeloom.rtl.cycles import sample_cycles, step_cycles
from spikeloom.rtl.estimate import Estimate, estimate, total
from spikeloom.rtl.families import Family
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.timing import Events, token_cycles

__all__ = ["Choice", "Choices", "choices_of", "quickest", "smallest", "weight_kinds"]

_LUTS_PER_BLOCK = 40
"""What a block RAM counts when plans are compared by size."""

_DEARER = (_LUTS_PER_BLOCK, 200, 1000)
"""The same, more and more until block RAMs suffice."""

_BLOCK_PRICES = (1, 10, *_DEARER)
"""The same where look-up tables are what is saved."""

_AHEAD = (0.25, 0.5)
"""Parts of the slowest core's time that the others should take if there is room: events come in
bursts, and a core that is just fast enough on average holds its source up."""

_FULLER = 1.1
"""Plans that take up to so many times the cycles of the fastest are better if the device is less
full with them: place and route are sure and quick."""


@dataclass(frozen=True)
class Choice:
    """A plan with its estimate and its cycles per step."""

    plan: CorePlan
    estimate: Estimate
    cycles: float

    def size(self, block_price: int) -> float:
        return self.estimate.luts + block_price * self.estimate.blocks


Choices = Mapping[str, list[Choice]]
"""By population."""


def choices_of(
    network: Network,
    family: Family,
    target_mhz: float,
    knobs: Knobs,
    activity: Mapping[str, float] | None,
) -> Choices:
    return {
        p.name: [
            Choice(plan, estimate(plan), step_cycles(plan, activity))
            for plan in candidates(network, p.name, family, target_mhz, knobs)
        ]
        for p in network.populations
    }


def weight_kinds(choices: Choices) -> Iterator[Choices]:
    """What is left of them with as few populations in SPRAM as must be, then with one more, and so
    on."""
    for spram in _spram_users(choices):
        yield {
            name: [c for c in plans if (c.plan.weights == "spram") == (name in spram)]
            for name, plans in choices.items()
        }


def _spram_users(choices: Choices) -> Iterator[set[str]]:
    """Sets of populations that use SPRAM: those that must, then one more, and so on."""
    kinds = {name: {c.plan.weights == "spram" for c in plans} for name, plans in choices.items()}
    must = {name for name, found in kinds.items() if found == {True}}
    may = [name for name, found in kinds.items() if found == {True, False}]
    for count in range(len(may) + 1):
        for more in combinations(may, count):
            yield must | set(more)


def quickest(
    choices: Choices, budget: Budget | None, events: Sequence[Events] = ()
) -> list[CorePlan] | None:
    """The plans with the fastest steps that fit; None if nothing does."""
    chosen = _quickest_in(choices, budget)
    if chosen is not None and budget is not None and not _fits(chosen, budget.easy):
        roomier = _quickest_in(choices, budget.easy)
        if roomier is not None:
            cycles = [_cycles(c, events, _slowest(c)) for c in (roomier, chosen)]
            if cycles[0] <= _FULLER * cycles[1]:
                chosen = roomier
    return None if chosen is None else [choice.plan for choice in chosen]


def _quickest_in(choices: Choices, budget: Budget | None) -> list[Choice] | None:
    for limit in sorted({choice.cycles for plans in choices.values() for choice in plans}):
        ahead = ((part, _LUTS_PER_BLOCK) for part in _AHEAD)
        for part, price in (*ahead, *((1.0, price) for price in _DEARER)):
            chosen = _chosen(choices, limit, part, price)
            if chosen is not None and _fits(chosen, budget):
                return chosen
    return None


def _cycles(chosen: list[Choice], events: Sequence[Events], expected: float) -> float:
    """Mean cycles of samples with such ``events``; without any, what is ``expected``."""
    plans = {choice.plan.population: choice.plan for choice in chosen}
    return fmean([token_cycles(plans, sample) for sample in events] or [expected])


def _slowest(chosen: list[Choice]) -> float:
    return max(choice.cycles for choice in chosen)


def smallest(
    choices: Choices,
    budget: Budget | None,
    bound: LatencyBound,
    activity: Mapping[str, float] | None,
    events: Sequence[Events],
) -> tuple[list[CorePlan] | None, float | None]:
    """The smallest plans within the bound; and the cycles per sample of the fastest that fit."""
    found: dict[tuple[float, float], list[Choice]] = {}
    for limit in sorted({choice.cycles for plans in choices.values() for choice in plans}):
        for price in _BLOCK_PRICES:
            chosen = _chosen(choices, limit, 1.0, price)
            if chosen is None or not _fits(chosen, budget):
                continue
            size = sum(choice.size(1) for choice in chosen)
            expected = sample_cycles([c.plan for c in chosen], bound.steps, activity)
            found[size, expected] = chosen
    for size, expected in sorted(found):
        chosen = found[size, expected]
        # The slowest core alone takes so long; bursts and back-pressure come on top of that.
        if bound.steps * max(choice.cycles for choice in chosen) <= bound.cycles:
            cycles = _cycles(chosen, events, expected)
            if cycles <= bound.cycles:
                return [choice.plan for choice in chosen], cycles
    if not found:
        return None, None
    size, expected = min(found, key=lambda key: key[1])
    return None, _cycles(found[size, expected], events, expected)


def _chosen(
    choices: Choices, limit: float, part: float, block_price: int
) -> list[Choice] | None:
    """For each population the smallest choice that keeps within ``limit``, and within ``part`` of
    it if any does; None if one has none."""
    chosen = []
    for plans in choices.values():
        quickest = min((choice.cycles for choice in plans), default=0.0)
        quick = [c for c in plans if c.cycles <= min(limit, max(part * limit, quickest))]
        if not quick:
            return None
        chosen.append(min(quick, key=lambda c: (c.size(block_price), c.cycles)))
    return chosen


def _fits(chosen: list[Choice], budget: Budget | None) -> bool:
    return budget is None or budget.has_room_for(total(c.estimate for c in chosen))

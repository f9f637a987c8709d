"""Chooses the knobs of every core so that a network fits a device at the lowest latency."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from spikeloom.hls_model.errors import FitError
from spikeloom.hls_model.network import Network
from spikeloom.rtl.estimate import Estimate, estimate, step_cycles
from spikeloom.rtl.families import Family
from spikeloom.rtl.plan import CorePlan

__all__ = ["Budget", "fit"]

Knob = int | Mapping[str, int] | None
"""One value for all populations, values by population, or free."""

_LUTS_PER_BLOCK = 40
"""What a block RAM counts when plans are compared by size."""

_WIDER_BANKS = 1.15
"""Part of additional block RAMs that narrower banks, which clock faster, may cost."""


@dataclass(frozen=True)
class Budget:
    """What a design may use of a device.

    Attributes
    ----------
    name : of the device, for messages
    luts : 4-input look-up tables
    blocks : block RAMs
    """

    name: str
    luts: int
    blocks: int


_AHEAD = 0.25
"""Part of the slowest core's time that the others should take if there is room: events come in
bursts, and a core that is just fast enough on average holds its source up."""


@dataclass(frozen=True)
class _Choice:
    """A plan with its estimate and its cycles per step."""

    plan: CorePlan
    estimate: Estimate
    cycles: float


def fit(
    network: Network,
    family: Family,
    target_mhz: float,
    budget: Budget | None = None,
    *,
    lanes: Knob = None,
    units: Knob = None,
    activity: Mapping[str, float] | None = None,
) -> dict[str, CorePlan]:
    """Plans for all populations: the fastest whose estimate stays within ``budget``.

    ``activity``, the mean number of events per step by input and population, tells how much
    accumulating outweighs sweeping. The slowest core decides a step's time, since cores run
    concurrently: the cheapest plan of each core that is no slower than the slowest is taken.

    Raises
    ------
    FitError
        If a knob makes no sense for a population, or nothing fits.
    """
    for name in {*_names(lanes), *_names(units)} - {p.name for p in network.populations}:
        raise FitError(
            f"lanes and units go by population, one of {[p.name for p in network.populations]}, "
            f"not {name!r}"
        )
    choices = {
        p.name: [
            _Choice(plan, estimate(plan), step_cycles(plan, activity))
            for plan in _candidates(network, p.name, family, target_mhz, lanes, units)
        ]
        for p in network.populations
    }
    bounds = sorted({choice.cycles for plans in choices.values() for choice in plans})
    for bound in bounds:
        for part in (_AHEAD, 1.0):
            chosen = [_cheapest(plans, bound, part) for plans in choices.values()]
            plans = [choice.plan for choice in chosen if choice is not None]
            if len(plans) == len(choices) and _fits(plans, budget):
                return {plan.population: plan for plan in plans}
    raise FitError(_refusal(network, choices, budget))


def _candidates(
    network: Network, name: str, family: Family, target_mhz: float, lanes: Knob, units: Knob
) -> Iterator[CorePlan]:
    """Useful plans of one population."""
    size = network.population(name).size
    chosen_lanes, chosen_units = _knob(lanes, name), _knob(units, name)
    if chosen_lanes is not None:
        lane_choices = [min(chosen_lanes, size) if isinstance(lanes, int) else chosen_lanes]
    else:
        lane_choices = sorted({ceil(size / slots) for slots in range(1, size + 1)})
    for l in lane_choices:
        unit_choices = [u for u in range(1, l + 1) if l % u == 0]
        if isinstance(units, int):
            unit_choices = [max(u for u in unit_choices if u <= units)]
        elif chosen_units is not None:
            unit_choices = [chosen_units]
        for u in unit_choices:
            yield _with_banks(network, name, family, target_mhz, l, u)


def _with_banks(
    network: Network, name: str, family: Family, target_mhz: float, lanes: int, units: int
) -> CorePlan:
    """As many banks as hardly cost block RAMs: short wires between weights and accumulators."""
    ratio = max(lanes // max(units, 1), 1)
    plans = [
        CorePlan(network, name, family, target_mhz, lanes, units, banks)
        for banks in range(1, ratio + 1)
        if ratio % banks == 0
    ]
    fewest = min(estimate(plan).blocks for plan in plans)
    return max(
        (p for p in plans if estimate(p).blocks <= fewest * _WIDER_BANKS), key=lambda p: p.banks
    )


def _names(knob: Knob) -> set[str]:
    return set(knob) if isinstance(knob, Mapping) else set()


def _knob(knob: Knob, name: str) -> int | None:
    if isinstance(knob, Mapping):
        return knob.get(name)
    if knob is not None and knob < 1:
        raise FitError(f"lanes and units must be at least 1, not {knob}")
    return knob


def _cheapest(choices: list[_Choice], bound: float, part: float) -> _Choice | None:
    """The smallest choice that keeps within ``bound``, and within ``part`` of it if any does."""
    limit = min(bound, max(part * bound, min(choice.cycles for choice in choices)))
    quick = [choice for choice in choices if choice.cycles <= limit]
    size = {id(c): c.estimate.luts + _LUTS_PER_BLOCK * c.estimate.blocks for c in quick}
    return min(quick, key=lambda c: (size[id(c)], c.cycles), default=None)


def _fits(plans: list[CorePlan], budget: Budget | None) -> bool:
    if budget is None:
        return True
    estimates = [estimate(plan) for plan in plans]
    luts = sum(e.luts for e in estimates)
    return luts <= budget.luts and sum(e.blocks for e in estimates) <= budget.blocks


def _refusal(
    network: Network, choices: Mapping[str, list[_Choice]], budget: Budget | None
) -> str:
    if budget is None:
        return "no plan suits the knobs of all populations; leave lanes and units free"
    luts = sum(min(c.estimate.luts for c in plans) for plans in choices.values())
    blocks = sum(min(c.estimate.blocks for c in plans) for plans in choices.values())
    bits = max(p.bits for p in network.projections)
    return (
        f"the network does not fit {budget.name}: it needs at least {luts} LUTs and {blocks} block "
        f"RAMs for its cores, and there are {budget.luts} and {budget.blocks} beside the link; "
        f"quantize to fewer than {bits} bits, use fewer neurons, or choose a larger board"
    )

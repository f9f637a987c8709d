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
    choices = {
        p.name: [
            (plan, estimate(plan), step_cycles(plan, activity))
            for plan in _candidates(network, p.name, family, target_mhz, lanes, units)
        ]
        for p in network.populations
    }
    bounds = sorted({cycles for plans in choices.values() for _, _, cycles in plans})
    for bound in bounds:
        chosen = {}
        for name, plans in choices.items():
            quick = [c for c in plans if c[2] <= bound]
            if quick:
                chosen[name] = min(quick, key=lambda c: (c[1].luts + 40 * c[1].blocks, c[2]))
        if len(chosen) == len(choices) and _fits([e for _, e, _ in chosen.values()], budget):
            return {name: plan for name, (plan, _, _) in chosen.items()}
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


def _knob(knob: Knob, name: str) -> int | None:
    if isinstance(knob, Mapping):
        return knob.get(name)
    if knob is not None and knob < 1:
        raise FitError(f"lanes and units must be at least 1, not {knob}")
    return knob


def _fits(estimates: list[Estimate], budget: Budget | None) -> bool:
    if budget is None:
        return True
    luts = sum(e.luts for e in estimates)
    return luts <= budget.luts and sum(e.blocks for e in estimates) <= budget.blocks


def _refusal(network: Network, choices: Mapping[str, list], budget: Budget | None) -> str:
    if budget is None:
        return "no plan suits the knobs of all populations; leave lanes and units free"
    luts = sum(min(e.luts for _, e, _ in plans) for plans in choices.values())
    blocks = sum(min(e.blocks for _, e, _ in plans) for plans in choices.values())
    bits = max(p.bits for p in network.projections)
    return (
        f"the network does not fit {budget.name}: it needs at least {luts} LUTs and {blocks} block "
        f"RAMs for its cores, and there are {budget.luts} and {budget.blocks} beside the link; "
        f"quantize to fewer than {bits} bits, use fewer neurons, or choose a larger board"
    )

"""The plans of a population that are worth comparing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil

from spikeloom.hls_model.errors import FitError
from spikeloom.hls_model.network import Network
from spikeloom.rtl.estimate import estimate
from spikeloom.rtl.families import Family
from spikeloom.rtl.plan import CorePlan

__all__ = ["Kind", "Knob", "Knobs", "candidates"]

Knob = int | Mapping[str, int] | None
"""One value for all populations, values by population, or free."""

Kind = str | Mapping[str, str] | None
"""The same for the kinds of memory that a plan names."""

_WIDER_BANKS = 1.15
"""Part of additional tables or block RAMs that narrower banks, which clock faster, may cost."""

_UNIT_FACTORS = (3, 4, 8)
"""Numbers of units, or factors of them, for which lanes are rounded up."""

_FEW_SLOTS = 4
"""Up to so many slots, accumulators in registers may be the smaller ones."""


@dataclass(frozen=True)
class Knobs:
    """What the user has chosen; the rest is free."""

    lanes: Knob = None
    units: Knob = None
    accumulators: Kind = None
    weights: Kind = None
    events_per_cycle: int = 1

    def check_names(self, network: Network) -> None:
        """Refuse values for populations that there are not.

        Raises
        ------
        FitError
        """
        populations = [p.name for p in network.populations]
        given = (self.lanes, self.units, self.accumulators, self.weights)
        named = {name for knob in given if isinstance(knob, Mapping) for name in knob}
        for name in named - {*populations}:
            raise FitError(f"lanes and units go by population, one of {populations}, not {name!r}")


def candidates(
    network: Network, name: str, family: Family, target_mhz: float, knobs: Knobs
) -> Iterator[CorePlan]:
    """Useful plans of one population.

    Raises
    ------
    FitError
        If a knob makes no sense for it.
    """
    size = network.population(name).size
    inputs = {i.name for i in network.inputs}
    hears_input = any(p.source in inputs for p in network.into(name))
    # What populations send comes one event at a time.
    per_cycle = knobs.events_per_cycle if hears_input else 1
    chosen_lanes, chosen_units = _knob(knobs.lanes, name), _knob(knobs.units, name)
    if chosen_lanes is not None:
        lane_choices = [min(chosen_lanes, size) if isinstance(knobs.lanes, int) else chosen_lanes]
    else:
        lane_choices = _useful_lanes(size)
    for l in lane_choices:
        unit_choices = [u for u in range(1, l + 1) if l % u == 0]
        if isinstance(knobs.units, int):
            unit_choices = [max(u for u in unit_choices if u <= knobs.units)]
        elif chosen_units is not None:
            unit_choices = [chosen_units]
        for u in unit_choices:
            plan = CorePlan(
                network, name, family, target_mhz, l, u, 1, events_per_cycle=per_cycle
            )
            for accumulators in _accumulator_kinds(plan, _kind(knobs.accumulators, name)):
                for weights in _weight_kinds(plan, _kind(knobs.weights, name)):
                    yield _with_banks(replace(plan, accumulators=accumulators, weights=weights))


def _useful_lanes(size: int) -> list[int]:
    """For each number of slots the fewest lanes, and a few more that several numbers of units
    divide."""
    fewest = {ceil(size / slots) for slots in range(1, size + 1)}
    more = {ceil(lanes / factor) * factor for lanes in fewest for factor in _UNIT_FACTORS}
    return sorted(
        lanes for lanes in fewest | more
        if lanes <= size and any(ceil(size / lanes) == ceil(size / least) for least in fewest)
    )


def _accumulator_kinds(plan: CorePlan, chosen: str | None) -> list[str]:
    if chosen is not None:
        return [chosen]
    kinds = [*plan.accumulator_kinds]
    if plan.slots > _FEW_SLOTS:
        kinds.remove("registers")
    return kinds


def _weight_kinds(plan: CorePlan, chosen: str | None) -> list[str]:
    if chosen is not None:
        return [chosen]
    return ["bitstream", "spram"] if plan.rows <= plan.family.spram_words else ["bitstream"]


def _with_banks(plan: CorePlan) -> CorePlan:
    """As many banks as hardly cost block RAMs: short wires between weights and accumulators. What
    lies in one memory anyway stays together."""
    if plan.accumulators != "registers" or plan.weights == "spram":
        return plan
    ratio = max(plan.lanes // plan.units, 1)
    plans = [replace(plan, banks=banks) for banks in range(1, ratio + 1) if ratio % banks == 0]
    sizes = {p.banks: estimate(p) for p in plans}
    luts = min(size.luts for size in sizes.values())
    # Narrow banks may be so small that they would become tables.
    plans = [p for p in plans if sizes[p.banks].luts <= luts * _WIDER_BANKS]
    blocks = min(sizes[p.banks].blocks for p in plans)
    return max(
        (p for p in plans if sizes[p.banks].blocks <= blocks * _WIDER_BANKS),
        key=lambda p: p.banks,
    )


def _knob(knob: Knob, name: str) -> int | None:
    if isinstance(knob, Mapping):
        return knob.get(name)
    if knob is not None and knob < 1:
        raise FitError(f"lanes and units must be at least 1, not {knob}")
    return knob


def _kind(kind: Kind, name: str) -> str | None:
    return kind.get(name) if isinstance(kind, Mapping) else kind

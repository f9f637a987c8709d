"""Chooses the knobs of every core so that a network fits a device: as fast as possible, or as small
as a bound on its latency allows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil
from statistics import fmean

from spikeloom.hls_model.errors import FitError
from spikeloom.hls_model.network import Network
from spikeloom.rtl.cycles import sample_cycles, step_cycles
from spikeloom.rtl.estimate import Estimate, estimate, total
from spikeloom.rtl.families import Family
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.timing import Events, token_cycles

__all__ = ["Budget", "Kind", "Knob", "LatencyBound", "fit"]

Knob = int | Mapping[str, int] | None
"""One value for all populations, values by population, or free."""

Kind = str | Mapping[str, str] | None
"""The same for the kinds of memory that a plan names."""

_LUTS_PER_BLOCK = 40
"""What a block RAM counts when plans are compared by size."""

_DEARER = (_LUTS_PER_BLOCK, 200, 1000)
"""The same, more and more until block RAMs suffice."""

_BLOCK_PRICES = (1, 10, *_DEARER)
"""The same where look-up tables are what is saved."""

_WIDER_BANKS = 1.15
"""Part of additional tables or block RAMs that narrower banks, which clock faster, may cost."""

_AHEAD = 0.25
"""Part of the slowest core's time that the others should take if there is room: events come in
bursts, and a core that is just fast enough on average holds its source up."""

_FULLER = 1.1
"""Plans that take up to so many times the cycles of the fastest are better if the device is less
full with them: place and route are sure and quick."""

_UNIT_FACTORS = (3, 4, 8)
"""Numbers of units, or factors of them, for which lanes are rounded up."""

_FEW_SLOTS = 4
"""Up to so many slots, accumulators in registers may be the smaller ones."""


@dataclass(frozen=True)
class Budget:
    """What a design may use of a device.

    Attributes
    ----------
    name : of the device, for messages
    luts : 4-input look-up tables
    blocks : block RAMs
    sprams : SPRAMs
    multipliers : hardware multipliers
    lut_rams : look-up-table RAMs; None: as many as tables allow
    easy_luts : more tables than these only for what is a good deal faster; None: ``luts``
    """

    name: str
    luts: int
    blocks: int
    sprams: int = 0
    multipliers: int = 0
    lut_rams: int | None = None
    easy_luts: int | None = None

    def has_room_for(self, needed: Estimate) -> bool:
        return (
            needed.luts <= self.luts
            and needed.blocks <= self.blocks
            and needed.sprams <= self.sprams
            and needed.multipliers <= self.multipliers
            and (self.lut_rams is None or needed.lut_rams <= self.lut_rams)
        )

    @property
    def easy(self) -> "Budget":
        """The same, less full."""
        return self if self.easy_luts is None else replace(self, luts=self.easy_luts)


@dataclass(frozen=True)
class LatencyBound:
    """The longest that a sample may take, on average; what keeps to it is made small.

    Attributes
    ----------
    microseconds : the bound
    steps : of a sample
    clock_mhz : what the device will run at
    samples : events of typical samples, which keep to it exactly; without any, it is kept by the
        estimate from mean activity
    """

    microseconds: float
    steps: int
    clock_mhz: float
    samples: Sequence[Events] = ()

    @property
    def cycles(self) -> float:
        return self.microseconds * self.clock_mhz

    def measured(self, plans: Sequence[CorePlan], expected: float) -> float:
        """Mean cycles of the samples; ``expected`` if there are none."""
        cores = {plan.population: plan for plan in plans}
        return fmean([token_cycles(cores, s) for s in self.samples] or [expected])


@dataclass(frozen=True)
class _Choice:
    """A plan with its estimate and its cycles per step."""

    plan: CorePlan
    estimate: Estimate
    cycles: float

    def size(self, block_price: int) -> float:
        return self.estimate.luts + block_price * self.estimate.blocks


@dataclass(frozen=True)
class _Knobs:
    lanes: Knob
    units: Knob
    accumulators: Kind
    weights: Kind
    events_per_cycle: int = 1


def fit(
    network: Network,
    family: Family,
    target_mhz: float,
    budget: Budget | None = None,
    *,
    lanes: Knob = None,
    units: Knob = None,
    accumulators: Kind = None,
    weights: Kind = None,
    events_per_cycle: int = 1,
    activity: Mapping[str, float] | None = None,
    bound: LatencyBound | None = None,
) -> dict[str, CorePlan]:
    """Plans for all populations whose estimate stays within ``budget``.

    Without a ``bound`` they are the fastest; with one, those with the fewest look-up tables that
    take a sample in that time, those of the bound by their exact cycles. SPRAM, which must be
    loaded before anything runs, is used only by networks that do not fit otherwise.

    ``activity``, the mean number of events per step by input and population, tells how much
    accumulating outweighs sweeping. The slowest core decides a step's time, since cores run
    concurrently: the cheapest plan of each core that is no slower than the slowest is taken.

    Raises
    ------
    FitError
        If a knob makes no sense for a population, nothing fits, or nothing is fast enough.
    """
    knobs = _Knobs(lanes, units, accumulators, weights, events_per_cycle)
    _check_names(network, knobs)
    choices = _choices(network, family, target_mhz, knobs, activity)
    fastest: float | None = None
    for spram in _spram_users(choices):
        allowed = {name: _with_weights(plans, name in spram) for name, plans in choices.items()}
        if bound is None:
            plans = _quickest(allowed, budget)
        else:
            plans, quickest = _smallest(allowed, budget, bound, activity)
            fastest = min(q for q in (fastest, quickest) if q is not None) if quickest else fastest
        if plans is not None:
            return {plan.population: plan for plan in plans}
    if bound is not None and fastest is not None:
        raise FitError(_too_slow(bound, fastest, budget))
    raise FitError(_refusal(network, family, choices, budget))


def _choices(
    network: Network,
    family: Family,
    target_mhz: float,
    knobs: _Knobs,
    activity: Mapping[str, float] | None,
) -> dict[str, list[_Choice]]:
    return {
        p.name: [
            _Choice(plan, estimate(plan), step_cycles(plan, activity))
            for plan in _candidates(network, p.name, family, target_mhz, knobs)
        ]
        for p in network.populations
    }


def _spram_users(choices: Mapping[str, list[_Choice]]) -> Iterator[set[str]]:
    """Sets of populations that use SPRAM: those that must, then one more, and so on."""
    kinds = {name: {c.plan.weights == "spram" for c in plans} for name, plans in choices.items()}
    must = {name for name, found in kinds.items() if found == {True}}
    may = [name for name, found in kinds.items() if found == {True, False}]
    for count in range(len(may) + 1):
        for more in combinations(may, count):
            yield must | set(more)


def _with_weights(plans: list[_Choice], in_spram: bool) -> list[_Choice]:
    return [c for c in plans if (c.plan.weights == "spram") == in_spram]


def _quickest(
    choices: Mapping[str, list[_Choice]], budget: Budget | None
) -> list[CorePlan] | None:
    chosen = _quickest_in(choices, budget)
    if chosen is not None and budget is not None and not _fits(chosen, budget.easy):
        roomier = _quickest_in(choices, budget.easy)
        if roomier is not None and _slowest(roomier) <= _FULLER * _slowest(chosen):
            chosen = roomier
    return None if chosen is None else [choice.plan for choice in chosen]


def _quickest_in(
    choices: Mapping[str, list[_Choice]], budget: Budget | None
) -> list[_Choice] | None:
    for limit in sorted({choice.cycles for plans in choices.values() for choice in plans}):
        for part, price in ((_AHEAD, _LUTS_PER_BLOCK), *((1.0, price) for price in _DEARER)):
            chosen = _chosen(choices, limit, part, price)
            if chosen is not None and _fits(chosen, budget):
                return chosen
    return None


def _slowest(chosen: list[_Choice]) -> float:
    return max(choice.cycles for choice in chosen)


def _smallest(
    choices: Mapping[str, list[_Choice]],
    budget: Budget | None,
    bound: LatencyBound,
    activity: Mapping[str, float] | None,
) -> tuple[list[CorePlan] | None, float | None]:
    """The smallest plans within the bound; and the cycles per sample of the fastest that fit."""
    found: dict[tuple[float, float], list[_Choice]] = {}
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
            plans = [choice.plan for choice in chosen]
            cycles = bound.measured(plans, expected)
            if cycles <= bound.cycles:
                return plans, cycles
    if not found:
        return None, None
    size, expected = min(found, key=lambda key: key[1])
    return None, bound.measured([c.plan for c in found[size, expected]], expected)


def _check_names(network: Network, knobs: _Knobs) -> None:
    populations = [p.name for p in network.populations]
    given = (knobs.lanes, knobs.units, knobs.accumulators, knobs.weights)
    for name in {n for knob in given if isinstance(knob, Mapping) for n in knob} - {*populations}:
        raise FitError(f"lanes and units go by population, one of {populations}, not {name!r}")


def _candidates(
    network: Network, name: str, family: Family, target_mhz: float, knobs: _Knobs
) -> Iterator[CorePlan]:
    """Useful plans of one population."""
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


def _chosen(
    choices: Mapping[str, list[_Choice]], limit: float, part: float, block_price: int
) -> list[_Choice] | None:
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


def _fits(chosen: list[_Choice], budget: Budget | None) -> bool:
    return budget is None or budget.has_room_for(total(c.estimate for c in chosen))


def _too_slow(bound: LatencyBound, cycles: float, budget: Budget | None) -> str:
    where = f"fits {budget.name}" if budget is not None else "there is"
    return (
        f"no build takes a sample of {bound.steps} steps in at most {bound.microseconds:g} µs: the "
        f"fastest that {where} takes about {ceil(10 * cycles / bound.clock_mhz) / 10:.1f} µs at "
        f"{bound.clock_mhz:g} MHz; allow that, raise the target clock, or choose a larger board"
    )


def _refusal(
    network: Network, family: Family, choices: Mapping[str, list[_Choice]], budget: Budget | None
) -> str:
    if budget is None:
        return "no plan suits the knobs of all populations; leave lanes and units free"
    luts = sum(min(c.estimate.luts for c in plans) for plans in choices.values())
    blocks = sum(min(c.estimate.blocks for c in plans) for plans in choices.values())
    products = sum(min(c.estimate.multipliers for c in plans) for plans in choices.values())
    if products > budget.multipliers:
        return (
            f"the network does not fit {budget.name}: its products need at least "
            f"{products:g} multipliers, and there are {budget.multipliers}; narrow its weights, "
            "events or states, or choose a larger board"
        )
    rams = sum(min(c.estimate.lut_rams for c in plans) for plans in choices.values())
    if budget.lut_rams is not None and rams > budget.lut_rams:
        return (
            f"the network does not fit {budget.name}: its queues, states and sums need at least "
            f"{rams} look-up-table RAMs, and there are {budget.lut_rams}; use fewer neurons or "
            "units, or choose a larger board"
        )
    bits = max(p.bits for p in network.projections)
    return (
        f"the network does not fit {budget.name}: it needs at least {luts} LUTs and {blocks} block "
        f"RAMs for its cores, and there are {budget.luts} and {budget.blocks} beside the link; "
        f"{_remedy(network, family, choices, budget, bits)}"
    )


def _remedy(
    network: Network,
    family: Family,
    choices: Mapping[str, list[_Choice]],
    budget: Budget,
    bits: int,
) -> str:
    """The fewest bits taken from the weights with which it would fit, or what else there is."""
    mhz = next(iter(choices.values()))[0].plan.target_mhz
    for fewer in range(bits - 1, 1, -1):
        narrowed = replace(
            network,
            projections=tuple(
                replace(p, weights=p.weights >> max(p.bits - fewer, 0), bits=min(p.bits, fewer))
                for p in network.projections
            ),
        )
        free = _choices(narrowed, family, mhz, _Knobs(None, None, None, None), None)
        for spram in _spram_users(free):
            if _quickest({n: _with_weights(c, n in spram) for n, c in free.items()}, budget):
                return f"quantize to {fewer} bits, or choose a larger board"
    return f"fewer than {bits} bits do not help; use fewer neurons, or choose a larger board"

"""Chooses the knobs of every core so that a network fits a device: as fast as possible, or as small
as a bound on its latency allows."""

from collections.abc import Mapping, Sequence

from spikeloom.hls_model.errors import FitError
from spikeloom.hls_model.network import Network
from spikeloom.rtl.budget import Budget, LatencyBound
from spikeloom.rtl.candidates import Kind, Knob, Knobs
from spikeloom.rtl.choice import choices_of, quickest, smallest, weight_kinds
from spikeloom.rtl.families import Family
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.refusal import does_not_fit, too_slow
from spikeloom.rtl.timing import Events

__all__ = ["fit"]


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
    events: Sequence[Events] = (),
    bound: LatencyBound | None = None,
) -> dict[str, CorePlan]:
    """Plans for all populations whose estimate stays within ``budget``.

    Without a ``bound`` they are the fastest; with one, those with the fewest look-up tables that
    keep it. SPRAM, which must be loaded before anything runs, is used only by networks that do not
    fit otherwise.

    ``activity``, the mean number of events per step by input and population, tells how much
    accumulating outweighs sweeping. The slowest core decides a step's time, since cores run
    concurrently: the cheapest plan of each core that is no slower than the slowest is taken. Where
    ``events`` of typical samples are known, a bound is kept by their exact cycles, and a device
    filled further only if these repay it.

    Raises
    ------
    FitError
        If a knob makes no sense for a population, nothing fits, or nothing is fast enough.
    """
    knobs = Knobs(lanes, units, accumulators, weights, events_per_cycle)
    knobs.check_names(network)
    choices = choices_of(network, family, target_mhz, knobs, activity)
    fastest: float | None = None
    for allowed in weight_kinds(choices):
        if bound is None:
            plans = quickest(allowed, budget, events)
        else:
            plans, cycles = smallest(allowed, budget, bound, activity, events)
            fastest = min((c for c in (fastest, cycles) if c is not None), default=None)
        if plans is not None:
            return {plan.population: plan for plan in plans}
    if bound is not None and fastest is not None:
        raise FitError(too_slow(bound, fastest, budget))
    raise FitError(does_not_fit(network, family, choices, budget))

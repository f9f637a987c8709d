"""Why nothing fits, or nothing is fast enough, and the smallest change with which it would."""

from dataclasses import replace
from math import ceil

from spikeloom.hls_model.network import Network
from spikeloom.rtl.budget import Budget, LatencyBound
from spikeloom.rtl.candidates import Knobs
from spikeloom.rtl.choice import Choices, choices_of, quickest, weight_kinds
from spikeloom.rtl.families import Family

__all__ = ["does_not_fit", "too_slow"]


def too_slow(bound: LatencyBound, cycles: float, budget: Budget | None) -> str:
    where = f"fits {budget.name}" if budget is not None else "there is"
    return (
        f"no build takes a sample of {bound.steps} steps in at most {bound.microseconds:g} µs: the "
        f"fastest that {where} takes about {ceil(10 * cycles / bound.clock_mhz) / 10:.1f} µs at "
        f"{bound.clock_mhz:g} MHz; allow that, raise the target clock, or choose a larger board"
    )


def does_not_fit(
    network: Network, family: Family, choices: Choices, budget: Budget | None
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
    choices: Choices,
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
        free = choices_of(narrowed, family, mhz, Knobs(), None)
        if any(quickest(plans, budget) for plans in weight_kinds(free)):
            return f"quantize to {fewer} bits, or choose a larger board"
    return f"fewer than {bits} bits do not help; use fewer neurons, or choose a larger board"

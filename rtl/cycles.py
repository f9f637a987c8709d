"""Cycles of steps and samples from mean numbers of events, by which plans are compared; exact ones,
from the events themselves, are those of :mod:`.timing`."""

from collections.abc import Mapping, Sequence

from spikeloom.rtl.plan import CorePlan

__all__ = ["sample_cycles", "step_cycles"]

_TOKEN_LATENCY = 9
"""Cycles of a token through the queues before and behind a core, and through its sequencer."""

_ACTIVITY = 0.1
"""Part of the sources assumed to send an event in a step, when no samples say more."""


def step_cycles(plan: CorePlan, activity: Mapping[str, float] | None = None) -> float:
    """Cycles that one step takes this core when it is never kept waiting, those for the events of
    held inputs spread over the steps.

    Parameters
    ----------
    activity : events per step by input and population; by default a tenth of its size
    """
    cycles = _accumulating(plan, activity, held=False) + plan.issue_cycles
    return max(cycles, plan.sweep_interval) + _accumulating(plan, activity, held=True)


def _accumulating(plan: CorePlan, activity: Mapping[str, float] | None, held: bool) -> float:
    """Cycles for a step's events, as if none of a pair were ever absent."""
    arriving = sum(
        activity[name] if activity else _ACTIVITY * plan.network.node(name).size
        for name, _ in plan.sources
        if plan.is_held(name) == held
    )
    return arriving * plan.slots / plan.events_per_cycle


def sample_cycles(
    plans: Sequence[CorePlan], steps: int, activity: Mapping[str, float] | None = None
) -> float:
    """Cycles from a sample's first event to its last output, on average: what held inputs send
    before the first step, the slowest core's steps, and what the others need for a step when that
    one has finished."""
    held = [_accumulating(plan, activity, held=True) for plan in plans]
    cycles = [step_cycles(p, activity) - h for p, h in zip(plans, held, strict=True)]
    latency = sum(
        plan.accumulate_latency + plan.handover_latency + plan.schedule.latency + _TOKEN_LATENCY
        for plan in plans
    )
    return steps * (max(held) + max(cycles)) + sum(cycles) - max(cycles) + latency

"""Estimates what a core needs before anything is synthesised: look-up tables, blocks, cycles."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from spikeloom.rtl.blocks import find_block
from spikeloom.rtl.events import EventLayout, shape_of
from spikeloom.rtl.families import Family
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.weights import parameter_layout

__all__ = ["Estimate", "estimate", "step_cycles"]

_FIXED_LUTS = 160
"""Sequencer, emitter and queues of a core, apart from what grows with its knobs."""

_QUEUE_BLOCKS = 1
"""The queue in front of a core, where there is no distributed RAM."""

_ACTIVITY = 0.1
"""Part of the sources assumed to send an event in a step, when no samples say more."""


@dataclass(frozen=True)
class Estimate:
    """Resources of one core.

    Attributes
    ----------
    luts : 4-input look-up tables, adders included
    blocks : block RAMs
    """

    luts: int
    blocks: int


def estimate(plan: CorePlan) -> Estimate:
    """Resources of ``plan`` on its family."""
    return Estimate(_luts(plan), _blocks(plan))


def step_cycles(plan: CorePlan, activity: Mapping[str, float] | None = None) -> float:
    """Cycles that one step takes this core when it is never kept waiting.

    Parameters
    ----------
    activity : events per step by input and population; by default a tenth of its size
    """
    arriving = sum(
        activity[name] if activity else _ACTIVITY * plan.network.node(name).size
        for name, _ in plan.sources
    )
    return max(arriving * plan.slots + plan.issue_cycles, plan.sweep_interval)


def _luts(plan: CorePlan) -> int:
    sums = sum(shape_of(plan.accumulator_range(port)).width for port in plan.ports)
    accumulate = plan.lanes * sums
    if plan.slots > 1:
        accumulate += plan.lanes * sums * plan.slots // 2
    if plan.is_graded:
        value = shape_of(plan.source_range).width
        accumulate += plan.lanes * len(plan.ports) * plan.weight_bits * value
    choose = plan.units * sums * (plan.lanes // plan.units - 1) // 2
    dataflow = plan.dataflow
    neuron = plan.units * sum(_node_luts(node, plan.family) for node in dataflow.nodes)
    return _FIXED_LUTS + accumulate + choose + neuron


def _node_luts(node, family: Family) -> int:
    width = shape_of(node.range).width
    match node.op:
        case "input" | "constant" | "shift_left" | "wrap":
            return 0
        case "shift_right":
            return 0 if node.attrs["rounding"] == "floor" else width
        case "mul" if family.multiplier is not None:
            return 0
        case "mul":
            return width * min(shape_of(o.range).width for o in node.operands)
        case "ge" | "eq":
            return max(shape_of(o.range).width for o in node.operands)
        case "minimum" | "maximum":
            return 2 * width
        case "lookup":
            return width * max(1, len(node.attrs["table"]) // 16)
    return width


def _blocks(plan: CorePlan) -> int:
    weights = plan.bank_lanes * len(plan.ports) * plan.weight_bits
    blocks = plan.banks * row_blocks(plan.family, plan.rows, weights)
    if parameters := parameter_layout(plan).size:
        blocks += row_blocks(plan.family, plan.sweep, parameters)
    if plan.family.has_lut_ram:
        return blocks
    population = plan.network.population(plan.population)
    states = population.neuron.states().values()
    if plan.sweep > 1:
        bits = sum(shape_of(r).width for r in states) * plan.units
        blocks += blocks_for(plan.family, plan.sweep, bits)
    emitted = [plan.event_range] if plan.emits_events else []
    if plan.readout is not None:
        emitted.append(population.neuron.states()[plan.readout])
    for range in emitted:
        value = EventLayout(plan.size, range)["value"].width
        entry = plan.units * (1 + value) + (plan.sweep - 1).bit_length() + 1
        blocks += blocks_for(plan.family, plan.queue_depth, entry)
    return blocks + _QUEUE_BLOCKS


def row_blocks(family: Family, rows: int, bits: int) -> int:
    """Block RAMs of a :class:`.RowMemory`."""
    block = find_block(family.name)
    if block is None:
        return blocks_for(family, rows, bits)
    words, columns = block.shape_for(rows, bits)
    return ceil(rows / words) * ceil(bits / columns)


def blocks_for(family: Family, words: int, bits: int) -> int:
    """Fewest block RAMs that hold ``words`` words of ``bits`` bits."""
    return min(ceil(words / w) * ceil(bits / b) for w, b in family.block_shapes)

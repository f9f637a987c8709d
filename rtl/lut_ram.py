"""Which memories of a core lie in look-up-table RAM, and what they take of it."""

from collections.abc import Iterator
from math import ceil

from spikeloom.rtl.emitter import kept_bits
from spikeloom.rtl.events import shape_of, token_layout
from spikeloom.rtl.families import Family
from spikeloom.rtl.memory import takes_blocks
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.weights import parameter_layout, parameters_take_blocks

__all__ = [
    "emitter_queues",
    "input_queues",
    "is_queue_in_block",
    "lut_ram_luts",
    "lut_ram_registers",
    "lut_rams",
    "state_bits",
]

_BITS, _WORDS = 4, 16
"""Of the smallest look-up-table RAM."""

_MOST_WORDS = 64
"""Of a queue in front of a core for which Yosys takes no block RAM."""

_Memory = tuple[int, int]
"""Words and bits."""


def lut_rams(plan: CorePlan) -> int:
    """Look-up-table RAMs of 16 words of 4 bits that the core takes, exactly."""
    return sum(_levels(words) * ceil(bits / _BITS) for words, bits in _memories(plan))


def lut_ram_luts(plan: CorePlan) -> int:
    """Tables that these take, with what chooses between several above each other."""
    choosing = 0
    if not plan.family.has_spare_registers:
        choosing = sum((_levels(words) - 1) * bits for words, bits in _memories(plan))
    return plan.family.lut_ram_tables * lut_rams(plan) + choosing


def lut_ram_registers(plan: CorePlan) -> int:
    """Registers behind these with no table between."""
    return sum(bits for words, bits in _memories(plan) if _levels(words) == 1)


def _levels(words: int) -> int:
    return ceil(words / _WORDS)


def _memories(plan: CorePlan) -> Iterator[_Memory]:
    family = plan.family
    if not family.has_lut_ram:
        return
    for words, bits in input_queues(plan):
        if not is_queue_in_block(words, family):
            yield words, bits
    for words, bits in emitter_queues(plan):
        if not plan.is_queue_in_block(bits):
            yield words, bits
    if plan.accumulators == "memory":
        sums = sum(shape_of(plan.accumulator_range(port)).width for port in plan.ports)
        for _ in range(plan.banks * (1 + plan.keeps_sums)):
            yield plan.slots, plan.bank_lanes * sums
    if plan.sweep > 1 and not takes_blocks(plan.sweep, state_bits(plan), family.name):
        yield plan.sweep, state_bits(plan)
    if plan.is_loadable and not parameters_take_blocks(plan):
        yield plan.sweep, parameter_layout(plan).size


def input_queues(plan: CorePlan) -> list[_Memory]:
    """Words and bits of the queues in front of a core that lie in a memory."""
    queues = []
    for name, delay in plan.sources:
        size = plan.network.node(name).size
        words = delay * (size + 1) if delay else plan.input_queue - 1
        layout = token_layout(size, plan.source_range, plan.events_per_cycle)
        queues.append((words, layout.size))
    return [(words, bits) for words, bits in queues if words]


def is_queue_in_block(words: int, family: Family) -> bool:
    """Whether Yosys puts a queue in front of a core into block RAM."""
    return not family.has_lut_ram or words > _MOST_WORDS


def emitter_queues(plan: CorePlan) -> list[_Memory]:
    """Words and bits of the queues behind it."""
    return [(plan.queue_depth - 1, kept_bits(plan, word)) for word in plan.emitted]


def state_bits(plan: CorePlan) -> int:
    """Bits of a word of the state memory."""
    states = plan.network.population(plan.population).neuron.states().values()
    return sum(shape_of(r).width for r in states) * plan.units

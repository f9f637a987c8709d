"""Estimates what a core needs before anything is synthesised: tables, blocks, multipliers."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from spikeloom.rtl.blocks import Block, find_block
from spikeloom.rtl.events import shape_of
from spikeloom.rtl.families import Family
from spikeloom.rtl.loading import regions
from spikeloom.rtl.lut_ram import (
    emitter_queues,
    input_queues,
    is_queue_in_block,
    lut_ram_luts,
    lut_ram_registers,
    lut_rams,
    state_bits,
)
from spikeloom.rtl.memory import takes_blocks
from spikeloom.rtl.plan import WORD_BITS, CorePlan
from spikeloom.rtl.weights import parameter_layout, parameters_take_blocks

__all__ = ["Estimate", "estimate", "link_estimate", "total"]

_FIXED_LUTS = {True: 85, False: 140}
"""Sequencer, emitter and pointers of a core, apart from what grows with its knobs: with registers
to spare, and where these take tables."""

_EMITTER_LUTS = {True: 12, False: 35}
"""What each further neuron unit adds to the emitter."""

_SATURATING_LUTS = 6
"""Tables that see that a value is out of range."""

_BANK_REGISTERS = 50
"""Registers of an operation in a bank, which take tables where none are to spare."""

_ROUTED = 1.06
"""Tables after placement per table of the netlist."""

_NEURON = {True: 1.0, False: 1.3}
"""Tables per bit of a neuron's operators: with registers to spare, and where these pack with
them."""

_LINK_LUTS = {True: 255, False: 430}
"""The host link, with clock and reset: where registers come with the tables, and where each of them
may take one."""

_LINK_BLOCKS = {True: 2, False: 6}
"""Those of its program and its bytes."""

_LOADER_LUTS = 115
"""What loading weights adds to the link."""

@dataclass(frozen=True)
class Estimate:
    """Resources of one core, or of several.

    Attributes
    ----------
    luts : 4-input look-up tables, with those that adders, look-up-table RAMs and, where none are to
        spare, registers take
    blocks : block RAMs
    sprams : SPRAMs
    multipliers : hardware multipliers of the family's full width
    lut_rams : look-up-table RAMs of 16 words of 4 bits
    """

    luts: int
    blocks: int
    sprams: int = 0
    multipliers: float = 0
    lut_rams: int = 0


def estimate(plan: CorePlan) -> Estimate:
    """Resources of ``plan`` on its family."""
    return Estimate(_luts(plan), _blocks(plan), _sprams(plan), _multipliers(plan), lut_rams(plan))


def total(estimates: Iterable[Estimate]) -> Estimate:
    """The resources of several cores together."""
    needed = list(estimates)
    return Estimate(
        sum(e.luts for e in needed),
        sum(e.blocks for e in needed),
        sum(e.sprams for e in needed),
        sum(e.multipliers for e in needed),
        sum(e.lut_rams for e in needed),
    )


def _block(family: Family) -> Block:
    block = find_block(family.name)
    assert block is not None, "every family has its block RAM"
    return block


def link_estimate(family: Family, is_loadable: bool = False) -> Estimate:
    """The host link with clock and reset."""
    # Those of an iCE40 have 256 words of 16 bits.
    has_larger_blocks = _block(family).shapes[-1][1] > 16
    luts = _LINK_LUTS[family.has_spare_registers] + _LOADER_LUTS * is_loadable
    return Estimate(luts, _LINK_BLOCKS[has_larger_blocks])


def _luts(plan: CorePlan) -> int:
    sums = sum(shape_of(plan.accumulator_range(port)).width for port in plan.ports)
    dataflow = plan.dataflow
    nodes = sum(_node_luts(node, plan.family) for node in dataflow.nodes)
    neuron = plan.units * _NEURON[plan.family.has_spare_registers] * nodes
    bank = _accumulator_luts(plan) + _register_luts(plan)
    fixed = _FIXED_LUTS[plan.family.has_spare_registers]
    emitter = fixed + _EMITTER_LUTS[plan.family.has_spare_registers] * (plan.units - 1)
    around = emitter + lut_ram_luts(plan) + _handover_luts(plan, sums) + _row_luts(plan)
    return round(_ROUTED * (bank + neuron + around))


def _register_luts(plan: CorePlan) -> int:
    """Registers of banks that share no table with logic."""
    if plan.family.has_spare_registers:
        return 0
    weights = plan.weight_memories * plan.row_bits
    luts = weights + _BANK_REGISTERS * plan.banks + lut_ram_registers(plan)
    if not plan.family.has_adder_registers:
        sums = sum(shape_of(plan.accumulator_range(port)).width for port in plan.ports)
        # Those of a memory with more than two slots are written a cycle late.
        slots = plan.slots if plan.accumulators == "registers" else int(plan.slots > 2)
        luts += plan.lanes * sums * slots
    return luts


def _row_luts(plan: CorePlan) -> int:
    """Around the blocks of weights and parameters, or in their place."""
    weights = plan.bank_lanes * len(plan.ports) * plan.weight_bits
    luts = 0.0
    if plan.weights == "bitstream":
        luts += plan.weight_memories * _selecting_luts(plan.family, plan.rows, weights)
    if not plan.is_loadable and (parameters := parameter_layout(plan).size):
        luts += _selecting_luts(plan.family, plan.sweep, parameters)
    return round(luts)


def _selecting_luts(family: Family, rows: int, bits: int) -> float:
    """Of a :class:`.RowMemory`: choosing between the block RAMs above each other, or all of it."""
    block = _block(family)
    if rows * bits <= block.worth:
        # Tables of 16 rows; without wide multiplexers, one more chooses between two.
        return (2 * ceil(rows / 16) - 1) * bits
    levels = ceil(rows / block.shape_for(rows, bits)[0])
    return (levels - 1) * bits * (1 if block.worth else 0.5)


def _adder_luts(family: Family, width: int) -> int:
    """Tables of an adder; on an ECP5 those of ``boards/ecp5_adders.v``."""
    if family.name == "ecp5" and width > 4:
        return 2 * (width // 2 + 1) + 1
    return width


def _queue_blocks(plan: CorePlan) -> int:
    """Block RAMs of queues."""
    queues = emitter_queues(plan)
    if plan.family.has_lut_ram:
        queues = [(words, bits) for words, bits in queues if plan.is_queue_in_block(bits)]
    queues += [(w, bits) for w, bits in input_queues(plan) if is_queue_in_block(w, plan.family)]
    return sum(blocks_for(plan.family, words, bits) for words, bits in queues)


def _accumulator_luts(plan: CorePlan) -> int:
    widths = [shape_of(plan.accumulator_range(port)).width for port in plan.ports]
    sums = sum(widths)
    luts = plan.lanes * sum(_adder_luts(plan.family, width) for width in widths)
    if plan.accumulators != "registers":
        luts += plan.lanes * sums * plan.keeps_sums
    else:
        luts += plan.lanes * sums * plan.slots // 2 * (plan.slots > 1)
        # A table chooses what is kept, which takes registers of its own.
        kept = 1 if plan.family.has_spare_registers else 2
        luts += plan.lanes * sums * plan.slots * kept * plan.keeps_sums
    lanes = plan.lanes * len(plan.ports)
    if plan.is_graded:
        luts += lanes * plan.events_per_cycle * _product_luts(plan.family, *_graded(plan))
    if plan.events_per_cycle > 1:
        addend = sum(_graded(plan)) if plan.is_graded else plan.weight_bits
        luts += lanes * _adder_luts(plan.family, addend + 1)
    return luts


def _handover_luts(plan: CorePlan, sums: int) -> int:
    """Tables of the :class:`.Handover`, whose first row gates."""
    rows = plan.banks * plan.parts
    words = 0
    if not plan.family.has_spare_registers:
        rows = ceil(rows / 2)
        words += rows
    while rows > 1:
        rows = ceil(rows / 4)
        words += rows
    return words * plan.units * sums


def _node_luts(node, family: Family) -> int:
    width = shape_of(node.range).width
    match node.op:
        case "input" | "constant" | "shift_left" | "wrap":
            return 0
        # A register's reset does it.
        case "saturate" if family.has_spare_registers:
            return _SATURATING_LUTS
        case "select" if family.has_spare_registers and _has_constant(node):
            return 0
        case "shift_right":
            return 0 if node.attrs["rounding"] == "floor" else width
        case "mul":
            # Of a constant's signed digits, a third are not 0.
            luts = _product_luts(family, *_factors(node))
            return luts // 3 if any(o.op == "constant" for o in node.operands) else luts
        case "ge":
            return _adder_luts(family, max(shape_of(o.range).width for o in node.operands))
        case "eq":
            return max(shape_of(o.range).width for o in node.operands)
        case "add" | "sub" | "neg":
            return _adder_luts(family, width)
        case "minimum" | "maximum":
            return 2 * width
        case "lookup":
            return width * max(1, len(node.attrs["table"]) // 16)
    return width


def _has_constant(node) -> bool:
    return any(operand.op == "constant" for operand in node.operands[1:])


def _product_luts(family: Family, a: int, b: int) -> int:
    return 0 if family.multipliers(a, b) else (a + b) * min(a, b)


def _graded(plan: CorePlan) -> tuple[int, int]:
    """Bits of a weight and of an event's value, in a signed product."""
    return plan.weight_bits, plan.source_range.width + (not plan.source_range.is_signed)


def _factors(node) -> tuple[int, int]:
    """Bits of a product's operands, which are both signed if either is."""
    a, b = (o.range for o in node.operands)
    signed = a.is_signed or b.is_signed
    return a.width + (signed and not a.is_signed), b.width + (signed and not b.is_signed)


def _multipliers(plan: CorePlan) -> float:
    products = [_factors(node) for node in plan.dataflow.nodes if node.op == "mul"]
    neurons = plan.units * sum(plan.family.multipliers(a, b) for a, b in products)
    if not plan.is_graded:
        return neurons
    lanes = plan.lanes * len(plan.ports) * plan.events_per_cycle
    return neurons + lanes * plan.family.multipliers(*_graded(plan))


def _blocks(plan: CorePlan) -> int:
    weights = plan.bank_lanes * len(plan.ports) * plan.weight_bits
    blocks = 0
    if plan.weights == "bitstream":
        blocks = plan.weight_memories * row_blocks(plan.family, plan.rows, weights)
    elif plan.weights == "loadable":
        blocks = plan.load_columns * blocks_for(plan.family, plan.rows, WORD_BITS)
    if plan.is_loadable:
        words = sum(part.columns for part in regions(plan)[1:] if parameters_take_blocks(plan))
        blocks += words * blocks_for(plan.family, plan.sweep, WORD_BITS)
    elif parameters := parameter_layout(plan).size:
        blocks += row_blocks(plan.family, plan.sweep, parameters)
    if plan.accumulators == "blocks" or (
        plan.accumulators == "memory" and not plan.family.has_lut_ram
    ):
        sums = sum(shape_of(plan.accumulator_range(port)).width for port in plan.ports)
        memories = blocks_for(plan.family, plan.slots, plan.bank_lanes * sums)
        blocks += plan.banks * memories * (1 + plan.keeps_sums)
    in_blocks = plan.sweep > 1
    if plan.family.has_lut_ram:
        in_blocks = takes_blocks(plan.sweep, state_bits(plan), plan.family.name)
    return blocks + _state_blocks(plan) * in_blocks + _queue_blocks(plan)


def _state_blocks(plan: CorePlan) -> int:
    return blocks_for(plan.family, plan.sweep, state_bits(plan))


def _sprams(plan: CorePlan) -> int:
    return plan.load_columns if plan.weights == "spram" else 0


def row_blocks(family: Family, rows: int, bits: int) -> int:
    """Block RAMs of a :class:`.RowMemory`."""
    block = _block(family)
    if rows * bits <= block.worth:
        return 0
    words, columns = block.shape_for(rows, bits)
    return ceil(rows / words) * ceil(bits / columns)


def blocks_for(family: Family, words: int, bits: int) -> int:
    """Fewest block RAMs that hold ``words`` words of ``bits`` bits."""
    return min(ceil(words / w) * ceil(bits / b) for w, b in family.block_shapes)

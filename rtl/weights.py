"""Packs the weights of a core, and the parameters of its neurons, into rows of memories."""

from math import ceil

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data

from spikeloom.rtl.events import shape_of
from spikeloom.rtl.memory import takes_blocks
from spikeloom.rtl.pipeline import member_name
from spikeloom.rtl.plan import CorePlan

__all__ = [
    "bank_rows",
    "pack",
    "parameter_layout",
    "parameter_rows",
    "parameters_take_blocks",
]


def pack(words: np.ndarray, bits: int) -> list[int]:
    """Integers from the last axis of ``words``, first in the lowest bits.

    Parameters
    ----------
    words : integers [rows, columns] that fit ``bits`` bits in two's complement

    Returns
    -------
    One unsigned integer of ``columns · bits`` bits per row.
    """
    shifts = np.arange(bits, dtype=np.int64)
    planes = (words[..., None].astype(np.int64) >> shifts) & 1
    flat = planes.reshape(len(words), -1).astype(np.uint8)
    packed = np.packbits(flat, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def bank_rows(plan: CorePlan) -> list[list[list[int]]]:
    """Contents of each bank's weight memories, one for each event that comes in a cycle.

    Of E memories, row ``s · slots + r`` of the e-th holds the weights from source ``E·s + e`` to
    the bank's lanes in slot ``r``, lane by lane, and in a lane port by port. Lanes without a neuron
    have weight 0, and so has what is left of a memory's rows.
    """
    events = plan.events_per_cycle
    sources = ceil(plan.source_count / events) * events
    padded = plan.slots * plan.lanes
    weights = np.zeros((sources, padded, len(plan.ports)), dtype=np.int64)
    for projection in plan.projections:
        first = plan.offset(projection.source, projection.delay)
        columns = weights[first : first + projection.weights.shape[1], : plan.size]
        columns[:, :, plan.ports.index(projection.port)] += projection.weights.T
    width = plan.bank_lanes * len(plan.ports)
    memories = weights.reshape(-1, events, plan.slots, plan.banks, width).transpose(3, 1, 0, 2, 4)
    rows = memories.reshape(plan.banks, events, -1, width)
    zeros = [0] * (plan.rows - rows.shape[2])
    return [[pack(part, plan.weight_bits) + zeros for part in bank] for bank in rows]


def parameter_layout(plan: CorePlan) -> data.ArrayLayout:
    """What a sweep entry holds, unit by unit, of the parameters and biases that differ between
    neurons; their names are those of the pipeline's inputs."""
    shapes = {
        member_name(name): shape_of(node.range)
        for name, node in plan.dataflow.inputs.items()
        if name.startswith(("p.", "bias."))
    }
    return data.ArrayLayout(data.StructLayout(shapes), plan.units)


def parameters_take_blocks(plan: CorePlan) -> bool:
    """Whether parameters that can be loaded lie in block RAM, and not in look-up-table RAM."""
    bits = parameter_layout(plan).size
    return not plan.family.has_lut_ram or takes_blocks(plan.sweep, bits, plan.family.name)


def parameter_rows(plan: CorePlan) -> list[int]:
    """Contents of the parameter memory: a row of :func:`parameter_layout` per sweep entry, 0 where
    there is no neuron."""
    population = plan.network.population(plan.population)
    given = {f"p.{n}": v for n, v in population.parameters.items()}
    given |= {f"bias.{n}": v for n, v in population.bias.items()}
    values = {member_name(n): np.broadcast_to(v, plan.size) for n, v in given.items()}
    rows = [0] * plan.sweep
    unit = parameter_layout(plan).elem_shape
    for neuron in range(plan.size):
        entry, position = divmod(neuron, plan.units)
        for name, field in unit.members.items():
            word = int(values[name][neuron]) & (1 << Shape.cast(field).width) - 1
            rows[entry] |= word << position * unit.size + unit[name].offset
    return rows

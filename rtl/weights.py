"""Packs the weights of a core into the rows of its banks."""

import numpy as np

from spikeloom.rtl.plan import CorePlan

__all__ = ["bank_rows", "pack"]


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


def bank_rows(plan: CorePlan) -> list[list[int]]:
    """Contents of each bank's weight memory.

    Row ``s · slots + r`` of a bank holds the weights from source ``s`` to the bank's lanes in slot
    ``r``, lane by lane, and in a lane port by port. Lanes without a neuron have weight 0.
    """
    padded = plan.slots * plan.lanes
    weights = np.zeros((plan.source_count, padded, len(plan.ports)), dtype=np.int64)
    for projection in plan.projections:
        first = plan.offset(projection.source, projection.delay)
        columns = weights[first : first + projection.weights.shape[1], : plan.size]
        columns[:, :, plan.ports.index(projection.port)] += projection.weights.T
    by_bank = weights.reshape(plan.rows, plan.banks, -1)
    return [pack(by_bank[:, bank], plan.weight_bits) for bank in range(plan.banks)]

"""Packed weights: golden rows, and every weight where the core looks for it."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.weights import bank_rows, pack


def test_first_column_is_lowest():
    assert pack(np.array([[1, -1, 7], [0, -8, 0]]), 4) == [0x7F1, 0x080]


def test_words_may_be_wider_than_any_machine_word():
    assert pack(np.full((1, 100), -1), 3) == [(1 << 300) - 1]


def test_columns_of_one_bit():
    assert pack(np.array([[-1, 0, -1]]), 1) == [0b101]


@pytest.mark.parametrize("seed", range(12))
def test_every_weight_is_at_its_place(seed):
    """Two sources, two ports, all knobs: read the rows as the hardware does."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 20))
    ends = [("i", "x", 4), ("i", "gate", 4), ("j", "gate", 3)]
    weights = {(source, port): rng.integers(-8, 8, (size, width)) for source, port, width in ends}
    neuron = networks.TwoPort(Range.signed(8))
    network = Network(
        (Input("i", (4,)), Input("j", (3,))),
        (Population("p", size, neuron, {"threshold": 1, "open": 1}),),
        tuple(Projection(s, "p", w, port, bits=5) for (s, port), w in weights.items()),
        Output("p"),
    )
    lanes = int(rng.integers(1, size + 1))
    units = int(rng.choice(networks.divisors(lanes)))
    banks = int(rng.choice(networks.divisors(lanes // units)))
    plan = CorePlan(network, "p", FAMILIES["ecp5"], 100.0, lanes, units, banks)
    rows = bank_rows(plan)
    assert [[len(r) for r in bank] for bank in rows] == [[plan.rows]] * banks

    def read(row, neuron, port):
        bank, lane = divmod(neuron % lanes, plan.bank_lanes)
        word = rows[bank][0][row * plan.slots + neuron // lanes]
        field = word >> 5 * (lane * 2 + ("x", "gate").index(port)) & 31
        return field - 32 if field & 16 else field

    for neuron_index in range(size):
        for row in range(7):
            source, address = ("i", row) if row < 4 else ("j", row - 4)
            for port in ("x", "gate"):
                matrix = weights.get((source, port))
                expected = matrix[neuron_index, address] if matrix is not None else 0
                assert read(row, neuron_index, port) == expected
    for padding in range(size, plan.slots * lanes):
        assert all(read(row, padding, "x") == 0 for row in range(7))


def test_even_and_odd_sources_have_memories_of_their_own():
    """Three sources, two slots of two lanes, one of them without a neuron."""
    weights = np.array([[1, 2, 3], [-1, -2, -3], [4, 5, 6]])
    network = Network(
        (Input("i", (3,)),),
        (Population("p", 3, LIF(Range.signed(8)), {"threshold": 1}),),
        (Projection("i", "p", weights, bits=4),),
        Output("p"),
    )
    plan = CorePlan(network, "p", FAMILIES["ecp5"], 100.0, 2, 1, 2, events_per_cycle=2)
    # Of source 0 and then 2, or 1 and then nothing; slot after slot; zeros for absent events.
    assert bank_rows(plan) == [
        [[1, 4, 3, 6, 0], [2, 5, 0, 0, 0]],
        [[0xF, 0, 0xD, 0, 0], [0xE, 0, 0, 0, 0]],
    ]

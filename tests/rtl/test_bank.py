"""A bank: accumulates, hands over, clears; back to back and in any order of slots."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.bank import Bank
from spikeloom.rtl.weights import bank_rows

CASES = {
    "one slot": (6, (6, 2, 1), Range(0, 1)),
    "slots": (7, (2, 1, 1), Range(0, 1)),
    "one lane": (5, (1, 1, 1), Range(0, 1)),
    "graded": (6, (3, 1, 1), Range(-3, 4)),
    "memory, two slots": (8, (4, 2, 1, "memory"), Range(0, 1)),
    "memory, three slots": (7, (3, 1, 1, "memory"), Range(0, 1)),
    "memory, one lane": (5, (1, 1, 1, "memory"), Range(0, 1)),
    "memory, graded": (9, (2, 2, 1, "memory"), Range(-3, 4)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_sums_of_random_operations(case, seed):
    size, knobs, events = CASES[case]
    rng = np.random.default_rng(seed)
    weights = rng.integers(-8, 8, (size, 5))
    network = Network(
        (Input("i", (5,), events),),
        (Population("p", size, LIF(Range.signed(8)), {"threshold": 1}),),
        (Projection("i", "p", weights),),
        Output("p"),
    )
    plan = networks.design_of(network, p=knobs).plans["p"]
    bank = Bank(plan, bank_rows(plan)[0])
    padded = np.zeros((plan.slots * plan.lanes, 5), dtype=int)
    padded[:size] = weights

    # Each step sends each address at most once, as the accumulators are sized for.
    operations, expected = [], []
    for step in range(12):
        sums = np.zeros(len(padded), dtype=int)
        for address in rng.permutation(5)[: rng.integers(6)]:
            value = int(rng.integers(events.lo, events.hi + 1)) if plan.is_graded else 1
            sums += padded[:, address] * value
            for slot in range(plan.slots):
                row = int(address) * plan.slots + slot
                operations.append({"accumulate": 1, "row": row, "slot": slot, "value": value})
            # Every other step without a pause: the closest that operations can be.
            if step % 2 and rng.integers(3) == 0:
                operations.append({})
        for slot in range(plan.slots):
            for part in range(plan.parts):
                operations.append({"sweep": 1, "slot": slot, "part": part})
                first = slot * plan.lanes + part * plan.units
                expected.append(sums[first : first + plan.units].tolist())

    results = []

    async def testbench(ctx):
        for cycle in range(len(operations) + plan.accumulate_latency):
            ctx.set(bank.operation, operations[cycle] if cycle < len(operations) else {})
            _, _, sums, enabled = await ctx.tick().sample(bank.sums, bank.enabled)
            issued = cycle - plan.accumulate_latency
            operation = operations[issued] if issued >= 0 else {}
            assert enabled == (1 << operation["part"] if "sweep" in operation else 0)
            if enabled:
                part = operation["part"]
                results.append([int(sums[part][unit].x) for unit in range(plan.units)])

    simulator = Simulator(bank)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert results == expected

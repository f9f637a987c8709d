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
    "blocks, four slots": (7, (2, 1, 1, "blocks"), Range(0, 1)),
    "blocks, graded": (13, (3, 3, 1, "blocks"), Range(-3, 4)),
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

    assert handed_over(bank, plan, operations) == expected


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside"])
def test_what_held_inputs_contribute_stays_for_a_sample(case, beside):
    """Alone in the accumulators, or kept beside what other sources add in each step."""
    size, knobs, events = CASES[case]
    rng = np.random.default_rng(4)
    weights = {name: rng.integers(-8, 8, (size, 5)) for name in ("j", "i")[: 1 + beside]}
    network = Network(
        tuple(Input(name, (5,), events, held=name == "j") for name in weights),
        (Population("p", size, LIF(Range.signed(8)), {"threshold": 1}),),
        tuple(Projection(name, "p", w) for name, w in weights.items()),
        Output("p"),
    )
    plan = networks.design_of(network, p=knobs).plans["p"]
    assert (plan.held_count, plan.keeps_sums) == (5, beside)
    padded = np.zeros((plan.slots * plan.lanes, plan.source_count), dtype=int)
    padded[:size] = np.concatenate(list(weights.values()), axis=1)
    operations, expected = [], []

    def add(addresses):
        total = np.zeros(len(padded), dtype=int)
        for address in addresses:
            value = int(rng.integers(events.lo, events.hi + 1)) if plan.is_graded else 1
            total += padded[:, address] * value
            for slot in range(plan.slots):
                operation = {"accumulate": 1, "row": int(address) * plan.slots + slot, "slot": slot}
                operation |= {"value": value} | ({"held": int(address < 5)} if beside else {})
                operations.append(operation)
        return total

    for steps in (1, 3, 2, 4):
        kept = add(rng.permutation(5)[: rng.integers(6)])
        for step in range(steps):
            sums = kept + add(5 + rng.permutation(5)[: rng.integers(6)] if beside else [])
            for slot, part in np.ndindex(plan.slots, plan.parts):
                operation = {"sweep": 1, "slot": slot, "part": part, "last": step == steps - 1}
                operations.append(operation)
                first = slot * plan.lanes + part * plan.units
                expected.append(sums[first : first + plan.units].tolist())
    bank = Bank(plan, bank_rows(plan)[0])
    assert handed_over(bank, plan, operations) == expected


def handed_over(bank, plan, operations):
    """Sums of each sweep operation."""
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
    return results

"""Each operator's hardware on its own, over all operands of small ranges."""

from __future__ import annotations

from itertools import product

import naive
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from spikeloom.hls_model import Range
from spikeloom.hls_model.dataflow import Node
from spikeloom.hls_model.operators import OPERATORS
from spikeloom.rtl.events import shape_of
from spikeloom.rtl.operators import lower

RANGES = [Range(0, 5), Range(-5, 4), Range(-7, -2), Range(3, 9), Range(-1, 0)]
BINARY = ["add", "sub", "mul", "ge", "eq", "minimum", "maximum", "bit_and", "bit_or", "bit_xor"]


def check(name, ranges, attrs):
    bounds = OPERATORS[name].bounds(*ranges, **attrs)
    node = Node(name, bounds, tuple(Node("input", r) for r in ranges), attrs)
    operands = [Signal(shape_of(r), name=f"operand{i}") for i, r in enumerate(ranges)]
    result = Signal(shape_of(bounds))
    m = Module()
    m.d.comb += result.eq(lower(m, node, operands))

    async def testbench(ctx):
        for values in product(*(range(r.lo, r.hi + 1) for r in ranges)):
            for operand, value in zip(operands, values, strict=True):
                ctx.set(operand, value)
            assert ctx.get(result) == naive.RULES[name](*values, **attrs), (values, attrs)

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    for ranges in product(RANGES, repeat=2):
        check(name, ranges, {})


def test_negation():
    for range_ in RANGES:
        check("neg", (range_,), {})


def test_select_takes_any_condition_that_is_not_zero():
    for condition in (Range(0, 1), Range(0, 6), Range(-3, 3)):
        check("select", (condition, Range(-2, 3), Range(0, 7)), {})


@pytest.mark.parametrize("rounding", ["floor", "trunc", "nearest"])
@pytest.mark.parametrize("amount", [1, 2, 3, 5, 9])
def test_right_shifts(rounding, amount):
    for range_ in [*RANGES, Range(-64, 63), Range(0, 100)]:
        check("shift_right", (range_,), {"amount": amount, "rounding": rounding})


def test_left_shifts():
    for range_, amount in product(RANGES, (1, 4)):
        check("shift_left", (range_,), {"amount": amount})


@pytest.mark.parametrize(
    "bounds", [Range(-4, 3), Range(0, 3), Range(-3, 4), Range(-1, 0), Range(2, 5), Range(-8, 100)]
)
def test_saturation(bounds):
    for range_ in (Range(-20, 20), Range(0, 40), Range(-40, 3), Range(-3, 40)):
        check("saturate", (range_,), {"range": bounds})


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("word", [Range.signed, Range.unsigned])
def test_wrapping(word, bits):
    for range_ in (Range(-20, 20), Range(0, 40), Range(-40, -3)):
        check("wrap", (range_,), {"range": word(bits)})


@pytest.mark.parametrize("table", [(5,), (1, -2, 3), tuple(range(-60, 60, 7)), (0, 0, 9, 255)])
def test_tables(table):
    check("lookup", (Range(0, len(table) - 1),), {"table": table})

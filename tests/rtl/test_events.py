"""Event tokens and shapes."""

from __future__ import annotations

import pytest
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from spikeloom.hls_model import BOOL, Range
from spikeloom.rtl.events import EventLayout, PairLayout, event_signature, shape_of, times


@pytest.mark.parametrize(
    ("range", "shape"),
    [(BOOL, unsigned(1)), (Range(0, 0), unsigned(0)), (Range(-1, 0), signed(1)),
     (Range(-8, 7), signed(4)), (Range(-1, 8), signed(5)), (Range(3, 9), unsigned(4))],
)  # fmt: skip
def test_shapes_are_the_narrowest(range, shape):
    assert shape_of(range) == shape


@pytest.mark.parametrize(
    ("size", "range", "address", "value"),
    [(1, BOOL, 0, 0), (2, BOOL, 1, 0), (784, BOOL, 10, 0), (5, Range(-4, 3), 3, 3),
     (5, Range(0, 2), 3, 2)],
)  # fmt: skip
def test_tokens(size, range, address, value):
    layout = EventLayout(size, range)
    assert [(n, f.width) for n, f in layout] == [
        ("end", 1), ("last", 1), ("address", address), ("value", value),
    ]  # fmt: skip
    assert layout.is_graded == (value > 0)
    assert event_signature(size, range).create().payload.shape().size == 2 + address + value


@pytest.mark.parametrize("constant", [1, 2, 3, 5, 7, 12, 100])
def test_products_with_constants(constant):
    value = Signal(5)
    result = times(value, constant)

    async def testbench(ctx):
        for number in range(32):
            ctx.set(value, number)
            assert ctx.get(result) == number * constant

    m = Module()
    m.d.comb += Signal(16).eq(result)
    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize(
    ("size", "range", "address", "value"),
    [(2, BOOL, 0, 0), (3, BOOL, 1, 0), (784, BOOL, 9, 0), (5, Range(-4, 3), 2, 3)],
)
def test_pairs(size, range, address, value):
    """Two events, each with half of its address."""
    layout = event_signature(size, range, per_cycle=2).create().payload.shape()
    assert isinstance(layout, PairLayout)
    assert (layout.addresses, layout.range) == (size, range)
    assert [(n, f.offset) for n, f in layout] == [
        ("end", 0), ("last", 1), ("even", 2), ("odd", 3 + address + value),
    ]  # fmt: skip
    for event in ("even", "odd"):
        assert [(n, f.width) for n, f in layout[event].shape] == [
            ("valid", 1), ("address", address), ("value", value),
        ]  # fmt: skip

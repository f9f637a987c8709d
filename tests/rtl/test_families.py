"""Families: delays that grow as they must, and memories as their data sheets say."""

from __future__ import annotations

import pytest

from spikeloom.hls_model import Range
from spikeloom.hls_model.dataflow import Node
from spikeloom.hls_model.operators import OPERATORS
from spikeloom.rtl.families import FAMILIES


def node(op, *ranges, **attrs):
    bounds = OPERATORS[op].bounds(*ranges, **attrs)
    return Node(op, bounds, tuple(Node("input", r) for r in ranges), attrs)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_wiring_is_free_and_wide_arithmetic_is_slow(family):
    narrow, wide = Range.signed(4), Range.signed(24)
    assert family.delay(node("shift_left", wide, amount=3)) == 0
    assert family.delay(node("shift_right", wide, amount=3, rounding="floor")) == 0
    assert family.delay(node("wrap", wide, range=Range.signed(8))) == 0
    for op in ("add", "sub", "ge", "minimum"):
        assert 0 < family.delay(node(op, narrow, narrow)) < family.delay(node(op, wide, wide))
    assert family.delay(node("bit_and", wide, wide)) == family.level
    assert family.delay(node("mul", wide, wide)) >= family.delay(node("add", narrow, narrow))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_saturation_to_a_word_needs_no_comparison(family):
    wide = Range.signed(24)
    word = family.delay(node("saturate", wide, range=Range.signed(16)))
    odd = family.delay(node("saturate", wide, range=Range(-5, 30_000)))
    assert word < odd


def test_every_operator_has_a_delay():
    operands = {
        "neg": 1, "shift_left": 1, "shift_right": 1, "saturate": 1, "wrap": 1, "lookup": 1,
        "select": 3,
    }  # fmt: skip
    attrs = {
        "shift_left": {"amount": 2},
        "shift_right": {"amount": 2, "rounding": "nearest"},
        "saturate": {"range": Range(0, 3)},
        "wrap": {"range": Range(0, 3)},
        "lookup": {"table": tuple(range(8))},
    }
    for family in FAMILIES.values():
        for name in OPERATORS:
            ranges = [Range(0, 7)] * operands.get(name, 2)
            assert family.delay(node(name, *ranges, **attrs.get(name, {}))) >= 0


@pytest.mark.parametrize(
    ("name", "bits"), [("ice40hx", 4096), ("ice40up", 4096), ("ecp5", 18432), ("gowin", 18432)]
)
def test_blocks_hold_no_more_than_they_can(name, bits):
    for words, width in FAMILIES[name].block_shapes:
        assert words * width <= bits


# What Yosys 0.70 makes of a registered signed product, by its `synth_*` command.
@pytest.mark.parametrize(
    ("name", "a", "b", "multipliers"),
    [
        ("ecp5", 1, 8, 0), ("ecp5", 2, 2, 1), ("ecp5", 18, 18, 1), ("ecp5", 20, 12, 2),
        ("ice40up", 4, 6, 0), ("ice40up", 3, 8, 1), ("ice40up", 16, 16, 1),
        ("ice40up", 19, 8, 2), ("ice40hx", 8, 8, 0),
        ("gowin", 2, 8, 0), ("gowin", 4, 6, 0.5), ("gowin", 9, 9, 0.5), ("gowin", 10, 9, 1),
    ],
)  # fmt: skip
def test_multipliers_of_a_product(name, a, b, multipliers):
    assert FAMILIES[name].multipliers(a, b) == multipliers
    assert FAMILIES[name].multipliers(b, a) == multipliers

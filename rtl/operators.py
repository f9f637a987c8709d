"""The operators of the neuron language as Amaranth expressions.

Amaranth arithmetic never overflows, so each result is the exact value; the node's range then says
how many of its bits matter.
"""

from collections.abc import Callable

from amaranth.hdl import *
from amaranth.lib.memory import Memory

from spikeloom.hls_model.dataflow import Node
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import shape_of

__all__ = ["lower", "lower_to", "raise_to"]


def lower(m: Module, node: Node, operands: list[Value]) -> Value:
    """The expression for ``node`` over its operands' expressions."""
    if node.op == "lookup":
        return _lookup(m, node, *operands)
    return _RULES[node.op](*operands, **node.attrs)


def _shift_right(a: Value, *, amount: int, rounding: str) -> Value:
    match rounding:
        case "trunc" if a.shape().signed:
            return (a + Mux(a < 0, (1 << amount) - 1, 0)) >> amount
        case "nearest":
            return (a + (1 << (amount - 1))) >> amount
    return a >> amount


def _saturate(a: Value, *, range: Range) -> Value:
    return Mux(_is_above(a, range), range.hi, Mux(_is_below(a, range), range.lo, a))


def raise_to(a: Value, range: Range) -> Value:
    """``a``, but no less than the range's lower end."""
    return Mux(_is_below(a, range), range.lo, a)


def lower_to(a: Value, range: Range) -> Value:
    """``a``, but no more than the range's upper end."""
    return Mux(_is_above(a, range), range.hi, a)


def _is_above(a: Value, range: Range) -> Value:
    if _is_word(a, range):
        return a[range.width - 1 :].any() & ~a[-1]
    return a > range.hi


def _is_below(a: Value, range: Range) -> Value:
    if _is_word(a, range):
        return ~a[range.width - 1 :].all() & a[-1]
    return a < range.lo


def _is_word(a: Value, range: Range) -> bool:
    """Whether all bits above the kept sign equal it, unless the value is outside."""
    return range == Range.signed(range.width) and a.shape().signed


def _wrap(a: Value, *, range: Range) -> Value:
    word = Cat(a, a[-1].replicate(range.width)) if a.shape().signed else Cat(a, C(0, range.width))
    word = word[: range.width]
    return word.as_signed() if range.is_signed else word


def _lookup(m: Module, node: Node, index: Value) -> Value:
    table = node.attrs["table"]
    rom = Memory(shape=shape_of(Range.of(table)), depth=len(table), init=table)
    m.submodules += rom
    port = rom.read_port(domain="comb")
    m.d.comb += port.addr.eq(index)
    return port.data


_RULES: dict[str, Callable[..., Value]] = {
    "add":         lambda a, b: a + b,
    "sub":         lambda a, b: a - b,
    "neg":         lambda a: -a,
    "mul":         lambda a, b: a * b,
    "shift_left":  lambda a, *, amount: a << amount,
    "shift_right": _shift_right,
    "ge":          lambda a, b: a >= b,
    "eq":          lambda a, b: a == b,
    "select":      lambda c, a, b: Mux(c, a, b),
    "minimum":     lambda a, b: Mux(a < b, a, b),
    "maximum":     lambda a, b: Mux(a < b, b, a),
    "saturate":    _saturate,
    "wrap":        _wrap,
    "bit_and":     lambda a, b: a & b,
    "bit_or":      lambda a, b: a | b,
    "bit_xor":     lambda a, b: a ^ b,
}

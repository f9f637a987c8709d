"""Traces a neuron into a typed dataflow graph with exact ranges.

The graph is what becomes hardware, and what proves that no intermediate value of the reference
overflows. Constants are folded and equal nodes are shared while tracing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.operators import OPERATORS, evaluate
from spikeloom.hls_model.ranges import BOOL, Range
from spikeloom.hls_model.values import Value

__all__ = ["Dataflow", "Node", "Tracer"]


@dataclass(frozen=True, eq=False)
class Node:
    """One typed operation. ``op`` is an operator's name, ``"input"`` or ``"constant"``."""

    op: str
    range: Range
    operands: tuple[Node, ...] = field(default=(), repr=False)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True)
class Dataflow:
    """A neuron's step as a graph.

    Attributes
    ----------
    nodes : every node, operands first
    inputs : state, input and parameter nodes by name (``"state.v"``, ``"x"``, ``"bias.x"``,
        ``"p.threshold"``)
    outputs : next state and event by name (``"state.v"``, ``"event"``)
    extent : holds every number that executing the step as written meets, also those that folding
        took out of the graph
    """

    nodes: tuple[Node, ...]
    inputs: Mapping[str, Node]
    outputs: Mapping[str, Node]
    extent: Range

    @property
    def bits(self) -> int:
        """Bits of a signed word that holds every number of the step."""
        return self.extent.width + (not self.extent.is_signed)


class Tracer:
    """Back end that records operators instead of executing them."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[Any, ...], Node] = {}
        self._extent = BOOL

    def input(self, name: str, range: Range) -> Value:
        """A named input; a range of one value is a constant and costs nothing."""
        self._extent |= range
        if range.is_constant:
            return Value(self, self.constant(range.lo))
        return Value(self, self._node("input", range, (), {}, name))

    def constant(self, value: int) -> Node:
        self._extent |= Range(value, value)
        return self._node("constant", Range(value, value), (), {})

    def apply(self, name: str, operands: tuple[Node, ...], attrs: dict[str, Any]) -> Node:
        range = OPERATORS[name].bounds(*(o.range for o in operands), **attrs)
        self._extent |= range
        for attribute in attrs.values():
            if isinstance(attribute, Range):
                self._extent |= attribute
            elif isinstance(attribute, tuple):
                self._extent |= Range(min(attribute), max(attribute))
        if all(o.range.is_constant for o in operands):
            return self.constant(evaluate(name, tuple(o.range.lo for o in operands), attrs))
        if range.is_constant:
            return self.constant(range.lo)
        return _identity(name, operands, attrs) or self._node(name, range, operands, attrs)

    def _node(
        self,
        op: str,
        range: Range,
        operands: tuple[Node, ...],
        attrs: dict[str, Any],
        name: str = "",
    ) -> Node:
        key = (op, range, *(id(o) for o in operands), *sorted(attrs.items()), name)
        if key not in self._nodes:
            self._nodes[key] = Node(op, range, operands, attrs, name)
        return self._nodes[key]

    def finish(self, outputs: Mapping[str, Value]) -> Dataflow:
        """The graph of everything that ``outputs`` need."""
        results = {name: value.payload for name, value in outputs.items()}
        order: dict[Node, None] = {}

        def visit(node: Node) -> None:
            for operand in node.operands:
                visit(operand)
            order.setdefault(node)

        for node in results.values():
            visit(node)
        inputs = {n.name: n for n in order if n.op == "input"}
        return Dataflow(tuple(order), inputs, results, self._extent)


def _identity(name: str, operands: tuple[Node, ...], attrs: dict[str, Any]) -> Node | None:
    """The operand that an operation returns unchanged, if ranges show that it does."""
    first = operands[0]
    match name:
        case "add" if first.range == Range(0, 0):
            return operands[1]
        case "add" | "sub" if operands[1].range == Range(0, 0):
            return first
        case "mul" if operands[1].range == Range(1, 1):
            return first
        case "mul" if first.range == Range(1, 1):
            return operands[1]
        case "shift_left" | "shift_right" if attrs["amount"] == 0:
            return first
        case "saturate" | "wrap" if first.range in attrs["range"]:
            return first
        case "select" if first.range.is_constant:
            return operands[1] if first.range.lo else operands[2]
        case "select" if operands[1] is operands[2]:
            return operands[1]
        case "minimum" | "maximum":
            return _extreme(name, *operands)
        case "eq" if first.range in BOOL and operands[1].range == Range(1, 1):
            return first
        case "eq" if operands[1].range == Range(0, 0) and _is_not(first):
            return first.operands[0]
    return None


def _extreme(name: str, a: Node, b: Node) -> Node | None:
    low, high = (a, b) if name == "minimum" else (b, a)
    if low.range.hi <= high.range.lo:
        return a
    if high.range.hi <= low.range.lo:
        return b
    return None


def _is_not(node: Node) -> bool:
    """Whether a node is the logical not of a 0/1 value."""
    return (
        node.op == "eq" and node.operands[1].range == Range(0, 0) and node.operands[0].range in BOOL
    )


def require(range: Range, declared: Range, what: str) -> None:
    """Refuse a result that its declared range does not hold."""
    if range not in declared:
        raise RangeError(
            f"{what} must stay in its declared range {declared}, but can reach {range}; "
            "narrow it with saturate() or wrap(), or declare a wider range"
        )

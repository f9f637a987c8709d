"""A neuron's traced step as instructions on tensors, ready to run forward and back."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from spikeloom.hls_model.dataflow import Dataflow, Node
from spikeloom.quant.torch_backend import exact_type
from spikeloom.quant.torch_operators import TORCH_OPERATORS, Gradients, TorchOperator, are_flags

__all__ = [
    "Instruction",
    "Program",
    "Stepped",
    "Values",
    "accumulate",
    "pull_back",
    "summed",
]

Values = list[Tensor | None]
"""A tensor for each node of a dataflow graph."""


@dataclass(frozen=True, eq=False)
class Stepped:
    """What a population did.

    Attributes
    ----------
    events : [steps, samples, size], or None for neurons that never fire
    states : by word, [steps, samples, size] at each step's end, for the words to be recorded
    last : by word, [samples, size] after the last step
    """

    events: Tensor | None
    states: Mapping[str, Tensor]
    last: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Instruction:
    """An operator's node: ``values[result] = forward(values[operands])``."""

    result: int
    operands: tuple[int, ...]
    forward: Any
    rule: TorchOperator
    ranges: Any
    attrs: Mapping[str, Any]

    def run(self, values: Values) -> None:
        values[self.result] = self.forward(*[values[o] for o in self.operands])

    def gradients(self, grad: Tensor, values: Values, how: Gradients) -> Any:
        operands = tuple(values[o] for o in self.operands) if self.rule.saved else ()
        return self.rule.backward(grad, operands, self.ranges, self.attrs, how)


class Program:
    """A neuron's step, ready to run.

    Values are numbered like the nodes of the graph.

    Parameters
    ----------
    dataflow : the traced step
    name : of the population, for messages

    Attributes
    ----------
    once : instructions on parameters and biases alone
    before : the other instructions that need no state
    loop : those that the next state needs
    after : those on the state that only the event needs

    Raises
    ------
    RangeError
        If no floating-point type holds every number of the step.
    """

    def __init__(self, dataflow: Dataflow, name: str) -> None:
        self.dtype = exact_type(dataflow.bits, repr(name))
        nodes = dataflow.nodes
        index = {node: number for number, node in enumerate(nodes)}
        self.size = len(nodes)
        self.inputs = {n: index[node] for n, node in dataflow.inputs.items()}
        self.constants = {index[n]: n.range.lo for n in nodes if n.op == "constant"}
        outputs = {n: index[node] for n, node in dataflow.outputs.items()}
        self.event = outputs.pop("event")
        self.fires = not (nodes[self.event].op == "constant" and nodes[self.event].range.hi == 0)
        self.next = {n.removeprefix("state."): i for n, i in outputs.items()}
        self.words = tuple(self.next)
        self.word_inputs = {
            w: self.inputs[f"state.{w}"] for w in self.words if f"state.{w}" in self.inputs
        }
        self.ports = tuple(n for n in self.inputs if "." not in n)
        self.shared = tuple(n for n in self.inputs if n.startswith(("p.", "bias.")))
        self._divide(nodes, index)

    def _divide(self, nodes: Sequence[Node], index: Mapping[Node, int]) -> None:
        """Into before, loop and after; and what crosses from one to another."""
        in_time = _reached(nodes, index, (self.inputs[p] for p in self.ports))
        on_state = _reached(nodes, index, self.word_inputs.values())
        needed = _cone(nodes, index, self.next.values())
        operators = [n for n in nodes if n.op not in ("input", "constant")]
        self.once: list[Instruction] = []
        self.before: list[Instruction] = []
        self.loop: list[Instruction] = []
        self.after: list[Instruction] = []
        for node in operators:
            i = index[node]
            if i in on_state:
                part = self.loop if i in needed else self.after
            else:
                part = self.before if i in in_time else self.once
            part.append(_instruction(node, index))
        looped = {i.result for i in self.loop} | set(self.word_inputs.values())
        inside = {o for i in self.loop for o in i.operands} | set(self.next.values())
        self.entering = sorted(inside & in_time - on_state)
        self.sharing = sorted(inside - in_time - on_state)
        leaving = {o for i in self.after for o in i.operands} | {self.event}
        self.leaving = sorted(leaving & looped)
        self.kept = sorted(_saved(self.loop) & looped)
        self.each = [*self.before, *self.loop, *self.after]
        self.kept_each = sorted(_saved(self.each) & (in_time | on_state))
        ends = {*self.next.values(), self.event, *(o for i in self.each for o in i.operands)}
        self.shared_each = sorted(ends - in_time - on_state)
        self._nodes, self._index = nodes, index
        self._active: dict[frozenset[str], set[int]] = {}

    def named(self, tensors: Sequence[Tensor]) -> tuple[dict[str, Tensor], ...]:
        """Sums by port, shared numbers and state words, of tensors in their order."""
        ports, shared = len(self.ports), len(self.ports) + len(self.shared)
        return (
            dict(zip(self.ports, tensors[:ports], strict=True)),
            dict(zip(self.shared, tensors[ports:shared], strict=True)),
            dict(zip(self.words, tensors[shared:], strict=True)),
        )

    def start(self, shared: Mapping[str, Tensor], device: torch.device | None) -> Values:
        """Values of constants and of what parameters and biases alone decide."""
        values: Values = [None] * self.size
        for i, number in self.constants.items():
            values[i] = torch.tensor(number, dtype=self.dtype, device=device)
        for name, tensor in shared.items():
            values[self.inputs[name]] = tensor
        for instruction in self.once:
            instruction.run(values)
        return values

    def carried(self, grads: Values, how: Gradients) -> dict[str, Tensor | None]:
        """Gradients of the state words that a step began with."""
        found: dict[str, Tensor | None] = dict.fromkeys(self.words)
        for word, i in self.word_inputs.items():
            if word not in how.detached:
                found[word] = grads[i]
        return found

    def active(self, inputs: frozenset[str]) -> set[int]:
        """Values that depend on these inputs or on the state: where gradients go."""
        if inputs not in self._active:
            start = [*self.word_inputs.values(), *(self.inputs[n] for n in inputs)]
            self._active[inputs] = _reached(self._nodes, self._index, start)
        return self._active[inputs]


def _saved(part: Iterable[Instruction]) -> set[int]:
    """Operands that the way back reads."""
    return {i.operands[s] for i in part for s in i.rule.saved}


def _instruction(node: Node, index: Mapping[Node, int]) -> Instruction:
    rule = TORCH_OPERATORS[node.op]
    operands = tuple(index[o] for o in node.operands)
    ranges = tuple(o.range for o in node.operands)
    forward = rule.on_flags if rule.on_flags and are_flags(ranges) else rule.forward
    forward = partial(forward, **node.attrs) if node.attrs else forward
    return Instruction(index[node], operands, forward, rule, ranges, node.attrs)


def _reached(nodes: Sequence[Node], index: Mapping[Node, int], start: Iterable[int]) -> set[int]:
    """All nodes that depend on ``start``, and these."""
    found = set(start)
    for number, node in enumerate(nodes):
        if any(index[o] in found for o in node.operands):
            found.add(number)
    return found


def _cone(nodes: Sequence[Node], index: Mapping[Node, int], ends: Iterable[int]) -> set[int]:
    """All nodes that ``ends`` depend on, and these."""
    found = set(ends)
    for number in range(len(nodes) - 1, -1, -1):
        if number in found:
            found |= {index[o] for o in nodes[number].operands}
    return found


def accumulate(grads: Values, i: int, grad: Tensor | None) -> None:
    """Add a gradient to that of value ``i``."""
    if grad is not None:
        before = grads[i]
        grads[i] = grad if before is None else before + grad


def summed(grad: Tensor | None, value: Tensor | None) -> Tensor | None:
    """A gradient summed over the dimensions along which its value was repeated."""
    if grad is None or value is None or grad.shape == value.shape:
        return grad
    return grad.sum_to_size(value.shape)


def pull_back(
    part: Sequence[Instruction],
    grads: Values,
    values: Values,
    how: Gradients,
    active: Container[int],
    *,
    whole: bool = True,
) -> None:
    """Add the gradients of all operands of ``part`` that are ``active``.

    ``whole`` sums those of values that were repeated; otherwise the caller does that, later.
    """
    for instruction in reversed(part):
        grad = grads[instruction.result]
        if grad is None:
            continue
        found = instruction.gradients(grad, values, how)
        for operand, g in zip(instruction.operands, found, strict=True):
            if operand in active:
                accumulate(grads, operand, summed(g, values[operand]) if whole else g)

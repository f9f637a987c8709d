"""Runs a neuron's traced step over time on tensors, as one differentiable function.

The graph that :func:`~spikeloom.hls_model.neuron.trace` yields is divided in three: what needs no
state is computed for all steps at once *before* the loop, what the next state needs is computed
*inside* it, and what only the event needs for all steps at once *after* it. Gradients go back the
same way, by the rules of :data:`.torch_operators.TORCH_OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeloom.hls_model.dataflow import Dataflow, Node
from spikeloom.quant.torch_backend import exact_type
from spikeloom.quant.torch_operators import TORCH_OPERATORS, Gradients, TorchOperator

__all__ = ["Program", "Stepped"]

Values = list[Tensor | None]


@dataclass(frozen=True, eq=False)
class Stepped:
    """What :meth:`Program.run` computed.

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
class _Instruction:
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

    Parameters
    ----------
    dataflow : the traced step
    name : of the population, for messages

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
        self.before: list[_Instruction] = []
        self.loop: list[_Instruction] = []
        self.after: list[_Instruction] = []
        for node in operators:
            i = index[node]
            part = self.before if i not in on_state else self.loop if i in needed else self.after
            part.append(_instruction(node, index))
        looped = {i.result for i in self.loop} | set(self.word_inputs.values())
        inside = {o for i in self.loop for o in i.operands} | set(self.next.values())
        self.entering = sorted(inside & in_time - on_state)
        self.sharing = sorted(inside - in_time - on_state)
        leaving = {o for i in self.after for o in i.operands} | {self.event}
        self.leaving = sorted(leaving & looped)
        kept = {i.operands[s] for i in self.loop for s in i.rule.saved}
        self.kept = sorted(kept & looped)
        self._nodes, self._index = nodes, index
        self._active: dict[frozenset[str], set[int]] = {}

    def active(self, inputs: frozenset[str]) -> set[int]:
        """Values that depend on these inputs or on the state: where gradients go."""
        if inputs not in self._active:
            start = [*self.word_inputs.values(), *(self.inputs[n] for n in inputs)]
            self._active[inputs] = _reached(self._nodes, self._index, start)
        return self._active[inputs]

    def run(
        self,
        sums: Mapping[str, Tensor],
        shared: Mapping[str, Tensor],
        state: Mapping[str, Tensor],
        how: Gradients,
        *,
        steps: int,
        shape: tuple[int, int],
        record: Iterable[str] = (),
    ) -> Stepped:
        """Advance a population.

        Parameters
        ----------
        shape
            Number of samples, and size of the population.
        sums
            Weighted sums by port, [steps, samples, size].
        shared
            Parameters as ``p.name`` and biases as ``bias.port``: one number or [size].
        state
            All state words, [samples, size].
        record
            Words to return of all steps.
        """
        record = tuple(record)
        tensors = [
            *(sums[p].to(self.dtype) for p in self.ports),
            *(shared[n].to(self.dtype) for n in self.shared),
            *(state[w].to(self.dtype) for w in self.words),
        ]
        run: Any = _Run.apply
        results = list(run(self, how, (steps, *shape), record, *tensors))
        events = results.pop(0)
        last = dict(zip(self.words, results, strict=False))
        return Stepped(events, dict(zip(record, results[len(last) :], strict=True)), last)


def _instruction(node: Node, index: Mapping[Node, int]) -> _Instruction:
    rule = TORCH_OPERATORS[node.op]
    forward = partial(rule.forward, **node.attrs) if node.attrs else rule.forward
    operands = tuple(index[o] for o in node.operands)
    ranges = tuple(o.range for o in node.operands)
    return _Instruction(index[node], operands, forward, rule, ranges, node.attrs)


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


class _Forward:
    """One run: the values that it computes, and those that the way back needs."""

    def __init__(
        self, program: Program, shape: tuple[int, int, int], tensors: Sequence[Tensor]
    ) -> None:
        self.program = program
        self.steps, *samples_and_size = shape
        self.shape = tuple(samples_and_size)
        self.values: Values = [None] * program.size
        ports, shared = len(program.ports), len(program.shared)
        names = (*program.ports, *program.shared)
        for name, tensor in zip(names, tensors, strict=False):
            self.values[program.inputs[name]] = tensor
        self.start = dict(zip(program.words, tensors[ports + shared :], strict=True))
        device = tensors[0].device if tensors else None
        for i, number in program.constants.items():
            self.values[i] = torch.tensor(number, dtype=program.dtype, device=device)
        self.kept: list[list[Tensor | None]] = []

    def run(self, keep: bool, record: tuple[str, ...]) -> list[Tensor | None]:
        """The event, the last state words, and the recorded ones."""
        program, values = self.program, self.values
        for instruction in program.before:
            instruction.run(values)
        recorded = [program.next[w] for w in record]
        crossing: dict[int, list[Any]] = {i: [] for i in (*program.leaving, *recorded)}
        state = dict(self.start)
        for t in range(self.steps):
            local = self.locals(t)
            for word, i in program.word_inputs.items():
                local[i] = state[word]
            for instruction in program.loop:
                instruction.run(local)
            state = {w: local[i] for w, i in program.next.items()}  # type: ignore[misc]
            for i, stack in crossing.items():
                stack.append(local[i])
            if keep:
                self.kept.append([local[i] for i in program.kept])
        for i in program.leaving:
            values[i] = torch.stack(crossing[i])
        for instruction in program.after:
            instruction.run(values)
        event = values[program.event] if program.fires else None
        if event is not None:
            event = event.expand(self.steps, *self.shape).detach()
        # What is returned must not be what is kept: a tensor would hold the graph that holds it.
        last = [state[w].expand(self.shape).clone() for w in program.words]
        stacks = [[s.expand(self.shape) for s in crossing[program.next[w]]] for w in record]
        return [event, *last, *(torch.stack(s) for s in stacks)]

    def locals(self, t: int) -> Values:
        """Values of step ``t`` with what the loop takes from before it."""
        local = self.values.copy()
        for i in self.program.entering:
            local[i] = self.values[i][t]  # type: ignore[index]
        return local


class _Backward:
    """The way back of one run."""

    def __init__(self, forward: _Forward, how: Gradients, wanted: frozenset[str]) -> None:
        self.forward, self.program, self.how = forward, forward.program, how
        self.active = forward.program.active(wanted)
        self.values = forward.values
        self.grads: Values = [None] * forward.program.size

    def add(self, i: int, grad: Tensor | None) -> None:
        """To the gradient of a value that exists once, or once for all steps."""
        if grad is None or i not in self.active:
            return
        shape = self.values[i].shape  # type: ignore[union-attr]
        if grad.shape != shape:
            grad = grad.sum_to_size(shape)
        before = self.grads[i]
        self.grads[i] = grad if before is None else before + grad

    def run(
        self, event: Tensor | None, last: Mapping[str, Any], recorded: Mapping[str, Any]
    ) -> dict[str, Tensor | None]:
        """Gradients of the initial state words."""
        if event is not None:
            self.add(self.program.event, event)
        self.whole(self.program.after)
        carry = self.loop(dict(last), recorded)
        self.whole(self.program.before)
        return carry

    def whole(self, part: Sequence[_Instruction]) -> None:
        for instruction in reversed(part):
            grad = self.grads[instruction.result]
            if grad is not None:
                grads = instruction.gradients(grad, self.values, self.how)
                for operand, g in zip(instruction.operands, grads, strict=True):
                    self.add(operand, g)

    def loop(self, carry: dict[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
        program, forward = self.program, self.forward
        entering: dict[int, list[Tensor | None]] = {i: [] for i in program.entering}
        once: Values = [None] * program.size
        from_after = [(i, self.grads[i]) for i in program.leaving if self.grads[i] is not None]
        for t in range(forward.steps - 1, -1, -1):
            grads: Values = [None] * program.size
            for word, i in program.next.items():
                self.accumulate(grads, i, carry[word])
                if recorded.get(word) is not None:
                    self.accumulate(grads, i, recorded[word][t])
            for i, grad in from_after:
                self.accumulate(grads, i, grad[t])  # type: ignore[index]
            local = forward.locals(t)
            for i, value in zip(program.kept, forward.kept[t], strict=True):
                local[i] = value
            for instruction in reversed(program.loop):
                grad = grads[instruction.result]
                if grad is not None:
                    found = instruction.gradients(grad, local, self.how)
                    for operand, g in zip(instruction.operands, found, strict=True):
                        self.accumulate(grads, operand, g)
            carry = {
                w: grads[program.word_inputs[w]] if w in program.word_inputs else None
                for w in program.words
            }
            for i, steps in entering.items():
                steps.append(grads[i])
            for i in program.sharing:
                self.accumulate(once, i, grads[i])
        for i, steps in entering.items():
            self.add(i, _stacked(steps[::-1]))
        for i in program.sharing:
            self.add(i, once[i])
        return carry

    def accumulate(self, grads: Values, i: int, grad: Tensor | None) -> None:
        if grad is not None and i in self.active:
            before = grads[i]
            grads[i] = grad if before is None else before + grad


def _stacked(steps: Sequence[Tensor | None]) -> Tensor | None:
    some = next((g for g in steps if g is not None), None)
    if some is None:
        return None
    return torch.stack([torch.zeros_like(some) if g is None else g for g in steps])


class _Run(torch.autograd.Function):
    """A program's run as one node of PyTorch's graph."""

    @staticmethod
    def forward(
        ctx: Any,
        program: Program,
        how: Gradients,
        shape: tuple[int, int, int],
        record: tuple[str, ...],
        *tensors: Tensor,
    ) -> Any:
        ctx.set_materialize_grads(False)
        ctx.run, ctx.how, ctx.record = _Forward(program, shape, tensors), how, record
        names = (*program.ports, *program.shared)
        # The first four arguments are no tensors.
        needs = zip(names, ctx.needs_input_grad[4:], strict=False)
        ctx.wanted = frozenset(n for n, is_needed in needs if is_needed)
        return tuple(ctx.run.run(any(ctx.needs_input_grad), record))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, event: Tensor | None, *states: Tensor | None) -> Any:
        program = ctx.run.program
        last = dict(zip(program.words, states, strict=False))
        recorded = dict(zip(ctx.record, states[len(last) :], strict=True))
        way = _Backward(ctx.run, ctx.how, ctx.wanted)
        carry = way.run(event, last, recorded)
        inputs = [way.grads[program.inputs[n]] for n in (*program.ports, *program.shared)]
        return None, None, None, None, *inputs, *(carry[w] for w in program.words)

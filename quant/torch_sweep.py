"""Runs a population over time as one differentiable function.

What needs no state is computed for all steps at once *before* the loop, what the next state needs
*inside* it, and what only the event needs for all steps at once *after* it. Gradients go back the
same way, by the rules of :data:`.torch_operators.TORCH_OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeloom.quant.torch_operators import Gradients
from spikeloom.quant.torch_program import (
    Instruction,
    Program,
    Stepped,
    Values,
    accumulate,
    pull_back,
    summed,
)

__all__ = ["spread", "stacked", "sweep"]


def sweep(
    program: Program,
    sums: Mapping[str, Tensor],
    shared: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    how: Gradients,
    *,
    steps: int,
    shape: tuple[int, int],
    record: Iterable[str] = (),
) -> Stepped:
    """Advance a population by all steps.

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
        *(sums[p].to(program.dtype) for p in program.ports),
        *(shared[n].to(program.dtype) for n in program.shared),
        *(state[w].to(program.dtype) for w in program.words),
    ]
    keeps = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    run: Any = _Run.apply
    results = list(run(program, how, (steps, *shape), (record, keeps), *tensors))
    events = results.pop(0)
    last = dict(zip(program.words, results, strict=False))
    return Stepped(events, dict(zip(record, results[len(last) :], strict=True)), last)


class _Forward:
    """One run: the values that it computes, and those that the way back needs."""

    def __init__(
        self, program: Program, shape: tuple[int, int, int], tensors: Sequence[Tensor]
    ) -> None:
        self.program = program
        self.steps, self.shape = shape[0], shape[1:]
        sums, shared, state = program.named(tensors)
        self.values = program.start(shared, tensors[0].device if tensors else None)
        for port, tensor in sums.items():
            self.values[program.inputs[port]] = tensor
        self.start = state
        self.kept: list[list[Tensor | None]] = []

    def run(self, keep: bool, record: tuple[str, ...]) -> list[Tensor | None]:
        """The event, the last state words, and the recorded ones."""
        program, values = self.program, self.values
        for instruction in program.before:
            instruction.run(values)
        self.entering = {i: _steps(values[i]) for i in program.entering}
        recorded = [program.next[w] for w in record]
        crossing: dict[int, list[Any]] = {i: [] for i in (*program.leaving, *recorded)}
        state = dict(self.start)
        for t in range(self.steps):
            local = self.locals(t)
            for word, i in program.word_inputs.items():
                local[i] = state[word]
            for instruction in program.loop:
                instruction.run(local)
            state = {w: spread(local[i], self.shape) for w, i in program.next.items()}
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
        last = [state[w].clone() for w in program.words]
        stacks = [[spread(s, self.shape) for s in crossing[program.next[w]]] for w in record]
        return [event, *last, *(torch.stack(s) for s in stacks)]

    def locals(self, t: int) -> Values:
        """Values of step ``t`` with what the loop takes from before it."""
        local = self.values.copy()
        for i, steps in self.entering.items():
            local[i] = steps[t]
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
        if i in self.active:
            accumulate(self.grads, i, summed(grad, self.values[i]))

    def run(
        self, event: Tensor | None, last: Mapping[str, Any], recorded: Mapping[str, Any]
    ) -> dict[str, Tensor | None]:
        """Gradients of the initial state words."""
        if event is not None:
            self.add(self.program.event, event)
        self.whole(self.program.after)
        carry = self.loop(dict(last), recorded)
        self.whole(self.program.before)
        self.whole(self.program.once)
        return carry

    def whole(self, part: Sequence[Instruction]) -> None:
        pull_back(part, self.grads, self.values, self.how, self.active)

    def loop(self, carry: dict[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
        program, forward = self.program, self.forward
        entering: dict[int, list[Tensor | None]] = {i: [] for i in program.entering}
        once: Values = [None] * program.size
        from_after = [(i, _steps(g)) for i in program.leaving if (g := self.grads[i]) is not None]
        of_words = {w: _steps(g) for w, g in recorded.items() if g is not None}
        for t in range(forward.steps - 1, -1, -1):
            grads: Values = [None] * program.size
            for word, i in program.next.items():
                self.accumulate(grads, i, carry[word])
                if word in of_words:
                    self.accumulate(grads, i, of_words[word][t])
            for i, steps in from_after:
                self.accumulate(grads, i, steps[t])
            local = forward.locals(t)
            for i, value in zip(program.kept, forward.kept[t], strict=True):
                local[i] = value
            pull_back(program.loop, grads, local, self.how, self.active, whole=False)
            carry = program.carried(grads, self.how)
            for i, found_grads in entering.items():
                found_grads.append(grads[i])
            for i in program.sharing:
                self.accumulate(once, i, grads[i])
        for i, found_grads in entering.items():
            self.add(i, stacked(found_grads[::-1]))
        for i in program.sharing:
            self.add(i, once[i])
        return carry

    def accumulate(self, grads: Values, i: int, grad: Tensor | None) -> None:
        if i in self.active:
            accumulate(grads, i, grad)


def spread(value: Tensor | None, shape: tuple[int, int]) -> Tensor:
    """[samples, size], also of what is the same for all samples."""
    assert value is not None
    return value if value.shape == shape else value.expand(shape)


def _steps(values: Tensor | None) -> tuple[Tensor, ...]:
    assert values is not None
    return values.unbind(0)


def stacked(steps: Sequence[Tensor | None]) -> Tensor | None:
    """[steps, …], with zeros where there is none."""
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
        record_and_keeps: tuple[tuple[str, ...], bool],
        *tensors: Tensor,
    ) -> Any:
        ctx.set_materialize_grads(False)
        record, keeps = record_and_keeps
        ctx.run, ctx.how, ctx.record = _Forward(program, shape, tensors), how, record
        names = (*program.ports, *program.shared)
        # The first four arguments are no tensors.
        needs = zip(names, ctx.needs_input_grad[4:], strict=False)
        ctx.wanted = frozenset(n for n, is_needed in needs if is_needed)
        return tuple(ctx.run.run(keeps, record))

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

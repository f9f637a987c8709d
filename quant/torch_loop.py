"""Runs populations that feed each other, step by step, as one differentiable function.

Gradients of recurrent weights are one matrix product over all steps instead of one in each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeloom.quant.torch_operators import Gradients
from spikeloom.quant.torch_program import Program, Stepped, Values, accumulate, pull_back, summed
from spikeloom.quant.torch_sweep import spread, stacked

__all__ = ["Arc", "Member", "run_loop"]


@dataclass(frozen=True, eq=False)
class Member:
    """A population of a loop.

    Attributes
    ----------
    sums : what arrives from outside, by port, [steps, samples, size]
    shared : parameters ``p.name`` and biases ``bias.port``, one number or [size]
    state : all state words, [samples, size]
    record : words to return of all steps
    """

    name: str
    program: Program
    shape: tuple[int, int]
    sums: Mapping[str, Tensor]
    shared: Mapping[str, Tensor]
    state: Mapping[str, Tensor]
    gradients: Gradients
    record: tuple[str, ...] = ()

    def tensors(self) -> list[Tensor]:
        """All of them, in the order of :meth:`Program.named`."""
        program = self.program
        parts = (
            *(self.sums[p] for p in program.ports),
            *(self.shared[n] for n in program.shared),
            *(self.state[w] for w in program.words),
        )
        return [part.to(program.dtype) for part in parts]


@dataclass(frozen=True, eq=False)
class Arc:
    """Projections of a loop with the same source, target and delay.

    Attributes
    ----------
    ports : where they end
    weights : [ports · target size, source size], of a type that holds all weighted sums exactly
    """

    source: str
    target: str
    delay: int
    ports: tuple[str, ...]
    weights: Tensor


def run_loop(members: Sequence[Member], arcs: Sequence[Arc], steps: int) -> dict[str, Stepped]:
    """Advance the populations of a loop by all steps.

    Parameters
    ----------
    members
        In an order in which projections without delay go forward.
    """
    tensors = [t for m in members for t in m.tensors()] + [arc.weights for arc in arcs]
    keeps = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    run: Any = _Run.apply
    results = iter(run(members, arcs, steps, keeps, *tensors))
    return {
        m.name: Stepped(
            next(results),
            last={w: next(results) for w in m.program.words},
            states={w: next(results) for w in m.record},
        )
        for m in members
    }


@dataclass(eq=False)
class _Frame:
    """One population of a run: its values, and what the way back needs of each step."""

    member: Member
    values: Values
    sums: dict[str, tuple[Tensor, ...]]
    state: dict[str, Tensor]
    keeps: bool
    events: list[Tensor] = field(default_factory=list)
    kept: list[list[Tensor | None]] = field(default_factory=list)
    recorded: dict[str, list[Tensor]] = field(default_factory=dict)

    def advance(self, t: int, added: Mapping[str, Tensor]) -> None:
        """Step ``t``, with what arrived inside the loop by port."""
        program = self.member.program
        local = self.values.copy()
        for port, steps in self.sums.items():
            x = steps[t]
            local[program.inputs[port]] = x + added[port] if port in added else x
        for word, i in program.word_inputs.items():
            local[i] = self.state[word]
        for instruction in program.each:
            instruction.run(local)
        self.state = {w: spread(local[i], self.member.shape) for w, i in program.next.items()}
        self.events.append(spread(local[program.event], self.member.shape))
        for word, stack in self.recorded.items():
            stack.append(self.state[word])
        if self.keeps:
            self.kept.append([local[i] for i in program.kept_each])

    def results(self) -> list[Tensor | None]:
        """The events, the last state words, and the recorded ones."""
        events = torch.stack(self.events) if self.member.program.fires else None
        last = [self.state[w].clone() for w in self.member.program.words]
        return [events, *last, *(torch.stack(s) for s in self.recorded.values())]


class _Forward:
    """A whole run."""

    def __init__(
        self,
        members: Sequence[Member],
        arcs: Sequence[Arc],
        steps: int,
        keeps: bool,
        tensors: Sequence[Tensor],
    ) -> None:
        self.arcs, self.steps = arcs, steps
        self.frames: dict[str, _Frame] = {}
        rest = list(tensors)
        for m in members:
            count = len(m.program.ports) + len(m.program.shared) + len(m.program.words)
            sums, shared, state = m.program.named(rest[:count])
            rest = rest[count:]
            values = m.program.start(shared, tensors[0].device)
            unbound = {port: s.unbind(0) for port, s in sums.items()}
            recorded: dict[str, list[Tensor]] = {w: [] for w in m.record}
            self.frames[m.name] = _Frame(m, values, unbound, state, keeps, recorded=recorded)
        self.weights = rest

    def run(self) -> list[Tensor | None]:
        into = {
            name: [(a, w) for a, w in zip(self.arcs, self.weights, strict=True) if a.target == name]
            for name in self.frames
        }
        for t in range(self.steps):
            for name, frame in self.frames.items():
                added: dict[str, Tensor] = {}
                for arc, weights in into[name]:
                    if t >= arc.delay:
                        events = self.frames[arc.source].events[t - arc.delay]
                        product = torch.nn.functional.linear(events.to(weights.dtype), weights)
                        parts = product.to(frame.member.program.dtype).chunk(len(arc.ports), 1)
                        for port, part in zip(arc.ports, parts, strict=True):
                            added[port] = added[port] + part if port in added else part
                frame.advance(t, added)
        return [r for frame in self.frames.values() for r in frame.results()]


class _Back:
    """The way back of one population."""

    def __init__(self, frame: _Frame, wanted: frozenset[str], results: list[Any]) -> None:
        self.frame, self.program = frame, frame.member.program
        self.active = self.program.active(wanted | set(self.program.ports))
        words = self.program.words
        events, last, recorded = results[0], results[1 : 1 + len(words)], results[1 + len(words) :]
        self.carry: dict[str, Tensor | None] = dict(zip(words, last, strict=True))
        self.events: list[Any] = [None] * len(frame.events)
        if events is not None:
            self.events = list(events.unbind(0))
        self.recorded = {
            w: grad.unbind(0)
            for w, grad in zip(frame.recorded, recorded, strict=True)
            if grad is not None
        }
        self.shared: Values = [None] * self.program.size
        self.sums: dict[str, list[Tensor | None]] = {p: [None] * len(self.events) for p in
                                                     self.program.ports}  # fmt: skip

    def step(self, t: int) -> None:
        program, frame = self.program, self.frame
        grads: Values = [None] * program.size
        for word, i in program.next.items():
            accumulate(grads, i, self.carry[word])
            if word in self.recorded:
                accumulate(grads, i, self.recorded[word][t])
        accumulate(grads, program.event, self.events[t])
        local = frame.values.copy()
        for i, value in zip(program.kept_each, frame.kept[t], strict=True):
            local[i] = value
        how = self.frame.member.gradients
        pull_back(program.each, grads, local, how, self.active, whole=False)
        self.carry = program.carried(grads, how)
        for i in program.shared_each:
            if i in self.active:
                accumulate(self.shared, i, grads[i])
        for port, sums in self.sums.items():
            sums[t] = grads[program.inputs[port]]

    def tensors(self) -> list[Tensor | None]:
        """Gradients of the member's tensors, in their order."""
        program, values = self.program, self.frame.values
        grads: Values = [None] * program.size
        for i in program.shared_each:
            accumulate(grads, i, summed(self.shared[i], values[i]))
        pull_back(program.once, grads, values, self.frame.member.gradients, self.active)
        shared = [grads[program.inputs[name]] for name in program.shared]
        sums = [stacked(self.sums[p]) for p in program.ports]
        return [*sums, *shared, *(self.carry[w] for w in program.words)]


class _Backward:
    """The way back of a whole run."""

    def __init__(self, forward: _Forward, wanted: Sequence[bool], results: Sequence[Any]) -> None:
        self.forward = forward
        self.backs: dict[str, _Back] = {}
        rest, needs = list(results), list(wanted)
        for name, frame in forward.frames.items():
            program = frame.member.program
            names = (*program.ports, *program.shared)
            needed = frozenset(n for n, is_needed in zip(names, needs, strict=False) if is_needed)
            needs = needs[len(names) + len(program.words) :]
            count = 1 + len(program.words) + len(frame.recorded)
            self.backs[name] = _Back(frame, needed, rest[:count])
            rest = rest[count:]

    def run(self) -> list[Tensor | None]:
        forward = self.forward
        arcs = list(zip(forward.arcs, forward.weights, strict=True))
        of_sums: list[list[Tensor | None]] = [[None] * forward.steps for _ in arcs]
        for t in range(forward.steps - 1, -1, -1):
            for name in reversed(forward.frames):
                self.backs[name].step(t)
                for (arc, weights), grads in zip(arcs, of_sums, strict=True):
                    if arc.target == name and t >= arc.delay:
                        grads[t] = self._of_sums(arc, t)
                        self._send(arc, t, grads[t], weights)
        tensors = [g for back in self.backs.values() for g in back.tensors()]
        return [
            *tensors,
            *(self._of_weights(*arc, g) for arc, g in zip(arcs, of_sums, strict=True)),
        ]

    def _of_sums(self, arc: Arc, t: int) -> Tensor | None:
        """[samples, ports · target size]"""
        back = self.backs[arc.target]
        parts = [back.sums[port][t] for port in arc.ports]
        some = next((p for p in parts if p is not None), None)
        if some is None or len(parts) == 1:
            return some
        return torch.cat([torch.zeros_like(some) if p is None else p for p in parts], 1)

    def _send(self, arc: Arc, t: int, grad: Tensor | None, weights: Tensor) -> None:
        """To the events that arrived in step ``t``."""
        if grad is not None:
            events = self.backs[arc.source].events
            g = (grad.to(weights.dtype) @ weights).to(grad.dtype)
            before = events[t - arc.delay]
            events[t - arc.delay] = g if before is None else before + g

    def _of_weights(
        self, arc: Arc, weights: Tensor, of_sums: Sequence[Tensor | None]
    ) -> Tensor | None:
        grads = [(t, g) for t, g in enumerate(of_sums) if g is not None]
        if not grads:
            return None
        events = self.forward.frames[arc.source].events
        sent = torch.cat([events[t - arc.delay] for t, _ in grads])
        return torch.cat([g for _, g in grads]).to(weights.dtype).T @ sent.to(weights.dtype)


class _Run(torch.autograd.Function):
    """A loop's run as one node of PyTorch's graph."""

    @staticmethod
    def forward(
        ctx: Any, members: Any, arcs: Any, steps: int, keeps: bool, *tensors: Tensor
    ) -> Any:
        ctx.set_materialize_grads(False)
        ctx.run = _Forward(members, arcs, steps, keeps, tensors)
        return tuple(ctx.run.run())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *results: Tensor | None) -> Any:
        # The first four arguments are no tensors.
        way = _Backward(ctx.run, ctx.needs_input_grad[4:], results)
        return None, None, None, None, *way.run()

"""One run of a network on tensors, for a batch of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spikeloom.hls_model import EVENTS
from spikeloom.quant.torch_loop import Arc, Member, run_loop
from spikeloom.quant.torch_sweep import sweep

if TYPE_CHECKING:
    from spikeloom.quant.torch_network import Integers, Link, TorchNetwork

__all__ = ["Batch", "Run"]


@dataclass(frozen=True, eq=False)
class Run:
    """What a network did, in integers held by floating-point tensors.

    Attributes
    ----------
    spikes : event values of the recorded populations, [samples, steps, size]
    states : their state words at each step's end, [samples, steps, size]
    readout : [samples, output size]: events summed over the steps, or the output's state word
        after the last step
    """

    spikes: Mapping[str, Tensor]
    states: Mapping[str, Mapping[str, Tensor]]
    readout: Tensor


class Batch:
    """One run. Tensors of populations are [steps, samples, size] inside."""

    def __init__(
        self, network: TorchNetwork, inputs: Mapping[str, Tensor], steps: int, record: set[str]
    ) -> None:
        self.network, self.inputs, self.steps = network, inputs, steps
        self.record = record
        some = next(iter(inputs.values()))
        self.samples, self.device = some.shape[0], some.device
        self.integers: dict[str, Integers] = {}
        self.events: dict[str, Tensor] = {}
        self.states: dict[str, Mapping[str, Tensor]] = {}
        self.last: dict[str, Mapping[str, Tensor]] = {}

    def run(self) -> Run:
        # Automatic mixed precision would round integers.
        with torch.autocast(self.device.type, enabled=False):
            return self._run()

    def _run(self) -> Run:
        for group in self.network.groups:
            known = {**self.inputs, **self.events}
            self.integers |= {name: self.network.integers(name, known) for name in group}
            outside = {name: self._sums(name, group) for name in group}
            if any(link.source in group for name in group for link in self.integers[name].links):
                self._loop(group, outside)
            else:
                self._sweep(group[0], outside[group[0]])
        output = self.network.output
        if output.source == EVENTS:
            readout = self.events[output.population].sum(0)
        else:
            readout = self.last[output.population][output.source]
        spikes = {n: self.events[n].transpose(0, 1) for n in self.record}
        states = {n: {w: s.transpose(0, 1) for w, s in self.states[n].items()} for n in self.record}
        return Run(spikes, states, readout)

    def _sums(self, name: str, group: tuple[str, ...]) -> dict[str, Tensor]:
        """What arrives from outside a loop, for all steps at once, by port."""
        sums: dict[str, Tensor] = {}
        for link in self.integers[name].links:
            if link.source not in group:
                current = self._current(link)
                before = sums.get(link.port)
                sums[link.port] = current if before is None else before + current.to(before.dtype)
        return self._complete(name, sums)

    def _current(self, link: Link) -> Tensor:
        """Σ w·e of a projection for all steps: [steps, samples, target size]."""
        if link.source in self.inputs:
            # Transposed after the product, where it is smaller.
            current = link.product(self.inputs[link.source]).transpose(0, 1).contiguous()
            if current.shape[0] != self.steps:
                current = current.expand(self.steps, *current.shape[1:])
        else:
            current = link.product(self.events[link.source])
        if not link.delay:
            return current
        silent = current.new_zeros((min(link.delay, self.steps), *current.shape[1:]))
        return torch.cat([silent, current[: max(self.steps - link.delay, 0)]])

    def _complete(self, name: str, sums: dict[str, Tensor]) -> dict[str, Tensor]:
        program = self.network.programs[name]
        shape = (self.steps, self.samples, self.network.sizes[name])
        silent = torch.zeros((), dtype=program.dtype, device=self.device).expand(shape)
        return {p: sums[p].to(program.dtype) if p in sums else silent for p in program.ports}

    def _start(self, name: str) -> dict[str, Tensor]:
        program = self.network.programs[name]
        shape = (self.samples, self.network.sizes[name])
        initial = self.network.initial[name]
        return {
            w: torch.full(shape, initial.get(w, 0), dtype=program.dtype, device=self.device)
            for w in program.words
        }

    def _sweep(self, name: str, sums: Mapping[str, Tensor]) -> None:
        """All steps of a population that does not feed back."""
        program = self.network.programs[name]
        done = sweep(
            program,
            sums,
            self.integers[name].shared,
            self._start(name),
            self.integers[name].gradients,
            steps=self.steps,
            shape=(self.samples, self.network.sizes[name]),
            record=program.words if name in self.record else (),
        )
        self.events[name] = self._events(name, done.events)
        self.states[name], self.last[name] = done.states, done.last

    def _loop(self, group: tuple[str, ...], outside: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Step by step, for populations that feed each other."""
        members = []
        for name in group:
            program = self.network.programs[name]
            integers = self.integers[name]
            members.append(
                Member(
                    name,
                    program,
                    (self.samples, self.network.sizes[name]),
                    outside[name],
                    integers.shared,
                    self._start(name),
                    integers.gradients,
                    program.words if name in self.record else (),
                )
            )
        arcs = [arc for name in group for arc in self._arcs(name, group)]
        for name, done in run_loop(members, arcs, self.steps).items():
            self.events[name] = self._events(name, done.events)
            self.states[name], self.last[name] = done.states, done.last

    def _arcs(self, name: str, group: tuple[str, ...]) -> list[Arc]:
        """Projections that stay inside a loop, those that a product can serve together."""
        ports = self.network.programs[name].ports
        together: dict[tuple[str, int], list[Link]] = {}
        for link in self.integers[name].links:
            if link.source in group and link.port in ports:
                together.setdefault((link.source, link.delay), []).append(link)
        return [
            Arc(
                source,
                name,
                delay,
                tuple(k.port for k in links),
                torch.cat([k.weights.to(_wider(*(k.dtype for k in links))) for k in links]),
            )
            for (source, delay), links in together.items()
        ]

    def _events(self, name: str, events: Tensor | None) -> Tensor:
        if events is not None:
            return events
        shape = (self.steps, self.samples, self.network.sizes[name])
        return torch.zeros((), device=self.device).expand(shape)


def _wider(*types: torch.dtype) -> torch.dtype:
    return torch.float64 if torch.float64 in types else torch.float32

"""Runs integer networks on PyTorch tensors: level ``torch``, and the body of the training layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.hls_model import EVENTS, Network, Output, Population, Range, Result
from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.reference import components
from spikeloom.hls_model.samples import to_events
from spikeloom.quant.torch_loop import Arc, Member, run_loop
from spikeloom.quant.torch_operators import PLAIN, Gradients
from spikeloom.quant.torch_program import Program
from spikeloom.quant.torch_sweep import sweep

__all__ = ["Integers", "Link", "Run", "TorchNetwork", "largest_event", "torch_simulate"]

_BATCH_ELEMENTS = 1 << 24
"""Values that one batch may hold: bounds the memory, whatever the test set's size."""


@dataclass(frozen=True, eq=False)
class Link:
    """A projection's integer weights [target, source] as a tensor; ``largest`` bounds the events
    of its source."""

    source: str
    target: str
    port: str
    delay: int
    weights: Tensor
    largest: int

    @cached_property
    def dtype(self) -> torch.dtype:
        """A type that holds Σ w·e exactly in any order of addition.

        Raises
        ------
        RangeError
            If there is none.
        """
        bound = float(self.weights.detach().abs().sum(1).max()) * self.largest
        if bound >= 2**53:
            raise RangeError(
                f"weighted sums of {self.source}→{self.target} must stay below 2⁵³ to be exact in "
                f"PyTorch, not {bound:g}; narrow its weights or events"
            )
        return torch.float32 if bound < 2**24 else torch.float64

    def product(self, events: Tensor) -> Tensor:
        """Σ w·e: [..., target]."""
        return torch.nn.functional.linear(events.to(self.dtype), self.weights.to(self.dtype))


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


@dataclass(frozen=True, eq=False)
class Integers:
    """What a population computes with.

    Attributes
    ----------
    links : the projections that end there
    shared : parameters ``p.name`` and biases ``bias.port``, one number or [size]
    """

    links: tuple[Link, ...]
    shared: Mapping[str, Tensor]
    gradients: Gradients = PLAIN


@dataclass(frozen=True, eq=False)
class TorchNetwork:
    """A network's structure, and where the integers that it computes with come from.

    Attributes
    ----------
    groups : populations in order, those of a recurrent loop together
    programs : each population's step
    sizes : of the populations
    initial : per population, state words at a sample's start, where not 0
    integers : called once a run for each population, when all sources outside its loop have run:
        its name, and the events so far by source, [..., size]
    """

    groups: tuple[tuple[str, ...], ...]
    programs: Mapping[str, Program]
    sizes: Mapping[str, int]
    initial: Mapping[str, Mapping[str, int]]
    output: Output
    integers: Callable[[str, Mapping[str, Tensor]], Integers]

    @classmethod
    def of(cls, network: Network) -> TorchNetwork:
        """Of an integer network, without gradients.

        Raises
        ------
        RangeError
            If a population needs more bits than floating point holds exactly.
        """

        def tensor(value: Any) -> Tensor:
            return torch.as_tensor(np.asarray(value), dtype=torch.float64)

        def shared(p: Population) -> dict[str, Tensor]:
            named = {f"p.{n}": v for n, v in p.parameters.items()}
            named |= {f"bias.{port}": v for port, v in p.bias.items()}
            return {n: tensor(v) for n, v in named.items()}

        integers = {
            p.name: Integers(
                tuple(
                    Link(
                        q.source,
                        q.target,
                        q.port,
                        q.delay,
                        tensor(q.weights),
                        largest_event(network.event_range(q.source)),
                    )
                    for q in network.into(p.name)
                ),
                shared(p),
            )
            for p in network.populations
        }
        return cls(
            tuple(components(network)),
            {p.name: Program(network.dataflow(p.name), p.name) for p in network.populations},
            {p.name: p.size for p in network.populations},
            {p.name: p.initial for p in network.populations},
            network.output,
            lambda name, _: integers[name],
        )

    def run(self, inputs: Mapping[str, Tensor], steps: int, record: Iterable[str] = ()) -> Run:
        """Run a batch.

        Parameters
        ----------
        inputs
            Event values by input, [samples, steps, size], or [samples, 1, size] if held.
        record
            Populations whose spikes and states to return.
        """
        return _Batch(self, inputs, steps, set(record)).run()


class _Batch:
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
            current = link.product(self.inputs[link.source]).transpose(0, 1)
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


def torch_simulate(
    network: Network, samples: Any, *, steps: int | None = None, record: bool = True
) -> Result:
    """Simulate ``network`` by PyTorch: level ``torch``, which must equal the reference.

    Parameters and result are those of :func:`spikeloom.hls_model.simulate`; numbers are exact
    integers.

    Raises
    ------
    SampleError
        If samples do not fit the network's inputs.
    RangeError
        If a population needs more bits than floating point holds exactly.
    """
    events = to_events(network, samples, steps)
    first = next(iter(events.values()))
    widest = max(*(i.size for i in network.inputs), *(p.size for p in network.populations))
    size = max(1, _BATCH_ELEMENTS // (widest * first.steps))
    body = TorchNetwork.of(network)
    names = [p.name for p in network.populations] if record else []
    runs = []
    with torch.no_grad():
        for start in range(0, first.samples, size):
            inputs = {
                n: torch.from_numpy(np.ascontiguousarray(e.values[start : start + size]))
                for n, e in events.items()
            }
            runs.append(body.run(inputs, first.steps, names))
    return Result(
        {n: _integers([r.spikes[n] for r in runs]) for n in names},
        {
            n: {w: _integers([r.states[n][w] for r in runs]) for w in body.programs[n].words}
            for n in names
        },
        _integers([r.readout for r in runs]),
    )


def _integers(parts: list[Tensor]) -> Any:
    return torch.cat(parts).to(torch.int64).numpy()


def largest_event(range: Range) -> int:
    """The largest magnitude of events in ``range``."""
    return max(-range.lo, range.hi)

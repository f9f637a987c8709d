"""Runs integer networks on PyTorch tensors: level ``torch``, and the body of the training layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.hls_model import Network, Output, Population, Range, Result
from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.reference import components, readout
from spikeloom.hls_model.samples import to_events
from spikeloom.quant.torch_batch import Batch, Run
from spikeloom.quant.torch_operators import PLAIN, Gradients
from spikeloom.quant.torch_program import Program

__all__ = ["Integers", "Link", "TorchNetwork", "largest_event", "torch_simulate"]

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
        return Batch(self, inputs, steps, set(record)).run()


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
    names = (
        [p.name for p in network.populations] if record else [t.population for t in network.taps]
    )
    runs = []
    with torch.no_grad():
        for start in range(0, first.samples, size):
            inputs = {
                n: torch.from_numpy(np.ascontiguousarray(e.values[start : start + size]))
                for n, e in events.items()
            }
            runs.append(body.run(inputs, first.steps, names))
    spikes = {n: _integers([r.spikes[n] for r in runs]) for n in names}
    states = {
        n: {w: _integers([r.states[n][w] for r in runs]) for w in body.programs[n].words}
        for n in names
    }
    delivered = _integers([r.readout for r in runs])
    taps = {tap: readout(tap, spikes, states) for tap in network.taps}
    return Result(spikes, states, delivered, taps) if record else Result({}, {}, delivered, taps)


def _integers(parts: list[Tensor]) -> Any:
    return torch.cat(parts).to(torch.int64).numpy()


def largest_event(range: Range) -> int:
    """The largest magnitude of events in ``range``."""
    return max(-range.lo, range.hi)

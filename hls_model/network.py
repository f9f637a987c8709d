"""The integer network: populations and projections, as the reference and the hardware share it."""

from __future__ import annotations

import graphlib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.dataflow import Dataflow
from spikeloom.hls_model.errors import NetworkError
from spikeloom.hls_model.neuron import Neuron, trace
from spikeloom.hls_model.ranges import BOOL, Range

__all__ = ["CONTRACT", "EVENTS", "Input", "Network", "Output", "Population", "Projection"]

CONTRACT = 1
"""Version of the arithmetic contract (``docs/arithmetic.md``) that networks follow."""

_ROUNDS = 16
"""Rounds in which the event ranges of recurrent loops must settle."""

EVENTS = "events"
"""The source of an :class:`Output` that delivers spikes rather than a state word."""


_INT64 = Range.signed(64)


@dataclass(frozen=True)
class Input:
    """Where events enter.

    Attributes
    ----------
    shape : of one step's values; event addresses count its elements in C order
    range : of event values; [0, 1] for spikes
    unit : what an event value of 1 stands for in the user's samples: value = round(sample / unit)
    held
        Its values stay the same for all steps of a sample. Events are then sent in the first step
        alone, and what they contribute to a neuron's sum counts again in each step that follows.
    """

    name: str
    shape: tuple[int, ...]
    range: Range = BOOL
    unit: float = 1.0
    held: bool = False

    def __post_init__(self) -> None:
        if not all(isinstance(n, int | np.integer) and n > 0 for n in self.shape):
            raise NetworkError(
                f"the shape of {self.name!r} must hold positive integers, not {self.shape}"
            )
        if self.range not in _INT64:
            raise NetworkError(f"events of {self.name!r} must fit 64 bits, and {self.range} do not")
        if not 0 < self.unit < inf:
            raise NetworkError(f"the unit of {self.name!r} must be positive, not {self.unit}")
        if not isinstance(self.held, bool):
            raise NetworkError(f"held of {self.name!r} must be True or False, not {self.held!r}")

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one model.

    Attributes
    ----------
    parameters
        An integer shared by all neurons (it costs no memory) or one integer per neuron.
    bias
        Added to the weighted sum of the neuron's ports, by port; shared or per neuron.
    initial
        State words at the start of a sample, where not 0.
    """

    name: str
    size: int
    neuron: Neuron
    parameters: Mapping[str, int | npt.NDArray[np.int64]] = field(default_factory=dict)
    bias: Mapping[str, int | npt.NDArray[np.int64]] = field(default_factory=dict)
    initial: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.size, int | np.integer) or self.size < 1:
            raise NetworkError(f"{self.name!r} must have at least one neuron, not {self.size!r}")
        _require_names("parameters", self, self.neuron.parameters, self.parameters, exact=True)
        _require_names("biases", self, self.neuron.ports, self.bias)
        _require_names("initial values", self, self.neuron.states(), self.initial)
        for kind in ("parameters", "bias"):
            tidy = {
                n: _shared_or_each(v, self.size, f"{kind} {n!r} of {self.name!r}")
                for n, v in getattr(self, kind).items()
            }
            object.__setattr__(self, kind, tidy)
        object.__setattr__(self, "initial", {w: int(v) for w, v in self.initial.items()})
        for word, value in self.initial.items():
            if value not in self.neuron.states()[word]:
                raise NetworkError(
                    f"the initial value of {self.name!r}.{word} must lie in "
                    f"{self.neuron.states()[word]}, not {value}"
                )


@dataclass(frozen=True, eq=False)
class Projection:
    """Weighted connections from a source (an input or a population) to a population's port.

    Attributes
    ----------
    weights : integers [target size, source size]
    bits : width of a stored weight in two's complement; by default what the weights need
    delay : steps from an event to its arrival; at least 1 for recurrent projections
    """

    source: str
    target: str
    weights: npt.NDArray[Any]
    port: str = "x"
    delay: int = 0
    bits: int = 0

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights)
        name = f"{self.source}→{self.target}"
        if weights.ndim != 2 or weights.dtype.kind not in "iu" or weights.size == 0:
            raise NetworkError(
                f"weights of {name} must be a non-empty integer matrix [target, source], not "
                f"{weights.dtype} {weights.shape}"
            )
        if self.delay < 0:
            raise NetworkError(f"the delay of {name} must be 0 or more steps, not {self.delay}")
        range = Range.of(weights)
        needed = max((range | Range(-1, 0)).width, 1)
        if self.bits and self.bits < needed:
            raise NetworkError(
                f"weights of {name} lie in {range} and need {needed} bits, not {self.bits}"
            )
        smallest = next(t for t in (np.int8, np.int16, np.int32, np.int64) if _fits(range, t))
        object.__setattr__(self, "weights", weights.astype(smallest))
        object.__setattr__(self, "bits", self.bits or needed)


_Arriving = tuple[tuple[Projection, Range], ...]
"""Projections with the range of the events that they carry."""


@dataclass(frozen=True)
class Output:
    """What leaves the network: a population's events of every step, or one of its state words
    at a sample's last step."""

    population: str
    source: str = EVENTS


@dataclass(frozen=True, eq=False)
class Network:
    """Inputs, populations and the projections between them; the truth that hardware must equal.

    ``populations`` may be given in any order; they are kept in one in which projections without
    delay go forward. ``output`` is what predictions are made of; ``taps`` are outputs beside it.

    Raises
    ------
    NetworkError
        If names, shapes or ranges contradict each other, or projections without delay form a
        cycle.
    RangeError
        If a neuron's state can leave its declared range.
    """

    inputs: tuple[Input, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    output: Output
    contract: int = CONTRACT
    taps: tuple[Output, ...] = ()

    def __post_init__(self) -> None:
        names = [*(i.name for i in self.inputs), *(p.name for p in self.populations)]
        for name in names:
            if names.count(name) > 1 or not name.isidentifier():
                raise NetworkError(
                    f"names of inputs and populations must be identifiers and differ, not {name!r}"
                )
        for projection in self.projections:
            self._check_projection(projection)
        self._check_twins()
        object.__setattr__(self, "populations", tuple(self._ordered()))
        self._check_outputs()
        self._trace_all()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The output and all taps."""
        return (self.output, *self.taps)

    def _check_outputs(self) -> None:
        for output in self.outputs:
            states = self.population(output.population).neuron.states()
            if output.source not in (EVENTS, *states):
                raise NetworkError(
                    f"the output of {output.population!r} must be {EVENTS!r} or one of its states "
                    f"{sorted(states)}, not {output.source!r}"
                )
        # A core has one stream for its events and one for a state word.
        kinds = [(o.population, o.source == EVENTS) for o in self.outputs]
        for name, _ in (kind for kind in kinds if kinds.count(kind) > 1):
            raise NetworkError(
                f"outputs of {name!r} must be its events and at most one state, each once; read "
                "the others from another population"
            )

    def _check_projection(self, projection: Projection) -> None:
        source, target = self.node(projection.source), self.population(projection.target)
        name = f"{source.name}→{target.name}"
        if projection.weights.shape != (target.size, source.size):
            raise NetworkError(
                f"weights of {name} must have the shape [target, source] = "
                f"{(target.size, source.size)}, not {projection.weights.shape}"
            )
        if projection.port not in target.neuron.ports:
            raise NetworkError(
                f"{name} must end at a port of {target.name!r}, one of {target.neuron.ports}, "
                f"not {projection.port!r}"
            )

    def _check_twins(self) -> None:
        ends = [(p.source, p.target, p.port, p.delay) for p in self.projections]
        for source, target, port, _ in (e for e in ends if ends.count(e) > 1):
            raise NetworkError(
                f"two projections {source}→{target} ({port}) with the same delay must be one; add "
                "their weights"
            )

    def _ordered(self) -> Iterable[Population]:
        graph: dict[str, set[str]] = {p.name: set() for p in self.populations}
        for projection in self.projections:
            if projection.delay == 0 and projection.source in graph:
                graph[projection.target].add(projection.source)
        try:
            order = list(graphlib.TopologicalSorter(graph).static_order())
        except graphlib.CycleError as error:
            raise NetworkError(
                f"projections without delay must not form a cycle, as {' → '.join(error.args[1])} "
                "do; give a recurrent projection delay=1"
            ) from None
        return [self.population(name) for name in order]

    def node(self, name: str) -> Input | Population:
        """The input or population called ``name``."""
        nodes: tuple[Input | Population, ...] = (*self.inputs, *self.populations)
        for node in nodes:
            if node.name == name:
                return node
        raise NetworkError(f"there is no input or population {name!r} in this network")

    def population(self, name: str) -> Population:
        node = self.node(name)
        if not isinstance(node, Population):
            raise NetworkError(f"{name!r} must be a population, not an input")
        return node

    def into(self, name: str, port: str | None = None) -> tuple[Projection, ...]:
        """Projections that end at a population (at one port of it)."""
        return tuple(p for p in self.projections if p.target == name and port in (None, p.port))

    def out_of(self, name: str) -> tuple[Projection, ...]:
        return tuple(p for p in self.projections if p.source == name)

    @cached_property
    def _dataflows(self) -> dict[str, Dataflow]:
        return {}

    @cached_property
    def _event_ranges(self) -> dict[str, Range]:
        return {i.name: i.range | BOOL for i in self.inputs} | {
            p.name: BOOL for p in self.populations
        }

    def _trace_all(self) -> None:
        """Trace every population until the ranges of all events hold what they cause.

        Without loops of graded events one round shows that; loops may take a few.
        """
        for _ in range(_ROUNDS):
            before = dict(self._event_ranges)
            for population in self.populations:
                dataflow = self._trace(population)
                self._dataflows[population.name] = dataflow
                self._event_ranges[population.name] |= dataflow.outputs["event"].range
            if self._event_ranges == before:
                return
        growing = next(n for n, r in self._event_ranges.items() if r != before[n])
        raise NetworkError(
            f"events of {growing!r} grow without end in its recurrent loop; saturate the event in "
            "the neuron's step"
        )

    def _trace(self, population: Population) -> Dataflow:
        return trace(
            population.neuron,
            {
                port: self.accumulator_range(population.name, port)
                for port in population.neuron.ports
            },
            {n: Range.of(v) for n, v in population.parameters.items()},
            {port: Range.of(v) for port, v in population.bias.items()},
        )

    def dataflow(self, name: str) -> Dataflow:
        """The traced step of a population, with the ranges that its inputs and parameters have."""
        return self._dataflows[self.population(name).name]

    def event_range(self, name: str) -> Range:
        """Values that events of an input or population carry, and 0 and 1 in any case."""
        return self._event_ranges[self.node(name).name]

    def accumulator_range(self, name: str, port: str = "x") -> Range:
        """What the weighted sum of a port can reach while a step's events arrive in any order.

        Each address sends at most one event per step.
        """
        arriving = tuple((p, self.event_range(p.source)) for p in self.into(name, port))
        # Fitting a board asks thousands of times, and adding a million weights takes a while.
        if (name, arriving) not in self._accumulator_ranges:
            self._accumulator_ranges[name, arriving] = self._sum_range(name, arriving)
        return self._accumulator_ranges[name, arriving]

    @cached_property
    def _accumulator_ranges(self) -> dict[tuple[str, _Arriving], Range]:
        return {}

    def _sum_range(self, name: str, arriving: _Arriving) -> Range:
        # Python integers: nothing overflows, whatever ranges a user declares.
        lo = np.zeros(self.population(name).size, dtype=object)
        hi = lo.copy()
        for projection, events in arriving:
            weights = projection.weights
            exact = object if weights.dtype == np.int64 else np.int64
            positive = np.maximum(weights, 0).sum(axis=1, dtype=exact).astype(object)
            negative = np.minimum(weights, 0).sum(axis=1, dtype=exact).astype(object)
            hi += positive * events.hi + negative * events.lo
            lo += negative * events.hi + positive * events.lo
        return Range(int(lo.min()), int(hi.max()))

    @property
    def synapses(self) -> int:
        return sum(p.weights.size for p in self.projections)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything that determines the network's behaviour, in hexadecimal."""
        from spikeloom.hls_model.network_file import to_arrays

        digest = hashlib.sha256()
        for name, array in sorted(to_arrays(self).items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: Any) -> None:
        """Write the network as one ``.npz`` without pickles (see :mod:`.network_file`)."""
        from spikeloom.hls_model.network_file import save

        save(self, path)

    @staticmethod
    def load(path: Any) -> Network:
        """Read a network that :meth:`save` wrote.

        Raises
        ------
        ArtefactError
            If the file is missing, damaged, foreign or of another contract version.
        """
        from spikeloom.hls_model.network_file import load

        return load(path)


def _fits(range: Range, dtype: type[np.signedinteger[Any]]) -> bool:
    info = np.iinfo(dtype)
    return range in Range(int(info.min), int(info.max))


def _require_names(
    what: str,
    population: Population,
    known: Iterable[str],
    given: Iterable[str],
    exact: bool = False,
) -> None:
    known, given = set(known), set(given)
    if (exact and known != given) or not given <= known:
        raise NetworkError(
            f"{population.name!r} ({type(population.neuron).__name__}) takes the {what} "
            f"{sorted(known)}, not {sorted(given)}"
        )


def _shared_or_each(value: Any, size: int, what: str) -> int | npt.NDArray[np.int64]:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.shape not in ((), (size,)):
        raise NetworkError(
            f"{what} must be an integer or {size} integers, not {array.dtype} {array.shape}"
        )
    if (array == array.flat[0]).all():
        return int(array.flat[0])
    return array.astype(np.int64)

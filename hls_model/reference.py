"""The bit-accurate reference: simulates an integer network in batches, at BLAS speed or above it.

Weighted sums of spikes are added up event by event (:mod:`.spike_sums`). Those of graded events,
and all where it would not repay, are matrix products in floating point wherever a bound on
Σ|w|·max|e| proves that every partial sum is an integer below the significand's limit, hence exact
in any order.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.network import EVENTS, Network, Output, Population, Projection
from spikeloom.hls_model.neuron import as_argument
from spikeloom.hls_model.numpy_backend import NumpyBackend
from spikeloom.hls_model.ranges import BOOL, Range
from spikeloom.hls_model.samples import InputEvents, to_events
from spikeloom.hls_model.spike_sums import spike_sums
from spikeloom.hls_model.values import Value

__all__ = [
    "Result",
    "components",
    "events_per_step",
    "readout",
    "sent_events",
    "simulate",
    "simulate_batches",
    "threads",
]

Array = npt.NDArray[Any]

_BATCH_ELEMENTS = 1 << 24
"""Input values that one batch may hold: bounds the memory, whatever the test set's size."""

_REPAYS = 1 << 34
"""Synaptic operations, silent ones included, above which loading the compiled loop takes less time
than it saves."""

_MOST_THREADS = 8
"""More would wait for the interpreter between NumPy's operations, and hold a batch each."""


@dataclass(frozen=True)
class Result:
    """What a simulation recorded.

    Attributes
    ----------
    spikes : event values per population, [samples, steps, size]
    states : state words at each step's end, per population and word, [samples, steps, size]
    readout : [samples, output size]: events summed over the steps, or the output's state word
        after the last step
    taps : the same for each of the network's taps
    """

    spikes: Mapping[str, Array]
    states: Mapping[str, Mapping[str, Array]]
    readout: Array
    taps: Mapping[Output, Array] = field(default_factory=dict)

    @property
    def predictions(self) -> Array:
        """The class with the largest readout, the lowest index on a tie: [samples]."""
        return np.asarray(self.readout.argmax(axis=1))


def simulate(
    network: Network, samples: Any, *, steps: int | None = None, record: bool = True
) -> Result:
    """Simulate ``network`` on ``samples`` (see :func:`.samples.to_events`).

    Parameters
    ----------
    record
        Keep the spikes and states of all populations; otherwise only the readout, so that memory
        does not grow with the steps.

    Raises
    ------
    SampleError
        If samples do not fit the network's inputs.
    """
    parts = list(simulate_batches(network, to_events(network, samples, steps), record=record))
    spikes = {n: np.concatenate([p.spikes[n] for p in parts]) for n in parts[0].spikes}
    states = {
        n: {w: np.concatenate([p.states[n][w] for p in parts]) for w in words}
        for n, words in parts[0].states.items()
    }
    taps = {tap: np.concatenate([p.taps[tap] for p in parts]) for tap in network.taps}
    return Result(spikes, states, np.concatenate([p.readout for p in parts]), taps)


def simulate_batches(
    network: Network, events: Mapping[str, InputEvents], *, record: bool = True
) -> Iterator[Result]:
    """The same for checked events, one result per batch of bounded memory."""
    first = next(iter(events.values()))
    widest = max(*(i.size for i in network.inputs), *(p.size for p in network.populations))
    batch = max(1, _BATCH_ELEMENTS // (widest * first.steps))
    by_event = network.synapses * first.samples * first.steps > _REPAYS

    def run(start: int) -> Result:
        part = {name: e[start : start + batch] for name, e in events.items()}
        return _Simulation(network, part, by_event).run(record)

    starts = range(0, first.samples, batch)
    # Matrix products have threads of their own.
    return _in_threads(run, starts) if by_event else map(run, starts)


def _in_threads(run: Callable[[int], Result], starts: Iterable[int]) -> Iterator[Result]:
    """``map(run, starts)`` in threads, with no more results waiting than there are threads."""
    with ThreadPoolExecutor(threads()) as pool:
        waiting: deque[Future[Result]] = deque()
        for start in starts:
            waiting.append(pool.submit(run, start))
            if len(waiting) > threads():
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def threads() -> int:
    """How many run at once in a large simulation: one per processor that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    return min(os.cpu_count() or 1, _MOST_THREADS)


def events_per_step(
    network: Network, samples: Any, *, steps: int | None = None
) -> dict[str, float]:
    """Mean number of events that each input and population sends in a step; what a held input
    sends once is spread over the steps."""
    sent = sent_events(network, samples, steps=steps)
    return {name: float(s.sum(axis=2).mean()) for name, s in sent.items()}


def sent_events(
    network: Network, samples: Any, *, steps: int | None = None
) -> dict[str, npt.NDArray[np.bool_]]:
    """Which addresses of each input and population send an event: ``bool[samples, steps, size]``;
    those of a held input in the first step alone."""
    sent = {n: e.sent != 0 for n, e in to_events(network, samples, steps).items()}
    result = simulate(network, samples, steps=steps)
    return sent | {n: s != 0 for n, s in result.spikes.items()}


class _Simulation:
    """One batch. Arrays are [steps, samples, size] inside, so that a step is contiguous."""

    def __init__(self, network: Network, inputs: Mapping[str, InputEvents], by_event: bool) -> None:
        self.network = network
        self.inputs = inputs
        self.by_event = by_event
        first = next(iter(inputs.values()))
        self.steps, self.samples = first.steps, first.samples
        self.events: dict[str, Array] = {}
        self.neurons = {p.name: _Neurons(network, p, self.samples) for p in network.populations}

    def run(self, record: bool) -> Result:
        states: dict[str, dict[str, Array]] = {}
        for component in components(self.network):
            recorded = {name: self.neurons[name].allocate(self.steps) for name in component}
            self.events |= {name: words.pop(EVENTS) for name, words in recorded.items()}
            if record:
                states |= recorded
            self._run_component(component, states)
        return self._result(states, record)

    def _run_component(
        self, component: tuple[str, ...], states: Mapping[str, Mapping[str, Array]]
    ) -> None:
        outside = {
            projection: self._currents(projection)
            for name in component
            for projection in self.network.into(name)
            if projection.source not in component
        }
        for t in range(self.steps):
            for name in component:
                neurons = self.neurons[name]
                self.events[name][t] = neurons.step(self._sums(name, outside, t))
                for word, array in states.get(name, {}).items():
                    array[t] = neurons.state[word]

    def _sums(self, name: str, outside: Mapping[Projection, Array], t: int) -> dict[str, Array]:
        """Bias plus all that arrives in a step, by port: [samples, size]."""
        population = self.network.population(name)
        sums: dict[str, Array] = {}
        for port in population.neuron.ports:
            total: Any = population.bias.get(port, 0)
            for projection in self.network.into(name, port):
                if projection in outside:
                    total = total + outside[projection][t]
                elif t >= projection.delay:
                    events = self.events[projection.source][t - projection.delay]
                    total = total + self._product(projection, events)
            sums[port] = np.asarray(total)
        return sums

    def _currents(self, projection: Projection) -> Array:
        """Σ w·e of a projection for all steps: [steps, samples, target size]."""
        source = self.inputs.get(projection.source)
        if source is None:
            events = self.events[projection.source]
            flat = self._product(projection, events.reshape(-1, events.shape[-1]))
            currents = flat.reshape(*events.shape[:2], -1)
        else:
            events = source.values
            flat = self._product(projection, events.reshape(-1, events.shape[-1]))
            currents = flat.reshape(*events.shape[:2], -1).swapaxes(0, 1)
        if currents.shape[0] != self.steps:
            currents = np.broadcast_to(currents, (self.steps, *currents.shape[1:]))
        if projection.delay == 0:
            return currents
        delayed = np.zeros_like(currents)
        delayed[projection.delay :] = currents[: -projection.delay]
        return delayed

    def _product(self, projection: Projection, events: Array) -> Array:
        """``events @ weights.T`` in the type that the target's neurons compute with."""
        range = self.network.event_range(projection.source)
        dtype = self.neurons[projection.target].backend.dtype
        if self.by_event and range in BOOL:
            return spike_sums(events, projection.weights, dtype)
        largest = max(-range.lo, range.hi)
        return exact_product(events, projection.weights, largest).astype(dtype, copy=False)

    def _result(self, states: Mapping[str, Mapping[str, Array]], record: bool) -> Result:
        delivered = self._readout(self.network.output)
        taps = {tap: self._readout(tap) for tap in self.network.taps}
        if not record:
            return Result({}, {}, delivered, taps)
        spikes = {name: e.swapaxes(0, 1) for name, e in self.events.items()}
        words = {name: {w: a.swapaxes(0, 1) for w, a in s.items()} for name, s in states.items()}
        return Result(spikes, words, delivered, taps)

    def _readout(self, output: Output) -> Array:
        """:func:`readout` without a record of the states."""
        if output.source == EVENTS:
            return np.asarray(self.events[output.population].sum(axis=0, dtype=np.int64))
        return self.neurons[output.population].state[output.source].astype(np.int64)


class _Neurons:
    """The state of one population, advanced step by step."""

    def __init__(self, network: Network, population: Population, samples: int) -> None:
        dataflow = network.dataflow(population.name)
        self.population = population
        self.backend = NumpyBackend(_integer_type(dataflow.bits, population.name))
        self.event_type = _integer_type(dataflow.outputs["event"].range.width + 1, "event")
        shape = (samples, population.size)
        self.state: dict[str, Array] = {
            word: np.full(shape, population.initial.get(word, 0), dtype=self.backend.dtype)
            for word in population.neuron.states()
        }
        self.parameters = SimpleNamespace(
            **{n: self.backend.value(v) for n, v in population.parameters.items()}
        )

    def allocate(self, steps: int) -> dict[str, Array]:
        """Arrays [steps, samples, size] for the events and each state word."""
        shape = next(iter(self.state.values())).shape
        words = self.population.neuron.states()
        recorded: dict[str, Array] = {
            word: np.empty((steps, *shape), dtype=_integer_type(_signed_bits(range), word))
            for word, range in words.items()
        }
        recorded[EVENTS] = np.empty((steps, *shape), dtype=self.event_type)
        return recorded

    def step(self, sums: Mapping[str, Array]) -> Array:
        """Advance by one step; the event values, [samples, size]."""
        state = SimpleNamespace(**{w: Value(self.backend, a) for w, a in self.state.items()})
        ports = {port: self.backend.value(s) for port, s in sums.items()}
        following, event = self.population.neuron.step(state, as_argument(ports), self.parameters)
        for word in self.state:
            value = getattr(following, word)
            payload = value.payload if isinstance(value, Value) else value
            self.state[word] = np.broadcast_to(payload, self.state[word].shape)
        return np.asarray(event.payload if isinstance(event, Value) else event)


def readout(
    output: Output, spikes: Mapping[str, Array], states: Mapping[str, Mapping[str, Array]]
) -> Array:
    """What an output says of recorded samples [samples, steps, size]: [samples, size]."""
    if output.source == EVENTS:
        return np.asarray(spikes[output.population].sum(axis=1, dtype=np.int64))
    return states[output.population][output.source][:, -1].astype(np.int64)


def exact_product(events: Array, weights: Array, largest: int) -> Array:
    """``events @ weights.T`` as exact integers.

    Parameters
    ----------
    events : integers [rows, sources], none beyond ±``largest``
    weights : integers [targets, sources]

    Returns
    -------
    [rows, targets], of a floating-point type where a bound proves all partial sums exact in it
    """
    bound = int(np.abs(weights.astype(np.int64)).sum(axis=1).max()) * largest
    if bound < 1 << 24:
        return events.astype(np.float32) @ weights.T.astype(np.float32)
    if bound < 1 << 53:
        return events.astype(np.float64) @ weights.T.astype(np.float64)
    return events.astype(np.int64) @ weights.T.astype(np.int64)


def _signed_bits(range: Range) -> int:
    return (range | Range(0, 0)).width + (not range.is_signed)


def _integer_type(bits: int, what: str) -> np.dtype[Any]:
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        if bits <= np.iinfo(dtype).bits:
            return np.dtype(dtype)
    raise RangeError(
        f"{what!r} needs integers of {bits} bits, and the reference computes with 64; narrow its "
        "weights, parameters or states"
    )


def components(network: Network) -> list[tuple[str, ...]]:
    """Populations grouped into recurrent loops, in an order that later groups never feed back."""
    reach = {p.name: {q.target for q in network.out_of(p.name)} for p in network.populations}
    names = list(reach)
    for via in names:
        for name in names:
            if via in reach[name]:
                reach[name] |= reach[via]
    groups: list[tuple[str, ...]] = []
    placed: set[str] = set()
    for name in names:
        if name not in placed:
            loop = [n for n in names if n == name or (n in reach[name] and name in reach[n])]
            groups.append(tuple(loop))
            placed |= set(loop)
    # A group goes before every group that it reaches; members of one group all agree on that.
    return sorted(groups, key=lambda g: sum(g[0] in reach[n] for n in names if n not in g))

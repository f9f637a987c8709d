"""A network evaluated neuron by neuron on Python integers: slow, plain, and nobody's fast path.

What it executes is the traced dataflow, which is also what becomes hardware; weighted sums are
added event by event. The batched reference executes the neuron's source on NumPy arrays and takes
its sums from matrix products, so the two share neither arithmetic nor order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.dataflow import Dataflow
from spikeloom.hls_model.network import EVENTS, Network, Population
from spikeloom.hls_model.ranges import Range
from spikeloom.hls_model.reference import Result, readout
from spikeloom.hls_model.samples import InputEvents, to_events

__all__ = ["RULES", "simulate_plainly"]

Array = npt.NDArray[Any]


def _rounded(value: int, amount: int, rounding: str) -> int:
    quotient, rest = divmod(value, 1 << amount)
    if rounding == "floor" or rest == 0:
        return quotient
    if rounding == "trunc":
        return quotient + (value < 0)
    return quotient + (2 * rest >= 1 << amount)


def _wrapped(value: int, range: Range) -> int:
    return range.lo + (value - range.lo) % (range.hi - range.lo + 1)


RULES: Mapping[str, Callable[..., int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "neg": lambda a: -a,
    "mul": lambda a, b: a * b,
    "shift_left": lambda a, *, amount: a * 2**amount,
    "shift_right": lambda a, *, amount, rounding: _rounded(a, amount, rounding),
    "ge": lambda a, b: int(a >= b),
    "eq": lambda a, b: int(a == b),
    "select": lambda c, a, b: a if c else b,
    "minimum": min,
    "maximum": max,
    "saturate": lambda a, *, range: max(range.lo, min(range.hi, a)),
    "wrap": lambda a, *, range: _wrapped(a, range),
    "bit_and": lambda a, b: a & b,
    "bit_or": lambda a, b: a | b,
    "bit_xor": lambda a, b: a ^ b,
    "lookup": lambda a, *, table: table[a],
}
"""Every operator on Python integers."""


def simulate_plainly(network: Network, samples: Any, *, steps: int | None = None) -> Result:
    """The result of :func:`spikeloom.hls_model.simulate`, the slow way.

    Parameters
    ----------
    samples, steps
        See :func:`spikeloom.hls_model.samples.to_events`.

    Raises
    ------
    SampleError
        If samples do not fit the network.
    """
    events = to_events(network, samples, steps)
    first = next(iter(events.values()))
    recorded = [_simulate_one(network, events, n, first.steps) for n in range(first.samples)]
    spikes = {p.name: np.array([r[p.name, EVENTS] for r in recorded]) for p in network.populations}
    states = {
        p.name: {w: np.array([r[p.name, w] for r in recorded]) for w in p.neuron.states()}
        for p in network.populations
    }
    taps = {tap: readout(tap, spikes, states) for tap in network.taps}
    return Result(spikes, states, readout(network.output, spikes, states), taps)


Record = dict[tuple[str, str], list[list[int]]]
"""Numbers [steps][neurons] by population and word, events included."""


def _simulate_one(
    network: Network, events: Mapping[str, InputEvents], sample: int, steps: int
) -> Record:
    record: Record = {}
    for input in network.inputs:
        values = events[input.name]
        record[input.name, EVENTS] = [values.step(t)[sample].tolist() for t in range(steps)]
    neurons = {p.name: _Neurons(network, p) for p in network.populations}
    for p in network.populations:
        record |= {(p.name, word): [] for word in (EVENTS, *p.neuron.states())}
    for t in range(steps):
        for name, population in neurons.items():
            fired = population.step(_sums(network, record, name, t))
            record[name, EVENTS].append(fired)
            for word in population.words:
                record[name, word].append([state[word] for state in population.states])
    return record


def _sums(network: Network, record: Record, name: str, t: int) -> dict[str, list[int]]:
    """Weighted sums of a step by port, without biases."""
    population = network.population(name)
    sums = {port: [0] * population.size for port in population.neuron.ports}
    for projection in network.into(name):
        if t < projection.delay:
            continue
        totals = sums[projection.port]
        for source, value in enumerate(record[projection.source, EVENTS][t - projection.delay]):
            if value:
                for neuron, weight in enumerate(projection.weights[:, source].tolist()):
                    totals[neuron] += weight * value
    return sums


class _Neurons:
    """A population's neurons, each with states of its own."""

    def __init__(self, network: Network, population: Population) -> None:
        self.words = tuple(population.neuron.states())
        initial = {word: population.initial.get(word, 0) for word in self.words}
        self.states = [dict(initial) for _ in range(population.size)]
        self._dataflow = network.dataflow(population.name)
        self._constants = [_constants(population, n) for n in range(population.size)]

    def step(self, sums: Mapping[str, list[int]]) -> list[int]:
        """Advance by one step; the neurons' events."""
        fired = []
        for number, state in enumerate(self.states):
            inputs = {f"state.{word}": value for word, value in state.items()}
            inputs |= {port: values[number] for port, values in sums.items()}
            results = _evaluate(self._dataflow, inputs | self._constants[number])
            state.update({word: results[f"state.{word}"] for word in self.words})
            fired.append(results["event"])
        return fired


def _constants(population: Population, neuron: int) -> dict[str, int]:
    """Parameters and biases of one neuron, by the names of their inputs."""

    def own(value: Any) -> int:
        return value if isinstance(value, int) else int(value[neuron])

    return {f"p.{name}": own(value) for name, value in population.parameters.items()} | {
        f"bias.{port}": own(value) for port, value in population.bias.items()
    }


def _evaluate(dataflow: Dataflow, inputs: Mapping[str, int]) -> dict[str, int]:
    numbers: dict[Any, int] = {}
    for node in dataflow.nodes:
        if node.op == "input":
            numbers[node] = inputs[node.name]
        elif node.op == "constant":
            numbers[node] = node.range.lo
        else:
            numbers[node] = RULES[node.op](*(numbers[o] for o in node.operands), **node.attrs)
    return {name: numbers[node] for name, node in dataflow.outputs.items()}

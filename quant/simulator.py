"""Simulates a float graph step by step: for accuracy, for calibration, and as what the integer
network is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import EVENTS, Result, Value
from spikeloom.hls_model.errors import SampleError
from spikeloom.quant.float_backend import FloatBackend
from spikeloom.quant.graph import Graph, Population

__all__ = ["simulate", "simulate_batches", "to_values"]

Array = npt.NDArray[Any]

_BATCH_ELEMENTS = 1 << 22
"""Numbers that one array of a batch may hold: few enough for a processor's cache."""


def simulate(
    graph: Graph,
    samples: Any,
    *,
    steps: int | None = None,
    record: bool = True,
    dtype: npt.DTypeLike = np.float64,
) -> Result:
    """Simulate ``graph`` in floating point.

    Parameters
    ----------
    samples
        ``[samples, steps, *shape]``, or ``[samples, *shape]`` together with ``steps`` for an
        input held constant; a mapping from input names to such arrays if there are several.
    record
        Keep the spikes and membranes of all populations; otherwise only the readout.
    dtype
        ``float64``, or ``float32`` to compute as most frameworks do.

    Returns
    -------
    Result
        ``spikes[name]`` and ``states[name][word]``, all [samples, steps, size], and ``readout``
        [samples, output size]: spikes summed over the steps, or the last membrane.

    Raises
    ------
    SampleError
        If samples do not fit the graph's inputs.
    """
    parts = [
        result
        for _, result in simulate_batches(graph, samples, steps=steps, record=record, dtype=dtype)
    ]
    names = parts[0].spikes
    return Result(
        {n: np.concatenate([p.spikes[n] for p in parts]) for n in names},
        {
            n: {w: np.concatenate([p.states[n][w] for p in parts]) for w in parts[0].states[n]}
            for n in names
        },
        np.concatenate([p.readout for p in parts]),
    )


def simulate_batches(
    graph: Graph,
    samples: Any,
    *,
    steps: int | None = None,
    record: bool = True,
    dtype: npt.DTypeLike = np.float64,
) -> Iterator[tuple[dict[str, Array], Result]]:
    """The same in batches of bounded memory: their values by input name [samples, steps, size],
    and what they cause."""
    for batch in _batches(graph, samples, steps):
        yield batch, _run(graph, batch, record, np.dtype(dtype))


def to_values(graph: Graph, samples: Any, steps: int | None = None) -> dict[str, Array]:
    """Checked samples by input name: [samples, steps, size], a view where they are held.

    Raises
    ------
    SampleError
        If a shape, type or value does not fit.
    """
    if not isinstance(samples, Mapping):
        if len(graph.inputs) != 1:
            raise SampleError(
                f"samples must map each of the inputs {[i.name for i in graph.inputs]} to its array"
            )
        samples = {graph.inputs[0].name: samples}
    names = {i.name for i in graph.inputs}
    if set(samples) != names:
        raise SampleError(
            f"samples must be given for exactly the inputs {sorted(names)}, not {sorted(samples)}"
        )
    return {i.name: _values(i.name, i.shape, samples[i.name], steps) for i in graph.inputs}


def _values(name: str, shape: tuple[int, ...], samples: Any, steps: int | None) -> Array:
    array = np.asarray(samples)
    if array.dtype.kind not in "biuf":
        raise SampleError(f"samples must be integers or floats, not {array.dtype}")
    if array.ndim == 1 + len(shape) and array.shape[1:] == shape:
        if steps is None:
            raise SampleError(
                f"samples of shape {array.shape} hold no step axis; state how many steps they are "
                "presented for (--steps T)"
            )
        array = np.broadcast_to(array[:, None], (array.shape[0], steps, *shape))
    if array.ndim != 2 + len(shape) or array.shape[2:] != shape:
        raise SampleError(
            f"samples for {name!r} must have the shape [samples, steps, "
            f"{', '.join(map(str, shape))}], or the same without steps, not {array.shape}"
        )
    if array.size == 0:
        raise SampleError(f"samples must not be empty, and these have the shape {array.shape}")
    if steps not in (None, array.shape[1]):
        raise SampleError(f"samples have {array.shape[1]} steps, not the {steps} asked for")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise SampleError(f"samples for {name!r} must be finite, not NaN or infinite")
    return array.reshape(*array.shape[:2], -1)


def _batches(graph: Graph, samples: Any, steps: int | None) -> Iterator[dict[str, Array]]:
    values = to_values(graph, samples, steps)
    shapes = {name: v.shape[:2] for name, v in values.items()}
    if len(set(shapes.values())) > 1:
        raise SampleError(f"all inputs must have the same samples and steps, not {shapes}")
    count, length = next(iter(shapes.values()))
    widest = max(*(i.size for i in graph.inputs), *(p.size for p in graph.populations))
    batch = max(1, _BATCH_ELEMENTS // (widest * length))
    for start in range(0, count, batch):
        yield {name: v[start : start + batch] for name, v in values.items()}


def _run(graph: Graph, inputs: Mapping[str, Array], record: bool, dtype: np.dtype[Any]) -> Result:
    first = next(iter(inputs.values()))
    samples, steps = first.shape[:2]
    # Arrays are [steps, samples, size] inside, so that a step is contiguous.
    events = {n: v.swapaxes(0, 1).astype(dtype) for n, v in inputs.items()}
    neurons = {p.name: _Neurons(p, samples, dtype) for p in graph.populations}
    recorded = {name: n.allocate(steps) for name, n in neurons.items()}
    events |= {name: words[EVENTS] for name, words in recorded.items()}
    weights = [(p, p.weights.T.astype(dtype)) for p in graph.projections]
    for t in range(steps):
        for name, population in neurons.items():
            x = population.bias
            for projection, matrix in weights:
                if projection.target == name and t >= projection.delay:
                    x = x + events[projection.source][t - projection.delay] @ matrix
            events[name][t] = population.step(x)
            for word, array in population.state.items():
                recorded[name][word][t] = array
    output = graph.output
    last = recorded[output.population][output.source]
    readout = last.sum(axis=0) if output.source == EVENTS else last[-1]
    if not record:
        return Result({}, {}, readout)
    words = {n: {w: a.swapaxes(0, 1) for w, a in r.items()} for n, r in recorded.items()}
    spikes = {n: w.pop(EVENTS).astype(np.int8) for n, w in words.items()}
    return Result(spikes, words, readout)


class _Neurons:
    """One population's state, advanced step by step: the neuron itself on real numbers."""

    def __init__(self, population: Population, samples: int, dtype: np.dtype[Any]) -> None:
        self.neuron = population.neuron
        self.backend = FloatBackend(dtype)
        self.bias = population.bias.astype(dtype)
        shape = (samples, population.size)
        self.state: dict[str, Array] = {w: np.zeros(shape, dtype) for w in self.neuron.states()}
        self.parameters = SimpleNamespace(
            **{n: self.backend.value(v) for n, v in population.parameters.items()}
        )

    def allocate(self, steps: int) -> dict[str, Array]:
        """Arrays [steps, samples, size] for the events and each state word."""
        zeros = next(iter(self.state.values()))
        return {w: np.empty((steps, *zeros.shape), zeros.dtype) for w in (EVENTS, *self.state)}

    def step(self, x: Array) -> Array | int:
        """Advance by one step; the event values [samples, size]."""
        state = SimpleNamespace(**{w: self.backend.value(a) for w, a in self.state.items()})
        following, event = self.neuron.step(state, self.backend.value(x), self.parameters)
        self.state = {word: getattr(following, word).payload for word in self.state}
        return event.payload if isinstance(event, Value) else event

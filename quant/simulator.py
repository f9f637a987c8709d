"""Simulates a float graph step by step: for accuracy, for calibration, and as what the integer
network is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import EVENTS, Result
from spikeloom.hls_model.errors import SampleError
from spikeloom.quant.graph import MEMBRANE, Graph, Population

__all__ = ["simulate", "to_values"]

Array = npt.NDArray[Any]

_BATCH_ELEMENTS = 1 << 24
"""Numbers that one array of a batch may hold: bounds the memory."""


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
        ``spikes[name]`` and ``states[name]["v"]``, both [samples, steps, size], and ``readout``
        [samples, output size]: spikes summed over the steps, or the last membrane.

    Raises
    ------
    SampleError
        If samples do not fit the graph's inputs.
    """
    parts = [
        _run(graph, batch, record, np.dtype(dtype)) for batch in _batches(graph, samples, steps)
    ]
    names = parts[0].spikes
    return Result(
        {n: np.concatenate([p.spikes[n] for p in parts]) for n in names},
        {n: {MEMBRANE: np.concatenate([p.states[n][MEMBRANE] for p in parts])} for n in names},
        np.concatenate([p.readout for p in parts]),
    )


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
    membranes = {p.name: np.zeros((steps, samples, p.size), dtype) for p in graph.populations}
    events |= {p.name: np.zeros((steps, samples, p.size), dtype) for p in graph.populations}
    weights = [(p, p.weights.T.astype(dtype)) for p in graph.projections]
    neurons = {p.name: _Neurons(p, dtype) for p in graph.populations}
    for t in range(steps):
        for name in neurons:
            x = neurons[name].bias
            for projection, matrix in weights:
                if projection.target == name and t >= projection.delay:
                    x = x + events[projection.source][t - projection.delay] @ matrix
            before = membranes[name][t - 1] if t else np.zeros_like(membranes[name][0])
            membranes[name][t], events[name][t] = neurons[name].step(before, x)
    output = graph.output
    recorded = events if output.source == EVENTS else membranes
    last = recorded[output.population]
    readout = last.sum(axis=0) if output.source == EVENTS else last[-1]
    if not record:
        return Result({}, {}, readout)
    spikes = {n: events[n].swapaxes(0, 1).astype(np.int8) for n in neurons}
    states = {n: {MEMBRANE: membranes[n].swapaxes(0, 1)} for n in neurons}
    return Result(spikes, states, readout)


class _Neurons:
    """The update of one population, in the order in which the frameworks compute it."""

    def __init__(self, population: Population, dtype: np.dtype[Any]) -> None:
        self.population = population
        self.beta = population.beta.astype(dtype)
        self.bias = population.bias.astype(dtype)
        self.threshold = population.threshold.astype(dtype)
        self.reset_value = population.reset_value.astype(dtype)

    def step(self, v: Array, x: Array) -> tuple[Array, Array]:
        """The next membrane and the spikes (0 or 1)."""
        p = self.population
        if not p.fires:
            return self.beta * v + x, np.zeros_like(v)
        if not p.delayed:
            v = self.beta * v + x
            fired = self._fires(v)
            return self._reset(v, fired), fired.astype(v.dtype)
        fired = self._fires(v)
        if p.reset == "value" and not p.drop_input:
            v = self.beta * self._reset(v, fired) + x
        else:
            v = self._reset(self.beta * v + x, fired)
        return v, self._fires(v).astype(v.dtype)

    def _fires(self, v: Array) -> Array:
        return v > self.threshold if self.population.strict else v >= self.threshold

    def _reset(self, v: Array, fired: Array) -> Array:
        match self.population.reset:
            case "subtract":
                return np.asarray(np.where(fired, v - self.threshold, v))
            case "value":
                return np.asarray(np.where(fired, self.reset_value, v))
            case "none":
                return v

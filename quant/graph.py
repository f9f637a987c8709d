"""The float graph: a trained network's exact semantics, with the origin of each of its numbers."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import EVENTS, Neuron, Output, Range, ScaleLeak
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.equations import equation
from spikeloom.quant.templates import decays

__all__ = ["DECAY", "MEMBRANE", "MOST", "REAL", "Graph", "Input", "Population", "Projection"]

Array = npt.NDArray[np.float64]

MEMBRANE = "v"
"""The source of an :class:`~spikeloom.hls_model.Output` that delivers the membrane."""

REAL = Range.signed(64)
"""Range of the state words of a float graph's neurons: nothing is narrowed."""

DECAY = ScaleLeak(0)
"""The leak v·beta of a float graph's neurons, with a real ``beta``."""

MOST = 31
"""``most`` of a float graph's MultiSpikeLIF whose spikes in a step have no limit: quantization
chooses the hardware's, and refuses neurons that reach this one."""


@dataclass(frozen=True)
class Input:
    """Where samples enter: ``shape`` of one step's values."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one model, with real parameters.

    The model is that of the integer network, run without rounding: its state words have the range
    :data:`REAL`, and its leaks are :data:`DECAY` (with parameters of their own where a neuron has
    several), or :class:`~spikeloom.hls_model.NoLeak`. Its one port gets bias + Σ W·e.

    Attributes
    ----------
    neuron : LIF, Integrator, CubaLIF, MultiSpikeLIF or AdaptiveLIF of the library
    parameters : float64 [size] for each of the neuron's parameters
    bias : float64 [size]; gains are folded into weights and bias
    origins : where each number and choice came from, by name

    Raises
    ------
    CheckpointError
        If a number is missing, not finite or has the wrong shape.
    SemanticsError
        If a number lies outside what the equations allow.
    """

    name: str
    size: int
    neuron: Neuron
    parameters: Mapping[str, Array]
    bias: Array = field(default_factory=lambda: np.zeros(1))
    origins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.parameters) != set(self.neuron.parameters):
            raise CheckpointError(
                f"{self.name!r} ({type(self.neuron).__name__}) must have the parameters "
                f"{sorted(self.neuron.parameters)}, not {sorted(self.parameters)}"
            )
        numbers = {
            name: _vector(value, self.size, f"{name} of {self.name!r}")
            for name, value in self.parameters.items()
        }
        object.__setattr__(self, "parameters", numbers)
        object.__setattr__(self, "bias", _vector(self.bias, self.size, f"bias of {self.name!r}"))
        for name in decays(self.neuron):
            self._require_decay(name, numbers[name])
        self._require_order(numbers)

    def _require_decay(self, name: str, decay: Array) -> None:
        bad = decay[(decay < 0) | (decay > 1)]
        if bad.size:
            raise SemanticsError(
                f"the decay {name} of {self.name!r} must lie in [0, 1], not {bad[0]:g}; clamp it "
                "as the framework does before saving, or retrain"
            )

    def _require_order(self, numbers: Mapping[str, Array]) -> None:
        threshold = numbers.get("threshold")
        if threshold is None:
            return
        if (threshold <= 0).any():
            raise SemanticsError(
                f"the threshold of {self.name!r} must be positive, not {threshold.min():g}; "
                "a neuron that fires without input has no event-driven form"
            )
        reset = numbers.get("reset_value")
        if reset is not None and (reset >= threshold).any():
            raise SemanticsError(
                f"the reset value of {self.name!r} must lie below its threshold, not at "
                f"{reset.max():g}"
            )

    @property
    def fires(self) -> bool:
        return "threshold" in self.parameters

    @property
    def equation(self) -> str:
        """The update in words, for people."""
        return equation(self.neuron, self.parameters)


@dataclass(frozen=True, eq=False)
class Projection:
    """Weighted connections from an input or a population to a population.

    Attributes
    ----------
    weights : float64 [target size, source size]
    delay : steps from a spike to its arrival
    origin : where the weights came from
    step, bits : the weights already are integers of that many bits, times ``step``, float64
        [target size]: quantization takes these integers over

    Raises
    ------
    CheckpointError
        If weights are not finite, or not the integers that ``step`` and ``bits`` say.
    """

    source: str
    target: str
    weights: Array
    delay: int = 0
    origin: str = ""
    step: Array | None = None
    bits: int | None = None

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float64)
        _require_finite(weights, f"weights of {self.name}")
        object.__setattr__(self, "weights", weights)
        if (self.step is None) is not (self.bits is None):
            raise CheckpointError(f"step and bits of {self.name} must be given together")
        if self.step is not None and self.bits is not None:
            self._require_integers(self.step, self.bits)

    def _require_integers(self, step: Array, bits: int) -> None:
        step = _vector(step, len(self.weights), f"step of {self.name}")
        object.__setattr__(self, "step", step)
        if (step <= 0).any() or not 1 <= bits <= 8:
            raise CheckpointError(
                f"quantized weights of {self.name} must have 1 to 8 bits and a positive step, not "
                f"{bits} bits and {step.min():g}"
            )
        levels = self.weights / step[:, None]
        integers = np.rint(levels)
        inside = (integers >= -(2 ** (bits - 1))) & (integers < 2 ** (bits - 1))
        wrong = ~inside | (np.abs(levels - integers) > 1e-3)
        if wrong.any():
            raise CheckpointError(
                f"weights of {self.name} must be integers of {bits} bits times their step, but "
                f"{int(wrong.sum())} of {wrong.size} are not (the first is "
                f"{levels[wrong][0]:g} steps)"
            )

    @property
    def name(self) -> str:
        return f"{self.source}→{self.target}"


@dataclass(frozen=True, eq=False)
class Graph:
    """A float network. Populations are kept in an order in which projections go forward.

    Attributes
    ----------
    assumptions : what the checkpoint did not state, and what was taken instead

    Raises
    ------
    CheckpointError
        If names or shapes contradict each other.
    SemanticsError
        If projections without delay form a cycle.
    """

    inputs: tuple[Input, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    output: Output
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        populations = {p.name: p for p in self.populations}
        names = [*(i.name for i in self.inputs), *(p.name for p in self.populations)]
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise CheckpointError(
                f"inputs and populations must differ in name, not {repeated[0]!r}"
            )
        for projection in self.projections:
            sizes = (self.population(projection.target).size, self.node(projection.source).size)
            if projection.weights.shape != sizes:
                raise CheckpointError(
                    f"weights of {projection.name} must have the shape [target, source] = "
                    f"{sizes}, not {projection.weights.shape}"
                )
        object.__setattr__(self, "populations", self._ordered())
        if self.output.source == EVENTS and not self.population(self.output.population).fires:
            raise SemanticsError(
                f"the output {self.output.population!r} never fires; read its membrane instead"
            )
        for projection in self.projections:
            if projection.source in populations and not populations[projection.source].fires:
                raise SemanticsError(
                    f"{projection.name} must start at neurons that fire, and {projection.source!r} "
                    "never does: membranes are not sent on; remove the layers behind it"
                )

    def _ordered(self) -> tuple[Population, ...]:
        graph: dict[str, set[str]] = {p.name: set() for p in self.populations}
        for projection in self.projections:
            if projection.delay == 0 and projection.source in graph:
                graph[projection.target].add(projection.source)
        try:
            order = tuple(graphlib.TopologicalSorter(graph).static_order())
        except graphlib.CycleError as error:
            raise SemanticsError(
                f"projections without delay must not form a cycle, as "
                f"{' → '.join(error.args[1])} do; give a recurrent projection a delay of 1"
            ) from None
        return tuple(self.population(name) for name in order)

    def node(self, name: str) -> Input | Population:
        nodes: tuple[Input | Population, ...] = (*self.inputs, *self.populations)
        for node in nodes:
            if node.name == name:
                return node
        raise CheckpointError(f"there is no input or population {name!r} in this graph")

    def population(self, name: str) -> Population:
        node = self.node(name)
        if not isinstance(node, Population):
            raise CheckpointError(f"{name!r} must be a population, not an input")
        return node

    def into(self, name: str) -> tuple[Projection, ...]:
        """Projections that end at a population."""
        return tuple(p for p in self.projections if p.target == name)


def _vector(value: Any, size: int, what: str) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if array.size == 1:
        array = np.full(size, array.item())
    if array.size != size:
        raise CheckpointError(f"{what} must be one number or {size} numbers, not {array.shape}")
    _require_finite(array, what)
    return array.reshape(size)


def _require_finite(array: Array, what: str) -> None:
    if not np.isfinite(array).all():
        first = array[~np.isfinite(array)][0]
        count = int((~np.isfinite(array)).sum())
        raise CheckpointError(
            f"{what} must be finite, but {count} of {array.size} are not (the first is {first}); "
            "the training diverged: go back to an earlier checkpoint"
        )

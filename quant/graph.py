"""The float graph: a trained network's exact semantics, with the origin of each of its numbers."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import EVENTS, Output
from spikeloom.hls_model.errors import CheckpointError, SemanticsError

__all__ = ["MEMBRANE", "Graph", "Input", "Population", "Projection", "Reset"]

Array = npt.NDArray[np.float64]
Reset = Literal["subtract", "value", "none"]

MEMBRANE = "v"
"""The source of an :class:`~spikeloom.hls_model.Output` that delivers the membrane."""


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
    """Neurons of one kind: LIF, IF (beta 1), or a leaky integrator that never fires.

    With L(v) = beta·v, x = bias + Σ W·e and R = 1 where the membrane of step t−1 fired:

    ============== ============= =====================================================
    ``reset``      ``delayed``   membrane
    ============== ============= =====================================================
    ``subtract``   no            v = L(v) + x; on a spike v −= threshold
    ``subtract``   yes           v = L(v) + x − R·threshold
    ``value``      no            v = L(v) + x; on a spike v = reset_value
    ``value``      yes           v = L(R ? reset_value : v) + x
    ``value``      yes, dropping v = R ? reset_value : L(v) + x
    ``none``       –             v = L(v) + x
    ============== ============= =====================================================

    Attributes
    ----------
    beta, bias, threshold, reset_value : float64 [size]; gains are folded into weights and bias
    fires : False for an integrator, which uses no threshold and no reset
    strict : spike if v > threshold, otherwise if v ≥ threshold
    delayed : the reset happens in the next step
    drop_input : a delayed reset also discards that step's input
    origins : where each number and choice came from, by attribute name

    Raises
    ------
    CheckpointError
        If a number is not finite or has the wrong shape.
    SemanticsError
        If a number lies outside what the equations allow.
    """

    name: str
    size: int
    beta: Array
    bias: Array
    threshold: Array
    reset_value: Array
    fires: bool = True
    reset: Reset = "subtract"
    strict: bool = False
    delayed: bool = False
    drop_input: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("beta", "bias", "threshold", "reset_value"):
            array = _vector(getattr(self, name), self.size, f"{name} of {self.name!r}")
            object.__setattr__(self, name, array)
        bad = self.beta[(self.beta < 0) | (self.beta > 1)]
        if bad.size:
            raise SemanticsError(
                f"the decay beta of {self.name!r} must lie in [0, 1], not {bad[0]:g}; clamp it as "
                "the framework does before saving, or retrain"
            )
        if self.fires and (self.threshold <= 0).any():
            raise SemanticsError(
                f"the threshold of {self.name!r} must be positive, not {self.threshold.min():g}; "
                "a neuron that fires without input has no event-driven form"
            )
        if self.fires and self.reset == "value" and (self.reset_value >= self.threshold).any():
            raise SemanticsError(
                f"the reset value of {self.name!r} must lie below its threshold, not at "
                f"{self.reset_value.max():g}"
            )

    @property
    def equation(self) -> str:
        """The update in words, for people."""
        leak = _number(self.beta)
        if not self.fires:
            return f"v = {leak}·v + x; never fires"
        spike = f"spike if v {'>' if self.strict else '≥'} {_number(self.threshold)}"
        theta, value = _number(self.threshold), _number(self.reset_value)
        match self.reset, self.delayed, self.drop_input:
            case "none", _, _:
                return f"v = {leak}·v + x; {spike}; no reset"
            case "subtract", True, _:
                return f"v = {leak}·v + x − {theta}·(spike at t−1); {spike}"
            case "subtract", False, _:
                return f"v = {leak}·v + x; {spike}, then v −= {theta}"
            case _, True, True:
                return f"v = {leak}·v + x, or {value} after a spike at t−1; {spike}"
            case _, True, False:
                return f"v = {leak}·(v, or {value} after a spike at t−1) + x; {spike}"
        return f"v = {leak}·v + x; {spike}, then v = {value}"


@dataclass(frozen=True, eq=False)
class Projection:
    """Weighted connections from an input or a population to a population.

    Attributes
    ----------
    weights : float64 [target size, source size]
    delay : steps from a spike to its arrival
    origin : where the weights came from
    """

    source: str
    target: str
    weights: Array
    delay: int = 0
    origin: str = ""

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float64)
        _require_finite(weights, f"weights of {self.name}")
        object.__setattr__(self, "weights", weights)

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


def _number(values: Array) -> str:
    lo, hi = values.min(), values.max()
    return f"{lo:g}" if lo == hi else f"[{lo:g} … {hi:g}]"

"""Turns a NIR graph into a float graph, under the semantics that a preset states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import EVENTS, Output
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.graph import MEMBRANE, Graph, Input, Population, Projection
from spikeloom.quant.nir_file import NEURONS, NirGraph, NirNode
from spikeloom.quant.nir_neurons import discretize
from spikeloom.quant.presets import Semantics

__all__ = ["identifier", "to_graph"]

Array = npt.NDArray[np.float64]


def identifier(name: str) -> str:
    """A node's name as an identifier: ``net.0`` becomes ``net_0``."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    return word if word.isidentifier() else f"n{word}"


def to_graph(
    nir: NirGraph, path: Path, semantics: Semantics, dt: float, output: str = "auto"
) -> Graph:
    """The float graph of a ``.nir`` file.

    Parameters
    ----------
    dt : seconds of one step
    output : what the network delivers, ``events``, ``membrane``, or ``auto``: the membrane of an
        LI, the events of anything else

    Raises
    ------
    CheckpointError
        If shapes contradict each other or nodes are not connected.
    SemanticsError
        If the semantics do not express a parameter exactly, or the graph is cyclic.
    """
    return _Importer(nir, path, semantics, dt).graph(output)


@dataclass(frozen=True, eq=False)
class _Route:
    """What a source contributes through the stateless nodes between: matrix @ events.

    ``matrix`` [values, source size] is ``None`` where events pass unchanged.
    """

    source: str
    size: int
    matrix: Array | None = None
    origin: str = "no weights: events count 1"

    def through(self, weight: Array, origin: str) -> _Route:
        matrix = weight if self.matrix is None else weight @ self.matrix
        return _Route(self.source, len(weight), matrix, origin)


class _Importer:
    def __init__(self, nir: NirGraph, path: Path, semantics: Semantics, dt: float) -> None:
        self.nir = nir
        self.path = path
        self.semantics = semantics
        self.dt = dt

    def graph(self, output: str) -> Graph:
        inputs = tuple(
            Input(identifier(n.name), tuple(int(s) for s in n["shape"].reshape(-1)))
            for n in self._of("Input")
        )
        if not inputs or any(size < 1 for i in inputs for size in i.shape):
            raise CheckpointError(f"{self.path} must have an Input node with a shape; add one")
        populations, projections = [], []
        for node in self._of(*NEURONS):
            routes, constant = self._routes_into(node)
            population, gain = self._population(node, routes, constant)
            populations.append(population)
            for route in routes:
                matrix = np.eye(route.size) if route.matrix is None else route.matrix
                projections.append(
                    Projection(
                        identifier(route.source),
                        population.name,
                        gain[:, None] * matrix,
                        origin=route.origin,
                    )
                )
        notes = (f"preset {self.semantics.name}", f"dt = {self.dt:g} s")
        return Graph(
            inputs,
            tuple(populations),
            tuple(projections),
            self._output(output),
            (*notes, *self.semantics.assumptions),
        )

    def _of(self, *types: str) -> Iterator[NirNode]:
        return (n for n in self.nir.nodes.values() if n.type in types)

    def _output(self, wanted: str) -> Output:
        sources = [s for n in self._of("Output") for s in self.nir.into(n.name)]
        while len(sources) == 1 and self.nir.nodes[sources[0]].type == "Flatten":
            sources = self.nir.into(sources[0])
        if len(sources) != 1 or self.nir.nodes[sources[0]].type not in NEURONS:
            kinds = [f"{s} ({self.nir.nodes[s].type})" for s in sources]
            raise CheckpointError(
                f"the Output of {self.path} must be fed by exactly one LIF, IF or LI node, not by "
                f"{kinds}; end the network with an LI to read a membrane"
            )
        node = self.nir.nodes[sources[0]]
        membrane = wanted == "membrane" or (wanted == "auto" and node.type == "LI")
        return Output(identifier(node.name), MEMBRANE if membrane else EVENTS)

    def _routes(self, name: str, below: tuple[str, ...]) -> tuple[list[_Route], Array]:
        """What reaches the output of a node: routes from neurons and inputs, and a constant."""
        node = self.nir.nodes[name]
        if name in below:
            raise SemanticsError(
                f"nodes of {self.path} must not form a cycle without neurons, as "
                f"{' → '.join((*below[below.index(name) :], name))} do; remove an edge"
            )
        if node.type == "Input" or node.type in NEURONS:
            return [_Route(name, self._size(name))], _NONE
        routes, constant = self._routes_into(node, (*below, name))
        if node.type == "Flatten":
            return routes, constant
        return self._weigh(node, routes, constant)

    def _routes_into(
        self, node: NirNode, below: tuple[str, ...] = ()
    ) -> tuple[list[_Route], Array]:
        routes: list[_Route] = []
        constant = _NONE
        for name in self.nir.into(node.name):
            more, bias = self._routes(name, below)
            routes += more
            constant = constant + bias
        if not routes:
            raise CheckpointError(
                f"node {node.name!r} of {self.path} must be fed by another node; connect or "
                "remove it"
            )
        return routes, constant

    def _weigh(
        self, node: NirNode, routes: list[_Route], constant: Array
    ) -> tuple[list[_Route], Array]:
        """Routes and constant after a Linear or Affine node."""
        weight = node["weight"]
        if weight.ndim != 2:
            raise CheckpointError(
                f"the weight of node {node.name!r} must be a matrix [target, source], not "
                f"{weight.shape}; export the graph again"
            )
        for route in routes:
            if route.size != weight.shape[1]:
                raise CheckpointError(
                    f"node {node.name!r} takes {weight.shape[1]} values, but {route.source!r} "
                    f"delivers {route.size}; check the edges of {self.path}"
                )
        bias = node.arrays.get("bias", _NONE).reshape(-1)
        if bias.size not in (1, weight.shape[0]):
            raise CheckpointError(
                f"the bias of node {node.name!r} must hold {weight.shape[0]} numbers, not "
                f"{bias.size}; export the graph again"
            )
        if constant.any():
            bias = bias + weight @ np.broadcast_to(constant, weight.shape[1])
        origin = f"{self.path.name}: weight of {node.name}"
        return [route.through(weight, origin) for route in routes], bias

    def _size(self, name: str, below: tuple[str, ...] = ()) -> int:
        """Values that a node delivers."""
        node = self.nir.nodes[name]
        if node.type == "Input":
            return int(np.prod(node["shape"]))
        if "weight" in node.arrays:
            return len(np.atleast_1d(node["weight"]))
        own = self._own_size(node)
        if own > 1 or name in below:
            return own
        return max((self._size(s, (*below, name)) for s in self.nir.into(name)), default=1)

    def _own_size(self, node: NirNode) -> int:
        """Neurons that a node's parameters are for; 1 if they leave it open."""
        sizes = {k: node[k].size for k in NEURONS.get(node.type, ()) if node[k].size != 1}
        if len(set(sizes.values())) > 1:
            raise CheckpointError(
                f"parameters of node {node.name!r} must hold as many numbers each, not {sizes}; "
                "export the graph again"
            )
        return next(iter(sizes.values()), 1)

    def _population(
        self, node: NirNode, routes: list[_Route], constant: Array
    ) -> tuple[Population, Array]:
        """A population and the gain of its input, per neuron."""
        size = self._size(node.name)
        for route in routes:
            if route.size != size:
                raise CheckpointError(
                    f"node {node.name!r} has {size} neurons, but gets {route.size} values from "
                    f"{route.source!r}; check the shapes in {self.path}"
                )
        discrete = discretize(node, size, self.semantics, self.dt)
        population = Population(
            identifier(node.name),
            size,
            discrete.neuron,
            discrete.parameters,
            discrete.gain * np.broadcast_to(constant, size),
            {
                key: text if key == "reset" else f"{self.path.name}: {text}"
                for key, text in discrete.origins.items()
            },
        )
        return population, discrete.gain


_NONE: Array = np.zeros(1)

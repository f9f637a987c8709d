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


@dataclass(frozen=True)
class _Route:
    """What a source contributes through the stateless nodes between: matrix @ events."""

    source: str
    matrix: Array
    origin: str


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
            gain, population = self._population(node)
            populations.append(population)
            projections += [
                Projection(
                    identifier(r.source), population.name, gain[:, None] * r.matrix, 0, r.origin
                )
                for r in self._routes_into(node)[0]
            ]
        notes = (f"preset {self.semantics.name}", f"dt = {self.dt:g} s", *self.semantics.assumptions)
        return Graph(inputs, tuple(populations), tuple(projections), self._output(output), notes)

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
        if node.type == "Input":
            return [_Route(name, np.eye(int(np.prod(node["shape"]))), f"{name}: no weights")], _NONE
        if node.type in NEURONS:
            return [_Route(name, np.eye(self._size(name, ())), f"{name}: no weights")], _NONE
        routes, constant = self._routes_into(node, (*below, name))
        if node.type == "Flatten":
            return routes, constant
        weight = node["weight"]
        if weight.ndim != 2:
            raise CheckpointError(
                f"the weight of node {name!r} must be a matrix [target, source], not "
                f"{weight.shape}; export the graph again"
            )
        for route in routes:
            if route.matrix.shape[0] != weight.shape[1]:
                raise CheckpointError(
                    f"node {name!r} takes {weight.shape[1]} values, but {route.source!r} delivers "
                    f"{route.matrix.shape[0]}; check the edges of {self.path}"
                )
        bias = node.arrays.get("bias", np.zeros(1)).reshape(-1)
        if bias.size not in (1, weight.shape[0]):
            raise CheckpointError(
                f"the bias of node {name!r} must hold {weight.shape[0]} numbers, not {bias.size}"
            )
        if constant.any():
            bias = bias + weight @ np.broadcast_to(constant, weight.shape[1])
        origin = f"{self.path.name}: weight of {name}"
        return [_Route(r.source, weight @ r.matrix, origin) for r in routes], bias

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

    def _size(self, name: str, below: tuple[str, ...]) -> int:
        """Values that a node delivers."""
        node = self.nir.nodes[name]
        if node.type == "Input":
            return int(np.prod(node["shape"]))
        if "weight" in node.arrays:
            return int(node["weight"].shape[0])
        own = max((node[k].size for k in NEURONS.get(node.type, ())), default=1)
        if own > 1 or name in below:
            return own
        return max((self._size(s, (*below, name)) for s in self.nir.into(name)), default=1)

    def _population(self, node: NirNode) -> tuple[Array, Population]:
        """A population and the gain of its input, per neuron."""
        semantics, size = self.semantics, self._size(node.name, ())
        parameters = {
            key: self._each(node, key, size) for key in node.arrays if key != "weight"
        }
        for route in self._routes_into(node)[0]:
            if route.matrix.shape[0] != size:
                raise CheckpointError(
                    f"node {node.name!r} has {size} neurons, but gets {route.matrix.shape[0]} "
                    f"values from {route.source!r}; check the shapes in {self.path}"
                )
        beta, gain, origins = self._decay(node, parameters)
        shift = self._resting(node, parameters)
        bias = gain * np.broadcast_to(self._routes_into(node)[1], size)
        origins["bias"] = f"{self.path.name}: bias before {node.name}, times the gain"
        fires = node.type != "LI"
        reset = semantics.reset or "subtract"
        value = parameters.get("v_reset", np.zeros(size)) if reset == "value" else np.zeros(size)
        if semantics.name == "snntorch" and value.any():
            raise SemanticsError(
                f"v_reset of node {node.name!r} must be 0 under preset 'snntorch', which resets to "
                f"zero, not {value[value != 0][0]:g}; choose a preset that resets to a value"
            )
        if fires:
            origins |= {
                "threshold": f"{self.path.name}: v_threshold of {node.name}",
                "reset": f"preset {semantics.name}: .nir files do not hold it",
            }
        self._require_known_reset(node, reset)
        threshold = parameters["v_threshold"] - shift if fires else np.ones(size)
        population = Population(
            identifier(node.name),
            size,
            beta,
            bias,
            threshold,
            value - shift if reset == "value" else value,
            fires=fires,
            reset=reset,
            strict=semantics.strict,
            delayed=bool(semantics.delayed),
            origins=origins,
        )
        return gain, population

    def _require_known_reset(self, node: NirNode, reset: str) -> None:
        s = self.semantics
        if s.name == "snntorch" and node.type != "LI" and reset == "subtract" and not s.delayed:
            raise SemanticsError(
                "snnTorch's reset by subtraction with reset_delay=False gives θ back where a "
                "membrane stays above it, which no neuron of the library does; use reset='zero' or "
                "reset_delay=True"
            )

    def _each(self, node: NirNode, key: str, size: int) -> Array:
        array = node[key].reshape(-1)
        if array.size not in (1, size):
            raise CheckpointError(
                f"{key} of node {node.name!r} must be one number or {size} numbers, not "
                f"{node[key].shape}; check the shapes in {self.path}"
            )
        if not np.isfinite(array).all() and not (key == "tau" and (array == np.inf).any()):
            raise CheckpointError(
                f"{key} of node {node.name!r} must be finite, not "
                f"{array[~np.isfinite(array)][0]}; go back to an earlier checkpoint"
            )
        return np.broadcast_to(array, size).astype(np.float64)

    def _decay(
        self, node: NirNode, p: dict[str, Array]
    ) -> tuple[Array, Array, dict[str, str]]:
        """Decay per step and gain of the input, per neuron."""
        s, where = self.semantics, f"{self.path.name}: {node.name}"
        if node.type == "IF":
            gain = p["r"] * self.dt if s.if_gain == "per dt" else p["r"]
            if not np.allclose(gain, 1, rtol=1e-6):
                unit = "1/dt" if s.if_gain == "per dt" else "1"
                raise SemanticsError(
                    f"r of the IF node {node.name!r} must be {unit} under preset {s.name!r}, not "
                    f"{p['r'][0]:g}; multiply the weights before it instead"
                )
            return np.ones_like(gain), np.ones_like(gain), {"beta": f"{where} is an IF: no decay"}
        tau = p["tau"]
        if (tau <= 0).any() or np.isinf(tau).any():
            bad = tau[(tau <= 0) | np.isinf(tau)][0]
            raise SemanticsError(
                f"tau of node {node.name!r} must be positive and finite, not {bad:g}; a neuron "
                "that never decays is an IF node"
            )
        ratio = self.dt / tau
        if s.decay == "exponential":
            return np.exp(-ratio), p["r"], {"beta": f"{where}: beta = exp(−dt/tau)"}
        if (ratio > 1).any():
            raise SemanticsError(
                f"dt must be at most the tau of node {node.name!r} ({tau.min():g} s), not "
                f"{self.dt:g} s: beta = 1 − dt/tau must lie in [0, 1]; is dt in seconds?"
            )
        return 1 - ratio, p["r"] * ratio, {"beta": f"{where}: beta = 1 − dt/tau"}

    def _resting(self, node: NirNode, p: dict[str, Array]) -> Array:
        """What to subtract from membranes so that they decay to 0 and start there."""
        rest = p.get("v_leak", np.zeros(1))
        if node.type == "IF" or not rest.any():
            return np.zeros(1)
        if not self.semantics.starts_at_leak:
            raise SemanticsError(
                f"v_leak of node {node.name!r} must be 0 under preset {self.semantics.name!r}, not "
                f"{rest[rest != 0][0]:g}; fold it into the bias before it"
            )
        if node.type == "LI" and np.ptp(rest) > 0:
            raise SemanticsError(
                f"v_leak of the LI node {node.name!r} must be the same for all neurons, whose "
                "membranes are compared; fold it into the bias before it"
            )
        return rest


_NONE: Array = np.zeros(1)

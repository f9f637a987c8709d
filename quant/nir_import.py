"""Turns a NIR graph into a float graph, under the semantics that a preset states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import EVENTS, Output
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.graph import MEMBRANE, Graph, Input, Population, Projection
from spikeloom.quant.loops import feedback
from spikeloom.quant.nir_file import NEURONS, PORT, NirGraph, NirNode
from spikeloom.quant.nir_neurons import discretize
from spikeloom.quant.nir_signals import Signal, Signals
from spikeloom.quant.presets import Semantics

__all__ = ["identifier", "to_graph"]

Array = npt.NDArray[np.float64]
Edge = tuple[str, str]

_READOUTS = ("LI", "CubaLI", "I")


def identifier(name: str) -> str:
    """A node's name as an identifier: ``net.0`` becomes ``net_0``."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    return word if word.isidentifier() else f"n{word}"


def to_graph(
    nir: NirGraph, path: Path, semantics: Semantics, dt: float, output: str = "auto"
) -> Graph:
    """The float graph of a ``.nir`` file.

    Neurons in a loop without delay get back what the loop's first neuron, the one through which
    all that enters it must pass, has sent in the step before.

    Parameters
    ----------
    dt : seconds of one step
    output : what the network delivers, ``events``, ``membrane``, or ``auto``: the membrane of an
        LI, CubaLI or I, the events of anything else

    Raises
    ------
    CheckpointError
        If shapes contradict each other or nodes are not connected.
    SemanticsError
        If the semantics do not express a parameter exactly, or no order of a loop is the only one.
    """
    if semantics.name == "lava":
        raise SemanticsError(
            f"{path} holds real numbers, and preset 'lava' is for lava-dl's integers: load the "
            ".net that export_hdf5 writes"
        )
    if semantics.name == "sinabs" and dt != 1:
        raise SemanticsError(
            f"dt must be 1 under preset 'sinabs', which counts tau in steps, not {dt:g}"
        )
    return _Importer(nir, path, semantics, dt).graph(output)


class _Importer:
    def __init__(self, nir: NirGraph, path: Path, semantics: Semantics, dt: float) -> None:
        self.nir = nir
        self.path = path
        self.semantics = semantics
        self.dt = dt
        self.signals = Signals(nir, path, dt)
        self.notes = [f"preset {semantics.name}", f"dt = {dt:g} s", *semantics.assumptions]

    def graph(self, output: str) -> Graph:
        inputs = tuple(
            Input(identifier(n.name), tuple(int(s) for s in n["shape"].reshape(-1)))
            for n in self._of("Input")
        )
        if not inputs or any(size < 1 for i in inputs for size in i.shape):
            raise CheckpointError(f"{self.path} must have an Input node with a shape; add one")
        for node in self._of("Input"):
            if self.nir.into(node.name):
                raise CheckpointError(
                    f"the Input {node.name!r} of {self.path} must not be fed by "
                    f"{self.nir.into(node.name)[0]!r}; remove the edge"
                )
        received = {n.name: self.signals.into(n) for n in self._of(*NEURONS)}
        back = self._feedback(received)
        populations, projections = [], []
        for name, signals in received.items():
            population, gain = self._population(self.nir.nodes[name], signals, back)
            populations.append(population)
            projections += self._projections(name, signals, gain, back)
        return Graph(
            inputs,
            tuple(populations),
            tuple(projections),
            self._output(output),
            tuple(self.notes),
        )

    def _of(self, *types: str) -> Iterator[NirNode]:
        return (n for n in self.nir.nodes.values() if n.type in types)

    def _feedback(self, received: dict[str, list[Signal]]) -> set[Edge]:
        """Edges between neurons that are delivered in the next step."""
        edges: dict[Edge, int] = {}
        for target, signals in received.items():
            for route in (r for s in signals for r in s.routes):
                edge = (route.source, target)
                edges[edge] = min(route.delay, edges.get(edge, route.delay))
        back = feedback(edges, [n.name for n in self._of("Input")], str(self.path))
        for source, target in sorted(back):
            loop = f"{source} is recurrent" if source == target else f"{source} → {target} go back"
            self.notes.append(f"{loop}: delivered in the next step")
        return back

    def _population(
        self, node: NirNode, signals: list[Signal], back: set[Edge]
    ) -> tuple[Population, Array]:
        """A population and the gain of its input, per neuron."""
        size = self.signals.size(node.name)
        constant: Array = np.zeros(1)
        for signal in signals:
            self._require_size(node, size, signal)
            self._require_no_late_bias(node, signal, back)
            constant = constant + signal.constant
        recurrent = any(target == node.name for _, target in back)
        discrete = discretize(
            node, size, self.semantics, self.dt, self.path.name, recurrent=recurrent
        )
        self.notes += discrete.notes
        population = Population(
            identifier(node.name),
            size,
            discrete.neuron,
            discrete.parameters,
            discrete.gain * np.broadcast_to(constant, size),
            discrete.origins if constant.any() else discrete.origins | {"bias": "none"},
        )
        return population, discrete.gain

    def _require_size(self, node: NirNode, size: int, signal: Signal) -> None:
        for route in signal.routes:
            if route.size != size:
                raise CheckpointError(
                    f"node {node.name!r} has {size} neurons, but gets {route.size} values from "
                    f"{route.source!r}; check the shapes in {self.path}"
                )

    def _require_no_late_bias(self, node: NirNode, signal: Signal, back: set[Edge]) -> None:
        """A bias behind a loop starts when its first spikes come back, except in snnTorch."""
        is_back = signal.routes and all((r.source, node.name) in back for r in signal.routes)
        if is_back and signal.constant.any() and self.semantics.name != "snntorch":
            raise SemanticsError(
                f"the bias on the way back to {node.name!r} must be 0 under preset "
                f"{self.semantics.name!r}, where it starts with the second step; move it to the "
                "node before the loop"
            )

    def _projections(
        self, name: str, signals: list[Signal], gain: Array, back: set[Edge]
    ) -> list[Projection]:
        """One projection for each source and delay: parallel ways are added."""
        ways: dict[tuple[str, int], tuple[Array, list[str]]] = {}
        for route in (r for s in signals for r in s.routes):
            delay = route.delay + (route.delay == 0 and (route.source, name) in back)
            matrix = np.eye(route.size) if route.matrix is None else route.matrix
            weights, origins = ways.get((route.source, delay), (np.zeros_like(matrix), []))
            ways[route.source, delay] = (weights + matrix, [*origins, route.origin])
        return [
            Projection(
                identifier(source),
                identifier(name),
                gain[:, None] * weights,
                delay,
                " + ".join(dict.fromkeys(origins)),
            )
            for (source, delay), (weights, origins) in ways.items()
        ]

    def _output(self, wanted: str) -> Output:
        outputs = [n.name for n in self._of("Output")]
        if len(outputs) > 1:
            raise SemanticsError(
                f"{self.path} must have one Output, not {outputs}: a network delivers the events "
                "or the membrane of one population; remove the others"
            )
        sources = [s for name in outputs for s in self.nir.into(name)]
        while len(sources) == 1 and self.nir.nodes[sources[0]].type in ("Flatten", PORT):
            sources = self.nir.into(sources[0])
        if len(sources) != 1 or self.nir.nodes[sources[0]].type not in NEURONS:
            kinds = [f"{s} ({self.nir.nodes[s].type})" for s in sources]
            raise CheckpointError(
                f"the Output of {self.path} must be fed by exactly one LIF, IF or LI node, not by "
                f"{kinds}; end the network with an LI to read a membrane"
            )
        node = self.nir.nodes[sources[0]]
        membrane = wanted == "membrane" or (wanted == "auto" and node.type in _READOUTS)
        return Output(identifier(node.name), MEMBRANE if membrane else EVENTS)

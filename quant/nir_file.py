"""Reads the Neuromorphic Intermediate Representation: ``.nir`` files, which are HDF5.

The file is read directly, without instantiating nodes from names that it holds. Nested graphs are
inlined: the node ``lif`` of the graph ``rec`` becomes ``rec.lif``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import CheckpointError
from spikeloom.quant import hdf5

__all__ = ["NEURONS", "PORT", "NirGraph", "NirNode", "read"]

NEURONS = {
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "I": ("r",),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "Threshold": ("threshold",),
}
"""Parameters that each neuron type must have."""

_OPTIONAL = ("v_reset", "w_in")
"""Parameters that older versions of NIR do not write."""

_PARAMETERS = NEURONS | {
    "Linear": ("weight",),
    "Affine": ("weight", "bias"),
    "Scale": ("scale",),
    "Delay": ("delay",),
    "Flatten": (),
    "Input": ("shape",),
    "Output": (),
}

PORT = "Port"
"""The type that the Input and Output of a nested graph get: values pass through."""

_DEEPEST = 8
"""Levels to which graphs may be nested."""

_REASONS = {
    "Conv1d": "convolutions are not imported yet: use Linear",
    "Conv2d": "convolutions are not imported yet: use Linear",
    "SumPool2d": "pooling is not imported yet: fold it into a Linear",
    "AvgPool2d": "pooling is not imported yet: fold it into a Linear",
}


@dataclass(frozen=True, eq=False)
class NirNode:
    """One node: its NIR type and its arrays by name, in float64.

    ``is_single`` : the file holds its numbers in single precision, or less.
    """

    name: str
    type: str
    arrays: dict[str, npt.NDArray[np.float64]]
    is_single: bool = False

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        return self.arrays[name]


@dataclass(frozen=True, eq=False)
class NirGraph:
    """A file's nodes by name and its edges (source, target), each once."""

    nodes: dict[str, NirNode]
    edges: tuple[tuple[str, str], ...]

    def into(self, name: str) -> list[str]:
        return [source for source, target in self.edges if target == name]


def read(path: Path) -> NirGraph:
    """Read a ``.nir`` file of nir 1.0.4 or later.

    Raises
    ------
    CheckpointError
        If the file is empty, truncated, foreign, or holds nodes that cannot be imported.
    """
    with hdf5.opened(path, ".nir", "nir.write") as file:
        root = hdf5.group(file, "node", str(path))
        if _type_of(root, "node", path) != "NIRGraph":
            raise CheckpointError(f"{path} must hold a NIRGraph at its top; export it again")
        reader = _Reader(path)
        reader.read(root, "", 0)
    return NirGraph(reader.nodes, tuple(dict.fromkeys(reader.edges)))


class _Reader:
    """Collects the nodes and edges of a graph and of those nested in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nodes: dict[str, NirNode] = {}
        self.edges: list[tuple[str, str]] = []
        self.ends: dict[tuple[str, str], list[str]] = {}

    def read(self, graph: Any, prefix: str, depth: int) -> None:
        """``prefix`` is what the graph's own nodes are called after, ``""`` or ``"rec."``."""
        if depth > _DEEPEST:
            raise CheckpointError(
                f"graphs in {self.path} must be nested at most {_DEEPEST} deep, unlike {prefix!r}; "
                "export the graph flat"
            )
        nodes = hdf5.group(graph, "nodes", self._what(prefix))
        edges = self._edges(graph, prefix)
        nested = set()
        for name in nodes:
            group = hdf5.group(nodes, name, self._what(prefix))
            if _type_of(group, prefix + name, self.path) == "NIRGraph":
                self.read(group, f"{prefix}{name}.", depth + 1)
                nested.add(name)
            else:
                self._add(
                    _node(group, prefix + name, self.path, partial(_place, name, edges)), prefix
                )
        for source, target in edges:
            for name in (source, target):
                if name not in nodes:
                    raise CheckpointError(
                        f"the edge {source!r} → {target!r} of {self._what(prefix)} names a node "
                        f"{name!r} that is not there; export the graph again"
                    )
            start, end = prefix + source, prefix + target
            if source in nested:
                start = self._end_of(start, "Output")
            if target in nested:
                end = self._end_of(end, "Input")
            self.edges.append((start, end))

    def _add(self, node: NirNode, prefix: str) -> None:
        if node.name in self.nodes:
            raise CheckpointError(
                f"nodes of {self.path} must differ in name, also once nested graphs are inlined, "
                f"not {node.name!r}; rename one"
            )
        if prefix and node.type in ("Input", "Output"):
            self.ends.setdefault((prefix, node.type), []).append(node.name)
            node = NirNode(node.name, PORT, node.arrays)
        self.nodes[node.name] = node

    def _end_of(self, graph: str, end: str) -> str:
        """The one Input or Output of a nested graph."""
        ends = self.ends.get((f"{graph}.", end), [])
        if len(ends) != 1:
            raise CheckpointError(
                f"the nested graph {graph!r} of {self.path} must have one {end}, not {len(ends)}: "
                "edges do not say which they mean; export the graph flat"
            )
        return ends[0]

    def _edges(self, graph: Any, prefix: str) -> list[tuple[str, str]]:
        names = hdf5.words(graph, "edges", f"edges of {self._what(prefix)}")
        if names.size == 0:
            return []
        if names.ndim != 2 or names.shape[1] != 2:
            raise CheckpointError(
                f"edges of {self._what(prefix)} must be pairs of names, not {names.shape}"
            )
        # Some exporters write an edge twice.
        return list(dict.fromkeys((source, target) for source, target in names))

    def _what(self, prefix: str) -> str:
        return f"{prefix.rstrip('.')!r} in {self.path}" if prefix else str(self.path)


def _node(group: Any, name: str, path: Path, place: Callable[[], str]) -> NirNode:
    type_ = _type_of(group, name, path)
    if type_ not in _PARAMETERS:
        reason = _REASONS.get(type_, f"use only {', '.join(_PARAMETERS)}")
        raise CheckpointError(
            f"node {name!r} of {path}{place()} has the type {type_!r}, which cannot be imported; "
            f"{reason}"
        )
    stored = {
        key: hdf5.numbers(group, key, f"{key} of node {name!r} in {path}")
        for key in group
        if key in (*_PARAMETERS[type_], *_OPTIONAL)
    }
    for key in _PARAMETERS[type_]:
        if key not in stored:
            raise CheckpointError(
                f"node {name!r} of {path} must have the parameter {key!r}, as every {type_} has; "
                "export the graph again"
            )
    is_single = any(a.dtype.kind == "f" and a.dtype.itemsize <= 4 for a in stored.values())
    arrays = {key: array.astype(np.float64) for key, array in stored.items()}
    return NirNode(name, type_, arrays, is_single)


def _place(name: str, edges: list[tuple[str, str]]) -> str:
    """Where a node is in its graph, for people."""
    before = [repr(source) for source, target in edges if target == name]
    after = [repr(target) for source, target in edges if source == name]
    parts = [f"after {', '.join(before)}"] * bool(before)
    parts += [f"before {', '.join(after)}"] * bool(after)
    return f" ({' and '.join(parts)})" if parts else ""


def _type_of(group: Any, name: str, path: Path) -> str:
    return hdf5.text(group, "type", f"the type of node {name!r} in {path}")

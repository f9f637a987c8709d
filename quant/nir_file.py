"""Reads the Neuromorphic Intermediate Representation: ``.nir`` files, which are HDF5.

The file is read directly, without instantiating nodes from names that it holds; links to other
files are refused.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import CheckpointError

__all__ = ["NEURONS", "NirGraph", "NirNode", "read"]

_LARGEST = 1 << 28
"""Numbers that an array of a file may hold: a small compressed file can declare terabytes."""

NEURONS = {
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
}
"""Parameters that each neuron type must have."""

_PARAMETERS = NEURONS | {
    "Linear": ("weight",),
    "Affine": ("weight", "bias"),
    "Flatten": (),
    "Input": ("shape",),
    "Output": (),
}


@dataclass(frozen=True, eq=False)
class NirNode:
    """One node: its NIR type and its arrays by name, in float64."""

    name: str
    type: str
    arrays: dict[str, npt.NDArray[np.float64]]

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
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            root = _group(file, "node", path)
            if _type_of(root, "node", path) != "NIRGraph":
                raise CheckpointError(f"{path} must hold a NIRGraph at its top; export it again")
            nodes = _group(root, "nodes", path)
            read_nodes = {name: _node(nodes, name, path) for name in nodes}
            edges = _edges(root, path)
    except (OSError, RuntimeError, KeyError, ValueError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path} cannot be read as a .nir file, which is HDF5: it is truncated, damaged or "
            f"another format ({_first_line(error)}); export it again with nir.write"
        ) from error
    for edge in edges:
        for name in edge:
            if name not in read_nodes:
                raise CheckpointError(
                    f"the edge {edge[0]!r} → {edge[1]!r} of {path} names a node {name!r} that is "
                    "not there; export the graph again"
                )
    return NirGraph(read_nodes, edges)


def _h5py() -> Any:
    return importlib.import_module("h5py")


def _node(nodes: Any, name: str, path: Path) -> NirNode:
    group = _group(nodes, name, path)
    type_ = _type_of(group, name, path)
    if type_ not in _PARAMETERS:
        hint = {
            "NIRGraph": "nested graphs are not imported: export it flat",
            "CubaLIF": "no neuron of the library has a synaptic current yet: use LIF",
            "CubaLI": "no neuron of the library has a synaptic current yet: use LI",
            "Delay": "delays are not imported yet: leave it out",
            "I": "an integrator without leak is an LI of very large tau here: use LI",
        }.get(type_, f"use only {', '.join(_PARAMETERS)}")
        raise CheckpointError(f"node {name!r} of {path} has the type {type_!r}; {hint}")
    arrays = {}
    for key in group:
        if key in (*_PARAMETERS[type_], "v_reset"):
            arrays[key] = _array(group, key, f"{key} of node {name!r} in {path}")
    for key in _PARAMETERS[type_]:
        if key not in arrays:
            raise CheckpointError(
                f"node {name!r} of {path} must have the parameter {key!r}, as every {type_} has; "
                "export the graph again"
            )
    return NirNode(name, type_, arrays)


def _group(parent: Any, name: str, path: Path) -> Any:
    h5py = _h5py()
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise CheckpointError(
            f"{path} must hold {name!r} itself, as NIR files do; export it again with nir.write"
        )
    group = parent[name]
    if not isinstance(group, h5py.Group):
        raise CheckpointError(
            f"{name!r} of {path} must be a group, as in NIR files; export it again"
        )
    return group


def _dataset(group: Any, name: str, what: str) -> Any:
    h5py = _h5py()
    is_inside = isinstance(group.get(name, getlink=True), h5py.HardLink)
    dataset = group[name] if is_inside else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise CheckpointError(f"{what} must be stored in the file itself; export it again")
    if prod(dataset.shape or ()) > _LARGEST:
        raise CheckpointError(
            f"{what} must hold at most {_LARGEST} numbers, not {dataset.shape}; the file is "
            "damaged or malicious"
        )
    return dataset[()]


def _type_of(group: Any, name: str, path: Path) -> str:
    value = _dataset(group, "type", f"the type of node {name!r} in {path}")
    return value.decode() if isinstance(value, bytes) else str(value)


def _array(group: Any, key: str, what: str) -> npt.NDArray[np.float64]:
    value = np.asarray(_dataset(group, key, what))
    if value.dtype.kind not in "biuf":
        raise CheckpointError(f"{what} must hold numbers, not {value.dtype}; export it again")
    return value.astype(np.float64)


def _edges(root: Any, path: Path) -> tuple[tuple[str, str], ...]:
    raw = np.asarray(_dataset(root, "edges", f"edges of {path}"))
    if raw.size == 0:
        return ()
    if raw.ndim != 2 or raw.shape[1] != 2:
        raise CheckpointError(f"edges of {path} must be pairs of names, not {raw.shape}")
    words = [w.decode() if isinstance(w, bytes) else str(w) for w in raw.flat]
    # Some exporters write an edge twice.
    return tuple(dict.fromkeys(zip(words[::2], words[1::2], strict=True)))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]

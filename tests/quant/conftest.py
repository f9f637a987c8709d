"""Checkpoints that the tests write themselves, and the folder of recorded data."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of recorded data; tests that need it are skipped without."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("SPIKELOOM_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no recorded data in {folder}; set SPIKELOOM_DATA")
    return folder


Nodes = dict[str, dict[str, Any]]


def write_graph(group: Any, nodes: Nodes, edges: list[tuple[str, str]] | None) -> None:
    """Write a NIR graph; nodes of the type NIRGraph hold nodes and edges of their own."""
    edges = list(pairwise(nodes)) if edges is None else edges
    group["type"] = "NIRGraph"
    group["edges"] = np.array(edges, dtype="S32").reshape(-1, 2)
    group.create_group("nodes")
    for name, arrays in nodes.items():
        node = group.create_group(f"nodes/{name}")
        if arrays["type"] == "NIRGraph":
            write_graph(node, arrays["nodes"], arrays.get("edges"))
        else:
            for key, value in arrays.items():
                node[key] = value


@pytest.fixture
def write_nir(tmp_path: Path) -> Callable[..., Path]:
    """Writes nodes {name: {"type": …, parameter: value}} as a ``.nir`` file; edges form a chain
    in the nodes' order unless given."""

    def write(nodes: Nodes, edges: list[tuple[str, str]] | None = None) -> Path:
        path = tmp_path / "model.nir"
        with h5py.File(path, "w") as file:
            file["version"] = "1.0.8"
            write_graph(file.create_group("node"), nodes, edges)
        return path

    return write


@pytest.fixture
def lif_chain() -> Nodes:
    """A small network: 3 inputs, 2 LIF neurons, one leaky integrator."""
    return {
        "input": {"type": "Input", "shape": np.array([3])},
        "fc1": {"type": "Affine", "weight": np.ones((2, 3)), "bias": np.array([0.0, 0.125])},
        "lif1": {
            "type": "LIF",
            "tau": np.array([0.002, 0.002]),
            "r": np.array([2.0, 2.0]),
            "v_leak": np.zeros(2),
            "v_threshold": np.array([1.0, 1.5]),
            "v_reset": np.zeros(2),
        },
        "fc2": {"type": "Linear", "weight": np.array([[0.5, -0.25]])},
        "li": {"type": "LI", "tau": 0.004, "r": 4.0, "v_leak": 0.0},
        "output": {"type": "Output", "shape": np.array([1])},
    }

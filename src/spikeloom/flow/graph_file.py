"""The float graph as one ``.npz``: a JSON header and float64 arrays, no pickles."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spikeloom.flow.files import UNREADABLE, read_arrays
from spikeloom.hls_model.errors import ArtefactError, SpikeloomError
from spikeloom.hls_model.files import write_atomically
from spikeloom.hls_model.network import Output
from spikeloom.hls_model.neuron import Neuron, decode_setting, encode_setting
from spikeloom.quant.graph import Graph, Input, Population, Projection

__all__ = ["load_graph", "save_graph"]

_FORMAT = "spikeloom graph 2"


def save_graph(graph: Graph, path: Path) -> None:
    """Write ``graph`` to ``path``, whole or not at all."""
    arrays: dict[str, Any] = {}

    def described(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            name = f"array{len(arrays)}"
            arrays[name] = value
            return {"array": name}
        if isinstance(value, Neuron):
            return {"neuron": encode_setting(value)}
        if isinstance(value, Mapping):
            return {"mapping": {key: described(v) for key, v in value.items()}}
        return value

    def parts(nodes: Iterable[Any]) -> list[dict[str, Any]]:
        return [
            {f.name: described(getattr(node, f.name)) for f in dataclasses.fields(node)}
            for node in nodes
        ]

    header = {
        "format": _FORMAT,
        "inputs": parts(graph.inputs),
        "populations": parts(graph.populations),
        "projections": parts(graph.projections),
        "output": dataclasses.asdict(graph.output),
        "assumptions": list(graph.assumptions),
    }
    with write_atomically(path) as file:
        np.savez_compressed(file, header=np.asarray(json.dumps(header)), **arrays)


def load_graph(path: Path) -> Graph:
    """Read the graph that :func:`save_graph` wrote.

    Raises
    ------
    ArtefactError
        If the file is missing, damaged or foreign.
    """
    try:
        arrays = read_arrays(path)
        header = json.loads(str(arrays["header"]))
        if header["format"] != _FORMAT:
            raise ValueError(f"its format is {header['format']!r}")
        return _from_header(header, arrays)
    except FileNotFoundError:
        raise ArtefactError(f"{path} does not exist; run `spikeloom import` first") from None
    except (*UNREADABLE, KeyError, TypeError, AttributeError, SpikeloomError) as error:
        raise ArtefactError(
            f"{path} is no graph file, or is damaged ({error}); run `spikeloom import --force`"
        ) from error


def _from_header(header: dict[str, Any], arrays: dict[str, Any]) -> Graph:
    def restored(value: Any) -> Any:
        match value:
            case {"array": name}:
                return arrays[name]
            case {"neuron": setting}:
                return decode_setting(setting)
            case {"mapping": mapping}:
                return {key: restored(v) for key, v in mapping.items()}
        return value

    def fields(part: dict[str, Any]) -> dict[str, Any]:
        return {name: restored(value) for name, value in part.items()}

    return Graph(
        inputs=tuple(Input(i["name"], tuple(i["shape"])) for i in header["inputs"]),
        populations=tuple(Population(**fields(p)) for p in header["populations"]),
        projections=tuple(Projection(**fields(p)) for p in header["projections"]),
        output=Output(**header["output"]),
        assumptions=tuple(header["assumptions"]),
    )

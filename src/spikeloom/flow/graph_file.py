"""The float graph as one ``.npz``: a JSON header and float64 arrays, no pickles."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from spikeloom.flow.files import UNREADABLE, read_arrays
from spikeloom.hls_model.errors import ArtefactError, SpikeloomError
from spikeloom.hls_model.files import write_atomically
from spikeloom.hls_model.network import Output
from spikeloom.quant.graph import Graph, Input, Population, Projection

__all__ = ["load_graph", "save_graph"]

_FORMAT = "spikeloom graph 1"


def save_graph(graph: Graph, path: Path) -> None:
    """Write ``graph`` to ``path``, whole or not at all."""
    arrays: dict[str, Any] = {}

    def described(parts: Iterable[Any]) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = []
        for part in parts:
            fields = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
            for name, value in fields.items():
                if isinstance(value, np.ndarray):
                    fields[name] = {"array": f"{type(part).__name__}.{len(result)}.{name}"}
                    arrays[fields[name]["array"]] = value
            result.append(fields)
        return result

    header = {
        "format": _FORMAT,
        "inputs": described(graph.inputs),
        "populations": described(graph.populations),
        "projections": described(graph.projections),
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
    def restored(part: dict[str, Any]) -> dict[str, Any]:
        return {
            name: arrays[value["array"]] if isinstance(value, dict) and "array" in value else value
            for name, value in part.items()
        }

    return Graph(
        inputs=tuple(Input(i["name"], tuple(i["shape"])) for i in header["inputs"]),
        populations=tuple(Population(**restored(p)) for p in header["populations"]),
        projections=tuple(Projection(**restored(p)) for p in header["projections"]),
        output=Output(**header["output"]),
        assumptions=tuple(header["assumptions"]),
    )

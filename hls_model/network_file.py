"""The integer network as one ``.npz``: a JSON header and integer arrays, no pickles.

Members: ``header`` (JSON text: contract version, inputs, populations, projections, output),
``weights.<index>`` per projection, and ``parameter.<population>.<name>`` or
``bias.<population>.<port>`` where values differ between neurons.
"""

from __future__ import annotations

import dataclasses
import json
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import ArtefactError, NetworkError, RangeError
from spikeloom.hls_model.files import write_atomically
from spikeloom.hls_model.network import (
    CONTRACT,
    Input,
    Network,
    Output,
    Population,
    Projection,
)
from spikeloom.hls_model.neuron import decode_setting, encode_setting
from spikeloom.hls_model.ranges import Range

__all__ = ["load", "save", "to_arrays"]

_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    AttributeError,
    TypeError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy raises for files that are truncated, foreign, encrypted or hold pickles."""

_FORMAT = "spikeloom network"


def to_arrays(network: Network) -> dict[str, npt.NDArray[Any]]:
    """The members of a network's file."""
    arrays: dict[str, npt.NDArray[Any]] = {}

    def shared_or_reference(kind: str, population: str, values: Any) -> dict[str, Any]:
        described: dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, int):
                described[name] = value
            else:
                described[name] = f"{kind}.{population}.{name}"
                arrays[described[name]] = value
        return described

    header = {
        "format": _FORMAT,
        "contract": network.contract,
        "inputs": [
            {
                "name": i.name,
                "shape": list(i.shape),
                "range": [i.range.lo, i.range.hi],
                "unit": i.unit,
            }
            # Only where it is so: networks without such inputs keep their hash.
            | ({"held": True} if i.held else {})
            for i in network.inputs
        ],
        "populations": [
            {
                "name": p.name,
                "size": p.size,
                "neuron": encode_setting(p.neuron),
                "parameters": shared_or_reference("parameter", p.name, p.parameters),
                "bias": shared_or_reference("bias", p.name, p.bias),
                "initial": dict(p.initial),
            }
            for p in network.populations
        ],
        "projections": [
            {
                "source": p.source,
                "target": p.target,
                "port": p.port,
                "delay": p.delay,
                "bits": p.bits,
            }
            for p in network.projections
        ],
        "output": dataclasses.asdict(network.output),
    }
    if network.taps:
        header["taps"] = [dataclasses.asdict(tap) for tap in network.taps]
    for index, projection in enumerate(network.projections):
        arrays[f"weights.{index}"] = projection.weights
    arrays["header"] = np.asarray(json.dumps(header, sort_keys=True))
    return arrays


def save(network: Network, path: Path | str) -> None:
    """Write ``network`` to ``path``, whole or not at all."""
    with write_atomically(path) as file:
        np.savez_compressed(file, **to_arrays(network))  # type: ignore[arg-type]


def load(path: Path | str) -> Network:
    """Read the network in ``path``; see :meth:`Network.load`."""
    path = Path(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays["header"]))
    except FileNotFoundError:
        raise ArtefactError(f"{path} does not exist; run `spikeloom quantize` first") from None
    except _UNREADABLE as error:
        raise ArtefactError(
            f"{path} is not a network file, or is damaged ({error}); quantize the model again"
        ) from error
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise ArtefactError(f"{path} is not a network file; its header is foreign")
    if header.get("contract") != CONTRACT:
        raise ArtefactError(
            f"{path} follows version {header.get('contract')} of the arithmetic contract, and this "
            f"is version {CONTRACT}; quantize the model again"
        )
    try:
        return _from_header(header, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(
            f"{path} is damaged: {error!r} in its header; quantize the model again"
        ) from error
    except (NetworkError, RangeError) as error:
        raise ArtefactError(f"{path} holds no valid network: {error}") from error


def _from_header(header: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Network:
    def resolved(values: dict[str, Any]) -> dict[str, Any]:
        return {n: arrays[v] if isinstance(v, str) else v for n, v in values.items()}

    return Network(
        inputs=tuple(
            Input(i["name"], tuple(i["shape"]), Range(*i["range"]), i["unit"], i.get("held", False))
            for i in header["inputs"]
        ),
        populations=tuple(
            Population(
                p["name"],
                p["size"],
                decode_setting(p["neuron"]),
                resolved(p["parameters"]),
                resolved(p["bias"]),
                p["initial"],
            )
            for p in header["populations"]
        ),
        projections=tuple(
            Projection(weights=arrays[f"weights.{index}"], **p)
            for index, p in enumerate(header["projections"])
        ),
        output=Output(**header["output"]),
        taps=tuple(Output(**tap) for tap in header.get("taps", ())),
    )

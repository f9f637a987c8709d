"""Reads lava-dl's ``.net`` files, which its blocks' ``export_hdf5`` write, as HDF5."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant import hdf5

__all__ = ["Cuba", "Dense", "NetFile", "is_net", "read"]

Integers = npt.NDArray[np.int64]

_LARGEST_THRESHOLD = (1 << 17) - 1
"""Of Loihi's 17 bits."""


@dataclass(frozen=True, eq=False)
class Cuba:
    """The neurons of a block, in Loihi's integers: one per parameter, or one per neuron.

    ``current_decay`` and ``voltage_decay`` lie in [0, 4096], ``threshold`` is vThMant.
    """

    current_decay: Integers
    voltage_decay: Integers
    threshold: Integers


@dataclass(frozen=True, eq=False)
class Dense:
    """A dense block: ``weights`` [out, in], and the ``delays`` of its outputs in steps [out]."""

    name: str
    weights: Integers
    neurons: Cuba
    delays: Integers


@dataclass(frozen=True, eq=False)
class NetFile:
    """A file's dense blocks in order; ``input_shape`` if it begins with an input block."""

    input_shape: tuple[int, ...] | None
    blocks: tuple[Dense, ...]


def is_net(path: Path) -> bool:
    """Whether an HDF5 file is lava-dl's: by its name, or by its group ``layer``."""
    if path.suffix in (".net", ".nir"):
        return path.suffix == ".net"
    with hdf5.opened(path, ".nir or .net", "nir.write or export_hdf5") as file:
        return "layer" in file


def read(path: Path) -> NetFile:
    """Read a ``.net`` file of dense CUBA blocks.

    Raises
    ------
    CheckpointError
        If the file is truncated or foreign, holds blocks that cannot be imported, or no integers.
    SemanticsError
        If its neurons do what no neuron of the library does.
    """
    with hdf5.opened(path, ".net", "export_hdf5") as file:
        layers = hdf5.group(file, "layer", str(path))
        names = sorted(layers, key=lambda n: int(n) if n.isdecimal() else -1)
        if not names or names != [str(i) for i in range(len(names))]:
            raise CheckpointError(
                f"layers of {path} must be numbered from 0 without gaps, not {names}; export each "
                "block into the group layer/<number>"
            )
        shape: tuple[int, ...] | None = None
        blocks: list[Dense] = []
        for name in names:
            layer = _Layer(hdf5.group(layers, name, f"layer of {path}"), f"layer {name}", path)
            kind = layer.text("type")
            if kind == "input" and name == "0":
                shape = layer.input_shape()
            elif kind == "dense":
                blocks.append(layer.dense(f"layer{name}"))
            elif kind != "flatten":
                raise CheckpointError(
                    f"{layer.what} must be dense, not {kind!r}, which cannot be imported; build "
                    "the network from dense blocks"
                )
    if not blocks:
        raise CheckpointError(f"{path} must have a dense block, and has none; export the network")
    return NetFile(shape, tuple(blocks))


class _Layer:
    """One group of the file, ``layer/<number>``."""

    def __init__(self, group: Any, name: str, path: Path) -> None:
        self.group = group
        self.what = f"{name} of {path}"

    def text(self, key: str) -> str:
        return hdf5.text(self.group, key, f"{key} of {self.what}")

    def integers(self, key: str) -> Integers:
        values = hdf5.numbers(self.group, key, f"{key} of {self.what}").astype(np.float64)
        wrong = ~np.isfinite(values) | (values != np.rint(values))
        if wrong.any():
            raise CheckpointError(
                f"{key} of {self.what} must be integers, not {values[wrong][0]:g}; export it from "
                "the block that was trained, with pre_hook_fx=slayer.utils.quantize"
            )
        return values.astype(np.int64)

    def input_shape(self) -> tuple[int, ...]:
        if "neuron" in self.group:
            raise SemanticsError(
                f"{self.what} must hold no neurons: lava-dl and its netx encode its input "
                "differently; encode samples as spikes and begin with a dense block"
            )
        return tuple(int(n) for n in self.integers("shape").reshape(-1))

    def dense(self, name: str) -> Dense:
        if "weight" not in self.group or hasattr(self.group["weight"], "keys"):
            raise SemanticsError(f"{self.what} must have real weights; use CUBA neurons")
        weights = self.integers("weight")
        size = prod(self.integers("shape").reshape(-1).tolist())
        if size < 1 or weights.size % size or not weights.size:
            raise CheckpointError(
                f"weight of {self.what} must be a matrix [{size}, inputs], not {weights.shape}; "
                "export it again"
            )
        if "bias" in self.group and self.integers("bias").any():
            raise SemanticsError(
                f"bias of {self.what} must be 0: lava adds it to the voltage, behind the current, "
                "which no neuron of the library does; train without norm"
            )
        delays = self.integers("delay").reshape(-1) if "delay" in self.group else np.zeros(1, int)
        if delays.size not in (1, size) or (delays < 0).any():
            raise CheckpointError(
                f"delay of {self.what} must hold {size} steps, 0 or more, not {delays.shape} from "
                f"{delays.min()}; export it again"
            )
        return Dense(
            name, weights.reshape(size, -1), self._neurons(size), np.broadcast_to(delays, size)
        )

    def _neurons(self, size: int) -> Cuba:
        kind = self.text("neuron/type")
        if kind not in ("CUBA", "LOIHI"):
            raise SemanticsError(
                f"neurons of {self.what} must be CUBA, not {kind!r}, which no neuron of the "
                "library is; train with slayer.block.cuba"
            )
        for key, only in (("refDelay", 1), ("gradedSpike", 0), ("wgtExp", 0), ("weight_exp", 0)):
            found = f"neuron/{key}" in self.group
            value = int(self.integers(f"neuron/{key}").reshape(-1)[0]) if found else only
            if value != only:
                raise SemanticsError(
                    f"{key} of {self.what} must be {only}, not {value}, which no neuron of the "
                    "library does; train with lava-dl's default"
                )
        return Cuba(
            self._parameter("iDecay", size, 0, 4096),
            self._parameter("vDecay", size, 0, 4096),
            self._parameter("vThMant", size, 1, _LARGEST_THRESHOLD),
        )

    def _parameter(self, key: str, size: int, lo: int, hi: int) -> Integers:
        values = self.integers(f"neuron/{key}").reshape(-1)
        if values.size not in (1, size) or (values < lo).any() or (values > hi).any():
            raise CheckpointError(
                f"{key} of {self.what} must be one integer or {size}, from {lo} to {hi}, not "
                f"{values.shape} from {values.min()} to {values.max()}; export it again"
            )
        return np.broadcast_to(values, size).astype(np.int64)

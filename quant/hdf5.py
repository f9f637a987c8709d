"""Reads HDF5 files that others wrote: nothing outside the file, nothing huge, no surprises."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import CheckpointError

__all__ = ["SIGNATURE", "group", "numbers", "opened", "text", "words"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""The first bytes of an HDF5 file."""

_LARGEST = 1 << 28
"""Numbers that an array of a file may hold: a small compressed file can declare terabytes."""


@contextmanager
def opened(path: Path, kind: str, writer: str) -> Iterator[Any]:
    """The root group of ``path``; ``kind`` and ``writer`` say what it is and what writes it.

    Raises
    ------
    CheckpointError
        If the file is truncated, damaged, or another format.
    """
    try:
        with _h5py().File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise CheckpointError(
            f"{path} cannot be read as a {kind} file, which is HDF5: it is truncated, damaged or "
            f"another format ({reason}); export it again with {writer}"
        ) from error


def group(parent: Any, name: str, what: str) -> Any:
    """The group ``name`` of ``parent``, held by the file itself."""
    h5py = _h5py()
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise CheckpointError(f"{what} must hold {name!r} itself; export it again")
    found = parent[name]
    if not isinstance(found, h5py.Group):
        raise CheckpointError(f"{name!r} of {what} must be a group; export it again")
    return found


def numbers(parent: Any, name: str, what: str) -> npt.NDArray[Any]:
    """The array ``name`` of ``parent`` in the type in which it is stored."""
    value = np.asarray(_value(parent, name, what))
    if value.dtype.kind not in "biuf":
        raise CheckpointError(f"{what} must hold numbers, not {value.dtype}; export it again")
    return value


def text(parent: Any, name: str, what: str) -> str:
    """The string ``name`` of ``parent``, also if it is an array of one."""
    return next(iter(words(parent, name, what).flat), "")


def words(parent: Any, name: str, what: str) -> npt.NDArray[Any]:
    """An array of strings."""
    value = np.asarray(_value(parent, name, what))
    decoded = [w.decode() if isinstance(w, bytes) else str(w) for w in value.flat]
    return np.asarray(decoded, dtype=object).reshape(value.shape)


def _value(parent: Any, name: str, what: str) -> Any:
    h5py = _h5py()
    is_inside = isinstance(parent.get(name, getlink=True), h5py.HardLink)
    dataset = parent[name] if is_inside else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise CheckpointError(f"{what} must be stored in the file itself; export it again")
    if prod(dataset.shape or ()) > _LARGEST:
        raise CheckpointError(
            f"{what} must hold at most {_LARGEST} numbers, not {dataset.shape}; the file is "
            "damaged or malicious"
        )
    return dataset[()]


def _h5py() -> Any:
    # Late: importing it takes a third of a second.
    return importlib.import_module("h5py")

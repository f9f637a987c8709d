"""Artefacts as files: their contents' hashes, and JSON in both directions."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import ArtefactError
from spikeloom.hls_model.files import write_atomically

__all__ = ["UNREADABLE", "content_hash", "read_arrays", "read_json", "write_json"]

UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
"""What :func:`read_arrays` raises for files that are truncated, foreign or hold pickles."""


def content_hash(path: Path) -> str | None:
    """SHA-256 of a file in hexadecimal; None if there is no such file."""
    try:
        stat = path.stat()
        return _hash(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except OSError:
        return None


@lru_cache(maxsize=256)
def _hash(path: Path, *version: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an ``.npz``. No pickle is ever executed."""
    # NumPy leaves a file open that it has opened itself and cannot read.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        return {name: archive[name] for name in archive.files}


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, whole or not at all."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    with write_atomically(path) as file:
        file.write(text.encode() + b"\n")


def read_json(path: Path, maker: str) -> dict[str, Any]:
    """The JSON object in ``path``, which ``spikeloom <maker>`` writes.

    Raises
    ------
    ArtefactError
        If it is missing or damaged.
    """
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        raise ArtefactError(f"{path} does not exist; run `spikeloom {maker}` first") from None
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{path} is damaged ({error}); run `spikeloom {maker} --force`"
        ) from error
    if not isinstance(value, dict):
        raise ArtefactError(f"{path} is damaged (no object); run `spikeloom {maker} --force`")
    return value

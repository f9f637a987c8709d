"""Versions of what computes a stage: a new one makes the stage run again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path

__all__ = ["versions_of"]

_ROOT = Path(__file__).parents[1]


def versions_of(packages: Iterable[str], distributions: Iterable[str]) -> dict[str, str]:
    """Digests of Spikeloom's own ``packages`` and versions of installed ``distributions``."""
    own = {f"spikeloom.{package}": _digest(package) for package in packages}
    return own | {name: _version(name) for name in distributions}


@lru_cache
def _digest(package: str) -> str:
    """Of the sources, so that it follows edits of an editable installation."""
    digest = hashlib.sha256()
    for path in sorted((_ROOT / package).rglob("*")):
        if path.suffix in (".py", ".sv", ".cpp", ".json"):
            digest.update(path.relative_to(_ROOT).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"

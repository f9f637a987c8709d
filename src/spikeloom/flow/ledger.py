"""Which stages are finished, and what they were made from: ``stages.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spikeloom.flow.files import content_hash, write_json

__all__ = ["Key", "Ledger", "Record"]

_FILE = "stages.json"


@dataclass(frozen=True)
class Key:
    """All that a stage's artefacts depend on.

    Attributes
    ----------
    inputs : content hash by file name; None for a file that is not there
    options : by name
    versions : of everything that computes the stage, by name
    """

    inputs: Mapping[str, str | None]
    options: Mapping[str, Any]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """A finished stage: its key, its artefacts' content hashes by file name, and its duration."""

    key: Key
    outputs: Mapping[str, str | None]
    seconds: float


class Ledger:
    """The records of a folder. A damaged file counts as empty: its stages run again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._records = _read(folder / _FILE)

    def __getitem__(self, stage: str) -> Record:
        return self._records[stage]

    def get(self, stage: str) -> Record | None:
        return self._records.get(stage)

    def record(self, stage: str, key: Key, outputs: Iterable[str], seconds: float) -> None:
        """Note that ``stage`` is finished; its artefacts must be in place."""
        hashes = {name: content_hash(self.folder / name) for name in outputs}
        self._records[stage] = Record(key, hashes, round(seconds, 3))
        write_json(self.folder / _FILE, {n: asdict(r) for n, r in self._records.items()})

    def reason_to_run(self, stage: str, key: Key) -> str | None:
        """Why ``stage`` is not finished; None if it is."""
        if stage not in self._records:
            return "first run"
        record = self._records[stage]
        for name, digest in record.outputs.items():
            if digest is None or content_hash(self.folder / name) != digest:
                return f"{name} is missing or was changed"
        for was, now in zip(asdict(record.key).values(), asdict(key).values(), strict=True):
            changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
            if changed:
                return f"{changed[0].replace('_', ' ')} changed"
        return None


def _read(path: Path) -> dict[str, Record]:
    try:
        return {
            name: Record(Key(**r["key"]), dict(r["outputs"]), float(r["seconds"]))
            for name, r in json.loads(path.read_text()).items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}

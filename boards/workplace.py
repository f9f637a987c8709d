"""The files of a build, and a place where they appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spikeloom.hls_model.errors import SpikeloomError

__all__ = ["BLOCKS", "NAME", "RESULT", "workplace"]

NAME = "top"
"""The design's name, and that of its files."""

RESULT = "build.json"

BLOCKS = "blocks.json"
"""Where each block RAM lies that the design instantiates."""


@contextmanager
def workplace(out: Path, outdated: tuple[str, ...]) -> Iterator[Path]:
    """A hidden folder in ``out`` whose files move to ``out`` at the end; after a failure only logs.

    ``outdated``: what an earlier build left and must not outlive the start of this one.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in outdated:
            (out / name).unlink(missing_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".build-", dir=out))
    except OSError as error:
        raise SpikeloomError(f"cannot write to {out}: {error.strerror}") from error
    try:
        try:
            yield folder
        except BaseException:
            for log in folder.glob("*.log"):
                os.replace(log, out / log.name)
            raise
        # The result last: it vouches for the others.
        for file in sorted(folder.iterdir(), key=lambda file: file.name == RESULT):
            os.replace(file, out / file.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

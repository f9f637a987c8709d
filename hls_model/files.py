"""Writing files so that a crash, a full disk or Ctrl-C never leaves half of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from spikeloom.hls_model.errors import ArtefactError

__all__ = ["write_atomically"]


@contextlib.contextmanager
def write_atomically(path: Path | str) -> Iterator[IO[Any]]:
    """A binary file that appears under ``path`` once the block has ended without an error.

    Raises
    ------
    ArtefactError
        If the folder or the disk cannot take the file.
    """
    path = Path(path)
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise ArtefactError(
            f"{path} cannot be written: {error.strerror or error}; choose another --out or free "
            "the disk"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

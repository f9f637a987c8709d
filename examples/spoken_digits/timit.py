"""TIMIT: sentences in American English with the phone of each moment, 16 kHz.

The label is a class per frame, out of the 39 that Lee and Hon score (IEEE Transactions on
Acoustics, Speech, and Signal Processing 37(11), 1989, table 3). The test set is ``TEST``; of the
speakers in ``TRAIN``, every tenth is for validation. The two sentences that all speakers read
(``SA1``, ``SA2``) are left out, as is usual. Layout: ``TRAIN/DR1/FCJF0/SI1027.WAV`` with
``SI1027.PHN`` beside it, in upper or lower case.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from examples.spoken_digits.audio import read_audio
from examples.spoken_digits.corpus import Corpus, Recording
from spikeloom.hls_model.errors import SampleError

__all__ = ["CLASSES", "FOLDED", "is_at", "open_corpus", "read_phones"]

RATE = 16000

_KEPT = """aa ae ah aw ay b ch d dh dx eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh sil t th
uh uw v w y z"""

CLASSES = tuple(_KEPT.split())

FOLDED = {phone: phone for phone in CLASSES if phone != "sil"} | {
    phone: into
    for into, phones in {
        "aa": "ao",
        "ah": "ax ax-h",
        "er": "axr",
        "hh": "hv",
        "ih": "ix",
        "l": "el",
        "m": "em",
        "n": "en nx",
        "ng": "eng",
        "sh": "zh",
        "sil": "h# pau epi pcl tcl kcl bcl dcl gcl",
        "uw": "ux",
    }.items()
    for phone in phones.split()
}
"""Class of each of TIMIT's phones. The glottal stop ``q`` has none: its frames do not count."""


def is_at(folder: Path) -> bool:
    return _child(folder, "TRAIN") is not None and _child(folder, "TEST") is not None


def open_corpus(folder: Path, split: str) -> Corpus:
    """The corpus; ``split`` is not used."""
    train = sorted(_recordings(folder, "TRAIN"), key=lambda r: r.name)
    speakers = sorted({r.speaker for r in train})
    held_out = set(speakers[::10]) if len(speakers) > 1 else set()
    return Corpus(
        "timit",
        "frames",
        RATE,
        CLASSES,
        tuple(r for r in train if r.speaker not in held_out),
        tuple(r for r in train if r.speaker in held_out),
        tuple(sorted(_recordings(folder, "TEST"), key=lambda r: r.name)),
    )


def read_phones(path: Path) -> npt.NDArray[np.int64]:
    """First sample, end and class of each phone [phones, 3], from a ``.PHN`` file."""
    segments = []
    for number, line in enumerate(path.read_text("ascii").splitlines(), 1):
        try:
            first, end, phone = line.split()
            segments.append((int(first), int(end), _class(phone)))
        except (ValueError, KeyError):
            raise SampleError(
                f"{path}, line {number}, must be FIRST END PHONE with one of TIMIT's 61 phones, "
                f"not {line!r}"
            ) from None
    return np.array(segments, dtype=np.int64).reshape(-1, 3)


def _class(phone: str) -> int:
    return -1 if phone == "q" else CLASSES.index(FOLDED[phone])


def _recordings(folder: Path, part: str) -> Iterator[Recording]:
    top = _child(folder, part)
    for path in () if top is None else top.glob("*/*/*"):
        if path.suffix.upper() != ".WAV" or path.name.upper().startswith("SA"):
            continue
        phones = _child(path.parent, path.stem + ".PHN")
        if phones is None:
            raise SampleError(f"{path} must have its phones beside it, in {path.stem}.PHN")
        name = "/".join(path.parts[-4:])
        yield Recording(name, path.parent.name, read_phones(phones), partial(read_audio, path))


def _child(folder: Path, name: str) -> Path | None:
    """The entry called ``name`` in upper or lower case: both kinds of copies exist."""
    return next((p for n in (name, name.lower()) if (p := folder / n).exists()), None)

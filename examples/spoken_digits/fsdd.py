"""The Free Spoken Digit Dataset: ten digits, six speakers, fifty takes of each, 8 kHz.

Source: github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
"""

from __future__ import annotations

import lzma
import tarfile
from functools import partial
from pathlib import Path

import numpy as np

from examples.spoken_digits.audio import Audio, read_wave
from examples.spoken_digits.corpus import Corpus, Recording
from spikeloom.hls_model.errors import SampleError

__all__ = ["HELD_OUT", "SPLITS", "is_at", "open_corpus"]

RATE = 8000

HELD_OUT = (("george", "jackson"), ("lucas", "nicolas"), ("theo", "yweweler"))
"""Speakers whom the three folds of the split by speakers know from the test only."""

SPLITS = ("takes", *(f"speakers{fold}" for fold in range(len(HELD_OUT))))
"""``takes``: the data set's own; its test set is the takes 0–4 of every digit and speaker.
``speakers0`` … ``speakers2``: all takes of two speakers are the test set. In every split, takes
5–9 of the other recordings are for validation."""

_ARCHIVE = "recordings.tar.xz"


def is_at(folder: Path) -> bool:
    return (folder / _ARCHIVE).is_file()


def open_corpus(folder: Path, split: str) -> Corpus:
    """The corpus with one of :data:`SPLITS`."""
    if split not in SPLITS:
        raise SampleError(f"the split must be one of {', '.join(SPLITS)}, not {split!r}")
    held_out = () if split == "takes" else HELD_OUT[int(split[-1])]
    parts: dict[str, list[Recording]] = {"train": [], "validation": [], "test": []}
    for name, raw in _files(folder / _ARCHIVE):
        try:
            digit, speaker, take = name.split("_")
            recording = Recording(name, speaker, np.array(int(digit)), partial(_read, raw, name))
            part = _part(speaker, int(take), held_out)
        except ValueError:
            raise SampleError(
                f"recordings must be named DIGIT_SPEAKER_TAKE.wav, not {name}.wav"
            ) from None
        parts[part].append(recording)
    # The archive is in no order that anything else should depend on.
    chosen = {p: tuple(sorted(rs, key=lambda r: r.name)) for p, rs in parts.items()}
    return Corpus("fsdd", "sequence", RATE, tuple("0123456789"), **chosen)


def _part(speaker: str, take: int, held_out: tuple[str, ...]) -> str:
    if speaker in held_out or (not held_out and take < 5):
        return "test"
    return "validation" if 5 <= take < 10 else "train"


def _files(archive: Path) -> list[tuple[str, bytes]]:
    """Stem and content of each .wav file."""
    try:
        with tarfile.open(archive) as file:
            return [
                (Path(member.name).stem, content.read())
                for member in file
                if member.name.endswith(".wav") and (content := file.extractfile(member))
            ]
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError) as error:
        reason = str(error).splitlines()[0]
        raise SampleError(f"{archive} cannot be read ({reason}); copy it again") from None


def _read(raw: bytes, name: str) -> Audio:
    return read_wave(raw, name)

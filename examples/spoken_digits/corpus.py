"""Recordings of speech with what is to be recognised in them, in three parts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from examples.spoken_digits.audio import Audio
from spikeloom.hls_model.errors import SampleError

__all__ = ["PARTS", "Corpus", "Recording", "Task", "data_folder", "open_corpus"]

Task = Literal["sequence", "frames", "text"]
"""What a network tells: one class per recording, one per frame, or a text without its timing."""

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Recording:
    """One utterance; its audio is read when it is asked for.

    Attributes
    ----------
    label : integers
        sequence: the class, []; frames: first sample, end and class of each segment
        [segments, 3], a class of −1 counting for nothing; text: the classes in order [length]
    """

    name: str
    speaker: str
    label: npt.NDArray[np.int64]
    read: Callable[[], Audio]


@dataclass(frozen=True)
class Corpus:
    """Recordings for training, for choosing settings, and for the final figure.

    Attributes
    ----------
    rate : samples per second of all recordings
    classes : names of the classes
    """

    name: str
    task: Task
    rate: int
    classes: tuple[str, ...]
    train: tuple[Recording, ...]
    validation: tuple[Recording, ...]
    test: tuple[Recording, ...]

    def part(self, name: str) -> tuple[Recording, ...]:
        """The recordings of one of :data:`PARTS`."""
        recordings: tuple[Recording, ...] = getattr(self, name)
        if not recordings:
            raise SampleError(f"{self.name} has no recordings for the part {name!r}")
        return recordings


def data_folder() -> Path:
    """``$SPIKELOOM_DATA``, or ``../shared/data`` beside the repository."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("SPIKELOOM_DATA", default))


def open_corpus(folder: Path, split: str) -> Corpus:
    """The corpus in ``folder``, told by its layout: spoken digits, TIMIT or LibriSpeech.

    Parameters
    ----------
    split
        Of the spoken digits, see :data:`examples.spoken_digits.fsdd.SPLITS`. The other corpora
        come with a split of their own, and ``split`` is not used.

    Raises
    ------
    SampleError
        If no corpus is there, or it is not as it should be.
    """
    from examples.spoken_digits import fsdd, librispeech, timit

    for corpus in (fsdd, timit, librispeech):
        if corpus.is_at(folder):
            return corpus.open_corpus(folder, split)
    raise SampleError(
        f"{folder} must hold recordings.tar.xz (spoken digits), TRAIN/DR1/… (TIMIT) or "
        "train-clean-100/… (LibriSpeech); state the corpus's folder with --data"
    )

"""LibriSpeech: read English with its text, 16 kHz.

The label is the text, whose timing is not known: training uses connectionist temporal
classification (CTC) over 28 characters and a blank. Parts are the folders ``train-*``, ``dev-*``
and ``test-*`` that are there. Layout: ``train-clean-100/103/1240/103-1240-0000.flac`` with
``103-1240.trans.txt`` beside it, a line per utterance.
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

__all__ = ["CLASSES", "is_at", "open_corpus", "spell"]

RATE = 16000

CLASSES = ("", *" 'ABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""The blank of CTC, then the characters of the transcripts."""


def is_at(folder: Path) -> bool:
    return any(folder.glob("train-*/"))


def open_corpus(folder: Path, split: str) -> Corpus:
    """The corpus; ``split`` is not used."""
    train, validation, test = (
        tuple(sorted(_recordings(folder, prefix), key=lambda r: r.name))
        for prefix in ("train", "dev", "test")
    )
    return Corpus("librispeech", "text", RATE, CLASSES, train, validation, test)


def spell(text: str) -> npt.NDArray[np.int64]:
    """The classes of a text's characters [length]."""
    try:
        return np.array([CLASSES.index(c) for c in text], dtype=np.int64)
    except ValueError:
        raise SampleError(
            f"a transcript must hold capital letters, spaces and apostrophes, not {text!r}"
        ) from None


def _recordings(folder: Path, prefix: str) -> Iterator[Recording]:
    for transcript in folder.glob(f"{prefix}-*/*/*/*.trans.txt"):
        for line in transcript.read_text("utf-8").splitlines():
            name, _, text = line.partition(" ")
            path = transcript.with_name(f"{name}.flac")
            if not path.is_file():
                raise SampleError(f"{transcript} names {path.name}, which must lie beside it")
            speaker = transcript.parent.parent.name
            yield Recording(name, speaker, spell(text), partial(read_audio, path))

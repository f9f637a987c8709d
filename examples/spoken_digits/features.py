"""A corpus as batches of events: encoded once at several speeds, distorted anew in each batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from examples.spoken_digits.corpus import Corpus, Recording, Task
from examples.spoken_digits.encoder import OCTAVE, Encoder
from spikeloom.hls_model.errors import SampleError

__all__ = ["SPEEDS", "Batch", "Part", "encode_part", "frame_classes"]

Array = npt.NDArray[np.int64]

SPEEDS = (0.84, 0.92, 1.0, 1.08, 1.16)
"""How fast training recordings are played, which moves pitch and formants, too."""

_LOUDER = 5 * OCTAVE // 2
"""Training recordings are made louder or fainter by at most so much."""

_LATEST = 4
"""Spoken digits begin up to so many frames late in training."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Padded recordings.

    Attributes
    ----------
    events : int8 [samples, steps, addresses]
    frames : of each recording, without padding [samples]
    targets : sequence: classes [samples]; frames: classes [samples, steps], −1 where none counts;
        text: classes [samples, longest], −1 after the end
    """

    events: npt.NDArray[np.int8]
    frames: Array
    targets: Array

    @property
    def is_speech(self) -> npt.NDArray[np.bool_]:
        """Whether a step belongs to the recording rather than to the padding [samples, steps]."""
        return np.arange(self.events.shape[1]) < self.frames[:, None]


@dataclass(frozen=True, eq=False)
class _Example:
    """One recording at one speed: logarithms of energies [frames, bands], and its target."""

    energies: npt.NDArray[np.int16]
    target: Array


@dataclass(frozen=True, eq=False)
class Part:
    """The recordings of one part, encoded.

    Attributes
    ----------
    steps : of every batch; None: those of the batch's longest recording
    examples : [speeds][recordings]
    """

    task: Task
    encoder: Encoder
    steps: int | None
    examples: tuple[tuple[_Example, ...], ...]

    def __len__(self) -> int:
        return len(self.examples[0])

    def batches(self, size: int) -> Iterator[Batch]:
        """All recordings in order, as they are."""
        plain = self.examples[len(self.examples) // 2]
        for first in range(0, len(plain), size):
            yield self._batch(plain[first : first + size])

    def distorted(self, size: int, random: np.random.Generator) -> Iterator[Batch]:
        """All recordings in random order, at random speeds, loudnesses and, if there is one class
        per recording, delays."""
        order = random.permutation(len(self))
        for chosen in np.array_split(order, -(-len(order) // size)):
            speeds = random.integers(0, len(self.examples), len(chosen))
            yield self._batch(
                [
                    self._distort(self.examples[speed][index], random)
                    for speed, index in zip(speeds, chosen, strict=True)
                ]
            )

    def _distort(self, example: _Example, random: np.random.Generator) -> _Example:
        energies = example.energies + random.integers(-_LOUDER, _LOUDER + 1)
        if self.task == "sequence":
            late = random.integers(0, _LATEST + 1)
            energies = np.pad(energies, ((late, 0), (0, 0)))
        return _Example(energies, example.target)

    def _batch(self, examples: Sequence[_Example]) -> Batch:
        steps = self.steps or max(len(e.energies) for e in examples)
        energies = np.zeros((len(examples), steps, self.encoder.bands), dtype=np.int16)
        for row, example in zip(energies, examples, strict=True):
            row[: len(example.energies)] = example.energies[:steps]
        return Batch(
            self.encoder.events(energies),
            np.array([min(len(e.energies), steps) for e in examples]),
            _together([e.target for e in examples], steps if self.task == "frames" else None),
        )


def encode_part(
    corpus: Corpus,
    name: str,
    encoder: Encoder,
    steps: int | None = None,
    speeds: Sequence[float] = (1.0,),
) -> Part:
    """Encode one of a corpus's :data:`~examples.spoken_digits.corpus.PARTS`."""
    examples = [
        [_encode(corpus, recording, encoder, speed) for recording in corpus.part(name)]
        for speed in speeds
    ]
    return Part(corpus.task, encoder, steps, tuple(tuple(e) for e in examples))


def frame_classes(segments: Array, frames: int, encoder: Encoder) -> Array:
    """The class at each frame's middle [frames], for segments [segments, 3]; −1 outside of all."""
    middles = np.arange(frames) * encoder.hop + encoder.frame // 2
    inside = (segments[:, :1] <= middles) & (middles < segments[:, 1:2])
    classes = np.where(inside.any(0), segments[inside.argmax(0), 2], -1)
    return classes.astype(np.int64)


def _encode(corpus: Corpus, recording: Recording, encoder: Encoder, speed: float) -> _Example:
    audio, rate = recording.read()
    if rate != encoder.rate:
        raise SampleError(f"{recording.name} must have {encoder.rate} samples/s, not {rate}")
    if speed != 1:
        at = np.arange(int(len(audio) / speed)) * speed
        audio = np.rint(np.interp(at, np.arange(len(audio)), audio)).astype(np.int16)
    energies = encoder.log_energies(audio)
    target = recording.label
    if corpus.task == "frames":
        segments = target.copy()
        segments[:, :2] = segments[:, :2] / speed
        target = frame_classes(segments, len(energies), encoder)
    return _Example(energies.astype(np.int16), target)


def _together(targets: Sequence[Array], steps: int | None) -> Array:
    if targets[0].ndim == 0:
        return np.stack(targets).astype(np.int64)
    together = np.full((len(targets), steps or max(map(len, targets))), -1, dtype=np.int64)
    for row, target in zip(together, targets, strict=True):
        row[: len(target)] = target[: together.shape[1]]
    return together

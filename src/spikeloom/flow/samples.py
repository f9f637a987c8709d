"""Reads the samples of a run: ``.npz`` with ``inputs`` and optional ``labels``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.flow.files import UNREADABLE, read_arrays
from spikeloom.hls_model.errors import SampleError

__all__ = ["Samples", "random_samples", "read_samples"]

_RANDOM_SAMPLES = 16
_RANDOM_STEPS = 16
_RANDOM_DENSITY = 0.2


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs ``[samples, steps, *shape]``, or ``[samples, *shape]`` if the same in all of
    ``steps``, and labels ``[samples]`` if known."""

    inputs: npt.NDArray[Any]
    labels: npt.NDArray[np.integer[Any]] | None = None
    steps: int | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def accuracy(self, predictions: npt.NDArray[Any]) -> float | None:
        """Fraction of ``predictions [samples]`` that equal the labels; None without labels."""
        if self.labels is None:
            return None
        return float((predictions == self.labels).mean())


def read_samples(path: Path, steps: int | None = None) -> Samples:
    """The samples in ``path``. No pickle is ever executed.

    Raises
    ------
    SampleError
        If the file is missing, damaged or foreign, or its arrays contradict each other.
    """
    try:
        arrays = read_arrays(path)
    except FileNotFoundError:
        raise SampleError(f"samples {path} do not exist") from None
    except UNREADABLE as error:
        raise SampleError(f"{path} must be an .npz of plain arrays ({error})") from error
    if "inputs" not in arrays:
        raise SampleError(f"{path} must hold an array 'inputs', and holds {sorted(arrays)}")
    inputs, labels = arrays["inputs"], arrays.get("labels")
    if inputs.ndim < 2 or not len(inputs):
        raise SampleError(
            f"inputs in {path} must have the shape [samples, steps, ...] with at least one sample, "
            f"not {inputs.shape}"
        )
    if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != inputs.shape[:1]):
        raise SampleError(
            f"labels in {path} must be {len(inputs)} integers, one per sample, not "
            f"{labels.dtype} {labels.shape}"
        )
    return Samples(inputs, labels, steps)


def random_samples(
    shape: tuple[int, ...], steps: int | None = None, held: bool | None = False
) -> Samples:
    """Seeded random spikes, the same in each step if ``held``: the stand-in where a run has no
    samples. They exercise the hardware, and say nothing about accuracy."""
    steps = steps or _RANDOM_STEPS
    random = np.random.default_rng(1)
    drawn = (_RANDOM_SAMPLES, *shape) if held else (_RANDOM_SAMPLES, steps, *shape)
    spikes = random.random(drawn) < _RANDOM_DENSITY
    return Samples(spikes.astype(np.uint8), None, steps)

"""Turns scikit-learn's handwritten digits into input events and writes the test set as ``.npz``.

``inputs`` and ``labels`` [samples], by encoding:

- ``levels``: [samples, 8, 64] of 0 and 1, a pixel fires in more steps the brighter it is;
- ``direct``: [samples, 64] of intensities 0 … 1 in sixteenths, the same in each step.

python -m examples.digits.samples --encoding levels --out S.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ENCODINGS", "STEPS", "encode", "intensities", "read"]

STEPS = 8
_TESTED = 360
"""Images of the test set; the other 1,437 train."""


def read(part: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Images [samples, 8, 8] with intensities 0 … 16 and labels [samples] of ``train`` or
    ``test``: a fixed random split."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(2024).permutation(len(bunch.target))
    chosen = order[:_TESTED] if part == "test" else order[_TESTED:]
    return bunch.images[chosen], bunch.target[chosen].astype(np.uint8)


def encode(images: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Spikes [samples, 8, 8, 8] of images [samples, 8, 8]: a pixel of intensity p fires in every
    step t = 0 … 7 in which p > 2·t, hence longer the brighter it is."""
    levels = 2 * np.arange(STEPS)[None, :, None, None]
    return (images[:, None] > levels).astype(np.uint8)


def intensities(images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Pixels of ``images`` as 0 … 1, in sixteenths."""
    return (np.clip(np.rint(images), 0, 16) / 16).astype(np.float32)


ENCODINGS = {"levels": encode, "direct": intensities}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("S.npz"))
    parser.add_argument("--encoding", choices=ENCODINGS, default="levels")
    parser.add_argument("--part", choices=("train", "test"), default="test")
    parser.add_argument("--limit", type=int, help="write only the first N samples")
    args = parser.parse_args()
    images, labels = (array[: args.limit] for array in read(args.part))
    encoded = ENCODINGS[args.encoding](images)
    inputs = encoded.reshape(*encoded.shape[:-2], -1)
    np.savez_compressed(args.out, inputs=inputs, labels=labels)
    events = np.count_nonzero(inputs) / len(inputs)
    print(f"{args.out}: {len(inputs)} samples, {events:.1f} events each")


if __name__ == "__main__":
    main()

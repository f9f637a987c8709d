"""Turns scikit-learn's handwritten digits into input spikes and writes the test set as ``.npz``.

``inputs`` [samples, 8, 64] of 0 and 1, and ``labels`` [samples].

python -m examples.digits.samples --out S.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["STEPS", "encode", "read"]

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("S.npz"))
    parser.add_argument("--part", choices=("train", "test"), default="test")
    parser.add_argument("--limit", type=int, help="write only the first N samples")
    args = parser.parse_args()
    images, labels = (array[: args.limit] for array in read(args.part))
    inputs = encode(images).reshape(len(images), STEPS, -1)
    np.savez_compressed(args.out, inputs=inputs, labels=labels)
    print(f"{args.out}: {len(inputs)} samples, {inputs.sum() / len(inputs):.1f} events each")


if __name__ == "__main__":
    main()

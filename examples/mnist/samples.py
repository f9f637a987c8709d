"""Turns MNIST's images into input spikes and writes the test set as one ``.npz``.

``inputs`` [samples, steps, 784] of 0 and 1, and ``labels`` [samples].

python -m examples.mnist.samples --encoding rate --out S.npz
"""

from __future__ import annotations

import argparse
import gzip
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["STEPS", "encode", "read"]

STEPS = {"rate": 25, "latency": 10}
"""Steps of each encoding."""

_FAINTEST = 0.15
"""Pixels below this intensity never fire in the latency code."""

_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}


def data_folder() -> Path:
    """``$SPIKELOOM_DATA``, or ``../shared/data`` beside the repository."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("SPIKELOOM_DATA", default))


def read(folder: Path, part: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Images [samples, 28, 28] and labels [samples] of ``train`` or ``test``."""
    arrays = []
    for name in _FILES[part]:
        try:
            raw = gzip.decompress((folder / name).read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise SystemExit(
                f"MNIST's file {folder / name} cannot be read ({error}); state the folder of its "
                "four .gz files with --data"
            ) from None
        axes = raw[3]
        shape = np.frombuffer(raw, ">u4", axes, offset=4).astype(int)
        arrays.append(np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape))
    return arrays[0], arrays[1]


def encode(
    images: npt.NDArray[Any], encoding: str, random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Spikes [samples, steps, 28, 28] of images [samples, 28, 28] with intensities in [0, 1].

    ``rate``: in each step, a pixel fires with its intensity as probability (Bernoulli).
    ``latency``: a pixel fires once, the earlier the brighter it is; faint ones never.
    """
    steps = STEPS[encoding]
    images = images.astype(np.float32)
    if encoding == "rate":
        shape = (len(images), steps, *images.shape[1:])
        return (random.random(shape, dtype=np.float32) < images[:, None]).astype(np.uint8)
    time = np.floor((1 - images) / (1 - _FAINTEST) * steps)
    return (time[:, None] == np.arange(steps)[None, :, None, None]).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoding", choices=STEPS, default="rate")
    parser.add_argument("--data", type=Path, default=data_folder() / "mnist")
    parser.add_argument("--out", type=Path, default=Path("S.npz"))
    parser.add_argument("--part", choices=_FILES, default="test")
    parser.add_argument("--limit", type=int, help="write only the first N samples")
    parser.add_argument("--seed", type=int, default=0, help="of the rate code")
    args = parser.parse_args()
    images, labels = (array[: args.limit] for array in read(args.data, args.part))
    spikes = encode(images / np.float32(255), args.encoding, np.random.default_rng(args.seed))
    inputs = spikes.reshape(*spikes.shape[:2], -1)
    np.savez_compressed(args.out, inputs=inputs, labels=labels)
    print(f"{args.out}: {len(inputs)} samples, {inputs.sum() / len(inputs):.1f} events each")


if __name__ == "__main__":
    main()

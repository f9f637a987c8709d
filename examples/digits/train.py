"""Trains 64-48-10 on scikit-learn's digits and writes its checkpoint, ``digits.pt`` and ``.nir``,
or ``digits_direct`` for intensities that are held over the steps.

Several seeds are trained on four fifths of the training images; the one that does best on the other
fifth is trained again on all of them. The test images are looked at once, at the end.

python -m examples.digits.train
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from examples.digits.samples import ENCODINGS, STEPS, read
from examples.training import Classifier, fit, save

BATCH = 64
DT = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--encoding", choices=ENCODINGS, default="levels")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1e-2)
    parser.add_argument("--noise", type=float, default=0.7, help="of training pixels, 0 to 16")
    parser.add_argument("--beta", type=float, default=1 - 2**-3)
    parser.add_argument("--output-beta", type=float, default=1 - 2**-5)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()

    images, labels = read("train")
    held_out = len(images) // 5
    scores = []
    for seed in range(args.seeds):
        model = _train(args, seed, images[held_out:], labels[held_out:])
        scores.append(_accuracy(args, model, images[:held_out], labels[:held_out]))
        print(f"seed {seed}: {scores[-1]:.2%} of {held_out} held-out images", flush=True)
    best = int(np.argmax(scores))
    model = _train(args, best, images, labels)
    accuracy = _accuracy(args, model, *read("test"))
    print(f"seed {best}, on all training images: {accuracy:.2%} of the test")
    save(model, args.out / ("digits" if args.encoding == "levels" else "digits_direct"), DT)


def _train(
    args: argparse.Namespace, seed: int, images: np.ndarray, labels: np.ndarray
) -> Classifier:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    model = Classifier((64, args.hidden, 10), args.bits, args.beta, args.output_beta)

    def distort(array: np.ndarray) -> np.ndarray:
        noisy = array + args.noise * random.standard_normal(array.shape)
        shift = random.integers(-1, 2) * (random.random() < 0.3)
        return np.roll(noisy, shift, axis=random.integers(1, 3))

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        order = random.permutation(len(images))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            inputs = _encoded(args, distort(images[chosen]))
            yield inputs, torch.from_numpy(labels[chosen]).long()

    fit(model, batches, epochs=args.epochs, rate=args.rate, total=-(-len(images) // BATCH))
    return model


def _encoded(args: argparse.Namespace, images: np.ndarray) -> Tensor:
    """Inputs [images, STEPS, 64]."""
    encoded = torch.from_numpy(ENCODINGS[args.encoding](images)).float().flatten(-2)
    return encoded if encoded.ndim == 3 else encoded[:, None].expand(-1, STEPS, -1)


@torch.no_grad()
def _accuracy(
    args: argparse.Namespace, model: Classifier, images: np.ndarray, labels: np.ndarray
) -> float:
    return float((model(_encoded(args, images)).argmax(1).numpy() == labels).mean())


if __name__ == "__main__":
    main()

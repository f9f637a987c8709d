"""Trains 64-48-10 on scikit-learn's digits and writes its checkpoint, ``digits.pt`` and ``.nir``.

python -m examples.digits.train
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from examples.digits.samples import encode, read
from examples.training import Classifier, fit, save

BATCH = 64
DT = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1e-2)
    parser.add_argument("--noise", type=float, default=0.7, help="of training pixels, 0 to 16")
    parser.add_argument("--beta", type=float, default=1 - 2**-3)
    parser.add_argument("--output-beta", type=float, default=1 - 2**-5)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    random = np.random.default_rng(args.seed)
    images, labels = read("train")
    tests, test_labels = read("test")
    model = Classifier((64, args.hidden, 10), args.bits, args.beta, args.output_beta)

    def spikes(array: np.ndarray) -> Tensor:
        return torch.from_numpy(encode(array)).flatten(2).float()

    def distort(array: np.ndarray) -> np.ndarray:
        noisy = array + args.noise * random.standard_normal(array.shape)
        shift = random.integers(-1, 2) * (random.random() < 0.3)
        return np.roll(noisy, shift, axis=random.integers(1, 3))

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        order = random.permutation(len(images))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            yield spikes(distort(images[chosen])), torch.from_numpy(labels[chosen]).long()

    @torch.no_grad()
    def evaluate() -> float:
        return (model(spikes(tests)).argmax(1).numpy() == test_labels).mean()

    fit(
        model, batches, evaluate, epochs=args.epochs, rate=args.rate, total=-(-len(images) // BATCH)
    )
    save(model, args.out / "digits", DT)


if __name__ == "__main__":
    main()

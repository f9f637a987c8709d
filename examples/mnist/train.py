"""Trains MNIST's 784-128-10 and writes its checkpoint, ``mnist_<encoding>.pt`` and ``.nir``.

python -m examples.mnist.train --encoding latency
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from examples.mnist.samples import STEPS, data_folder, encode, read
from examples.training import Classifier, fit, save

BATCH = 200
DT = 1e-3


def distort(images: Tensor, strength: float) -> Tensor:
    """Random shifts, rotations, scales and shears of images [samples, 28, 28]."""
    n = len(images)
    theta = torch.eye(2).repeat(n, 1, 1) + 0.12 * strength * torch.randn(n, 2, 2).clamp(-2, 2)
    shift = (torch.rand(n, 2, 1) * 2 - 1) * strength * 2 * 2 / 28
    grid = torch.nn.functional.affine_grid(
        torch.cat([theta, shift], 2), [n, 1, 28, 28], align_corners=False
    )
    return torch.nn.functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoding", choices=STEPS, default="rate")
    parser.add_argument("--data", type=Path, default=data_folder() / "mnist")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--distortion", type=float, default=0.6)
    parser.add_argument("--beta", type=float, default=1 - 2**-3)
    parser.add_argument("--output-beta", type=float, default=1 - 2**-5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    random = np.random.default_rng(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train, train_labels = read(args.data, "train")
    test, test_labels = read(args.data, "test")
    images = torch.from_numpy(train / np.float32(255))
    test_spikes = encode(test / np.float32(255), args.encoding, np.random.default_rng(0))
    model = Classifier((784, args.hidden, 10), args.bits, args.beta, args.output_beta).to(device)

    def spikes(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(device).flatten(2).float()

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.from_numpy(random.permutation(len(images)))
        for chosen in order.split(BATCH):
            x = encode(distort(images[chosen], args.distortion).numpy(), args.encoding, random)
            y = torch.from_numpy(train_labels[chosen.numpy()]).long()
            yield spikes(x), y.to(device)

    def tell(epoch: int, loss: float) -> None:
        print(f"epoch {epoch} of {args.epochs}: loss {loss:.4f}", flush=True)

    total = -(-len(images) // BATCH)
    fit(model, batches, epochs=args.epochs, rate=args.rate, total=total, after_epoch=tell)
    with torch.no_grad():
        parts = [model(spikes(p)).argmax(1) for p in np.array_split(test_spikes, 20)]
    print(f"{(torch.cat(parts).cpu().numpy() == test_labels).mean():.2%} of the test images")
    save(model, args.out / f"mnist_{args.encoding}", DT)


if __name__ == "__main__":
    main()

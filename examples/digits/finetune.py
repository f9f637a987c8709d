"""Quantizes the digits' checkpoint to few bits, then trains the integers themselves.

The epoch is chosen on a fifth of the training images, on which this script does not train; the test
images are looked at once.

python -m examples.digits.finetune --bits 2 --out digits_2bit.npz
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
import torch

import spikeloom as sl
from examples.digits.samples import encode, read
from spikeloom.quant import quantize_with_report, simulate
from spikeloom.quant.training import TrainableNetwork

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path(__file__).parent / "digits.nir")
    parser.add_argument("--out", type=Path, help="the trained network, as .npz")
    parser.add_argument("--bits", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--noise", type=float, default=0.7, help="of training pixels, 0 to 16")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    images, labels = read("train")
    held_out = len(images) // 5
    graph = sl.load(args.checkpoint, preset="snntorch", dt=1e-3)
    quantized = quantize_with_report(
        graph, calibration=_spikes(images[held_out:]), weight_bits=args.bits
    )
    module = sl.trainable(quantized)
    best = _train(module, args, images, labels, held_out)
    module.load_state_dict(best)
    network = module.export()

    tests, test_labels = read("test")
    inputs = _spikes(tests)
    floats = simulate(graph, inputs, record=False).readout.argmax(1)
    print(f"test, floating point:         {(floats == test_labels).mean():.2%}")
    for title, integers in (("quantized", quantized.network), ("trained", network)):
        found = sl.simulate(integers, inputs, record=False).predictions
        print(f"test, {args.bits} bits, {title + ':':<14} {(found == test_labels).mean():.2%}")
    if args.out:
        network.save(args.out)


def _train(
    module: TrainableNetwork,
    args: argparse.Namespace,
    images: np.ndarray,
    labels: np.ndarray,
    held_out: int,
) -> dict[str, torch.Tensor]:
    """The state of the epoch that is best on the held-out images."""
    random = np.random.default_rng(args.seed)
    optimizer = torch.optim.Adam(module.parameters(), args.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)
    best, state = -1.0, {}
    for epoch in range(args.epochs):
        module.train()
        for chosen in np.array_split(
            held_out + random.permutation(len(images) - held_out), len(images) // BATCH
        ):
            noisy = images[chosen] + args.noise * random.standard_normal(images[chosen].shape)
            readout = module(torch.from_numpy(_spikes(noisy)))
            loss = torch.nn.functional.cross_entropy(
                readout, torch.from_numpy(labels[chosen]).long(), label_smoothing=0.05
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        module.eval()
        with torch.no_grad():
            readout = module(torch.from_numpy(_spikes(images[:held_out])))
        accuracy = float((readout.argmax(1).numpy() == labels[:held_out]).mean())
        if accuracy > best:
            best, state = accuracy, copy.deepcopy(module.state_dict())
        print(f"epoch {epoch + 1}/{args.epochs}: held-out {accuracy:.2%}", flush=True)
    return state


def _spikes(images: np.ndarray) -> np.ndarray:
    return encode(images).reshape(len(images), -1, 64)


if __name__ == "__main__":
    main()

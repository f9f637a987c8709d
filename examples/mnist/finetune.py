"""Quantizes the latency-coded checkpoint to few bits, then trains the integers themselves.

Trains on 55,000 images; the accuracy after each epoch is that of the other 5,000. The test images
are looked at once.

python -m examples.mnist.finetune --bits 2 --out mnist_2bit.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

import spikeloom as sl
from examples.mnist.samples import data_folder, encode, read
from spikeloom.quant import quantize_with_report, simulate
from spikeloom.quant.training import TrainableNetwork

_HELD_OUT = 5000
_BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = Path(__file__).parent
    parser.add_argument("--checkpoint", type=Path, default=folder / "mnist_latency.nir")
    parser.add_argument("--data", type=Path, default=data_folder() / "mnist")
    parser.add_argument("--out", type=Path, help="the trained network, as .npz")
    parser.add_argument("--bits", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    images, labels = read(args.data, "train")
    graph = sl.load(args.checkpoint, preset="snntorch", dt=1e-3)
    quantized = quantize_with_report(
        graph, calibration=_spikes(images[_HELD_OUT : _HELD_OUT + 500]), weight_bits=args.bits
    )
    module = sl.trainable(quantized)
    _train(module, args, images, labels)
    network = module.export()

    tests, test_labels = read(args.data, "test")
    inputs = _spikes(tests)
    floats = simulate(graph, inputs, record=False).readout.argmax(1)
    print(f"test, floating point:         {(floats == test_labels).mean():.2%}")
    for title, integers in (("quantized", quantized.network), ("trained", network)):
        found = sl.simulate(integers, inputs, record=False).predictions
        print(f"test, {args.bits} bits, {title + ':':<14} {(found == test_labels).mean():.2%}")
    if args.out:
        network.save(args.out)


def _train(
    module: TrainableNetwork, args: argparse.Namespace, images: np.ndarray, labels: np.ndarray
) -> None:
    random = np.random.default_rng(args.seed)
    batches = (len(images) - _HELD_OUT) // _BATCH
    optimizer = torch.optim.Adam(module.parameters(), args.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches * args.epochs)
    held_out = _spikes(images[:_HELD_OUT])
    for epoch in range(args.epochs):
        module.train()
        order = _HELD_OUT + random.permutation(len(images) - _HELD_OUT)
        for chosen in np.array_split(order, batches):
            loss = torch.nn.functional.cross_entropy(
                module(torch.from_numpy(_spikes(images[chosen]))),
                torch.from_numpy(labels[chosen]).long(),
                label_smoothing=0.05,
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        found = sl.simulate(module.eval().export(), held_out, record=False).predictions
        accuracy = (found == labels[:_HELD_OUT]).mean()
        print(f"epoch {epoch + 1}/{args.epochs}: held-out {accuracy:.2%}", flush=True)


def _spikes(images: np.ndarray) -> Any:
    # The latency code draws no random numbers.
    spikes = encode(images / 255, "latency", np.random.default_rng(0))
    return spikes.reshape(len(images), -1, images[0].size)


if __name__ == "__main__":
    main()

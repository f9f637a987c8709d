"""Trains one network on a corpus of speech, and writes it as an integer network if it is one.

python -m examples.spoken_digits.train --model gated --out build/spoken_digits.npz
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from examples.spoken_digits.corpus import Corpus, Task, data_folder, open_corpus
from examples.spoken_digits.encoder import Encoder
from examples.spoken_digits.features import SPEEDS, Batch, Part, encode_part
from examples.spoken_digits.fsdd import SPLITS
from examples.spoken_digits.models import MODELS, Answer, Dense, Spiking, build
from spikeloom.hls_model.errors import SpikeloomError

__all__ = ["Recipe", "Speech", "accuracy", "encode", "fit", "steps_of"]

_DIGIT_STEPS = 40
"""Steps of a spoken digit: one second; fewer than 2 % of the recordings last longer."""


_QUIET = {"gated": 4.5}
"""The weight of activity in a model's loss, chosen on the validation part; others have 6."""


@dataclass(frozen=True)
class Recipe:
    """All that training depends on, but for the seed.

    Attributes
    ----------
    bits, places : of the integer networks' weights, see :class:`.models.Spiking`
    quiet : weight of the mean activity in the integer networks' loss; None: the model's own
    dropout : of the GRU and the LSTM, in front of their second layer and their readout
    """

    model: str
    width: int = 128
    bits: int = 6
    places: int = 5
    epochs: int = 20
    batch: int = 100
    rate: float = 4e-3
    quiet: float | None = None
    dropout: float = 0.1
    smoothing: float = 0.05
    decay: float = 1e-4

    def __post_init__(self) -> None:
        if self.quiet is None:
            object.__setattr__(self, "quiet", _QUIET.get(self.model, 6.0))


@dataclass(frozen=True, eq=False)
class Speech:
    """A corpus, encoded; training recordings at several speeds."""

    corpus: Corpus
    train: Part
    validation: Part
    test: Part


def encode(corpus: Corpus, encoder: Encoder) -> Speech:
    """Encode all parts of a corpus."""
    steps = steps_of(corpus.task)
    return Speech(
        corpus,
        encode_part(corpus, "train", encoder, steps, SPEEDS),
        encode_part(corpus, "validation", encoder, steps),
        encode_part(corpus, "test", encoder, steps),
    )


def steps_of(task: Task) -> int | None:
    """Steps of all recordings; None: as many as a batch's longest has."""
    return _DIGIT_STEPS if task == "sequence" else None


def fit(
    speech: Speech, recipe: Recipe, seed: int, tell: Callable[[str], None] = print
) -> Dense | Spiking:
    """Train a network with AdamW on one cycle of learning rates; nothing is chosen on the way."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    part = speech.train
    model = build(
        recipe.model,
        part.encoder.size,
        recipe.width,
        len(speech.corpus.classes),
        bits=recipe.bits,
        places=recipe.places,
        dropout=recipe.dropout,
        # A sentence is up to a hundred times as long as a digit.
        readout_bits=22 if part.task == "sequence" else 29,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.rate,
        epochs=recipe.epochs,
        steps_per_epoch=-(-len(part) // recipe.batch),
        pct_start=0.25,
    )
    for epoch in range(recipe.epochs):
        model.train()
        losses = []
        for batch in part.distorted(recipe.batch, random):
            answer = model(_events(batch))
            loss = _loss(part.task, answer, batch, recipe.smoothing)
            losses.append(loss.item())
            optimizer.zero_grad()
            (loss + recipe.quiet * answer.activity).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        if epoch % 5 == 4 or epoch == recipe.epochs - 1:
            reached = accuracy(model, speech.validation, recipe.batch)
            tell(
                f"{recipe.model}, epoch {epoch + 1}/{recipe.epochs}: loss {np.mean(losses):.3f}, "
                f"activity {answer.activity.item():.4f}, validation {reached:.4f}"
            )
    model.eval()
    return model


@torch.no_grad()
def accuracy(model: Dense | Spiking, part: Part, batch: int = 100) -> float:
    """The share of recordings (sequence), labelled frames (frames) or characters (text: 1 − edit
    distance / length) that the network gets right."""
    model.eval()
    right = total = 0.0
    for b in part.batches(batch):
        r, n = _score(part.task, model(_events(b)).logits, b)
        right, total = right + r, total + n
    return right / total


def _events(batch: Batch) -> Tensor:
    return torch.from_numpy(batch.events).float()


def _loss(task: Task, answer: Answer, batch: Batch, smoothing: float) -> Tensor:
    targets = torch.from_numpy(batch.targets)
    if task == "text":
        # [steps, samples, classes], as CTC takes it.
        likely = answer.logits.log_softmax(-1).transpose(0, 1)
        frames = torch.from_numpy(batch.frames)
        lengths = (targets >= 0).sum(1)
        return nn.functional.ctc_loss(
            likely, targets.clamp(min=0), frames, lengths, zero_infinity=True
        )
    logits = answer.logits
    # The sum over a quarter of the steps is of a size that the loss starts well from.
    logits = logits.sum(1) / 4 if task == "sequence" else logits.flatten(0, 1)
    return nn.functional.cross_entropy(
        logits, targets.flatten(), ignore_index=-1, label_smoothing=smoothing
    )


def _score(task: Task, logits: Tensor, batch: Batch) -> tuple[float, float]:
    """What is right, and of how much."""
    if task == "sequence":
        return float((logits.sum(1).argmax(1).numpy() == batch.targets).sum()), len(batch.targets)
    best = logits.argmax(-1).numpy()
    if task == "frames":
        counts = batch.targets >= 0
        return float((best == batch.targets)[counts].sum()), float(counts.sum())
    wrong = length = 0
    for row, frames, target in zip(best, batch.frames, batch.targets, strict=True):
        # A character repeated without a blank between is one.
        path = row[:frames]
        said = [int(c) for c, before in zip(path, [0, *path], strict=False) if c and c != before]
        meant = target[target >= 0].tolist()
        wrong, length = wrong + _edits(said, meant), length + len(meant)
    return length - wrong, length


def _edits(a: list[int], b: list[int]) -> int:
    """Insertions, deletions and exchanges from ``a`` to ``b``. Source: Levenshtein, 1966."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=data_folder() / "fsdd")
    parser.add_argument("--split", choices=SPLITS, default="takes", help="of the spoken digits")
    parser.add_argument("--model", choices=MODELS, default="gated")
    parser.add_argument("--hop-ms", type=float, default=25.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="integer network to write (.npz)")
    numbers = ("width", "bits", "places", "epochs", "batch", "rate", "quiet")
    for name in numbers:
        parser.add_argument(f"--{name}", type=type(getattr(Recipe("gated"), name)))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stated = {n: value for n in numbers if (value := getattr(args, n)) is not None}
    recipe = Recipe(args.model, **stated)
    try:
        corpus = open_corpus(args.data, args.split)
        speech = encode(corpus, Encoder.for_rate(corpus.rate, args.hop_ms))
        model = fit(speech, recipe, args.seed)
        print(f"{corpus.name}: test {accuracy(model, speech.test, recipe.batch):.4f}")
        if args.out is not None and isinstance(model, Spiking):
            model.network.export().save(args.out)
    except SpikeloomError as error:
        raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    main()

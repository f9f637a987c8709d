"""Turns recordings of speech into events and writes them as one ``.npz``.

``inputs`` [samples, steps, 25] in [−31, 31], and ``labels`` [samples] where there is one class per
recording.

python -m examples.spoken_digits.samples --out S.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from examples.spoken_digits.corpus import PARTS, data_folder, open_corpus
from examples.spoken_digits.encoder import Encoder
from examples.spoken_digits.features import encode_part
from examples.spoken_digits.fsdd import SPLITS
from examples.spoken_digits.train import steps_of
from spikeloom.hls_model.errors import SpikeloomError
from spikeloom.hls_model.files import write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=data_folder() / "fsdd")
    parser.add_argument("--split", choices=SPLITS, default="takes", help="of the spoken digits")
    parser.add_argument("--part", choices=PARTS, default="test")
    parser.add_argument("--hop-ms", type=float, default=25.0)
    parser.add_argument("--out", type=Path, default=Path("S.npz"))
    parser.add_argument("--limit", type=int, help="write only the first N recordings")
    args = parser.parse_args()
    try:
        corpus = open_corpus(args.data, args.split)
        encoder = Encoder.for_rate(corpus.rate, args.hop_ms)
        part = encode_part(corpus, args.part, encoder, steps_of(corpus.task))
        batch = next(part.batches(args.limit or len(part)))
    except SpikeloomError as error:
        raise SystemExit(f"{error}") from None
    labels = {"labels": batch.targets} if corpus.task == "sequence" else {}
    with write_atomically(args.out) as file:
        np.savez_compressed(file, inputs=batch.events, **labels)
    events = np.count_nonzero(batch.events) / len(batch.events)
    print(f"{args.out}: {len(batch.events)} samples, {events:.1f} events each")


if __name__ == "__main__":
    main()

"""``python -m spikeloom.bench.link DIR``: the host link of a folder's virtual board under stress.

Random bytes go over the line between runs of the test set's samples; every output must be the
reference's. Then the test set is streamed, and its share of the line's bits measured.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path

from spikeloom.flow.board import ConnectedBoard, connect
from spikeloom.flow.run import read_test_set, run_on
from spikeloom.flow.samples import Samples
from spikeloom.hls_model.reference import simulate

__all__ = ["Endured", "endure_garbage", "main"]

_LONGEST = 2000
"""Random bytes in a row."""

_SAMPLES = 5
"""That are run after each of them."""


@dataclass(frozen=True)
class Endured:
    """What garbage has done.

    Attributes
    ----------
    garbage : random bytes sent
    outputs : samples whose output was accepted
    wrong : how many of them differ from the reference
    errors : ERROR frames that the board has sent
    """

    garbage: int
    outputs: int
    wrong: int
    errors: int


def endure_garbage(board: ConnectedBoard, samples: Samples, amount: int, seed: int = 1) -> Endured:
    """Send ``amount`` random bytes, in pieces, with samples in between.

    Raises
    ------
    BoardError
        If the link does not recover.
    """
    noise = random.Random(seed)
    expected = simulate(board.network, samples.inputs, steps=samples.steps, record=False).readout
    before = board.connection.counters().errors
    sent = outputs = wrong = 0
    while sent < amount:
        piece = noise.randbytes(min(noise.randrange(1, _LONGEST), amount - sent))
        board.connection.disturb(piece)
        sent += len(piece)
        start = noise.randrange(max(len(samples) - _SAMPLES, 1))
        chosen = slice(start, start + _SAMPLES)
        readout = board.run(samples.inputs[chosen], steps=samples.steps).readout
        outputs += len(readout)
        wrong += int((readout != expected[chosen]).any(axis=1).sum())
    errors = (board.connection.counters().errors - before) % (1 << 32)
    return Endured(sent, outputs, wrong, errors)


def main() -> None:
    """Print both figures as JSON; exit code 1 if an output was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m spikeloom.bench.link", description=(__doc__ or "").split("\n\n")[1]
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--bytes", type=int, default=1_000_000, help="of garbage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=500, help="samples to stream")
    arguments = parser.parse_args()
    with connect(arguments.folder, virtual=True) as board:
        samples = read_test_set(arguments.folder, board.network, limit=arguments.limit)
        endured = endure_garbage(board, samples, arguments.bytes, arguments.seed)
        report = run_on(board, samples)
    print(json.dumps({"seed": arguments.seed, "garbage": asdict(endured), "run": report}, indent=2))
    raise SystemExit(endured.wrong > 0)


if __name__ == "__main__":
    main()

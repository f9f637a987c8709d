"""A whole test set on a board: compared with the reference, and measured."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloom.flow.artefacts import load_network
from spikeloom.flow.board import ConnectedBoard, connect
from spikeloom.flow.compare import Expected, expected_outputs, refuse_difference
from spikeloom.flow.listener import Listener
from spikeloom.flow.samples import Samples, random_samples, read_samples
from spikeloom.flow.settings import Settings
from spikeloom.hls_model.errors import SampleError
from spikeloom.hls_model.network import Network
from spikeloom.hls_model.samples import InputEvents, to_events

if TYPE_CHECKING:
    from spikeloom.boards.driver import Events
    from spikeloom.rtl.protocol import Counters

__all__ = ["read_test_set", "run_folder", "run_on"]

_ALONE = 8
"""Samples that are run one by one, to measure latencies."""

_BITS_PER_BYTE = 10
"""On the line: a start bit, eight data bits, a stop bit."""


def read_test_set(
    folder: Path, network: Network, path: Path | None = None, limit: int | None = None
) -> Samples:
    """Samples from ``path``, or else those that ``folder`` was last run with, or random ones.

    Raises
    ------
    SampleError
        If they cannot be read.
    """
    settings = Settings.load(folder)
    path = path or settings.samples
    if path is None:
        first = network.inputs[0]
        samples = random_samples(first.shape, settings.steps, first.held)
    else:
        samples = read_samples(path, settings.steps)
    if limit is None:
        return samples
    if limit < 1:
        raise SampleError(f"the number of samples must be at least 1, not {limit}")
    labels = None if samples.labels is None else samples.labels[:limit]
    return Samples(samples.inputs[:limit], labels, samples.steps)


def run_folder(
    folder: Path | str,
    port: str | None = None,
    *,
    virtual: bool = False,
    baud: int | None = None,
    samples: Path | None = None,
    limit: int | None = None,
    waves: Path | None = None,
    load: Path | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run a test set on the board that runs ``folder``, and compare each output with the reference.

    Parameters
    ----------
    port, virtual, baud, waves, load
        See :func:`spikeloom.flow.board.connect`.
    samples, limit
        The test set, and how many of it. By default all of what the folder was last run with.
    listener
        Is told the progress.

    Returns
    -------
    dict
        What :func:`run_on` measured.

    Raises
    ------
    MismatchError
        At the first output that differs.
    BoardError, FitError, SampleError, ArtefactError, ToolError
        See :func:`spikeloom.flow.board.connect`.
    """
    folder = Path(folder)
    listener = listener or Listener()
    network = load_network(folder)
    test_set = read_test_set(folder, network, samples, limit)
    listener.started("run", "compiles the virtual board" if virtual else "connects")
    start = time.monotonic()
    with connect(folder, port, virtual=virtual, baud=baud, waves=waves, load=load) as board:
        report = run_on(board, test_set, listener=listener)
    listener.finished("run", time.monotonic() - start)
    return report


def run_on(
    board: ConnectedBoard,
    samples: Samples,
    *,
    stage: str = "run",
    advice: str | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run ``samples`` on ``board`` and compare each output with the reference.

    Parameters
    ----------
    stage : for the listener
    advice : what a message about a difference recommends

    Returns
    -------
    dict
        ``board``, ``network`` (the hash of what ran), ``samples``, ``events_compared`` (places
        where one may be), ``mismatches`` (0), ``accuracy``, ``inferences_per_second``,
        ``latency_us``, ``link``, ``counters``, ``virtual`` and ``seconds``. Rates and
        latencies are in the board's time, which for a virtual board is simulated time.

    Raises
    ------
    MismatchError
        At the first output that differs.
    """
    listener = listener or Listener()
    all_events = to_events(board.network, samples.inputs, samples.steps)
    events = next(iter(all_events.values()))
    expected = expected_outputs(board.network, all_events)
    is_virtual = board.virtual is not None
    comparison = _Comparison(
        board.network, "the virtual board" if is_virtual else "the board",
        advice or (
            "look at it with --waves" if is_virtual else
            "`spikeloom verify --level netlist --waves` shows the same samples in simulation"
        ),
    )  # fmt: skip
    started = board.connection.counters()
    meter = _Meter(board)
    predictions = []
    compared = 0
    for number, (observed, due) in enumerate(zip(board.stream(events), expected, strict=True)):
        comparison.check(number, observed, due)
        predictions.append(int(due.readout.argmax()))
        compared += due.is_sent.size
        listener.advanced(stage, done=number + 1, total=events.samples)
    traffic = meter.read(events.samples)
    counters = _differences(board.connection.counters(), started)
    return {
        "board": board.connection.description.identity.board,
        "virtual": is_virtual,
        "network": board.network.hash,
        "samples": events.samples,
        "events_compared": compared,
        "mismatches": 0,
        "accuracy": samples.accuracy(np.array(predictions)),
        "latency_us": _latencies(board, events, expected_outputs(
            board.network, {n: e[:_ALONE] for n, e in all_events.items()}), comparison),
        **traffic,
        "counters": counters,
    }  # fmt: skip


@dataclass
class _Comparison:
    """Checks one sample after another."""

    network: Network
    who: str
    advice: str

    def check(self, number: int, observed: list[Events], expected: Expected) -> None:
        population = self.network.output.population
        refuse_difference(self.who, number, population, observed, expected, self.advice)


class _Meter:
    """Measures the traffic of a stream in the board's time."""

    def __init__(self, board: ConnectedBoard) -> None:
        self._board = board
        self._start = time.monotonic()
        self._sent, self._received = board.connection.sent, board.connection.received
        if board.virtual is not None:
            board.virtual.mark()

    def read(self, samples: int) -> dict[str, Any]:
        wall = time.monotonic() - self._start
        virtual = self._board.virtual
        if virtual is None:
            baud = self._board.connection.baud
            seconds = {"to_board": wall, "from_board": wall}
            counts = {
                "to_board": self._board.connection.sent - self._sent,
                "from_board": self._board.connection.received - self._received,
            }
            whole, more = wall, {}
        else:
            baud = virtual.baud
            figures = virtual.figures()
            ways = {"to_board": figures.to_board, "from_board": figures.from_board}
            clock = virtual.clock_hz
            seconds = {name: (way.last - way.first) / clock for name, way in ways.items()}
            counts = {name: way.bytes for name, way in ways.items()}
            whole = (figures.from_board.last - figures.to_board.first) / clock
            more = {"simulated_cycles": figures.cycles, "board_seconds": whole}
        link = {
            name: {
                "bytes": counts[name],
                "utilisation": counts[name] * _BITS_PER_BYTE / (baud * seconds[name]),
            }
            for name in counts
        }
        return {
            "inferences_per_second": samples / whole,
            "link": {"baud": baud} | link,
            "seconds": wall,
            **more,
        }


def _latencies(
    board: ConnectedBoard, events: InputEvents, expected: Iterable[Expected],
    comparison: _Comparison,
) -> dict[str, float]:  # fmt: skip
    """Microseconds in which the network held a sample that came alone: from its first event, as the
    link brings it, to its last output."""
    clock = board.connection.description.identity.clock_hz
    cycles = []
    for number, due in enumerate(expected):
        before = board.connection.counters()
        [observed] = board.stream(events[number : number + 1])
        cycles.append(_differences(board.connection.counters(), before)["cycles"])
        comparison.check(number, observed, due)
    return {
        name: figure(cycles) / clock * 1e6
        for name, figure in (("min", min), ("mean", fmean), ("max", max))
    }


def _differences(after: Counters, before: Counters) -> dict[str, int]:
    """What counters have counted, which wrap at 32 bits."""
    return {
        name: (new - old) % (1 << 32)
        for name, new, old in zip(after._fields, after, before, strict=True)
    }

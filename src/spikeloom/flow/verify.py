"""The proof ladder: each level runs the same samples and must equal the reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.flow.artefacts import WAVES, load_network
from spikeloom.flow.board import connect, folder_design
from spikeloom.flow.listener import Listener
from spikeloom.flow.run import read_test_set, run_on
from spikeloom.flow.samples import Samples
from spikeloom.hls_model.errors import MismatchError, SpikeloomError
from spikeloom.hls_model.network import EVENTS, Network
from spikeloom.hls_model.reference import Result, simulate

__all__ = ["LEVELS", "Level", "refuse_difference", "verify_folder"]

_CHUNK = 200
"""Samples whose every state word is in memory at once."""


@dataclass(frozen=True)
class Task:
    """What a level is to do."""

    folder: Path
    network: Network
    samples: Samples
    port: str | None
    waves: Path | None
    listener: Listener

    def progress(self, done: int) -> None:
        self.listener.advanced("verify", done=done, total=len(self.samples))


@dataclass(frozen=True)
class Level:
    """One rung.

    Attributes
    ----------
    run : runs the samples; what it compared and measured
    limit : samples by default; all if None
    has_waves : whether it can write a waveform
    """

    run: Callable[[Task], dict[str, Any]]
    limit: int | None
    has_waves: bool = False


def _torch(task: Task) -> dict[str, Any]:
    from spikeloom.quant.torch_network import torch_simulate

    return _compare_results(task, "PyTorch", torch_simulate)


def _reference(task: Task) -> dict[str, Any]:
    from spikeloom.hls_model.plain import simulate_plainly

    return _compare_results(task, "the evaluation on Python integers", simulate_plainly)


def _rtl(task: Task) -> dict[str, Any]:
    from spikeloom.sim.cosim import cosimulate

    design, _ = folder_design(task.folder, task.network)[:2]
    report = cosimulate(
        design,
        task.samples.inputs,
        task.samples.steps,
        waves=task.waves,
        progress=lambda done, _: task.progress(done),
    )
    return {
        "spikes_compared": report.spikes_compared,
        "states_compared": report.states_compared,
        "simulated_cycles": report.simulated_cycles,
    }


def _netlist(task: Task) -> dict[str, Any]:
    from spikeloom.flow.netlist import connect_netlist

    with connect_netlist(task.folder, waves=task.waves) as board:
        return _run_on(board, task)


def _bitstream(task: Task) -> dict[str, Any]:
    from spikeloom.flow.bitstream import connect_bitstream

    with connect_bitstream(task.folder, timeout=120) as board:
        return _run_on(board, task)


def _board(task: Task) -> dict[str, Any]:
    with connect(task.folder, task.port) as board:
        return _run_on(board, task)


def _run_on(board: Any, task: Task) -> dict[str, Any]:
    report = run_on(board, task.samples, stage="verify", listener=task.listener)
    return {name: report[name] for name in ("events_compared", "link", "counters", "latency_us")}


LEVELS = MappingProxyType(
    {
        "torch": Level(_torch, limit=None),
        "reference": Level(_reference, limit=100),
        "rtl": Level(_rtl, limit=None, has_waves=True),
        "netlist": Level(_netlist, limit=20, has_waves=True),
        "bitstream": Level(_bitstream, limit=100),
        "board": Level(_board, limit=None),
    }
)
"""The levels by name, from the model to the device."""


def verify_folder(
    folder: Path | str,
    level: str,
    *,
    samples: Path | None = None,
    limit: int | None = None,
    port: str | None = None,
    waves: bool = False,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run one level on the samples of ``folder`` and compare it with the reference.

    Parameters
    ----------
    level : a name in :data:`LEVELS`
    samples : the test set; by default what the folder was last run with
    limit : how many of it; by default as many as the level does in minutes
    port : of the level ``board``; found by the board's USB id if not given
    waves : write the waveform, ``waves.fst`` in ``folder``
    listener : is told the progress

    Returns
    -------
    dict
        ``level``, ``samples``, ``mismatches`` (0), ``seconds``, and what the level compared.

    Raises
    ------
    MismatchError
        At the first difference: sample, step, population, neuron, and both values.
    SpikeloomError
        If there is no such level, or it cannot be run.
    """
    folder = Path(folder)
    if level not in LEVELS:
        raise SpikeloomError(f"a level must be one of {', '.join(LEVELS)}, not {level!r}")
    rung = LEVELS[level]
    if waves and not rung.has_waves:
        able = ", ".join(name for name, other in LEVELS.items() if other.has_waves)
        raise SpikeloomError(f"the level {level!r} has no waveform; those that do: {able}")
    network = load_network(folder)
    test_set = read_test_set(folder, network, samples, limit or rung.limit)
    listener = listener or Listener()
    listener.started("verify", level)
    start = time.monotonic()
    file = folder / WAVES if waves else None
    compared = rung.run(Task(folder, network, test_set, port, file, listener))
    seconds = time.monotonic() - start
    listener.finished("verify", seconds)
    head = {"level": level, "samples": len(test_set), "mismatches": 0}
    return head | compared | {"seconds": seconds}


def _compare_results(task: Task, who: str, simulator: Callable[..., Result]) -> dict[str, Any]:
    """Every spike and every state word of the reference beside those of ``simulator``."""
    spikes = states = 0
    for start in range(0, len(task.samples), _CHUNK):
        part = task.samples.inputs[start : start + _CHUNK]
        observed = simulator(task.network, part, steps=task.samples.steps)
        expected = simulate(task.network, part, steps=task.samples.steps)
        refuse_difference(task.network, who, observed, expected, start)
        spikes += sum(values.size for values in expected.spikes.values())
        states += sum(a.size for words in expected.states.values() for a in words.values())
        task.progress(start + len(part))
    return {"spikes_compared": spikes, "states_compared": states}


def refuse_difference(
    network: Network, who: str, observed: Result, expected: Result, first_sample: int = 0
) -> None:
    """Raise if a spike or a state word differs.

    Raises
    ------
    MismatchError
        Naming the first, in the order of samples, steps, populations, words and neurons.
    """
    places = []
    for order, (name, word, seen, due) in enumerate(_words(network, observed, expected)):
        wrong = np.argwhere(np.asarray(seen) != np.asarray(due))
        if len(wrong):
            sample, step, neuron = map(int, wrong[0])
            values = int(seen[sample, step, neuron]), int(due[sample, step, neuron])
            places.append((sample, step, order, name, word, neuron, values))
    if not places:
        return
    sample, step, _, name, word, neuron, (value, right) = min(places)
    what = "event" if word == EVENTS else f"state {word!r}"
    raise MismatchError(
        f"{who} differs from the reference first at sample {first_sample + sample}, step {step}, "
        f"population {name!r}, neuron {neuron}: its {what} is {value} and should be {right}"
    )


def _words(
    network: Network, observed: Result, expected: Result
) -> Iterable[tuple[str, str, npt.NDArray[Any], npt.NDArray[Any]]]:
    for population in network.populations:
        name = population.name
        yield name, EVENTS, observed.spikes[name], expected.spikes[name]
        for word, due in expected.states[name].items():
            yield name, word, observed.states[name][word], due

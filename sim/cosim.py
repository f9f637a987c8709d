"""Cosimulation: the RTL against the reference, every spike and every state word."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import MismatchError, SampleError, ToolError
from spikeloom.hls_model.reference import simulate_batches
from spikeloom.hls_model.samples import InputEvents, to_events
from spikeloom.rtl.design import Design
from spikeloom.rtl.network import NetworkCores
from spikeloom.rtl.roofline import Roofline, roofline
from spikeloom.rtl.verilog import to_verilog
from spikeloom.sim.bench import Bench, stream_key
from spikeloom.sim.mismatch import first_difference
from spikeloom.sim.run import Outcome, run
from spikeloom.sim.simulator import build
from spikeloom.sim.tapes import write_expected, write_input, write_output
from spikeloom.sim.verilator import TOP

__all__ = ["CosimReport", "cosimulate"]

Progress = Callable[[int, int], None]
"""Called with the samples finished and the samples in all."""

_RECORDER = "record_cycles"


@dataclass(frozen=True)
class CosimReport:
    """A cosimulation without a difference.

    Attributes
    ----------
    spikes_compared : event values, one per neuron and step
    states_compared : state words, at each step's end
    mismatches : 0
    cycles_per_sample : min, mean and max, from a sample's first event to its last output, each
        sample alone; empty if samples were streamed
    simulated_cycles, seconds : of the simulation alone, from its first clock edge on
    roofline : the cycles beside the fewest possible, of samples that ran alone
    """

    samples: int
    spikes_compared: int
    states_compared: int
    mismatches: int
    cycles_per_sample: dict[str, float]
    simulated_cycles: int
    seconds: float
    roofline: Roofline | None

    @property
    def simulated_cycles_per_second(self) -> float:
        return self.simulated_cycles / self.seconds

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {
            "simulated_cycles_per_second": self.simulated_cycles_per_second,
            "roofline": self.roofline and self.roofline.as_dict(),
        }


def cosimulate(
    design: Design,
    samples: Any,
    steps: int | None = None,
    *,
    limit: int | None = None,
    gaps: float = 0.0,
    stalls: float = 0.0,
    isolate: bool = True,
    waves: Path | None = None,
    progress: Progress | None = None,
) -> CosimReport:
    """Simulate ``design`` on ``samples`` and compare it with the reference.

    Parameters
    ----------
    samples, steps
        See :func:`spikeloom.hls_model.samples.to_events`.
    limit
        Use only so many samples.
    gaps, stalls
        Probability, per cycle, of a pause between input tokens and of back-pressure at the output.
    isolate
        Start a sample when the one before has left, which measures latency; otherwise stream them.
    waves
        Write an FST of the run (of the sample that differs, if one does) there.

    Raises
    ------
    MismatchError
        At the first difference: sample, step, population, neuron, and both values.
    SampleError
        If samples do not fit the network.
    ToolError
        If the simulator cannot be built or run.
    """
    events = _limited(to_events(design.network, samples, steps), limit)
    cores = design.cores()
    bench = Bench(cores, design.plans, [i.name for i in design.network.inputs])
    simulator = build(to_verilog(bench, TOP), waves=waves is not None)
    total = next(iter(events.values())).samples
    with tempfile.TemporaryDirectory(prefix="spikeloom-") as name:
        folder = Path(name)
        try:
            sent = _write_tapes(folder, design, cores, events)
        except OSError as error:
            raise ToolError(
                f"stimulus and expectation cannot be written to {folder} ({error.strerror}); set "
                "TMPDIR to a folder with room, or use fewer samples (--limit)"
            ) from error
        files = {f.name: f for f in folder.iterdir()} | {_RECORDER: folder / _RECORDER}
        outcome = run(
            simulator,
            tapes=files,
            options={
                "checkers": len(bench.checkers),
                "gaps": round(gaps * 256),
                "stalls": round(stalls * 256),
                "isolate": int(isolate),
            },
            waves=waves,
            on_progress=(lambda done: progress(done, total)) if progress else None,
        )
        _refuse_differences(design, bench, outcome, next(iter(events.values())))
        cycles = np.loadtxt(folder / _RECORDER, dtype=np.int64, ndmin=1)
    return _report(design, total, sent, outcome, cycles if isolate else cycles[:0])


def _limited(events: Mapping[str, InputEvents], limit: int | None) -> dict[str, InputEvents]:
    if limit is not None and limit < 1:
        raise SampleError(f"the number of samples must be at least 1, not {limit}")
    return {name: e[:limit] for name, e in events.items()}


def _write_tapes(
    folder: Path, design: Design, cores: NetworkCores, events: Mapping[str, InputEvents]
) -> dict[str, npt.NDArray[np.float64]]:
    """Write stimulus and expectation; the mean events of each source in each step."""
    network = design.network
    samples = next(iter(events.values())).samples
    sent: dict[str, Any] = {p.name: 0.0 for p in network.populations}
    for name, values in events.items():
        layout = getattr(cores, f"i_{name}").payload.shape()
        write_input(folder / f"play_{name}", layout, values)
        sent[name] = values.sent_per_step
    for result in simulate_batches(network, events):
        for name, spikes in result.spikes.items():
            sent[name] = sent[name] + (spikes != 0).sum(axis=(0, 2)) / samples
        for name, plan in design.plans.items():
            write_expected(folder / f"expect_{name}", plan, result)
        for name, output in cores.outputs.items():
            layout = getattr(cores, name).payload.shape()
            write_output(folder / f"expect_{stream_key(name)}", output, layout, result)
    return sent


def _refuse_differences(
    design: Design, bench: Bench, outcome: Outcome, events: InputEvents
) -> None:
    """Raise if a checker saw a difference, or not everything it expected."""
    names = list(bench.checkers)
    failed = [
        (name, checker)
        for name, checker in zip(names, outcome.checkers, strict=True)
        if checker["failed"]
    ]
    if failed:
        raise MismatchError(first_difference(design, dict(failed), events))
    if outcome.stuck:
        raise MismatchError(
            f"the RTL stopped after {outcome.samples} of {events.samples} samples and "
            f"{outcome.cycles} cycles without a result that is still expected; look at it with "
            "--waves"
        )


def _report(
    design: Design,
    samples: int,
    sent: Mapping[str, npt.NDArray[np.float64]],
    outcome: Outcome,
    cycles: np.ndarray[Any, np.dtype[np.int64]],
) -> CosimReport:
    neuron_steps = samples * len(next(iter(sent.values())))
    populations = design.network.populations
    statistics, bound = {}, None
    if len(cycles):
        bound = roofline(design.plans, sent, float(cycles.mean()))
        statistics = {
            "min": int(cycles.min()),
            "mean": float(cycles.mean()),
            "max": int(cycles.max()),
        }
    return CosimReport(
        samples=samples,
        spikes_compared=neuron_steps * sum(p.size for p in populations),
        states_compared=neuron_steps * sum(p.size * len(p.neuron.states()) for p in populations),
        mismatches=0,
        cycles_per_sample=statistics,
        simulated_cycles=outcome.cycles,
        seconds=outcome.seconds,
        roofline=bound,
    )

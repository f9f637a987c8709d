"""What each stage computes. A stage reads artefacts of the job's folder and returns the names of
those it has written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikeloom.flow.artefacts import (
    COSIM,
    DESIGN,
    EVENTS,
    GRAPH,
    NETWORK,
    QUANTIZATION,
    REFERENCE,
    RESULTS,
    SYNTH,
    TEMPLATE,
    VERILOG,
    WAVES,
)
from spikeloom.flow.files import read_json, write_json
from spikeloom.flow.job import Job
from spikeloom.flow.samples import Samples, random_samples, read_samples
from spikeloom.hls_model.errors import BoardError, CheckpointError
from spikeloom.hls_model.files import write_atomically
from spikeloom.hls_model.network import Network
from spikeloom.hls_model.reference import sent_events, simulate
from spikeloom.hls_model.samples import to_events

if TYPE_CHECKING:
    from spikeloom.quant import Room
    from spikeloom.rtl.design import Design

__all__ = [
    "cosim",
    "generate",
    "import_checkpoint",
    "quantize",
    "reference",
    "synth",
    "write_design",
]

_MEASURED = 512
"""Samples on which the number of events per step is measured."""

_TIMED = 16
"""Samples among them whose cycles are predicted."""

_STRESSED = 32
_STRESS = {"gaps": 0.25, "stalls": 0.25}


def import_checkpoint(job: Job) -> list[str]:
    """checkpoint → ``graph.npz``: the float graph, or integer network, with exact semantics."""
    from spikeloom.flow.imported import save_imported
    from spikeloom.quant import load
    from spikeloom.quant.explain import assumptions

    settings = job.settings
    if settings.checkpoint is None:
        raise CheckpointError("there is no checkpoint; run `spikeloom import CHECKPOINT`")
    imported = load(settings.checkpoint, preset=settings.preset, dt=settings.dt)
    for assumption in assumptions(imported):
        job.note(assumption)
    save_imported(imported, job.folder / GRAPH)
    return [GRAPH]


def quantize(job: Job, room: Mapping[str, Room] | None = None) -> list[str]:
    """``graph.npz`` → ``network.npz``, and what it cost in ``quantization.json``.

    ``room``: what there is for each population, where the hardware exists.
    """
    from spikeloom.flow.imported import load_imported, require_no_options, taken_over
    from spikeloom.quant import quantize_with_report

    settings = job.settings
    graph = load_imported(job.folder / GRAPH)
    if isinstance(graph, Network):
        require_no_options(settings)
        job.note("the network is integer already: it is taken over as it is")
        graph.save(job.folder / NETWORK)
        write_json(job.folder / QUANTIZATION, taken_over(graph))
        return [NETWORK, QUANTIZATION]
    if settings.samples is not None:
        samples = read_samples(settings.samples, settings.steps)
    else:
        samples = random_samples(graph.inputs[0].shape, settings.steps, settings.held)
        job.note("calibrated on random spikes, which may be far from yours; give --samples")
    options = settings.of_quantization
    quantized = quantize_with_report(
        graph,
        calibration=samples.inputs,
        labels=samples.labels,
        steps=samples.steps,
        room=room,
        **options,
    )
    for warning in quantized.report.warnings:
        job.note(warning)
    quantized.network.save(job.folder / NETWORK)
    write_json(job.folder / QUANTIZATION, quantized.report.to_json())
    return [NETWORK, QUANTIZATION]


def reference(job: Job) -> list[str]:
    """``network.npz`` → the readout of every sample, ``reference.npz``, the events of some,
    ``events.npz``, and ``reference.json``."""
    network = job.network()
    samples = job.samples(network)
    result = simulate(network, samples.inputs, steps=samples.steps, record=False)
    with write_atomically(job.folder / RESULTS) as file:
        np.savez_compressed(file, readout=result.readout, predictions=result.predictions)
    # All over the set: its beginning may be another than its end, as MNIST's is.
    spread = samples.inputs[:: max(len(samples) // _MEASURED, 1)][:_MEASURED]
    sent = sent_events(network, spread, steps=samples.steps)
    with write_atomically(job.folder / EVENTS) as file:
        some = _representative(sum(sent[i.name].sum(axis=(1, 2)) for i in network.inputs))
        kept: dict[str, Any] = {f"{name}.events": e[some] for name, e in sent.items()}
        np.savez_compressed(file, **kept)
    write_json(
        job.folder / REFERENCE,
        {
            "network": network.hash,
            "contract": network.contract,
            "samples": len(samples),
            "steps": _steps_of(network, samples),
            "random": job.settings.samples is None,
            "accuracy": samples.accuracy(result.predictions),
            "events_per_step": {n: float(e.sum(axis=2).mean()) for n, e in sent.items()},
        },
    )
    return [RESULTS, EVENTS, REFERENCE]


def _representative(events: npt.NDArray[np.int_]) -> npt.NDArray[np.intp]:
    """Samples of which as many have few events as have many, from the numbers of events of all."""
    stride = max(len(events) // _TIMED, 1)
    return np.argsort(events, kind="stable")[stride // 2 :: stride]


def _steps_of(network: Network, samples: Samples) -> int:
    events = to_events(network, samples.inputs[:1], samples.steps)
    return next(iter(events.values())).steps


def generate(job: Job) -> list[str]:
    """``network.npz``, ``reference.json`` → ``rtl/spikeloom.v``, its plan in ``design.json``."""
    from spikeloom.boards.design import generate, link_baud

    network = job.network()
    settings = job.settings
    events = [*job.events(network)]
    design = generate(
        network,
        board=settings.board,
        lanes=settings.lanes,
        units=settings.units,
        events_per_cycle=settings.events_per_cycle,
        target_mhz=settings.target_mhz,
        activity=job.activity(network),
        weights="loadable" if settings.loadable else None,
        fit=settings.fit or "latency",
        max_latency_us=settings.max_latency_us,
        steps=job.measured_steps(network),
        events=events,
    )
    for name, plan in design.plans.items():
        if plan.weights == "spram":
            job.note(f"weights of {name} are in SPRAM, which the host fills before anything runs")
    expected = design.estimate(events)
    baud = None if settings.board is None else link_baud(design, settings.board, settings.baud)
    return write_design(job.folder, design, settings.board, expected, baud)


def write_design(
    folder: Path,
    design: Design,
    board: str | None,
    expected: dict[str, float | None] | None = None,
    baud: int | None = None,
) -> list[str]:
    """Write ``design`` as Verilog and as a recipe that makes it again, with what is expected of it
    and its link's bit rate; return the files' names."""
    template = next(iter(design.plans.values())).template
    verilog = design.verilog()
    with write_atomically(folder / VERILOG) as file:
        file.write(verilog.encode())
    recipe: dict[str, Any] = {
        "network": design.network.hash,
        "options": {
            "board": board,
            "lanes": {name: plan.lanes for name, plan in design.plans.items()},
            "units": {name: plan.units for name, plan in design.plans.items()},
            "accumulators": {name: plan.accumulators for name, plan in design.plans.items()},
            "weights": {name: plan.weights for name, plan in design.plans.items()},
            "events_per_cycle": max(plan.events_per_cycle for plan in design.plans.values()),
            "target_mhz": design.target_mhz,
        },
        "estimate": expected,
        "baud": baud,
    }
    if template is None:
        write_json(folder / DESIGN, recipe | design.as_dict())
        return [VERILOG, DESIGN]
    template.save(folder / TEMPLATE)
    write_json(folder / DESIGN, recipe | {"template": template.hash} | design.as_dict())
    return [VERILOG, DESIGN, TEMPLATE]


def cosim(job: Job) -> list[str]:
    """``network.npz``, ``design.json`` → ``cosim.json``: every spike and state word compared."""
    from spikeloom.sim.cosim import cosimulate

    network = job.network()
    samples = job.samples(network)
    design = job.design(network)
    waves = job.folder / WAVES if job.settings.waves else None
    report = cosimulate(
        design,
        samples.inputs,
        samples.steps,
        limit=job.settings.limit,
        waves=waves,
        progress=lambda done, total: job.progress("", done, total),
    )
    # Once more on some samples, streamed, with pauses at the input and back-pressure at the output.
    job.progress("with random pauses and back-pressure")
    stressed = cosimulate(
        design,
        samples.inputs,
        samples.steps,
        limit=min(len(samples), job.settings.limit or _STRESSED, _STRESSED),
        isolate=False,
        gaps=_STRESS["gaps"],
        stalls=_STRESS["stalls"],
    )
    write_json(job.folder / COSIM, report.as_dict() | {"stressed": stressed.as_dict() | _STRESS})
    return [COSIM, WAVES] if waves else [COSIM]


def synth(job: Job) -> list[str]:
    """``network.npz``, ``design.json`` → ``synth/``: the bitstream, and ``synth/build.json``."""
    from spikeloom.boards import find_board, synthesise
    from spikeloom.boards.design import BoardTop

    network = job.network()
    design = job.design(network)
    recipe = read_json(job.folder / DESIGN, "generate")
    name = recipe["options"]["board"]
    if name is None:
        raise BoardError(
            f"{job.folder / DESIGN} is for no board; run `spikeloom generate --board BOARD` first"
        )
    board = find_board(name)
    result = synthesise(
        BoardTop(design, board, recipe.get("baud")),
        board,
        job.folder / "synth",
        target_mhz=design.target_mhz,
        seed=job.settings.seed,
        allow_timing_failure=job.settings.allow_timing_failure,
        progress=job.progress,
    )
    return [f"synth/{result.bitstream}", SYNTH]

"""The commands that carry a checkpoint through the chain's stages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from spikeloom.cli.options import (
    AllowTimingFailure,
    Baud,
    BoardName,
    Checkpoint,
    Dt,
    EventsPerCycle,
    Fit,
    Folder,
    Force,
    Held,
    InputBits,
    Json,
    Lanes,
    Limit,
    Loadable,
    MaxLatency,
    Out,
    Preset,
    Samples,
    Seed,
    SomeBoard,
    StageName,
    Steps,
    TargetMhz,
    Units,
    Waves,
    WeightBits,
)

__all__ = ["add_to"]


def build(
    checkpoint: Checkpoint,
    board: BoardName,
    out: Out,
    samples: Samples = None,
    preset: Preset = None,
    dt: Dt = None,
    steps: Steps = None,
    weight_bits: WeightBits = None,
    input_bits: InputBits = None,
    held: Held = None,
    lanes: Lanes = None,
    units: Units = None,
    events_per_cycle: EventsPerCycle = None,
    target_mhz: TargetMhz = None,
    baud: Baud = None,
    fit: Fit = None,
    max_latency_us: MaxLatency = None,
    loadable: Loadable = None,
    limit: Limit = None,
    seed: Seed = None,
    allow_timing_failure: AllowTimingFailure = None,
    to: Annotated[StageName, typer.Option(metavar="STAGE", help="Last one.")] = StageName.SYNTH,
    force: Force = False,
    json: Json = False,
) -> None:
    """From a checkpoint to a bitstream: all stages.

    They are import, quantize, reference, generate, cosim and synth, each also a command of its
    own. What is finished and still valid is skipped.
    """
    from spikeloom import flow

    options = _given(
        samples=samples,
        preset=preset,
        dt=dt,
        steps=steps,
        weight_bits=weight_bits,
        input_bits=input_bits,
        held=held,
        lanes=lanes,
        units=units,
        events_per_cycle=events_per_cycle,
        target_mhz=target_mhz,
        baud=baud,
        fit=fit.value if fit else None,
        max_latency_us=max_latency_us,
        loadable=loadable,
        limit=limit,
        seed=seed,
        allow_timing_failure=allow_timing_failure,
    )
    with _display() as display:
        report = flow.build(
            checkpoint, board, out, to=to.value, force=force, listener=display, **options
        )
    _show(report, out, json)


def import_(
    checkpoint: Checkpoint,
    out: Out,
    preset: Preset = None,
    dt: Dt = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """From a checkpoint to a float graph."""
    _run_stage("import", out, force, json, checkpoint=checkpoint, preset=preset, dt=dt)


def explain(
    checkpoint: Checkpoint, preset: Preset = None, dt: Dt = None, json: Json = False
) -> None:
    """Say what was understood of a checkpoint.

    Per population the equation in use, where each number came from, and what was assumed.
    """
    from spikeloom.quant import explain as explanation
    from spikeloom.quant import load

    found = explanation(load(checkpoint, preset=preset, dt=dt))
    if json:
        from json import dumps

        sys.stdout.write(dumps(found, indent=2, ensure_ascii=False) + "\n")
        return
    from spikeloom.cli.explanation import show_explanation

    show_explanation(found, str(checkpoint))


def quantize(
    folder: Folder,
    samples: Samples = None,
    steps: Steps = None,
    weight_bits: WeightBits = None,
    input_bits: InputBits = None,
    held: Held = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """From the float graph to an integer network."""
    _run_stage(
        "quantize",
        folder,
        force,
        json,
        samples=samples,
        steps=steps,
        weight_bits=weight_bits,
        input_bits=input_bits,
        held=held,
    )


def reference(
    folder: Folder,
    samples: Samples = None,
    steps: Steps = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Run the integer network on the samples."""
    _run_stage("reference", folder, force, json, samples=samples, steps=steps)


def generate(
    folder: Folder,
    board: SomeBoard = None,
    lanes: Lanes = None,
    units: Units = None,
    events_per_cycle: EventsPerCycle = None,
    target_mhz: TargetMhz = None,
    baud: Baud = None,
    fit: Fit = None,
    max_latency_us: MaxLatency = None,
    loadable: Loadable = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """From the integer network to hardware."""
    _run_stage(
        "generate",
        folder,
        force,
        json,
        board=board,
        lanes=lanes,
        units=units,
        events_per_cycle=events_per_cycle,
        target_mhz=target_mhz,
        baud=baud,
        fit=fit.value if fit else None,
        max_latency_us=max_latency_us,
        loadable=loadable,
    )


def cosim(
    folder: Folder,
    samples: Samples = None,
    steps: Steps = None,
    limit: Limit = None,
    waves: Waves = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Compare the hardware with the reference.

    Every spike, and every state word at the end of each step.
    """
    options = {"samples": samples, "steps": steps, "limit": limit, "waves": waves}
    _run_stage("cosim", folder, force, json, **options)


def synth(
    folder: Folder,
    seed: Seed = None,
    allow_timing_failure: AllowTimingFailure = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """From the hardware to a bitstream."""
    _run_stage("synth", folder, force, json, seed=seed, allow_timing_failure=allow_timing_failure)


def reweight(
    folder: Folder,
    checkpoint: Checkpoint,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the new artefacts. [default: DIR]")
    ] = None,
    samples: Samples = None,
    json: Json = False,
) -> None:
    """Put another checkpoint's weights into a bitstream.

    Takes seconds, and gives the bytes of a full build. The architecture must be the same.
    """
    from spikeloom import flow

    with _display() as display:
        report = flow.reweight_folder(folder, checkpoint, out, samples=samples, listener=display)
    _show(report, out or folder, json)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("import")(import_)
    for command in (explain, quantize, reference, generate, cosim, synth, build, reweight):
        app.command()(command)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _display() -> Any:
    from spikeloom.cli.progress import Display

    return Display()


def _run_stage(stage: str, folder: Path, force: bool, json: bool, **options: Any) -> None:
    from spikeloom import flow

    with _display() as display:
        report = flow.run_stage(stage, folder, force=force, listener=display, **options)
    _show(report, folder, json)


def _show(report: dict[str, Any], folder: Path, as_json: bool) -> None:
    if as_json:
        from json import dumps

        sys.stdout.write(dumps(report, indent=2, ensure_ascii=False) + "\n")
        return
    from spikeloom.cli.tables import show_report

    show_report(report, str(folder))

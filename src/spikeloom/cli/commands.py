"""The commands and their options."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["add_to"]


class StageName(enum.StrEnum):
    """The chain's stages; stated here too so that ``--help`` loads none of them."""

    IMPORT = "import"
    QUANTIZE = "quantize"
    REFERENCE = "reference"
    GENERATE = "generate"
    COSIM = "cosim"
    SYNTH = "synth"


class FitName(enum.StrEnum):
    """What a design is fitted for."""

    LATENCY = "latency"
    AREA = "area"


Checkpoint = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT", help="Trained network: .nir, .pt (state_dict), .net or .npz."
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the artefacts.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the artefacts.")]
BoardName = Annotated[
    str, typer.Option("--board", metavar="BOARD", help="Board; see `spikeloom boards`.")
]
SomeBoard = Annotated[
    str | None, typer.Option("--board", metavar="BOARD", help="Board; see `spikeloom boards`.")
]
Samples = Annotated[
    Path | None,
    typer.Option(metavar="S.npz", help="`inputs` and optional `labels`. [default: random]"),
]
Preset = Annotated[
    str | None,
    typer.Option(metavar="P", help="Framework whose conventions the checkpoint follows."),
]
Dt = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Length of a step, if the file lacks it.")
]
Steps = Annotated[
    int | None, typer.Option(metavar="T", min=1, help="Steps of samples without a step axis.")
]
WeightBits = Annotated[int | None, typer.Option(metavar="N", min=2, max=8, help="Of the weights.")]
InputBits = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=15, help="Of an input that is not integer. [default: 8]"),
]
Held = Annotated[
    bool | None,
    typer.Option(
        "--held/--no-held",
        help="Whether a sample's input is the same in each step, and so accumulated once. "
        "[default: if samples have no step axis]",
    ),
]
Lanes = Annotated[
    int | None, typer.Option(metavar="L", min=1, help="Accumulators that an event feeds at once.")
]
Units = Annotated[
    int | None, typer.Option(metavar="U", min=1, help="Neurons that a sweep takes at once.")
]
EventsPerCycle = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=2,
        help="2: inputs send pairs of an even and an odd address. [default: 1]",
    ),
]
TargetMhz = Annotated[
    float | None, typer.Option(metavar="F", min=1, help="Clock to reach, in MHz.")
]
Fit = Annotated[
    FitName | None, typer.Option(metavar="GOAL", help="latency or area. [default: latency]")
]
MaxLatency = Annotated[
    float | None,
    typer.Option(
        "--max-latency-us", metavar="X", min=0, help="What area keeps to, per sample, in µs."
    ),
]
Loadable = Annotated[
    bool | None, typer.Option("--loadable", help="Weights can be exchanged while it runs.")
]
Baud = Annotated[
    int | None,
    typer.Option(metavar="B", min=1, help="Bits per second of the link. [default: the board's]"),
]
Limit = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Samples to cosimulate. [default: all]")
]
Waves = Annotated[bool | None, typer.Option("--waves", help="Write the waveform, DIR/waves.fst.")]
Seed = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Of place and route. [default: 1]")
]
AllowTimingFailure = Annotated[
    bool | None,
    typer.Option("--allow-timing-failure", help="Keep a bitstream that misses its clock."),
]
Force = Annotated[bool, typer.Option("--force", help="Run even what is finished.")]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON, and only that.")]
Persist = Annotated[
    bool, typer.Option("--persist", help="Write the board's flash; survives power-off.")
]


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


def plot(
    folder: Folder,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help=".svg, .png or .pdf. [default: DIR/report.svg]"),
    ] = None,
) -> None:
    """Draw what the report says: cycles and their bounds, resources, seconds."""
    from spikeloom.flow.plot import plot_report

    typer.echo(plot_report(folder, file))


def flash(
    folder: Folder,
    persist: Persist = False,
    options: Annotated[
        str, typer.Option("--options", metavar="TEXT", help="Further options of the programmer.")
    ] = "",
) -> None:
    """Load the bitstream into its board."""
    from shlex import split

    from spikeloom.flow.flash import flash_folder

    board, where = flash_folder(folder, persist=persist, options=split(options))
    typer.echo(f"{board} runs {folder} ({where})")


def boards() -> None:
    """List the supported boards."""
    from spikeloom.boards import BOARDS
    from spikeloom.cli.tables import show_boards

    show_boards(BOARDS.values())


def doctor() -> None:
    """Check the tools that Spikeloom calls.

    Exit code 1 if one that it needs is missing.
    """
    from spikeloom.boards import diagnose
    from spikeloom.cli.tables import show_checks

    checks = diagnose()
    show_checks(checks)
    if any(check.needed and not check.found for check in checks):
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Register every command."""
    app.command("import")(import_)
    for command in (
        explain,
        quantize,
        reference,
        generate,
        cosim,
        synth,
        build,
        reweight,
        plot,
        flash,
        boards,
        doctor,
    ):
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

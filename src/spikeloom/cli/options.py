"""Arguments and options of the chain's commands."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AllowTimingFailure",
    "Baud",
    "BoardName",
    "Checkpoint",
    "Dt",
    "EventsPerCycle",
    "Fit",
    "FitName",
    "Folder",
    "Force",
    "Held",
    "InputBits",
    "Json",
    "Lanes",
    "Limit",
    "Loadable",
    "MaxLatency",
    "Out",
    "Preset",
    "Samples",
    "Seed",
    "SomeBoard",
    "StageName",
    "Steps",
    "TargetMhz",
    "Units",
    "Waves",
    "WeightBits",
]


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

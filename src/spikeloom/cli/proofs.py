"""The commands that compare a lower level with the reference, and how they show what they found."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from spikeloom.cli.options import Folder, Json

__all__ = ["add_to"]


class LevelName(enum.StrEnum):
    """The ladder's levels; stated here too so that ``--help`` loads none of them."""

    TORCH = "torch"
    REFERENCE = "reference"
    RTL = "rtl"
    NETLIST = "netlist"
    BITSTREAM = "bitstream"
    BOARD = "board"


Port = Annotated[
    str | None,
    typer.Option(metavar="PORT", help="Serial port. [default: found by the board's USB id]"),
]
Virtual = Annotated[
    bool, typer.Option("--virtual", help="Simulate the board: its whole bitstream, link included.")
]
Baud = Annotated[
    int | None,
    typer.Option(metavar="B", min=1, help="Bits per second. [default: those of the bitstream]"),
]
TestSet = Annotated[
    Path | None,
    typer.Option(metavar="S.npz", help="`inputs` and optional `labels`. [default: as last time]"),
]
Limit = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Samples to run. [default: all]")
]
NewNetwork = Annotated[
    Path | None,
    typer.Option(metavar="NETWORK", help="Load these weights first: a network.npz, or its folder."),
]
WaveFile = Annotated[
    bool, typer.Option("--waves", help="Write the simulated board's waveform, DIR/waves.fst.")
]

_LEVELS = "torch, reference, rtl, netlist, bitstream or board."


def run(
    folder: Folder,
    port: Port = None,
    virtual: Virtual = False,
    baud: Baud = None,
    samples: TestSet = None,
    limit: Limit = None,
    load: NewNetwork = None,
    waves: WaveFile = False,
    json: Json = False,
) -> None:
    """Run a test set on the board and compare it with the reference.

    Every output event is compared. Exit code 1 at the first difference.
    """
    from spikeloom.cli.progress import Display
    from spikeloom.flow.artefacts import WAVES
    from spikeloom.flow.run import run_folder

    with Display() as display:
        report = run_folder(
            folder,
            port,
            virtual=virtual,
            baud=baud,
            samples=samples,
            limit=limit,
            load=load,
            waves=folder / WAVES if waves else None,
            listener=display,
        )
    _show(report, _run_figures(report), folder, json)


def verify(
    folder: Folder,
    level: Annotated[LevelName, typer.Option(metavar="LEVEL", help=_LEVELS)],
    samples: Annotated[
        str | None,
        typer.Option(
            metavar="N|S.npz", help="How many, or a file of them. [default: by level, as last time]"
        ),
    ] = None,
    port: Port = None,
    waves: Annotated[
        bool, typer.Option("--waves", help="Write the waveform, DIR/waves.fst (rtl, netlist).")
    ] = False,
    json: Json = False,
) -> None:
    """Compare one level of the chain with the reference.

    Exit code 1 at the first difference, which is named: sample, step, population, neuron, values.
    """
    from spikeloom.cli.progress import Display
    from spikeloom.flow.verify import verify_folder

    with Display() as display:
        report = verify_folder(
            folder,
            level.value,
            samples=Path(samples) if samples and not samples.isdigit() else None,
            limit=int(samples) if samples and samples.isdigit() else None,
            port=port,
            waves=waves,
            listener=display,
        )
    _show(report, _level_figures(report), folder, json)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (run, verify):
        app.command()(command)


def _show(
    report: dict[str, Any], figures: Iterable[tuple[str, str]], folder: Path, as_json: bool
) -> None:
    if as_json:
        from json import dumps

        sys.stdout.write(dumps(report, indent=2, ensure_ascii=False) + "\n")
        return
    from spikeloom.cli.tables import show_figures

    show_figures(figures, str(folder))


def _run_figures(report: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "board", f"{report['board']}{' (virtual)' if report['virtual'] else ''}"
    yield "network", report["network"][:16]
    yield "outputs", f"{report['mismatches']} differences in {report['samples']:,} samples"
    if report["accuracy"] is not None:
        yield "accuracy", f"{report['accuracy']:.2%}"
    yield "speed", f"{report['inferences_per_second']:,.1f} inferences/s"
    latency = report["latency_us"]
    spread = f"{latency['min']:,.1f} to {latency['max']:,.1f}"
    yield "latency", f"{latency['mean']:,.1f} µs per sample alone, link included ({spread})"
    link = report["link"]
    to, back = (link[way]["utilisation"] for way in ("to_board", "from_board"))
    yield "link", f"{to:.1%} full to the board, {back:.1%} from it, at {link['baud']:,} baud"
    counters = report["counters"]
    yield "counters", f"{counters['cycles']:,} cycles, {counters['events_in']:,} events in"
    yield "", f"{counters['events_out']:,} events out, {counters['errors']} errors"
    if report["virtual"]:
        board, wall = report["board_seconds"] * 1e3, report["seconds"]
        yield "simulated", f"{board:,.2f} ms of the board's time in {wall:,.1f} s"


def _level_figures(report: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "level", report["level"]
    yield "result", f"{report['mismatches']} differences in {report['samples']:,} samples"
    kinds = {"spikes": "spikes", "states": "states", "events": "output events"}
    counts = [
        f"{report[f'{kind}_compared']:,} {name}"
        for kind, name in kinds.items()
        if f"{kind}_compared" in report
    ]
    yield "compared", ", ".join(counts)
    yield "seconds", f"{report['seconds']:.1f}"

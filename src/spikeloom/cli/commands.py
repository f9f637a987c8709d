"""The commands about what a folder holds, boards and tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikeloom.cli.options import Folder

__all__ = ["add_to"]


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
    persist: Annotated[
        bool, typer.Option("--persist", help="Write the board's flash; survives power-off.")
    ] = False,
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
    """Register the commands."""
    for command in (plot, flash, boards, doctor):
        app.command()(command)

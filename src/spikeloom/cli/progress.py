"""Shows on stderr which stage runs, for how long, and how far it is."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from spikeloom.flow import Listener

__all__ = ["Display"]


class Display(Listener):
    """A line per finished stage and, on a terminal, a live one for the stage that runs."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<10}"),
            TimeElapsedColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}", style="dim", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._live.add_task("", total=None, visible=False, text="")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def started(self, stage: str, reason: str) -> None:
        self._live.reset(self._task, description=stage, total=None, visible=True, text=reason)

    def advanced(self, stage: str, text: str = "", done: int = 0, total: int = 0) -> None:
        counted = f"{done:,} of {total:,}" if total else text
        self._live.update(self._task, completed=done, total=total or None, text=counted)

    def noted(self, stage: str, text: str) -> None:
        self._console.print(f"{stage:<10} note: {text}", soft_wrap=True, markup=False)

    def finished(self, stage: str, seconds: float) -> None:
        self._live.update(self._task, visible=False)
        self._console.print(f"{stage:<10} {seconds:7.1f} s")

    def skipped(self, stage: str) -> None:
        self._console.print(f"{stage:<10} unchanged", style="dim")

"""Sending a bitstream to a board with the board's usual programmer."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from spikeloom.boards.catalog import Board
from spikeloom.boards.families import FLOWS
from spikeloom.boards.tools import find_program
from spikeloom.hls_model.errors import ArtefactError, BoardError, ToolError

__all__ = ["flash"]

# What iceprog 0.1, openFPGALoader 0.10 to 0.13 and dfu-util 0.11 say; libftdi's and libusb's own
# words included.
_ABSENT = re.compile(
    r"can't find|not found|no device|no such device|unable to open|usb_open|fail(ed)? to open|"
    r"no cable|jtag init failed|no dfu capable|connection refused",
    re.IGNORECASE,
)


def flash(
    board: Board, bitstream: Path, *, persist: bool = False, options: Sequence[str] = (),
) -> Literal["volatile", "persistent"]:
    """Load ``bitstream`` into ``board``.

    Parameters
    ----------
    board : Board
    bitstream : Path
        The file that :func:`spikeloom.boards.toolchain.synthesise` wrote.
    persist : bool
        Write the board's flash, so that the design survives power-off. Boards whose programmer
        reaches only the flash (iCEBreaker, OrangeCrab) do so in any case.
    options : sequence of str
        Further options of the programmer: another cable, for example.

    Returns
    -------
    {"volatile", "persistent"}
        Where the bitstream went.

    Raises
    ------
    ArtefactError
        If there is no such bitstream, or it is another family's.
    ToolError
        If the programmer is not installed.
    BoardError
        If the programmer ran and found no board, or failed to program it.
    """
    suffix = FLOWS[board.device.family].bitstream
    if not bitstream.is_file():
        raise ArtefactError(f"no bitstream at {bitstream}: run `spikeloom build` first")
    if bitstream.suffix != suffix:
        raise ArtefactError(f"{board.name} takes a {suffix} bitstream, not {bitstream.name}")

    programmer = board.programmer
    path = find_program(programmer.tool)
    if path is None:
        raise ToolError(
            f"{programmer.tool} not found, which programs {board.name}: {programmer.advice}"
        )
    volatile = None if persist else programmer.volatile
    arguments = programmer.persistent if volatile is None else volatile
    try:
        done = subprocess.run(
            [path, *options, *arguments, str(bitstream)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", check=False,
        )
    except OSError as error:
        raise ToolError(f"{programmer.tool} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise BoardError(_failure(board, done.returncode, done.stdout))
    # iceprog returns 0 even if the FPGA did not take the bitstream.
    if re.findall(r"cdone: (high|low)", done.stdout)[-1:] == ["low"]:
        raise BoardError(
            f"{board.name} did not start from its bitstream (cdone stays low): are its jumpers set "
            f"for {'flash' if volatile is None else 'SRAM'}?"
        )
    return "persistent" if volatile is None else "volatile"


def _failure(board: Board, code: int, output: str) -> str:
    tool = board.programmer.tool
    # Progress bars rewrite their line with carriage returns.
    lines = [line.strip() for line in re.split(r"[\r\n]+", output) if line.strip()]
    absent = next((line for line in lines if _ABSENT.search(line)), None)
    if absent is not None:
        hint = f" {board.programmer.hint.capitalize()}." if board.programmer.hint else ""
        return (
            f"no {board.name} found: is it plugged in, and may this user open it?{hint} "
            f"({tool}, exit code {code}: {absent})"
        )
    said = lines[-1] if lines else "it said nothing"
    return f"{tool} could not program {board.name} (exit code {code}: {said})"

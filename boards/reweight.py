"""Other weights in a bitstream that exists: seconds where a build takes minutes."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spikeloom.boards.catalog import Board
from spikeloom.boards.clock import plan_clock
from spikeloom.boards.contents import first_difference, patch_netlist, read_rtlil
from spikeloom.boards.families import FLOWS
from spikeloom.boards.result import BuildResult
from spikeloom.boards.toolchain import elaborate
from spikeloom.boards.tools import find_tool, run_tool
from spikeloom.boards.workplace import BLOCKS, NAME, RESULT, workplace
from spikeloom.hls_model.errors import ArtefactError, BoardError, FitError

__all__ = ["reweight"]


def reweight(
    top: Any,
    board: Board,
    built: Path,
    out: Path,
    *,
    progress: Callable[[str], None] | None = None,
) -> BuildResult:
    """A bitstream of ``top`` from the build of a design that differs in block RAM contents only.

    It is the bitstream that :func:`spikeloom.boards.toolchain.synthesise` would make of ``top``
    with the same tools and seed, byte for byte: neither synthesis nor place and route look at what
    an instantiated block RAM holds. That nothing else differs is seen on the RTLIL of both.

    Parameters
    ----------
    top : Elaboratable
        As for ``synthesise``.
    built : Path
        Folder that ``synthesise`` filled.
    out : Path
        Another folder; receives what ``synthesise`` would write, save the logs.
    progress : callable, optional
        Called with the name of each step as it begins: ``elaborate``, ``patch``, ``pack``.

    Raises
    ------
    ArtefactError
        If ``built`` is incomplete or damaged.
    BoardError
        If the family's bitstreams cannot be patched.
    FitError
        If ``top`` differs from what was built in more than contents.
    ToolError
        If the packer is missing or fails.
    """
    flow = FLOWS[board.device.family]
    if flow.blocks is None:
        raise BoardError(
            f"a bitstream of {board.name} cannot take other weights: its block RAMs are chosen by "
            "Yosys, which may use what they hold; run `spikeloom build`"
        )
    names = [f"{NAME}.il", f"{NAME}.json", f"{NAME}{flow.routed}", BLOCKS, RESULT]
    rtlil, netlist, routed, places, result = (_read(built / name) for name in names)
    before = BuildResult.from_dict(json.loads(result))
    seconds: dict[str, float] = {}
    packer = find_tool(flow.packer)

    @contextmanager
    def step(name: str) -> Iterator[None]:
        if progress is not None:
            progress(name)
        start = time.monotonic()
        yield
        seconds[name] = round(time.monotonic() - start, 3)

    with workplace(out, (f"{NAME}{flow.bitstream}", RESULT)) as folder:
        with step("elaborate"):
            elaborate(top, board, plan_clock(board, before.target_mhz), flow, folder)
            written = (folder / f"{NAME}.il").read_text()
            module = first_difference(rtlil, written)
            if module is not None:
                raise FitError(
                    f"the bitstream in {built} has other logic in {module}, by another network or "
                    "another version of Spikeloom; run `spikeloom build`"
                )
        with step("patch"):
            old, new = read_rtlil(rtlil), read_rtlil(written)
            (folder / f"{NAME}.json").write_text(patch_netlist(netlist, new))
            patched = flow.blocks.exchange(routed, json.loads(places), old, new)
            (folder / f"{NAME}{flow.routed}").write_text(patched)
            (folder / BLOCKS).write_text(places)
            shutil.copy(built / "nextpnr-report.json", folder)
        with step("pack"):
            arguments = flow.pack_arguments(board.device, f"{NAME}{flow.routed}", before.bitstream)
            run_tool(packer, arguments, folder=folder, log=folder / "pack.log")
        after = dataclasses.replace(
            before, seconds=seconds, tools=before.tools | {packer.name: packer.version},
        )
        (folder / RESULT).write_text(json.dumps(after.to_dict(), indent=2) + "\n")
    return after


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{path} is missing or damaged, which reweighting needs; run `spikeloom synth --force`"
        ) from error

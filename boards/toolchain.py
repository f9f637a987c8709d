"""From an Amaranth design to a board's bitstream, with open tools only."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spikeloom.boards.catalog import Board
from spikeloom.boards.clock import ClockPlan, plan_clock
from spikeloom.boards.devices import Device
from spikeloom.boards.families import FLOWS, Flow, usage
from spikeloom.boards.result import BuildResult, read_timing
from spikeloom.boards.tools import YOSYS, Tool, find_tool, run_tool
from spikeloom.hls_model.errors import FitError, SpikeloomError, TimingError, ToolError

__all__ = ["synthesise"]

_NAME = "top"
_REPORT = "nextpnr-report.json"
_RESULT = "build.json"
# What nextpnr 0.11 says when a device is full.
_NO_ROOM = re.compile(
    r"no bels remaining|unable to find (legal )?placement|utili[sz]ation limit|unable to place|"
    r"failed to place",
    re.IGNORECASE,
)

Progress = Callable[[str], None]


def synthesise(
    top: Any,
    board: Board,
    out: Path,
    *,
    target_mhz: float,
    seed: int = 1,
    allow_timing_failure: bool = False,
    progress: Progress | None = None,
) -> BuildResult:
    """Build ``top`` for ``board`` into the folder ``out``.

    ``out`` receives ``top.il`` (RTLIL), the pin file, ``top.json`` (netlist), the routed design,
    the bitstream, ``nextpnr-report.json``, ``build.json`` (the result) and one log per tool. Each
    appears whole or not at all; a build that fails leaves its logs and no bitstream.

    Parameters
    ----------
    top : Elaboratable
        Requests its pins from the platform (``platform.request("uart")``) and uses the ``sync``
        domain only; the domain's clock and reset are put around it.
    board : Board
    out : Path
        Created if it does not exist.
    target_mhz : float
        The clock is the fastest that the board's PLL makes and that does not exceed this.
    seed : int
        Of place and route. The same seed, tools and design give the same bitstream.
    allow_timing_failure : bool
        Pack the bitstream even if the design cannot run at its clock.
    progress : callable, optional
        Called with the name of each step as it begins: ``elaborate``, ``synthesise``, ``route``,
        ``pack``.

    Raises
    ------
    BoardError
        If the board cannot make so slow a clock.
    FitError
        If the device is too small; the message says what is needed and what there is.
    TimingError
        If the routed design is slower than its clock.
    ToolError
        If a tool is missing or fails.
    """
    flow = FLOWS[board.device.family]
    plan = plan_clock(board, target_mhz)
    yosys, nextpnr, packer = (find_tool(p) for p in (YOSYS, flow.nextpnr, flow.packer))
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        if progress is not None:
            progress(name)
        start = time.monotonic()
        yield
        seconds[name] = round(time.monotonic() - start, 3)

    with _workplace(out, keep=(f"{_NAME}{flow.bitstream}", _RESULT)) as folder:
        with step("elaborate"):
            _elaborate(top, board, plan, flow, folder)

        with step("synthesise"):
            _synthesise(yosys, flow, board.device, folder)
        cells = _count_cells(folder / "cells.json")
        needed = usage(cells, flow.cells)
        _check_fit(board.device, needed)

        with step("route"):
            log = folder / "nextpnr.log"
            try:
                run_tool(
                    nextpnr, _route_arguments(flow, board.device, plan, seed),
                    folder=folder, log=log,
                )
            except ToolError as error:
                if _NO_ROOM.search(log.read_text(errors="replace")):
                    raise FitError(_does_not_fit(board.device, needed, needed)) from error
                raise
        fmax, path, sites = read_timing(folder / _REPORT)
        used = {**needed, **usage(sites, flow.bels)}
        if fmax < plan.mhz and not allow_timing_failure:
            raise TimingError(
                f"{board.name} misses its clock: {_mhz(plan.mhz)} MHz wanted, {_mhz(fmax)} MHz "
                f"reached, critical path {path}; lower --target-mhz to {math.floor(fmax)}"
            )

        bitstream = f"{_NAME}{flow.bitstream}"
        with step("pack"):
            arguments = flow.pack_arguments(board.device, f"{_NAME}{flow.routed}", bitstream)
            run_tool(packer, arguments, folder=folder, log=folder / "pack.log")

        result = BuildResult(
            board=board.name,
            device=board.device.name,
            resources={
                name: {"used": used[name], "available": available}
                for name, available in board.device.resources.items()
            },
            fmax_mhz=round(fmax, 2),
            target_mhz=target_mhz,
            clock_mhz=float(plan.mhz),
            bitstream=bitstream,
            seconds=seconds,
            tools={tool.name: tool.version for tool in (yosys, nextpnr, packer)},
            seed=seed,
            critical_path=path,
        )
        (folder / _RESULT).write_text(json.dumps(result.to_dict(), indent=2) + "\n")
    return result


@contextmanager
def _workplace(out: Path, keep: tuple[str, ...]) -> Iterator[Path]:
    """A hidden folder in ``out`` whose files move to ``out`` at the end; after a failure only logs.

    ``keep``: what an earlier build left and must not outlive the start of this one.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in keep:
            (out / name).unlink(missing_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".build-", dir=out))
    except OSError as error:
        raise SpikeloomError(f"cannot write to {out}: {error.strerror}") from error
    try:
        try:
            yield folder
        except BaseException:
            for log in folder.glob("*.log"):
                os.replace(log, out / log.name)
            raise
        # The result last: it vouches for the others.
        for file in sorted(folder.iterdir(), key=lambda file: file.name == _RESULT):
            os.replace(file, out / file.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _elaborate(top: Any, board: Board, plan: ClockPlan, flow: Flow, folder: Path) -> None:
    from spikeloom.boards.domain import BoardTop

    # Without source locations the files do not depend on where Spikeloom is installed.
    files = board.platform().prepare(BoardTop(top, board, plan), _NAME, emit_src=False).files
    for suffix in (".il", flow.constraints):
        content = files[f"{_NAME}{suffix}"]
        data = content.encode() if isinstance(content, str) else content
        (folder / f"{_NAME}{suffix}").write_bytes(data)


def _synthesise(yosys: Tool, flow: Flow, device: Device, folder: Path) -> None:
    """Make the netlist. Where ABC9, which maps to tables, breaks off without a word (Yosys 0.70
    does for some ECP5 designs), the older ABC maps instead."""
    log = folder / "yosys.log"
    command = f"{flow.synth} {' '.join(device.synth_options)} -top {_NAME}"
    scripts = [f"{command} -json {_NAME}.json"]
    if flow.table_mapping:
        scripts.append(
            f"{command} -run :map_luts; {flow.table_mapping}; "
            f"{command} -run map_cells: -json {_NAME}.json"
        )
    for script in scripts:
        steps = f"read_rtlil {_NAME}.il; {script}; tee -q -o cells.json stat -json"
        try:
            return run_tool(yosys, ["-p", steps], folder=folder, log=log)
        except ToolError:
            if script is scripts[-1] or not _died_in_abc(log):
                raise
    return None


def _died_in_abc(log: Path) -> bool:
    lines = log.read_text(errors="replace").strip().splitlines()
    return bool(lines) and lines[-1].startswith("Running ABC command")


def _route_arguments(flow: Flow, device: Device, plan: ClockPlan, seed: int) -> list[str]:
    return [
        *device.nextpnr_options,
        "--json", f"{_NAME}.json",
        f"{flow.constraints_option}={_NAME}{flow.constraints}",
        flow.routed_option, f"{_NAME}{flow.routed}",
        "--freq", f"{float(plan.mhz):.6g}",
        "--seed", str(seed),
        "--report", _REPORT,
        # 25 instead of 10: medians of three seeds rose from 203 to 213 MHz on ECP5 and from 159 to
        # 192 MHz on HX8K, for rows of 16-bit accumulators, at the same run time.
        "--placer-heap-timingweight", "25",
        # Missed timing is judged from the report, where the critical path is.
        "--timing-allow-fail",
    ]


def _count_cells(path: Path) -> dict[str, int]:
    try:
        counts: dict[str, int] = json.loads(path.read_text())["design"]["num_cells_by_type"]
    except (OSError, ValueError, KeyError) as error:
        raise ToolError(f"Yosys wrote no cell counts: {error!r}") from error
    return counts


def _check_fit(device: Device, needed: Mapping[str, int]) -> None:
    lacking = {name: n for name, n in needed.items() if n > device.resources[name]}
    if lacking:
        raise FitError(_does_not_fit(device, lacking, needed))


def _does_not_fit(device: Device, lacking: Mapping[str, int], needed: Mapping[str, int]) -> str:
    there_is = device.resources
    shown = ", ".join(
        f"{number:,} {name} of {there_is[name]:,}" for name, number in lacking.items() if number
    )
    return (
        f"the design does not fit {device.name}: it needs at least {shown}; "
        f"use fewer lanes or units, fewer weight bits or neurons, or a larger board"
    )


def _mhz(value: Any) -> str:
    return f"{float(value):.2f}".rstrip("0").rstrip(".")

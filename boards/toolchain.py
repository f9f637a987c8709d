"""From an Amaranth design to a board's bitstream, with open tools only."""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spikeloom.boards.catalog import Board
from spikeloom.boards.clock import ClockPlan, plan_clock
from spikeloom.boards.devices import Device
from spikeloom.boards.families import FLOWS, Flow, usage
from spikeloom.boards.netlist import trim_carry_chains
from spikeloom.boards.result import BuildResult, early_register, read_timing
from spikeloom.boards.tools import YOSYS, Tool, find_tool, run_tool
from spikeloom.boards.workplace import BLOCKS, NAME, RESULT, workplace
from spikeloom.hls_model.errors import FitError, TimingError, ToolError

__all__ = ["elaborate", "synthesise"]

_REPORT = "nextpnr-report.json"
_ROUTED = "routed.json"
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
    the places of its block RAMs (``blocks.json``), the bitstream, ``nextpnr-report.json``,
    ``build.json`` (the result) and one log per tool. Each appears whole or not at all; a build
    that fails leaves its logs and no bitstream.

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

    with workplace(out, (f"{NAME}{flow.bitstream}", RESULT)) as folder:
        with step("elaborate"):
            elaborate(top, board, plan, flow, folder)

        with step("synthesise"):
            _synthesise(yosys, flow, board.device, folder)
        cells = _count_cells(folder / "cells.json")
        needed = usage(cells, flow.cells)
        _check_fit(board.device, needed)
        if flow.adders:
            (folder / flow.adders).unlink()
            trim_carry_chains(folder / f"{NAME}.json", NAME)

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
        if flow.blocks is not None:
            places = flow.blocks.locate(folder / _ROUTED)
            (folder / BLOCKS).write_text(json.dumps(places, indent=2) + "\n")
            (folder / _ROUTED).unlink()
        fmax, path, sites = read_timing(folder / _REPORT)
        used = {**needed, **usage(sites, flow.bels)}
        if fmax < plan.mhz and not allow_timing_failure:
            raise TimingError(
                f"{board.name} misses its clock: {_mhz(plan.mhz)} MHz wanted, {_mhz(fmax)} MHz "
                f"reached, critical path {path}; lower --target-mhz to {math.floor(fmax)}"
            )

        early = early_register(log.read_text(errors="replace"))
        if early is not None and not allow_timing_failure:
            raise TimingError(
                f"{board.name} fails at any clock: the input of {early[0]} changes {early[1]:g} ns "
                "before it is taken; try another --seed"
            )

        bitstream = f"{NAME}{flow.bitstream}"
        with step("pack"):
            arguments = flow.pack_arguments(board.device, f"{NAME}{flow.routed}", bitstream)
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
        (folder / RESULT).write_text(json.dumps(result.to_dict(), indent=2) + "\n")
    return result


_INDEXED = re.compile(r"\\[^\s\[]+\[\S*")
"""Names in RTLIL with an index in them, such as ``\\sums[0][3]`` for a part of an array. ABC9 takes
that for bit 3 of a signal ``\\sums[0]``, and then connects two registers' outputs."""


def elaborate(top: Any, board: Board, plan: ClockPlan, flow: Flow, folder: Path) -> None:
    """Write the RTLIL of ``top`` with its clock, and its pins, into ``folder``."""
    from spikeloom.boards.domain import BoardTop
    from spikeloom.rtl.verilog import collector_paused

    # Without source locations the files do not depend on where Spikeloom is installed.
    with collector_paused():
        files = board.platform().prepare(BoardTop(top, board, plan), NAME, emit_src=False).files
    for suffix in (".il", flow.constraints):
        content = files[f"{NAME}{suffix}"]
        text = content if isinstance(content, str) else content.decode()
        if suffix == ".il":
            text = _INDEXED.sub(lambda name: name[0].replace("[", ":").replace("]", ""), text)
        (folder / f"{NAME}{suffix}").write_text(text)


def _synthesise(yosys: Tool, flow: Flow, device: Device, folder: Path) -> None:
    """Make the netlist. Where ABC9, which maps to tables, breaks off without a word (Yosys 0.70
    does for some ECP5 designs), the older ABC maps instead."""
    log = folder / "yosys.log"
    command = f"{flow.synth} {' '.join(device.synth_options)} -top {NAME}"
    first, front = "begin", ""
    if flow.adders:
        shutil.copyfile(Path(__file__).with_name(flow.adders), folder / flow.adders)
        first = "map_gates"
        front = f"{command} -run begin:{first}; techmap -map {flow.adders}; opt_clean; "
    scripts = [f"{front}{command} -run {first}: -json {NAME}.json"]
    if flow.table_mapping:
        scripts.append(
            f"{front}{command} -run {first}:map_luts; {flow.table_mapping}; "
            f"{command} -run map_cells: -json {NAME}.json"
        )
    for script in scripts:
        steps = f"read_rtlil {NAME}.il; {script}; tee -q -o cells.json stat -json"
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
        "--json", f"{NAME}.json",
        f"{flow.constraints_option}={NAME}{flow.constraints}",
        flow.routed_option, f"{NAME}{flow.routed}",
        "--freq", f"{float(plan.mhz):.6g}",
        "--seed", str(seed),
        "--report", _REPORT,
        *(("--write", _ROUTED) if flow.blocks is not None else ()),
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

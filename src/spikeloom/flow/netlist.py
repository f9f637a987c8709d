"""The board of a folder as its netlist describes it: synthesised cells, simulated through pins."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from spikeloom.flow.board import ConnectedBoard, connect_virtual, folder_design
from spikeloom.hls_model.errors import ArtefactError, BoardError

__all__ = ["connect_netlist", "netlist_verilog"]

NETLIST = "synth/top.json"
_TOP = "top"
_TIMEOUT = 120.0
"""Seconds without a sign of life: gates simulate slowly."""


def connect_netlist(
    folder: Path | str, *, timeout: float | None = None, waves: Path | None = None
) -> ConnectedBoard:
    """Connect to the netlist in ``folder``, in simulation, through the pins of its link.

    The netlist is what place and route are given. The clock is that of the PLL's output: the PLL
    itself is a wire.

    Parameters
    ----------
    timeout : seconds without a sign of life before something is tried again
    waves : where to write the waveform (FST)

    Raises
    ------
    ArtefactError
        If the folder holds no netlist.
    BoardError
        If there are no models of the family's cells, or the netlist is silent or runs another
        network.
    ToolError
        If a tool is missing or fails.
    """
    from spikeloom.boards.design import identity_of
    from spikeloom.sim.cells import MODELLED, cell_models
    from spikeloom.sim.virtual import Pins, VirtualBoard, compile_virtual

    folder = Path(folder)
    design, board, baud = folder_design(folder)
    family = board.device.family
    if family not in MODELLED:
        raise BoardError(
            f"netlists for {board.name} cannot be simulated: there are models of the cells of "
            f"{', '.join(MODELLED)}, not of {family}"
        )
    netlist = folder / NETLIST
    pins = Pins(*_pins(netlist))
    simulator = compile_virtual(
        {"top.v": netlist_verilog(netlist), "cells.v": cell_models(family)},
        _TOP,
        pins,
        waves=waves is not None,
        quick=True,
    )
    clock_hz = identity_of(design, board).clock_hz
    virtual = VirtualBoard(simulator, clock_hz=clock_hz, baud=baud, waves=waves)
    return connect_virtual(design, virtual, timeout=timeout or _TIMEOUT)


def _pins(netlist: Path) -> tuple[str, str, str]:
    """Names of the clock's and the UART's ports."""
    try:
        ports = list(json.loads(netlist.read_text())["modules"][_TOP]["ports"])
        [rx] = (p for p in ports if re.search(r"uart.*rx", p))
        [tx] = (p for p in ports if re.search(r"uart.*tx", p))
        [clk] = (p for p in ports if p not in (rx, tx) and not p.startswith("rst"))
    except FileNotFoundError:
        raise ArtefactError(f"{netlist} does not exist; run `spikeloom synth` first") from None
    except (OSError, ValueError, KeyError) as error:
        raise ArtefactError(f"{netlist} is damaged ({error}); run `spikeloom synth --force`") from (
            error
        )
    return clk, rx, tx


def netlist_verilog(netlist: Path) -> str:
    """Verilog of a Yosys netlist: instances of cells, and nothing else.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    from spikeloom.boards.tools import YOSYS, find_tool, run_tool

    content = json.dumps(_as_verilog_has_it(json.loads(netlist.read_text())))
    # Beside the netlist: tools in WebAssembly see no /tmp.
    folder = Path(tempfile.mkdtemp(prefix=".verilog-", dir=netlist.parent))
    try:
        (folder / netlist.name).write_text(content)
        script = f"read_json {netlist.name}; write_verilog -noattr -simple-lhs {_TOP}.v"
        run_tool(find_tool(YOSYS), ["-q", "-p", script], folder=folder, log=folder / "yosys.log")
        return (folder / f"{_TOP}.v").read_text()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_verilog_has_it(netlist: dict[str, Any]) -> dict[str, Any]:
    """With ports that a pad's cell can be connected to, and outputs open rather than unknown."""
    module = netlist["modules"][_TOP]
    pads: set[int | str] = set()
    for cell in module["cells"].values():
        directions, connections = cell["port_directions"], cell["connections"]
        pads.update(*(connections[name] for name in connections if directions[name] == "inout"))
        for name in [name for name, bits in connections.items() if set(bits) == {"x"}]:
            if directions[name] == "output":
                del connections[name]
    for port in module["ports"].values():
        if pads.intersection(port["bits"]):
            port["direction"] = "inout"
    return netlist

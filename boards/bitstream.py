"""Reads a bitstream back: what the file that is flashed holds, without what made it.

How deep this goes depends on the open tools of each family:

iCE40
    ``iceunpack`` and ``icebox_vlog`` (Project IceStorm) turn the ``.bin`` into Verilog of tables,
    flip-flops and block RAMs, which is simulated through its pins (:func:`read_back`). SPRAM and
    multipliers of an UltraPlus do not come back.
ECP5
    ``ecpunpack`` (Project Trellis) turns the ``.bit`` into text that packs to the same bytes, from
    which its memories are compared with the network's (:func:`compare_unpacked`). Settings that
    share their bits come back under one name, so the rest of the text is not what was routed, and
    no open tool makes logic of it.
Gowin
    ``gowin_unpack`` (Apicula) writes Verilog that does not simulate: nothing is read back.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from spikeloom.boards.catalog import Board
from spikeloom.boards.contents import read_rtlil
from spikeloom.boards.families import FLOWS
from spikeloom.boards.tools import Tool, find_program, find_tool, run_tool
from spikeloom.boards.workplace import BLOCKS, NAME, RESULT
from spikeloom.hls_model.errors import ArtefactError, BoardError, MismatchError, ToolError

__all__ = ["Readback", "Unpacked", "compare_unpacked", "read_back", "unpack"]

_ADVICE = "install the Debian package fpga-icestorm, or github.com/YosysHQ/icestorm"
_LOST = ("spram", "dsp")


@dataclass(frozen=True)
class Readback:
    """The logic in a bitstream.

    Attributes
    ----------
    verilog : of a module ``chip``, on the cells of Yosys's ``ice40/cells_sim.v``
    clk, rx, tx : its ports; the clock's is the oscillator's pin, in front of the PLL
    """

    verilog: str
    clk: str
    rx: str
    tx: str


def read_back(board: Board, built: Path) -> Readback:
    """The logic in the bitstream that ``synthesise`` put into the folder ``built``.

    Raises
    ------
    ArtefactError
        If the folder is incomplete.
    BoardError
        If the family's bitstreams, or parts that this one uses, do not come back as logic.
    ToolError
        If a tool is missing or fails.
    """
    family = board.device.family
    if family != "ice40":
        deepest = "only as routed text" if family == "ecp5" else "as nothing that simulates"
        raise BoardError(
            f"a bitstream of {board.name} comes back {deepest}: there is no open tool that makes "
            f"logic of {family} bitstreams"
        )
    try:
        resources = json.loads((built / RESULT).read_text())["resources"]
        pins = (built / f"{NAME}.pcf").read_text()
    except (OSError, ValueError, KeyError) as error:
        raise ArtefactError(
            f"{built} holds no finished bitstream ({error}); run `spikeloom synth` first"
        ) from error
    for name in _LOST:
        if resources[name]["used"]:
            raise BoardError(
                f"the bitstream in {built} uses {name.upper()}, which icebox_vlog does not read "
                "back; verify the netlist instead"
            )
    path = find_program("icebox_vlog")
    if path is None:
        raise ToolError(f"icebox_vlog not found, which reads iCE40 bitstreams back: {_ADVICE}")
    with tempfile.TemporaryDirectory(prefix=".read-", dir=built) as name:
        folder = Path(name)
        (folder / "pins.pcf").write_text(pins)
        (folder / "unpacked.asc").write_text(unpack(board, built / f"{NAME}.bin"))
        log = folder / "chip.v"
        tool = Tool("icebox_vlog", path, "")
        run_tool(tool, ["-s", "-p", "pins.pcf", "unpacked.asc"], folder=folder, log=log)
        verilog = log.read_text()
    clock = f"{board.platform().default_clk}_0__io"
    return Readback(_tidied(verilog), clock, "uart_0__rx__io", "uart_0__tx__io")


def _tidied(verilog: str) -> str:
    """Without the second declaration that icebox_vlog gives to ports."""
    header = re.search(r"^module chip \((.*?)\);", verilog, re.M)
    if header is None:
        raise ToolError("icebox_vlog wrote no module `chip`; does its version fit the bitstream?")
    ports = set(re.findall(r"(?:input|output|inout) (\w+)", header[1]))

    def others(match: re.Match[str]) -> str:
        names = [name for name in match[1].split(", ") if name not in ports]
        return f"wire {', '.join(names)};" if names else ""

    return re.sub(r"^wire (.*);$", others, verilog, flags=re.M)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What :func:`compare_unpacked` has found equal.

    Attributes
    ----------
    lines : of the routed design; 0 where they are not unique
    blocks : block RAMs
    """

    lines: int
    blocks: int


def compare_unpacked(board: Board, built: Path) -> Unpacked:
    """Compare what is in the bitstream's block RAMs with the design that was elaborated; on iCE40,
    all of it with the design that was routed.

    Raises
    ------
    ArtefactError
        If the folder is incomplete.
    BoardError
        If the family's bitstreams cannot be unpacked.
    MismatchError
        At the first difference.
    ToolError
        If the unpacker is missing or fails.
    """
    flow = FLOWS[board.device.family]
    names = (f"{NAME}.il", f"{NAME}{flow.routed}", BLOCKS)
    try:
        rtlil, routed, places = ((built / name).read_text() for name in names)
        contents, where = read_rtlil(rtlil), json.loads(places)
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{built} holds no finished build ({error}); run `spikeloom synth` first"
        ) from error
    text = unpack(board, built / f"{NAME}{flow.bitstream}")
    lines = _compare_lines(built, routed, text) if board.device.family == "ice40" else 0
    memories = dict(flow.blocks.sections(text)) if flow.blocks else {}
    for name, parameters in contents.items():
        if flow.blocks and memories.get(where[name]) != flow.blocks.words(parameters):
            raise MismatchError(f"the bitstream in {built} holds other data in the block {name!r}")
    return Unpacked(lines, len(contents))


def _compare_lines(built: Path, routed: str, unpacked: str) -> int:
    found = _sections(unpacked)
    lines = 0
    for header, wanted in _sections(routed).items():
        for line in wanted - found.get(header, Counter()):
            raise MismatchError(f"the bitstream in {built} lacks {line!r} of {header}")
        lines += wanted.total()
    return lines


def _sections(text: str) -> dict[str, Counter[str]]:
    """Lines of a routed design by the heading above them, comments and names of nets apart."""
    sections: dict[str, Counter[str]] = {}
    lines: Counter[str] = Counter()
    for line in text.splitlines():
        if line.startswith("."):
            heading = line if not line.startswith((".comment", ".sym")) else ""
            lines = sections.setdefault(heading, Counter()) if heading else Counter()
        elif line.strip():
            lines[line.strip()] += 1
    return sections


def unpack(board: Board, bitstream: Path) -> str:
    """The routed design in ``bitstream``, as the family's packer takes it.

    Raises
    ------
    BoardError
        If there is no unpacker for the family.
    ToolError
        If it is missing or fails.
    """
    flow = FLOWS[board.device.family]
    if flow.unpacker is None:
        raise BoardError(f"a bitstream of {board.name} cannot be unpacked to what was routed")
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=bitstream.parent) as name:
        folder = Path(name)
        (folder / "bitstream").write_bytes(bitstream.read_bytes())
        tool = find_tool(flow.unpacker)
        run_tool(tool, ["bitstream", "routed"], folder=folder, log=folder / "unpack.log")
        return (folder / "routed").read_text()

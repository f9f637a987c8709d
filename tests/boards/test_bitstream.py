"""Reading bitstreams back, as far as the open tools go."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from spikeloom.boards import bitstream
from spikeloom.boards.bitstream import Unpacked, compare_unpacked, read_back, unpack
from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.families import FLOWS
from spikeloom.boards.tools import find_tool, run_tool
from spikeloom.hls_model.errors import ArtefactError, BoardError, MismatchError, ToolError


@pytest.mark.parametrize("name", ["hx8k-evn", "ulx3s-25f"])
def test_what_was_packed_is_what_was_routed(
    name: str, built_lookup: Any, tmp_path: Path,
) -> None:
    board = BOARDS[name]
    flow = FLOWS[board.device.family]
    shutil.copytree(built_lookup(name), tmp_path, dirs_exist_ok=True)
    found = compare_unpacked(board, tmp_path)
    assert found.blocks == len(json.loads((tmp_path / "blocks.json").read_text()))
    assert (found.lines > 500) == (name == "hx8k-evn")

    # One bit of a memory, then one of the logic.
    routed = (tmp_path / f"top{flow.routed}").read_text()
    heading = ".ram_data" if name == "hx8k-evn" else ".bram_init"
    memory = routed.index("\n", routed.index(heading)) + 3
    logic = routed.index("1", routed.index("\n", routed.index(".logic_tile"))) if found.lines else 0
    for position in filter(None, (memory, logic)):
        flipped = "0" if routed[position] != "0" else "1"
        (tmp_path / "broken").write_text(routed[:position] + flipped + routed[position + 1 :])
        run_tool(
            find_tool(flow.packer),
            flow.pack_arguments(board.device, "broken", f"top{flow.bitstream}"),
            folder=tmp_path, log=tmp_path / "pack.log",
        )
        with pytest.raises(MismatchError, match=r"^the bitstream in .* (lacks|holds other data)"):
            compare_unpacked(board, tmp_path)


@pytest.mark.parametrize("name", ["ulx3s-25f"])
def test_what_is_unpacked_packs_to_the_same_bytes(
    name: str, built_lookup: Any, tmp_path: Path,
) -> None:
    board = BOARDS[name]
    flow = FLOWS[board.device.family]
    packed = built_lookup(name) / f"top{flow.bitstream}"
    (tmp_path / "unpacked").write_text(unpack(board, packed))
    run_tool(
        find_tool(flow.packer), flow.pack_arguments(board.device, "unpacked", "again"),
        folder=tmp_path, log=tmp_path / "pack.log",
    )
    assert (tmp_path / "again").read_bytes() == packed.read_bytes()


@pytest.mark.parametrize(("name", "message"), [
    ("ulx3s-25f", (
        "a bitstream of ulx3s-25f comes back only as routed text: there is no open tool that makes "
        "logic of ecp5 bitstreams"
    )),
    ("tangnano9k", (
        "a bitstream of tangnano9k comes back as nothing that simulates: there is no open tool "
        "that makes logic of gowin bitstreams"
    )),
])
def test_families_that_do_not_come_back(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BoardError) as error:
        read_back(BOARDS[name], tmp_path)
    assert str(error.value) == message


def built(folder: Path, **used: int) -> Path:
    resources = {name: {"used": used.get(name, 0)} for name in ("spram", "dsp")}
    (folder / "build.json").write_text(json.dumps({"resources": resources}))
    (folder / "top.pcf").write_text("")
    return folder


def test_what_icebox_loses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoardError) as error:
        read_back(BOARDS["icebreaker"], built(tmp_path, spram=4))
    assert str(error.value) == (
        f"the bitstream in {tmp_path} uses SPRAM, which icebox_vlog does not read back; verify the "
        "netlist instead"
    )


def test_no_bitstream_and_no_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArtefactError, match=r"no finished bitstream .*; run `spikeloom synth`"):
        read_back(BOARDS["hx8k-evn"], tmp_path)
    with pytest.raises(ArtefactError, match=r"no finished build .*; run `spikeloom synth`"):
        compare_unpacked(BOARDS["hx8k-evn"], tmp_path)
    monkeypatch.setattr(bitstream, "find_program", lambda name: None)
    with pytest.raises(ToolError) as error:
        read_back(BOARDS["hx8k-evn"], built(tmp_path))
    assert str(error.value) == (
        "icebox_vlog not found, which reads iCE40 bitstreams back: install the Debian package "
        "fpga-icestorm, or github.com/YosysHQ/icestorm"
    )


def test_ports_are_declared_once() -> None:
    text = "module chip (input clk, output tx);\n\nwire n1, clk, n2;\nwire tx;\nendmodule\n"
    assert bitstream._tidied(text) == (
        "module chip (input clk, output tx);\n\nwire n1, n2;\n\nendmodule\n"
    )
    assert Unpacked(1, 2) == Unpacked(lines=1, blocks=2)

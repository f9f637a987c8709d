"""The bitstream itself behind the driver: right to the last event, and faults in it are found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from spikeloom.boards.bitstream import unpack
from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.families import FLOWS
from spikeloom.boards.tools import find_program, find_tool, run_tool
from spikeloom.flow.artefacts import load_network
from spikeloom.flow.bitstream import connect_bitstream
from spikeloom.flow.run import read_test_set, run_on
from spikeloom.hls_model.errors import MismatchError

pytestmark = pytest.mark.skipif(
    find_program("icebox_vlog") is None, reason="needs icebox_vlog (Debian fpga-icestorm)"
)


def run(folder: Path) -> dict[str, object]:
    with connect_bitstream(folder) as board:
        return run_on(board, read_test_set(folder, load_network(folder)))


def test_every_event_is_the_references(built_folder):
    report = run(built_folder / "built")
    assert (report["samples"], report["mismatches"]) == (6, 0)


def test_one_wrong_bit_of_block_ram_is_found(built_folder, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(built_folder / "built", folder)
    _flip_weight(folder / "synth", "top.bin")
    with pytest.raises(MismatchError):
        run(folder)


def _flip_weight(synth: Path, bitstream: str) -> None:
    """Invert the sign of one weight in the bitstream: one bit, beside the checksum."""
    board = BOARDS["hx8k-evn"]
    places = json.loads((synth / "blocks.json").read_text())
    (place,) = (p for name, p in places.items() if name.endswith("bank0.weights.block0_0"))
    routed = unpack(board, synth / bitstream)
    start = routed.index(f".ram_data {place}\n") + len(f".ram_data {place}\n")
    first_word = slice(start + 60, start + 64)
    word = int(routed[first_word], 16) ^ 1 << 7
    (synth / "broken.asc").write_text(routed[: start + 60] + f"{word:04x}" + routed[start + 64 :])
    before = (synth / bitstream).read_bytes()
    tool = find_tool(FLOWS["ice40"].packer)
    run_tool(tool, ["broken.asc", bitstream], folder=synth, log=synth / "pack.log")
    after = (synth / bitstream).read_bytes()
    bits = sum((a ^ b).bit_count() for a, b in zip(before, after, strict=True))
    assert 1 <= bits <= 1 + 16

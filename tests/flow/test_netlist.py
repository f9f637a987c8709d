"""Synthesised designs on models of cells: they answer like the reference, and faults are found."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from folders import make_folder, make_network

from spikeloom.boards.catalog import find_board
from spikeloom.boards.clock import plan_clock
from spikeloom.boards.design import BoardTop
from spikeloom.boards.families import FLOWS
from spikeloom.boards.netlist import trim_carry_chains
from spikeloom.boards.toolchain import _synthesise, elaborate
from spikeloom.boards.tools import YOSYS, find_tool
from spikeloom.flow.board import folder_design
from spikeloom.flow.verify import verify_folder
from spikeloom.hls_model.errors import MismatchError
from spikeloom.sim.cells import MODELLED

BOARDS = ("hx8k-evn", "ulx3s-25f", "tangnano9k")


def synthesise(folder):
    """The netlist that place and route are given; at 1.5 Mbaud, for speed."""
    recipe = json.loads((folder / "design.json").read_text()) | {"baud": 1_500_000}
    (folder / "design.json").write_text(json.dumps(recipe))
    design, board, baud = folder_design(folder)
    built = folder / "synth"
    built.mkdir()
    flow = FLOWS[board.device.family]
    elaborate(BoardTop(design, board, baud), board, plan_clock(board, 12), flow, built)
    _synthesise(find_tool(YOSYS), flow, board.device, built)
    if flow.adders:
        trim_carry_chains(built / "top.json", "top")


@pytest.fixture(scope="module", params=BOARDS)
def synthesised(request, tmp_path_factory):
    """A small network's folder with its netlist."""
    folder = tmp_path_factory.mktemp("netlist") / request.param
    make_folder(folder, make_network(), request.param)
    synthesise(folder)
    return folder


def test_every_family_has_models():
    assert {find_board(name).device.family for name in BOARDS} == set(MODELLED) == set(FLOWS)


def test_a_netlist_answers_like_the_reference(synthesised):
    report = verify_folder(synthesised, "netlist", limit=5)
    assert (report["samples"], report["mismatches"]) == (5, 0)
    assert report["events_compared"] == 5 * 4 * 3
    assert report["counters"]["errors"] == 0


def nets(cells):
    """Two bits of accumulators have each other's sum."""
    sums = registers(cells, SUMS)
    first, other = (cell["connections"] for cell in (sums[0], sums[len(sums) // 2]))
    assert first["D"] != other["D"]
    first["D"], other["D"] = other["D"], first["D"]


def contents(cells):
    """The sign of one weight."""
    block = next(
        cell["parameters"]
        for name, cell in cells.items()
        if cell["type"] == "DP16KD" and ".hidden.bank0.weights.block0_0" in name
    )
    bits = block["INITVAL_00"]
    block["INITVAL_00"] = bits[:-4] + "10"[int(bits[-4])] + bits[-3:]


def table(cells):
    """A table of an accumulator, or of a neuron, says the opposite."""
    driver = {
        bit: cell
        for cell in cells.values()
        for port, bits in cell["connections"].items()
        for bit in bits
        if cell["port_directions"][port] == "output"
    }
    changed = next(
        cell["parameters"]
        for register in [*registers(cells, SUMS), *registers(cells, r"hidden\.unit\d")]
        if (bit := register["connections"]["D"][0]) in driver
        and re.fullmatch(r"LUT[1-4]", (cell := driver[bit])["type"])
    )
    changed["INIT"] = "".join("10"[int(bit)] for bit in changed["INIT"])


SUMS = r"hidden\.bank\d\.(x|sums|totals)[_:]"


def registers(cells, name):
    return [cell for key, cell in cells.items() if re.search(name, key) and "FF" in cell["type"]]


# On the Tang Nano the weights of so small a network are in tables.
FAULTS = {"hx8k-evn": nets, "ulx3s-25f": contents, "tangnano9k": table}


def test_a_fault_in_the_netlist_is_found(synthesised, tmp_path):
    copy = tmp_path / "folder"
    shutil.copytree(synthesised, copy)
    netlist = json.loads((copy / "synth" / "top.json").read_text())
    FAULTS[synthesised.name](netlist["modules"]["top"]["cells"])
    (copy / "synth" / "top.json").write_text(json.dumps(netlist))
    with pytest.raises(
        MismatchError,
        match=r"sample \d+, step \d, population 'classes', neuron \d: it.* and should .*--waves",
    ):
        verify_folder(copy, "netlist")

"""The proof ladder: every level agrees, and each would notice if it did not."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from spikeloom.boards.clock import plan_clock
from spikeloom.boards.design import BoardTop
from spikeloom.boards.families import FLOWS
from spikeloom.boards.toolchain import _synthesise, elaborate
from spikeloom.boards.tools import YOSYS, find_tool
from spikeloom.flow.board import folder_design
from spikeloom.flow.stages import load_network
from spikeloom.flow.verify import LEVELS, refuse_difference, verify_folder
from spikeloom.hls_model import simulate
from spikeloom.hls_model.errors import ArtefactError, MismatchError, SpikeloomError


@pytest.mark.parametrize("level", ["torch", "reference"])
def test_levels_of_software(folder, level):
    if level == "torch":
        pytest.importorskip("torch")
    report = verify_folder(folder, level, limit=20)
    assert (report["level"], report["samples"], report["mismatches"]) == (level, 20, 0)
    # 4 steps of 6 + 3 neurons with one state word each.
    assert report["spikes_compared"] == report["states_compared"] == 20 * 4 * 9


def test_a_difference_names_its_place(folder):
    network = load_network(folder)
    samples = np.ones((3, 4, 3, 3), dtype=int)
    right, wrong = simulate(network, samples), simulate(network, samples)
    wrong.states["hidden"]["v"][2, 1, 5] += 3
    wrong.spikes["classes"][2, 1, 0] ^= 1
    value = int(right.states["hidden"]["v"][2, 1, 5])
    with pytest.raises(
        MismatchError,
        match=rf"^it differs from the reference first at sample 12, step 1, population 'hidden', "
        rf"neuron 5: its state 'v' is {value + 3} and should be {value}$",
    ):
        refuse_difference(network, "it", wrong, right, 10)
    refuse_difference(network, "it", right, right)


def test_unknown_levels_and_waves(folder):
    with pytest.raises(SpikeloomError, match="must be one of torch, reference, rtl, netlist"):
        verify_folder(folder, "gates")
    with pytest.raises(SpikeloomError, match="'torch' has no waveform; those that do: rtl, netl"):
        verify_folder(folder, "torch", waves=True)
    with pytest.raises(
        ArtefactError, match=r"synth/top.json does not exist; run `spikeloom synth`"
    ):
        verify_folder(folder, "netlist")


def test_command_knows_the_levels():
    from spikeloom.cli.proofs import LevelName

    assert [level.value for level in LevelName] == list(LEVELS)


@pytest.fixture(scope="module")
def synthesised(folder, tmp_path_factory):
    """``folder`` with the netlist that place and route are given; at 3 Mbaud, for speed."""
    copy = tmp_path_factory.mktemp("netlist") / "folder"
    shutil.copytree(folder, copy)
    recipe = json.loads((copy / "design.json").read_text()) | {"baud": 3_000_000}
    (copy / "design.json").write_text(json.dumps(recipe))
    design, board, baud = folder_design(copy)
    built = copy / "synth"
    built.mkdir()
    flow = FLOWS[board.device.family]
    elaborate(BoardTop(design, board, baud), board, plan_clock(board, 12), flow, built)
    _synthesise(find_tool(YOSYS), flow, board.device, built)
    return copy


def test_netlist(synthesised):
    report = verify_folder(synthesised, "netlist", limit=5)
    assert (report["samples"], report["mismatches"]) == (5, 0)
    assert report["events_compared"] == 5 * 4 * 3
    assert report["counters"]["errors"] == 0


def test_a_fault_in_the_netlist_is_found(synthesised, tmp_path):
    """The table of one bit of one accumulator says the opposite."""
    copy = tmp_path / "folder"
    shutil.copytree(synthesised, copy)
    netlist = json.loads((copy / "synth" / "top.json").read_text())
    cells = netlist["modules"]["top"]["cells"]
    name = next(n for n in cells if re.search(r"hidden\.bank0\.x_\d_\d_.*_D_SB_LUT4_O$", n))
    table = cells[name]["parameters"]["LUT_INIT"]
    cells[name]["parameters"]["LUT_INIT"] = "".join("10"[int(bit)] for bit in table)
    (copy / "synth" / "top.json").write_text(json.dumps(netlist))
    with pytest.raises(
        MismatchError,
        match=r"sample \d+, step \d, population 'classes', neuron \d: it.* and should .*--waves",
    ):
        verify_folder(copy, "netlist")

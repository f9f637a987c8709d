"""A small network's folder, and its virtual board."""

from __future__ import annotations

import pytest
from folders import make_folder, make_network

from spikeloom.boards.design import VirtualTop
from spikeloom.flow.board import folder_design
from spikeloom.rtl.verilog import to_verilog
from spikeloom.sim.virtual import VirtualBoard, compile_virtual


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Of a network whose output is events."""
    return make_folder(tmp_path_factory.mktemp("flow") / "events", make_network())


@pytest.fixture(scope="session")
def simulator(folder):
    """Of the virtual board that ``folder`` describes."""
    design, board, _ = folder_design(folder)
    return compile_virtual({"top.v": to_verilog(VirtualTop(design, board), "top")}, "top")


@pytest.fixture
def virtual(simulator):
    """The virtual board itself, for whoever opens its port."""
    with VirtualBoard(simulator, clock_hz=12_000_000, baud=1_000_000) as board:
        yield board

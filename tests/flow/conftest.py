"""A small network's folder, and its virtual board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikeloom.boards.design import VirtualTop
from spikeloom.flow.board import folder_design
from spikeloom.flow.settings import Settings
from spikeloom.flow.stages import DESIGN, NETWORK, Job
from spikeloom.flow.stages import generate as generate_stage
from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.verilog import to_verilog
from spikeloom.sim.virtual import VirtualBoard, compile_virtual

BOARD = "hx8k-evn"


def make_network(output: str = "events", seed: int = 4) -> Network:
    """Nine inputs, six hidden and three output neurons."""
    rng = np.random.default_rng(seed)
    return Network(
        (Input("pixels", (3, 3)),),
        (
            Population("hidden", 6, LIF(Range.signed(9)), {"threshold": 11}),
            Population("classes", 3, LIF(Range.signed(9)), {"threshold": 5}),
        ),
        (
            Projection("pixels", "hidden", rng.integers(-4, 8, (6, 9))),
            Projection("hidden", "classes", rng.integers(-6, 8, (3, 6))),
        ),
        Output("classes", output),
    )


def make_folder(folder: Path, network: Network) -> Path:
    """``network`` with a design, and samples that later runs use."""
    folder.mkdir(exist_ok=True)
    network.save(folder / NETWORK)
    rng = np.random.default_rng(6)
    samples = folder / "samples.npz"
    np.savez(samples, inputs=rng.random((60, 4, 3, 3)) < 0.4, labels=rng.integers(0, 3, 60))
    settings = Settings(board=BOARD, samples=samples, target_mhz=12)
    settings.save(folder)
    generate_stage(Job(folder, settings, lambda *_: None, lambda _: None))
    assert (folder / DESIGN).exists()
    return folder


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
    with VirtualBoard(simulator, clock_hz=12_000_000, baud=3_000_000) as board:
        yield board

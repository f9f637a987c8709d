"""A small network, and a folder of the chain with its design and samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeloom.flow.artefacts import DESIGN, NETWORK
from spikeloom.flow.job import Job
from spikeloom.flow.settings import Settings
from spikeloom.flow.stages import generate as generate_stage
from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range

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


def make_folder(
    folder: Path, network: Network, board: str = BOARD, *, loadable: bool = False
) -> Path:
    """``network`` with a design, and samples that later runs use."""
    folder.mkdir(exist_ok=True)
    network.save(folder / NETWORK)
    rng = np.random.default_rng(6)
    samples = folder / "samples.npz"
    np.savez(samples, inputs=rng.random((60, 4, 3, 3)) < 0.4, labels=rng.integers(0, 3, 60))
    settings = Settings(board=board, samples=samples, target_mhz=12, loadable=loadable)
    settings.save(folder)
    generate_stage(Job(folder, settings, lambda *_: None, lambda _: None))
    assert (folder / DESIGN).exists()
    return folder

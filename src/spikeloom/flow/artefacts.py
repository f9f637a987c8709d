"""The artefacts of a job's folder, by name."""

from __future__ import annotations

from pathlib import Path

from spikeloom.hls_model.network import Network

__all__ = [
    "COSIM",
    "DESIGN",
    "EVENTS",
    "GRAPH",
    "NETWORK",
    "QUANTIZATION",
    "REFERENCE",
    "RESULTS",
    "SYNTH",
    "TEMPLATE",
    "VERILOG",
    "WAVES",
    "load_network",
]

GRAPH = "graph.npz"
NETWORK = "network.npz"
QUANTIZATION = "quantization.json"
RESULTS = "reference.npz"
REFERENCE = "reference.json"
EVENTS = "events.npz"
VERILOG = "rtl/spikeloom.v"
DESIGN = "design.json"
TEMPLATE = "template.npz"
"""The network whose widths the design has, where that is another than the folder's network."""

COSIM = "cosim.json"
WAVES = "waves.fst"
SYNTH = "synth/build.json"


def load_network(folder: Path) -> Network:
    """The integer network in ``folder``."""
    return Network.load(folder / NETWORK)

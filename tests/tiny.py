"""A checkpoint whose hardware is built in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from spikeloom.hls_model import LIF, Output
from spikeloom.quant import DECAY, REAL, Graph, Input, Population, Projection

__all__ = ["tiny_graph"]


def tiny_graph(checkpoint: Path, **options: Any) -> Graph:
    """4-3 from a file of seed, largest weight and number of neurons, instead of a real import."""
    seed, largest, size = json.loads(checkpoint.read_text())
    random = np.random.default_rng(seed)
    weights = random.uniform(-1, 1, (size, 4))
    weights[:, 0] = largest
    thresholds = random.permutation(np.linspace(0.6, 1.0, size))
    return Graph(
        inputs=(Input("input", (4,)),),
        populations=(
            Population("out", size, LIF(REAL, DECAY), {"beta": 0.5, "threshold": thresholds}),
        ),
        projections=(Projection("input", "out", weights),),
        output=Output("out"),
    )

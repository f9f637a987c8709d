"""The published 32-64-128-64-12 network of an iCE40UP5K accelerator and its recorded input.

python -m examples.semg.network --out build/semg

Writes ``network.npz`` and ``samples.npz``. Reads ``semg/semg.npz`` of ``SPIKELOOM_DATA``, whose
``SOURCE.txt`` names the authors.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spikeloom.hls_model import (
    LIF,
    Input,
    Network,
    Output,
    Population,
    Projection,
    Range,
    ScaleLeak,
)

LAYERS = 4


def data_file() -> Path:
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("SPIKELOOM_DATA", default)) / "semg" / "semg.npz"


def network_of(data: Mapping[str, Any]) -> Network:
    """Four layers in its own integers: 16-bit membranes, 8-bit weights, reset to 0."""
    names = ["input", *(f"layer{n + 1}" for n in range(LAYERS))]
    weights = [data[f"w{n + 1}"] for n in range(LAYERS)]
    leak = ScaleLeak(int(data["decay_shift"]), "trunc")
    lif = LIF(Range.signed(16), leak, reset="value")
    populations = (
        Population(
            names[n + 1],
            len(weights[n]),
            lif,
            {
                "threshold": int(data["thresholds"][n]),
                "reset_value": 0,
                "beta": int(data["decay"][n]),
            },
        )
        for n in range(LAYERS)
    )
    projections = (Projection(names[n], names[n + 1], weights[n], bits=8) for n in range(LAYERS))
    inputs = (Input("input", (weights[0].shape[1],)),)
    return Network(inputs, tuple(populations), tuple(projections), Output(names[-1], "v"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, help="only the first so many steps of 4,000")
    args = parser.parse_args()
    data = np.load(data_file())
    args.out.mkdir(parents=True, exist_ok=True)
    network_of(data).save(args.out / "network.npz")
    # One sample: its membranes live on from the first step to the last, as they were recorded.
    inputs = data["input_spikes"][None, : args.steps]
    np.savez_compressed(args.out / "samples.npz", inputs=inputs)
    print(f"{args.out}: {network_of(data).synapses:,} synapses, {inputs.shape[1]} steps")


if __name__ == "__main__":
    main()

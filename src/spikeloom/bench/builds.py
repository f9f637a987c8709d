"""Networks × boards × knobs through the real flow, each in a fresh folder."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spikeloom import flow

__all__ = ["BUILDS", "Build", "measure"]


@dataclass(frozen=True)
class Build:
    """One row of the table.

    Attributes
    ----------
    samples : module and arguments of the script that writes the samples, ``.npz``
    checkpoint : of an example
    options : of the chain, beyond those that all rows share
    """

    name: str
    board: str
    checkpoint: Path
    samples: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


def _digits(board: str) -> Build:
    checkpoint = Path("examples/digits/digits.nir")
    return Build(f"digits-{board}", board, checkpoint, ("examples.digits.samples",))


def _mnist(encoding: str, board: str, kind: str = "", **options: Any) -> Build:
    name = "-".join(filter(None, (f"mnist-{encoding}", board, kind)))
    checkpoint = Path(f"examples/mnist/mnist_{encoding}.nir")
    samples = ("examples.mnist.samples", "--encoding", encoding)
    return Build(name, board, checkpoint, samples, options)


_ROWS = (
    _digits("hx8k-evn"),
    _digits("icebreaker"),
    _digits("tangnano9k"),
    _digits("ulx3s-25f"),
    _mnist("rate", "ulx3s-25f"),
    _mnist("latency", "ulx3s-25f"),
)

BUILDS = MappingProxyType({row.name: row for row in _ROWS})
"""All rows by name."""


def measure(build: Build, out: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """The report of ``build`` with the first seed, and ``routes``: what each seed reached."""
    folder = out / build.name
    samples = _samples(build, out)
    report = flow.build(
        build.checkpoint,
        build.board,
        folder,
        samples=samples,
        preset="snntorch",
        dt=1e-3,
        weight_bits=4,
        seed=seeds[0],
        allow_timing_failure=True,
        force=True,
        **build.options,
    )
    routes = {seeds[0]: _route(report)}
    for seed in seeds[1:]:
        routes[seed] = _route(flow.run_stage("synth", folder, seed=seed, allow_timing_failure=True))
    clocks = [route["fmax_mhz"] for route in routes.values()]
    return report | {
        "routes": {str(seed): route for seed, route in routes.items()},
        "fmax_mhz": {"best": max(clocks), "median": statistics.median(clocks)},
    }


def _samples(build: Build, out: Path) -> Path:
    module, *arguments = build.samples
    path = out / f"{'-'.join([module.split('.')[1], *arguments[1:]])}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        script = [sys.executable, "-m", module, *arguments, "--out", str(path)]
        subprocess.run(script, check=True, stdout=sys.stderr)
    return path


def _route(report: Mapping[str, Any]) -> dict[str, Any]:
    timing = report["timing"]
    return {
        "fmax_mhz": timing["fmax_mhz"],
        "lut4": report["resources"]["lut4"]["used"],
        "critical_path": timing["critical_path"],
    }

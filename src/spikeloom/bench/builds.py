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
    checkpoint : of an example, from the repository's root or as its script writes it
    samples : module and arguments of the script that writes the samples
    options : of the chain
    """

    name: str
    board: str
    checkpoint: Path
    samples: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


_TRAINED = {"preset": "snntorch", "dt": 1e-3, "weight_bits": 4}
"""How the examples' checkpoints are read."""


def _digits(board: str) -> Build:
    checkpoint = Path("examples/digits/digits.nir")
    return Build(f"digits-{board}", board, checkpoint, ("examples.digits.samples",), _TRAINED)


def _direct(board: str) -> Build:
    """Pixels, held over the steps of an image."""
    checkpoint = Path("examples/digits/digits_direct.nir")
    samples = ("examples.digits.samples", "--encoding", "direct")
    return Build(f"digits-direct-{board}", board, checkpoint, samples, _TRAINED | {"steps": 8})


def _mnist(encoding: str, board: str, kind: str = "", **options: Any) -> Build:
    name = "-".join(filter(None, (f"mnist-{encoding}", board, kind)))
    checkpoint = Path(f"examples/mnist/mnist_{encoding}.nir")
    samples = ("examples.mnist.samples", "--encoding", encoding)
    return Build(name, board, checkpoint, samples, _TRAINED | options)


def _spoken(board: str, **options: Any) -> Build:
    checkpoint = Path("examples/spoken_digits/spoken_digits.npz")
    samples = ("examples.spoken_digits.samples",)
    return Build(f"spoken-{board}", board, checkpoint, samples, options)


_ROWS = (
    _digits("hx8k-evn"),
    _digits("icebreaker"),
    _digits("tangnano9k"),
    _digits("ulx3s-25f"),
    _direct("hx8k-evn"),
    _mnist("rate", "ulx3s-25f", target_mhz=150.0),
    _mnist("rate", "ulx3s-25f", "pairs", target_mhz=150.0, events_per_cycle=2, units=4),
    _mnist("latency", "ulx3s-25f", target_mhz=130.0),
    _mnist("rate", "ulx3s-25f", "small", target_mhz=125.0, fit="area", max_latency_us=250.0),
    _mnist("rate", "icebreaker", target_mhz=48.0),
    _mnist("rate", "tangnano9k"),
    _spoken("ulx3s-85f", target_mhz=40.0),
    # One sample of 4,000 recorded steps, of at most 8 µs each.
    Build(
        "semg-icebreaker",
        "icebreaker",
        Path("network.npz"),
        ("examples.semg.network",),
        {"target_mhz": 36.0, "fit": "area", "max_latency_us": 32_000.0},
    ),
)

BUILDS = MappingProxyType({row.name: row for row in _ROWS})
"""All rows by name."""


def measure(build: Build, out: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """The report of ``build`` with the first seed, and ``routes``: what each seed reached."""
    folder = out / build.name
    checkpoint, samples = _prepare(build, out)
    report = flow.build(
        checkpoint,
        build.board,
        folder,
        samples=samples,
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


def _prepare(build: Build, out: Path) -> tuple[Path, Path]:
    """The checkpoint and the samples; scripts that write both get a folder."""
    module, *arguments = build.samples
    path = out / "-".join([module.split(".")[1], *arguments[1:]])
    writes_both = not build.checkpoint.exists()
    samples = path / "samples.npz" if writes_both else path.with_suffix(".npz")
    if not samples.exists():
        samples.parent.mkdir(parents=True, exist_ok=True)
        target = path if writes_both else samples
        script = [sys.executable, "-m", module, *arguments, "--out", str(target)]
        subprocess.run(script, check=True, stdout=sys.stderr)
    return path / build.checkpoint if writes_both else build.checkpoint, samples


def _route(report: Mapping[str, Any]) -> dict[str, Any]:
    timing = report["timing"]
    return {
        "fmax_mhz": timing["fmax_mhz"],
        "lut4": report["resources"]["lut4"]["used"],
        "critical_path": timing["critical_path"],
    }

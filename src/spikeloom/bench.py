"""Measures the chain on the examples: ``make bench``, run from the repository's root.

Each row of the table is a whole run from the checkpoint, in a fresh folder. Figures are written to
``build/bench/benchmarks.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloom import flow
from spikeloom.flow.files import write_json
from spikeloom.hls_model.errors import SpikeloomError
from spikeloom.hls_model.files import write_atomically

__all__ = ["main"]


@dataclass(frozen=True)
class Row:
    """One build: an example, its checkpoint, a board, and arguments of its samples' script."""

    example: str
    checkpoint: str
    board: str
    samples: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.checkpoint}-{self.board}"


_ROWS = (
    Row("digits", "digits", "hx8k-evn"),
    Row("digits", "digits", "icebreaker"),
    Row("digits", "digits", "tangnano9k"),
    Row("digits", "digits", "ulx3s-25f"),
    Row("mnist", "mnist_rate", "ulx3s-25f", ("--encoding", "rate")),
    Row("mnist", "mnist_latency", "ulx3s-25f", ("--encoding", "latency")),
)
_COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "accuracy": lambda r: f"{r['accuracy']['integer']:.2%}",
    "float": lambda r: f"{r['accuracy']['float']:.2%}",
    "samples": lambda r: f"{r['cosim']['samples']:,}",
    "mismatches": lambda r: str(r["cosim"]["mismatches"]),
    "cycles": lambda r: f"{r['cosim']['cycles_per_sample']['mean']:,.0f}",
    "simulated cycles/s": lambda r: f"{r['cosim']['simulated_cycles_per_second']:,.0f}",
    "LUT4": lambda r: f"{r['resources']['lut4']['used']:,}",
    "block RAM": lambda r: str(r["resources"]["bram"]["used"]),
    "Fmax": lambda r: f"{r['timing']['fmax_mhz']:.1f} MHz",
    "clock": lambda r: f"{r['timing']['clock_mhz']:.1f} MHz",
    "latency": lambda r: f"{r['latency_us']:,.1f} µs",
    "seconds": lambda r: f"{sum(r['seconds'].values()):.0f}",
}


def main() -> None:
    """Run the rows whose name contains one of the arguments; without arguments, all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("only", nargs="*", help="parts of names: digits, mnist, hx8k-evn, …")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    arguments = parser.parse_args()
    rows = [r for r in _ROWS if not arguments.only or any(o in r.name for o in arguments.only)]
    results: dict[str, dict[str, Any]] = {}
    for row in rows:
        print(row.name, file=sys.stderr, flush=True)
        try:
            results[row.name] = _measure(row, arguments.out)
        except SpikeloomError as error:
            results[row.name] = {"error": str(error)}
    write_json(arguments.out / "benchmarks.json", results)
    table = _table(results)
    with write_atomically(arguments.out / "benchmarks.md") as file:
        file.write(table.encode())
    print(table, end="")
    sys.exit(any("error" in result for result in results.values()))


def _measure(row: Row, out: Path) -> dict[str, Any]:
    samples = out / f"{row.checkpoint}.npz"
    if not samples.exists():
        samples.parent.mkdir(parents=True, exist_ok=True)
        script = [sys.executable, "-m", f"examples.{row.example}.samples", *row.samples]
        subprocess.run([*script, "--out", str(samples)], check=True)
    return flow.build(
        Path("examples") / row.example / f"{row.checkpoint}.nir",
        row.board,
        out / row.name,
        samples=samples,
        preset="snntorch",
        dt=1e-3,
        weight_bits=4,
        force=True,
    )


def _table(results: dict[str, dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(["build", *_COLUMNS]) + " |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for name, result in results.items():
        if "error" in result:
            cells = [result["error"]]
        else:
            cells = [figure(result) for figure in _COLUMNS.values()]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

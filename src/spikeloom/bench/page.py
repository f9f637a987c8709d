"""``docs/benchmarks.md``: what was measured, and what others have published."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from spikeloom.bench.builds import BUILDS
from spikeloom.bench.programs import PROGRAMS
from spikeloom.hls_model.files import write_atomically

__all__ = ["write_page"]

_BUILD_COLUMNS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "accuracy": lambda r: _percent(r["accuracy"]["integer"]),
    "float": lambda r: _percent(r["accuracy"]["float"]),
    "samples": lambda r: f"{r['cosim']['samples']:,}",
    "mismatches": lambda r: str(r["cosim"]["mismatches"]),
    "cycles (estimated)": lambda r: _beside(
        r["cosim"]["cycles_per_sample"]["mean"], r["estimate"]["cycles_per_sample"]
    ),
    "÷ roofline": lambda r: f"{r['roofline']['ratio']:.2f}",
    "÷ overlapped": lambda r: f"{r['roofline']['overlapped_ratio']:.2f}",
    "LUT4 (estimated)": lambda r: _beside(r["resources"]["lut4"]["used"], r["estimate"]["lut4"]),
    "block RAM (estimated)": lambda r: _beside(
        r["resources"]["bram"]["used"], r["estimate"]["bram"]
    ),
    "Fmax best / median": lambda r: f"{r['fmax_mhz']['best']:.1f} / {r['fmax_mhz']['median']:.1f}",
    "clock": lambda r: f"{r['timing']['clock_mhz']:.1f}",
    "µs at clock": lambda r: _latency(r),
    "µs at median Fmax": lambda r: (
        f"{r['cosim']['cycles_per_sample']['mean'] / r['fmax_mhz']['median']:,.2f}"
    ),
    "GSOP/s": lambda r: f"{r['roofline']['operations_per_second'] / 1e9:.2f}",
    "simulated cycles/s": lambda r: f"{r['cosim']['simulated_cycles_per_second']:,.0f}",
}

_PUBLISHED = (
    (
        "Spiker+, 784-128-10, MNIST",
        "Artix-7",
        "93.85 % · 780 µs · 7,612 LC · 180 mW",
        "Carpegna, Savino, Di Carlo, arXiv 2401.01141",
    ),
    (
        "RTL that Spiker+ generates, 784-128-10",
        "ECP5-25F",
        "22,866 cycles · about 22,500 LUT4",
        "its generator's output, through this page's Yosys and nextpnr",
    ),
    (
        "Flexi-NeurA, 256-128-10, MNIST",
        "FPGA",
        "97.23 % · 1.1 ms · 1,623 LC · 7 block RAMs · 111 mW",
        "Farahani, Roshanshah, Safari, arXiv 2602.18140",
    ),
    (
        "SYNtzulu, 32-64-128-64-12, 8 bit, sEMG",
        "iCE40UP5K",
        "24 MHz · 8 synapses per cycle · 3,473 LC with its SoC · 692 cycles a step in its RTL",
        "its repository, gianlucaleone/SYNtzulu; cycles simulated on the first 2,000 steps",
    ),
)

_HEADER = """# Benchmarks

Written by `make bench` (`python -m spikeloom.bench`); a part of it by `make bench BENCH=mnist`.

Every build goes through the whole flow, from the checkpoint to the bitstream, with the host link in
it. Cycles come from the RTL's simulation, of each sample alone, over all samples of the test set;
every spike and state word is compared. LUT4 counts occupied table sites after packing, carry and
distributed RAM included. Fmax is nextpnr's, for the seeds {seeds}; clock is what the board was
asked to run at. Latency is per sample, without the link, at that clock, with the seeds that reach
it. What was estimated before synthesis stands in brackets. *÷ roofline* is cycles over those of a
design whose slowest core first accumulates its events (⌈N/L⌉ cycles each) and then sweeps (⌈N/U⌉
per step); *÷ overlapped* is over the larger of the two, as if they cost nothing beside each other.
The build *pairs* takes two input events per cycle, and half as many cycles for them in both bounds.
Energy: unavailable; nothing here was measured on a board.

"""


def write_page(results: Mapping[str, dict[str, Any]], path: Path) -> None:
    """Write the page of all ``results``, whole or not at all."""
    builds = {name: results[name] for name in BUILDS if name in results}
    programs = {name: results[name] for name in PROGRAMS if name in results}
    seeds: Iterable[str] = next((r["routes"] for r in builds.values() if "routes" in r), ())
    text = _HEADER.format(seeds=", ".join(seeds))
    text += "## Builds\n\n" + _table(
        ["build", *_BUILD_COLUMNS],
        ([name, *_cells(result)] for name, result in builds.items()),
    )
    text += "\nWhat limits the clock, per build (first seed):\n\n" + "".join(
        f"- {name}: `{path['start']}` → `{path['end']}`, {path['delay_ns']:.2f} ns, of which "
        f"{path['routing_ns']:.2f} ns in wires; cycles are bound by the {r['roofline']['limit']}\n"
        for name, r in builds.items()
        if "error" not in r
        for path in [r["timing"]["critical_path"]]
    )
    text += "\n## Programs\n\n" + _table(
        ["what", "figures"], ([name, _figures(r)] for name, r in programs.items())
    )
    text += "\n## What others have published\n\nTheirs, not ours, on their devices.\n\n" + _table(
        ["network", "device", "figures", "source"], _PUBLISHED
    )
    text += "\n## Tools\n\n" + _tools(builds)
    with write_atomically(path) as file:
        file.write(text.encode())


def _cells(result: dict[str, Any]) -> list[str]:
    if "error" in result:
        return [result["error"], *[""] * (len(_BUILD_COLUMNS) - 1)]
    return [figure(result) for figure in _BUILD_COLUMNS.values()]


def _figures(values: Any) -> str:
    if not isinstance(values, dict):
        return _plain(values)
    return "; ".join(f"{key.replace('_', ' ')}: {_text(value)}" for key, value in values.items())


def _text(value: Any) -> str:
    return f"({_figures(value)})" if isinstance(value, dict) else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _tools(builds: Mapping[str, dict[str, Any]]) -> str:
    tools: dict[str, str] = {}
    for result in builds.values():
        tools |= result.get("tools", {})
    named = ", ".join(f"{name} {version}" for name, version in sorted(tools.items()))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{named or 'none'}. Machine: {machine}. Written on {date.today().isoformat()}.\n"


def _beside(measured: float, estimated: float | None) -> str:
    return f"{measured:,.0f}" + ("" if estimated is None else f" ({estimated:,.0f})")


def _latency(result: dict[str, Any]) -> str:
    """At the clock, with the seeds that reach it."""
    clock = result["timing"]["clock_mhz"]
    reach = [seed for seed, route in result["routes"].items() if route["fmax_mhz"] >= clock]
    return f"{result['latency_us']:,.2f} (seed {', '.join(reach)})" if reach else "–"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"

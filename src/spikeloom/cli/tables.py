"""Reports, boards and diagnoses as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from spikeloom.boards import Board, Check

__all__ = ["show_boards", "show_checks", "show_figures", "show_report"]

_WIDTH = 400
"""Columns where the output is no terminal: no line is broken."""


def show_report(report: dict[str, Any], title: str) -> None:
    """Print a report, one line per figure."""
    show_figures(_figures(report), title)


def show_figures(figures: Iterable[tuple[str, str]], title: str) -> None:
    """Print labels and what they label, one line each."""
    table = Table(title=title, title_justify="left", show_header=False, box=SIMPLE)
    table.add_column(style="bold")
    table.add_column()
    for label, text in figures:
        table.add_row(label, text)
    _print(table)


def _figures(report: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if network := report["network"]:
        inputs = [f"{_size(i['shape'])}{' held' * i['held']}" for i in network["inputs"]]
        sizes = [str(p["size"]) for p in network["populations"]]
        bits = "/".join(str(p["bits"]) for p in network["projections"])
        shape = "+".join(inputs) + "-" + "-".join(sizes)
        yield "network", f"{shape}, {network['synapses']:,} synapses of {bits} bits"
    if accuracy := report["accuracy"]:
        yield "accuracy", _accuracy(accuracy)
    if cosim := report["cosim"]:
        compared = f"{cosim['spikes_compared']:,} spikes, {cosim['states_compared']:,} states"
        cycles = cosim["cycles_per_sample"]
        speed = cosim["simulated_cycles_per_second"]
        yield "cosim", f"{cosim['mismatches']} mismatches in {cosim['samples']:,} samples"
        yield "", f"{compared} compared, {speed:,.0f} cycles/s"
        spread = f"{cycles['min']:,} to {cycles['max']:,}"
        expected = _estimated(report, "cycles_per_sample")
        yield "cycles", f"{cycles['mean']:,.0f} per sample ({spread}){expected}"
    if roofline := report["roofline"]:
        yield from _roofline(roofline)
    if resources := report["resources"]:
        yield "device", f"{resources['device']} on {resources['board']}"
        for name, figures in resources.items():
            if isinstance(figures, dict) and figures["available"]:
                share = _share(figures["used"], figures["available"])
                yield name, f"{share}{_estimated(report, name)}"
    if timing := report["timing"]:
        yield (
            "clock",
            (
                f"{timing['clock_mhz']:.2f} MHz, Fmax {timing['fmax_mhz']:.2f} MHz "
                f"(target {timing['target_mhz']:g} MHz)"
            ),
        )
    if report["latency_us"] is not None:
        yield "latency", f"{report['latency_us']:,.2f} µs per sample"
    if seconds := report["seconds"]:
        yield "seconds", ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())


def _roofline(roofline: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Cycles beside their bounds, synaptic operations, and what sets both."""
    serial, overlapped = roofline["serial_cycles"], roofline["overlapped_cycles"]
    in_turn = f"{roofline['ratio']:.2f} × {serial:,.0f} cycles for events, then sweeps"
    at_once = f"{roofline['overlapped_ratio']:.2f} × {overlapped:,.0f} for both at once"
    yield "roofline", f"{in_turn}; {at_once}"
    yield "", f"bound by the {roofline['limit']}"
    operations = (
        f"{roofline['operations']:,.0f} by event ({roofline['dense_operations']:,.0f} dense) per "
        f"sample, {roofline['operations_per_cycle']:,.1f} per cycle"
    )
    if "operations_per_second" in roofline:
        operations += (
            f"; {roofline['operations_per_second'] / 1e9:,.2f} GSOP/s by event, "
            f"{roofline['dense_operations_per_second'] / 1e9:,.2f} dense"
        )
    yield "synaptic operations", operations
    if link := roofline.get("link"):
        bytes = roofline["link_bytes"]
        carried = f"{bytes['received']:,.0f} bytes in, {bytes['sent']:,.0f} out per sample"
        rate = f"{link['samples_per_second']:,.0f} samples/s at {link['baud']:,} baud"
        yield "link", f"{carried}: {rate}; the cores take {roofline['samples_per_second']:,.0f}"
    if path := roofline.get("clock_path"):
        wires = path["routing_ns"]
        yield "clock path", f"{path['start']} → {path['end']}"
        yield "", f"{path['delay_ns']:.2f} ns, {wires:.2f} of them in wires"


def _estimated(report: dict[str, Any], name: str) -> str:
    """What had been expected of a figure, to stand beside what was measured."""
    value = (report["estimate"] or {}).get(name)
    return "" if value is None else f", {value:,.0f} estimated"


def _accuracy(accuracy: dict[str, Any]) -> str:
    shown = [
        f"{accuracy[kind]:.2%} {kind}"
        for kind in ("integer", "float")
        if accuracy[kind] is not None
    ]
    return f"{', '.join(shown) or 'no labels'} ({accuracy['samples']:,} samples)"


def _share(used: int, available: int) -> str:
    return f"{used:,} of {available:,} ({used / available:.0%})"


def _size(shape: list[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def show_boards(boards: Iterable[Board]) -> None:
    """Print what each board has."""
    table = Table(box=SIMPLE_HEAD)
    for heading in ("board", "device", "LUT4", "block RAM", "SPRAM", "DSP"):
        table.add_column(heading)
    for heading in ("clock", "link", "programmer", "checked by", "proven"):
        table.add_column(heading)
    for board in boards:
        device = board.device
        table.add_row(
            board.name,
            device.name,
            f"{device.lut4:,}",
            f"{device.bram.count} × {device.bram.bits / 1024:g} Kb",
            f"{device.spram.count} × {device.spram.bits / 1024:g} Kb" if device.spram.count else "",
            str(device.dsp),
            f"{board.clock_mhz:g} MHz",
            f"{board.link}, {board.baud / 1e6:g} Mbaud",
            board.programmer.tool,
            board.programmer.check,
            board.proven,
        )
    _print(table)


def show_checks(checks: Iterable[Check]) -> None:
    """Print what was found, and how to get what was not."""
    table = Table(box=SIMPLE_HEAD)
    for heading in ("", "program", "version", "for", "where, or how to get it"):
        table.add_column(heading)
    for check in checks:
        mark = "ok" if check.found else ("missing" if check.needed else "absent")
        where = check.path if check.found else check.advice
        table.add_row(mark, check.name, check.version or "", check.purpose, where or "")
    _print(table)


def _print(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(table)

"""The semantics that were found in a checkpoint, as tables."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

__all__ = ["show_explanation"]

_WIDTH = 400
"""Columns where the output is no terminal: no line is broken."""


def show_explanation(found: dict[str, Any], title: str) -> None:
    """Print what :func:`spikeloom.quant.explain` found."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    inputs = ", ".join(f"{i['name']} {_shape(i['shape'])}" for i in found["inputs"])
    output = f"{found['output']['delivers']} of {found['output']['population']}"
    console.print(f"{title}: {found['kind']}, {inputs} in, {output} out")
    for table in (_equations(found), _numbers(found), _projections(found), _assumptions(found)):
        if table.row_count:
            console.print(table)


def _equations(found: dict[str, Any]) -> Table:
    table = _table("population", "neurons", "in each step")
    for population in found["populations"]:
        table.add_row(population["name"], f"{population['size']:,}", population["equation"])
    return table


def _numbers(found: dict[str, Any]) -> Table:
    table = _table("population", "number", "value", "where it came from")
    for population in found["populations"]:
        name = population["name"]
        for number in population["numbers"]:
            table.add_row(name, number["name"], _range(number), number["origin"])
            name = ""
        for choice, origin in population["choices"].items():
            table.add_row(name, choice, "", origin)
    return table


def _projections(found: dict[str, Any]) -> Table:
    table = _table("projection", "targets × sources", "delay", "weights", "where they came from")
    for p in found["projections"]:
        weights = _range(p) + (f", {p['bits']} bits" if p["bits"] else "")
        steps = "" if not p["delay"] else f"{p['delay']} step{'s' * (p['delay'] > 1)}"
        name = f"{p['source']} → {p['target']}"
        table.add_row(name, _shape(p["shape"]), steps, weights, p["origin"])
    return table


def _assumptions(found: dict[str, Any]) -> Table:
    table = _table("stated or assumed")
    for assumption in found["assumptions"]:
        table.add_row(assumption)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _range(number: dict[str, Any]) -> str:
    lo, hi = number["lo"], number["hi"]
    return f"{lo:g}" if lo == hi else f"{lo:g} … {hi:g}"


def _shape(shape: list[int]) -> str:
    return " × ".join(str(n) for n in shape)

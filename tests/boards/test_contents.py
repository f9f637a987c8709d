"""What counts as contents of a design, and what as its logic."""

from __future__ import annotations

import pytest

from spikeloom.boards.contents import SB_RAM40_4K, first_difference, patch_netlist, read_rtlil
from spikeloom.hls_model.errors import ArtefactError

RTLIL = """\
module \\top.design.mem
  cell \\SB_RAM40_4K \\block0_0
    parameter \\INIT_0 256'0101
    parameter \\READ_MODE 0
  end
  cell \\OTHER_RAM \\other
    parameter \\INIT_0 256'0101
  end
end
"""


def test_contents_are_found_under_their_flat_name() -> None:
    assert read_rtlil(RTLIL) == {"design.mem.block0_0": {"INIT_0": "0101"}}


@pytest.mark.parametrize(("old", "new", "differs"), [
    ("0101", "1101", None),
    ("READ_MODE 0", "READ_MODE 1", "top.design.mem"),
    ("OTHER_RAM", "ANOTHER", "top.design.mem"),
    ("256'0101", "256'01010", "top.design.mem"),
])
def test_only_contents_of_known_blocks_may_differ(old: str, new: str, differs: str | None) -> None:
    assert first_difference(RTLIL, RTLIL.replace(old, new, 1)) == differs
    assert first_difference(RTLIL, RTLIL + "end\n") == "top.design.mem"


def test_other_cells_are_logic() -> None:
    head, tail = RTLIL.split("  cell \\OTHER")
    other = head + "  cell \\OTHER" + tail.replace("0101", "1101")
    assert first_difference(RTLIL, other) == "top.design.mem"


def test_a_netlist_without_the_block() -> None:
    with pytest.raises(ArtefactError, match=r"^the netlist is damaged .*; run `spikeloom synth"):
        patch_netlist('{"modules": {"top": {"cells": {}}}}', {"a": {"INIT_0": "1"}})


def test_contents_must_be_what_was_built() -> None:
    zero = {f"INIT_{n:X}": "0" for n in range(16)}
    ones = zero | {"INIT_0": "1"}
    block = SB_RAM40_4K()
    routed = ".ram_data 8 1\n" + block.words(zero) + "\n"
    places = {"a": "8 1"}
    assert dict(block.sections(block.exchange(routed, places, {"a": zero}, {"a": ones}))) == {
        "8 1": block.words(ones)
    }
    with pytest.raises(ArtefactError, match="does not hold what 'a' was built with"):
        block.exchange(routed, places, {"a": ones}, {"a": zero})
    with pytest.raises(ArtefactError, match="has no block 'b'"):
        block.exchange(routed, places, {"b": zero}, {"b": ones})


def test_lines_that_are_not_stated_are_zero() -> None:
    words = SB_RAM40_4K().words({"INIT_1": "101"}).splitlines()
    assert words == ["0" * 64, "0" * 63 + "5", *["0" * 64] * 14]

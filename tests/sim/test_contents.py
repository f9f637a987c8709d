"""Contents of memories as tables: the same contents."""

from __future__ import annotations

import re

import pytest

from spikeloom.sim.contents import tabulated


def block(values, width, name="cells", first=0):
    rows = (
        f"    {name}[{row}] = {width}'h{value:0{(width + 3) // 4}x};\n"
        for row, value in enumerate(values, first)
    )
    return f"  initial begin\n{''.join(rows)}  end\n"


def contents(verilog):
    """What the blocks in ``verilog`` assign, by name and row."""
    pattern = (
        r"  initial begin .*\n    localparam \[(\d+):0\] rows\$ = (\d+)'h([0-9a-f]+);\n"
        r"    for \(int row\$ = 0; row\$ < (\d+); row\$ = row\$ \+ 1\)\n"
        r"      (\S+ ?)\[(\d+) \+ row\$\] = rows\$\[(\d+)\*row\$\+:(\d+)\];\n  end .*\n"
    )
    found = {}
    for high, size, bits, rows, name, first, stride, width in re.findall(pattern, verilog):
        assert (int(size), stride) == (int(high) + 1, width)
        assert int(size) == int(rows) * int(width) <= 1 << 15
        for row in range(int(rows)):
            value = int(bits, 16) >> row * int(width) & ((1 << int(width)) - 1)
            found[name, int(first) + row] = value
    return found


@pytest.mark.parametrize(("width", "rows"), [(1, 16), (18, 1024), (36, 2000), (300, 130)])
def test_a_table_has_the_rows(width, rows):
    values = [row * 0x9E3779B97F4A7C15 % (1 << width) for row in range(rows)]
    text = "module top;\n" + block(values, width) + "endmodule\n"
    made = tabulated(text)
    assert contents(made) == {("cells", row): value for row, value in enumerate(values)}
    assert made.startswith("module top;\n  initial begin")
    assert made.endswith("\nendmodule\n")
    assert len(made) < len(text) or rows == 16


def test_names_and_first_rows_are_kept():
    text = block(range(20), 8, "\\a.b ", 5) + block(range(16), 8, "other")
    expected = {("\\a.b ", 5 + row): row for row in range(20)}
    assert contents(tabulated(text)) == expected | {("other", row): row for row in range(16)}


@pytest.mark.parametrize(
    "text",
    [
        block(range(15), 8),  # which a table makes longer
        block(range(40), 8).replace("8'h03", "8'hxx"),
        block(range(40), 8).replace("[3]", "[300]"),
        block(range(40), 8).replace("cells[3]", "other[3]"),
        block(range(40), 8).replace("= 8'h03", "= 4'h3"),
        block(range(40), 8).replace("  end", "    ready = 1;\n  end"),
    ],
)
def test_what_is_no_whole_table_stays(text):
    assert tabulated(text) == text

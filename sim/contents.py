"""Contents of memories as tables: compilers take their time over a statement per row."""

from __future__ import annotations

import re

__all__ = ["tabulated"]

_BLOCK = re.compile(r"^  initial begin\n((?:    (\S+) ?\[\d+\] = \d+'h[0-9a-f]+;\n)+)  end\n", re.M)
_ROW = re.compile(r"    (\S+ ?)\[(\d+)\] = (\d+)'h([0-9a-f]+);\n")

_TABLE_BITS = 1 << 15
"""Of one number: Verilator takes no more than four times as many."""

_FEWEST_ROWS = 16
"""For which a table is worth it."""


def tabulated(verilog: str) -> str:
    """``verilog``, as Yosys writes it, with memories filled from numbers of many rows each.

    What is not a block of whole rows in ascending order stays as it is.
    """
    return _BLOCK.sub(lambda block: _as_tables(block[1]) or block[0], verilog)


def _as_tables(block: str) -> str | None:
    names, numbers, widths, values = zip(*_ROW.findall(block), strict=True)
    first, count, width = int(numbers[0]), len(values), int(widths[0])
    ascending = list(map(int, numbers)) == list(range(first, first + count))
    if count < _FEWEST_ROWS or not ascending or len(set(names)) > 1 or len(set(widths)) > 1:
        return None
    each = max(1, _TABLE_BITS // width)
    return "".join(
        _table(names[0], first + start, width, values[start : start + each])
        for start in range(0, count, each)
    )


def _table(name: str, first: int, width: int, values: tuple[str, ...]) -> str:
    # No name of the design ends with `$`.
    bits = "".join(f"{int(value, 16):0{width}b}" for value in reversed(values))
    size = len(bits)
    return f"""\
  initial begin /* verilator tracing_off */
    localparam [{size - 1}:0] rows$ = {size}'h{int(bits, 2):x};
    for (int row$ = 0; row$ < {len(values)}; row$ = row$ + 1)
      {name}[{first} + row$] = rows$[{width}*row$+:{width}];
  end /* verilator tracing_on */
"""

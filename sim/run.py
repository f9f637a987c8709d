"""Runs a compiled bench in a process of its own and brings its outcome back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloom.hls_model.errors import ToolError
from spikeloom.sim.simulator import Simulator
from spikeloom.sim.verilator import TOP

__all__ = ["OPTIONS", "OUTCOME", "PROGRESS", "Outcome", "run"]

PROGRESS = "spikeloom-progress"
"""Begins each line that the harness prints about progress: samples and cycles so far."""

OPTIONS = "SPIKELOOM_BENCH_OPTIONS"
"""Environment variable: the bench's inputs and the number of its checkers, as JSON."""

OUTCOME = "SPIKELOOM_BENCH_OUTCOME"
"""Environment variable: the file that the harness writes its outcome to, as JSON."""


@dataclass(frozen=True)
class Outcome:
    """What a bench found.

    Attributes
    ----------
    samples, cycles : simulated
    seconds : that it took, from the first clock edge on
    stuck : nothing happened any more, and not all was compared
    checkers : per checker ``failed``, ``count``, ``expected`` and ``observed``
    """

    samples: int
    cycles: int
    seconds: float
    stuck: bool
    checkers: list[dict[str, Any]]


def run(
    simulator: Simulator,
    *,
    tapes: Mapping[str, Path],
    options: Mapping[str, int],
    waves: Path | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Let ``simulator`` play ``tapes``.

    Parameters
    ----------
    tapes : file of each tape and recorder, by name
    options : the bench's inputs and its number of ``checkers``
    waves : where to write an FST
    on_progress : called with the samples finished

    Raises
    ------
    ToolError
        If the simulator ends without an outcome.
    """
    with tempfile.TemporaryDirectory(prefix="spikeloom-") as folder:
        outcome = Path(folder) / "outcome.json"
        environment = _environment(Path(folder)) | {
            OPTIONS: json.dumps(dict(options)),
            OUTCOME: str(outcome),
        }
        command = [str(simulator.executable)]
        if waves is not None:
            command.append(f"+waves={waves.absolute()}")
        command += [f"+{name}={path}" for name, path in tapes.items()]
        log = _execute(command, environment, folder, on_progress)
        if not outcome.exists():
            raise ToolError(f"the simulator ended without a result: {' / '.join(log[-3:])}")
        return Outcome(**json.loads(outcome.read_text()))


def _execute(
    command: list[str],
    environment: dict[str, str],
    folder: str,
    on_progress: Callable[[int], None] | None,
) -> list[str]:
    """Run to the end; the lines that are not about progress."""
    log: list[str] = []
    with subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for line in process.stdout or ():
                if not line.startswith(PROGRESS):
                    log.append(line.strip())
                elif on_progress is not None:
                    on_progress(int(line.split()[1]))
        except BaseException:
            process.kill()
            raise
    return log


def _environment(folder: Path) -> dict[str, str]:
    """What cocotb needs to find Python, the harness and the bench."""
    import find_libpython
    from cocotb_tools import config

    library = find_libpython.find_libpython()
    if library is None:
        raise ToolError(
            "cosimulation needs Python's shared library, which this Python lacks; use a Python "
            "built with --enable-shared"
        )
    return os.environ | {
        "GPI_USERS": f"{library};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "COCOTB_TEST_MODULES": "spikeloom.sim.harness",
        "COCOTB_TOPLEVEL": TOP,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_RESULTS_FILE": str(folder / "results.xml"),
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "COCOTB_LOG_LEVEL": "ERROR",
        "COCOTB_ANSI_OUTPUT": "0",
    }

"""Running simulators: outcome, progress, and simulators that die."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from spikeloom.hls_model.errors import ToolError
from spikeloom.sim.run import OPTIONS, OUTCOME, PROGRESS, Outcome, run
from spikeloom.sim.simulator import Simulator


@pytest.fixture
def scripted(tmp_path):
    """A simulator that is a shell script."""

    def make(*lines):
        path = tmp_path / "simulator"
        path.write_text("\n".join(["#!/bin/sh", *lines]))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Simulator(path, waves=False)

    return make


def test_outcome_progress_and_arguments(scripted, tmp_path):
    found = {"samples": 2, "cycles": 30, "seconds": 0.5, "stuck": False, "checkers": []}
    simulator = scripted(
        f"echo {PROGRESS} 1 15",
        "echo a line of the log",
        f"echo {PROGRESS} 2 30",
        f'echo "$@" > {tmp_path}/arguments',
        f'echo "${OPTIONS}" > {tmp_path}/options',
        f"echo '{json.dumps(found)}' > ${OUTCOME}",
    )
    finished = []
    outcome = run(
        simulator,
        tapes={"play_i": tmp_path / "tape"},
        options={"gaps": 3},
        waves=tmp_path / "w.fst",
        on_progress=finished.append,
    )
    assert outcome == Outcome(**found)
    assert finished == [1, 2]
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments == [f"+waves={tmp_path / 'w.fst'}", f"+play_i={tmp_path / 'tape'}"]
    assert json.loads((tmp_path / "options").read_text()) == {"gaps": 3}


def test_simulator_that_dies_is_reported_with_its_last_lines(scripted):
    simulator = scripted("echo one", "echo two", "echo three >&2", "echo four", "kill -9 $$")
    with pytest.raises(
        ToolError, match=r"the simulator ended without a result: two / three / four$"
    ):
        run(simulator, tapes={}, options={})


def test_interruption_ends_the_simulator(scripted, tmp_path):
    simulator = scripted(f"echo $$ > {tmp_path}/pid", f"echo {PROGRESS} 1 1", "exec sleep 60")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(simulator, tapes={}, options={}, on_progress=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_waves_are_written_where_the_caller_is(scripted, tmp_path, monkeypatch):
    """The simulator runs in a folder of its own."""
    found = {"samples": 0, "cycles": 0, "seconds": 0.1, "stuck": False, "checkers": []}
    simulator = scripted(
        f'echo "$@" > {tmp_path}/arguments', f"echo '{json.dumps(found)}' > ${OUTCOME}"
    )
    monkeypatch.chdir(tmp_path)
    run(simulator, tapes={}, options={}, waves=Path("w.fst"))
    assert (tmp_path / "arguments").read_text().split() == [f"+waves={tmp_path / 'w.fst'}"]

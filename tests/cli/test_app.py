"""The command line's edges: help, versions, exit codes and the wording of errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = ("torch", "amaranth", "amaranth_boards", "cocotb", "numpy", "nir", "h5py", "rich")


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from spikeloom.cli.app import run; code = run(['build', '--help']);"
        f"loaded = [m for m in {HEAVY} if m in sys.modules]; print(code, loaded, file=sys.stderr)"
    )
    done = _python("-c", code)
    assert done.stderr.strip() == "0 []"
    assert "--weight-bits" in done.stdout


def test_import_of_spikeloom_loads_nothing_heavy():
    done = _python("-c", f"import sys, spikeloom; print([m for m in {HEAVY} if m in sys.modules])")
    assert done.stdout.strip() == "[]"


def test_help_names_every_command(spikeloom):
    from spikeloom.flow import STAGES

    out = spikeloom("--help").out
    for command in (*STAGES, "build", "flash", "boards", "doctor"):
        assert f"\n  {command} " in out


def test_without_a_command_help_is_shown(spikeloom):
    assert spikeloom().out == spikeloom("--help").out


def test_version(spikeloom):
    from importlib.metadata import version

    assert spikeloom("--version").out == f"spikeloom {version('spikeloom')}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build"], "Missing argument 'CHECKPOINT' (see `spikeloom build --help`)"),
        (["biuld"], "No such command 'biuld'. Did you mean 'build'? (see `spikeloom --help`)"),
        (["cosim"], "Missing argument 'DIR' (see `spikeloom cosim --help`)"),
        (["boards", "--quick"], "No such option: --quick (see `spikeloom boards --help`)"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(spikeloom, arguments, message):
    outcome = spikeloom(*arguments)
    assert outcome.code == 2
    assert outcome.err == f"error: {message}\n"


@pytest.mark.parametrize("option", [["--weight-bits", "9"], ["--lanes", "0"], ["--to", "fly"]])
def test_options_out_of_range_are_wrong_usage(spikeloom, tmp_path, option):
    common = ["build", "m.nir", "--board", "hx8k-evn", "--out", tmp_path / "out"]
    outcome = spikeloom(*common, *option)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: Invalid value for '{option[0]}'")
    assert outcome.err.count("\n") == 1


def test_errors_are_one_line_without_a_traceback(spikeloom, tmp_path):
    outcome = spikeloom("reference", tmp_path / "nothing")
    assert outcome.code == 1
    path = tmp_path / "nothing" / "network.npz"
    assert outcome.err == f"error: {path} does not exist; run `spikeloom quantize` first\n"


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_traceback_wherever_it_is_given(spikeloom, tmp_path, place):
    arguments = ["reference", tmp_path / "nothing"]
    arguments.insert(0 if place == "before" else 2, "--debug")
    outcome = spikeloom(*arguments)
    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: ")


def test_unexpected_exceptions_ask_for_debug(spikeloom, chain, checkpoint, tmp_path):
    chain.fail["import"] = ValueError("a\nb")
    outcome = spikeloom("import", checkpoint, "--out", tmp_path / "out")
    assert outcome.code == 1
    assert outcome.err == (
        "error: unexpected ValueError: a b; run again with --debug and report the traceback\n"
    )


def test_unknown_board_names_the_nearest_before_anything_runs(spikeloom, chain, tmp_path):
    out = tmp_path / "out"
    outcome = spikeloom("build", "m.nir", "--board", "hx8k", "--out", out)
    assert (outcome.code, chain.calls) == (1, [])
    assert outcome.err == "error: unknown board 'hx8k': did you mean 'hx8k-evn'?\n"
    assert not out.exists()


def test_interrupt_keeps_what_is_finished(spikeloom, chain, checkpoint, tmp_path):
    common = ["build", checkpoint, "--board", "hx8k-evn", "--out", tmp_path / "out"]
    chain.fail["generate"] = KeyboardInterrupt()
    outcome = spikeloom(*common)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == (
        "error: interrupted; finished stages are kept, run again to continue"
    )
    del chain.fail["generate"]
    chain.calls.clear()
    assert spikeloom(*common).code == 0
    assert "import" not in chain.calls
    assert "quantize" not in chain.calls


def test_interrupt_of_the_process(tmp_path, network):
    network.save(tmp_path / "network.npz")
    # Stands for any long computation: the signal comes from outside.
    code = (
        "import time, spikeloom.flow.stages as s; s.simulate = lambda *a, **k: time.sleep(60);"
        "import sys; from spikeloom.cli.app import run; print('ready', flush=True);"
        f"sys.exit(run(['reference', {str(tmp_path)!r}]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background inherit that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.startswith("error: interrupted")
    assert sorted(os.listdir(tmp_path)) == ["network.npz"]


def test_output_that_cannot_be_written(spikeloom, chain, checkpoint, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    out = blocked / "out"
    outcome = spikeloom("build", checkpoint, "--board", "hx8k-evn", "--out", out)
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith(f"error: {out}")
    assert "cannot be written" in outcome.err
    assert blocked.read_text() == "not a folder"


def test_reader_that_closes_the_pipe():
    done = subprocess.run(
        f"{sys.executable} -m spikeloom boards | head -1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_boards_lists_all(spikeloom):
    from spikeloom.boards import BOARDS

    out = spikeloom("boards").out
    assert [line.split()[0] for line in out.splitlines()[3:] if line.strip()] == list(BOARDS)


@pytest.mark.parametrize(("found", "code"), [(True, 0), (False, 1)])
def test_doctor_fails_if_something_needed_is_missing(spikeloom, monkeypatch, found, code):
    from spikeloom.boards import Check

    check = Check("yosys", found, None, "/usr/bin/yosys", True, "synthesises", "pip install yosys")
    monkeypatch.setattr("spikeloom.boards.diagnose", lambda: [check])
    outcome = spikeloom("doctor")
    assert outcome.code == code
    assert ("pip install yosys" in outcome.out) is not found


def test_flash_without_a_bitstream(spikeloom, tmp_path: Path):
    outcome = spikeloom("flash", tmp_path)
    assert outcome.code == 1
    assert outcome.err == (
        f"error: {tmp_path / 'synth' / 'build.json'} does not exist; run `spikeloom synth` first\n"
    )

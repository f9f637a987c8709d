"""What a run shows on stderr, with and without a terminal."""

from __future__ import annotations

import pytest

from spikeloom.cli.progress import Display


def run(display):
    with display:
        display.skipped("import")
        display.started("cosim", "lanes changed")
        display.advanced("cosim", done=3, total=10)
        display.advanced("cosim", "compiling [1/2]")
        display.noted("cosim", "state [0, 1]")
        display.finished("cosim", 12.34)


def test_without_a_terminal_there_is_a_line_per_stage(capsys):
    run(Display())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "import     unchanged",
        "cosim      note: state [0, 1]",
        "cosim         12.3 s",
    ]


def test_a_terminal_shows_the_running_stage(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    run(Display())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cosim" in captured.err
    assert "12.3 s" in captured.err


def test_an_error_ends_the_display():
    display = Display()

    def fail():
        with display:
            display.started("cosim", "first run")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert not display._live.live.is_started

"""Compiling simulators: the cache, its key, what is missing, and several builds at once."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spikeloom.hls_model.errors import ToolError
from spikeloom.sim import verilator
from spikeloom.sim.simulator import build
from spikeloom.sim.verilator import TOP, cache_folder

VERILOG = """\
module bench(input clk, input rst, output reg [3:0] count, output finished);
  initial count = 0;
  assign finished = &count;
  always @(posedge clk) count <= count + 1;
endmodule
"""


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    """An empty cache but for the objects of Verilator's runtime, which take long."""
    build(VERILOG)
    objects = cache_folder() / "objects"
    shutil.copytree(objects, tmp_path / "cache" / "objects")
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def commands(monkeypatch):
    """Names of the tools that builds run."""
    names = []
    run = verilator._run

    def recording(command, work):
        names.append(Path(command[0]).name)
        run(command, work)

    monkeypatch.setattr(verilator, "_run", recording)
    return names


def test_compiles_once_per_content(fresh_cache, commands):
    first = build(VERILOG)
    assert commands == ["verilator_bin", "make"]
    assert os.access(first.executable, os.X_OK)
    assert first.executable.parent.parent == fresh_cache / "simulators"
    again = build(VERILOG)
    assert again.executable == first.executable
    assert commands == ["verilator_bin", "make"]
    other = build(VERILOG.replace("+ 1", "+ 3"))
    assert other.executable != first.executable
    assert commands == 2 * ["verilator_bin", "make"]
    # Nothing is left of the builds.
    assert all(f.name == f.name.lstrip(".") for f in (fresh_cache / "simulators").iterdir())


def test_waves_need_a_simulator_of_their_own():
    plain, waves = build(VERILOG), build(VERILOG, waves=True)
    assert plain.executable != waves.executable
    assert (plain.waves, waves.waves) == (False, True)


def test_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("SPIKELOOM_CACHE", "here")
    assert cache_folder() == Path("here")
    monkeypatch.delenv("SPIKELOOM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "there")
    assert cache_folder() == Path("there/spikeloom")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "spikeloom"


@pytest.mark.parametrize("missing", ["g++", "make", "perl"])
def test_missing_tools_are_named(missing, tmp_path, monkeypatch):
    for tool in {"g++", "make", "perl"} - {missing}:
        (tmp_path / tool).symlink_to(shutil.which(tool))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "cache"))
    verilator._toolchain_key.cache_clear()
    try:
        with pytest.raises(ToolError) as caught:
            build(VERILOG)
    finally:
        verilator._toolchain_key.cache_clear()
    assert str(caught.value) == (
        f"simulation needs {missing.replace('.', '')}, which is not on the PATH; install it, "
        "for instance with `apt install g++ make perl`"
    )


def test_verilog_that_does_not_compile_is_reported_in_one_line(fresh_cache):
    with pytest.raises(
        ToolError, match=r"verilator_bin failed while compiling the simulator: %Error: .*design.v:4"
    ) as caught:
        build(VERILOG.replace("count + 1", "nonsense("))
    assert "\n" not in str(caught.value)
    assert list((fresh_cache / "simulators").iterdir()) == []


def test_cache_that_is_no_folder(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        ToolError,
        match=r"the simulator cannot be kept in .*/file/simulators \(.+\); set SPIKELOOM_CACHE to "
        "a folder with room",
    ):
        build(VERILOG)


def test_full_disk(fresh_cache, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(verilator.Path, "write_text", refuse)
    with pytest.raises(ToolError, match=r"\(No space left on device\); set SPIKELOOM_CACHE"):
        build(VERILOG)
    assert list((fresh_cache / "simulators").iterdir()) == []


def test_builds_at_the_same_time_do_not_clash(fresh_cache):
    program = f"from spikeloom.sim.simulator import build; print(build({VERILOG!r}).executable)"
    environment = os.environ | {"SPIKELOOM_CACHE": str(fresh_cache)}
    builds = [
        subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = {b.communicate()[0].strip() for b in builds}
    assert [b.returncode for b in builds] == [0, 0]
    [executable] = outputs
    assert os.access(executable, os.X_OK)
    assert [f.name for f in (fresh_cache / "simulators").iterdir()] == [
        Path(executable).parent.name
    ]
    assert Path(executable).name == TOP

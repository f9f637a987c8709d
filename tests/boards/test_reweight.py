"""Patched bitstreams: byte for byte those of a full build, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.reweight import reweight
from spikeloom.boards.toolchain import synthesise
from spikeloom.hls_model.errors import ArtefactError, BoardError, FitError

FILES = {"hx8k-evn": ("top.bin", "top.asc"), "ulx3s-25f": ("top.bit", "top.config")}


@pytest.mark.parametrize("name", FILES)
def test_the_bytes_are_those_of_a_full_build(
    name: str, lookup: Any, built_lookup: Any, tmp_path: Path,
) -> None:
    board, built, steps = BOARDS[name], built_lookup(name), []
    full = synthesise(lookup(5), board, tmp_path / "full", target_mhz=board.clock_mhz * 2)
    result = reweight(
        lookup(5), board, built, tmp_path / "new", progress=steps.append)

    assert steps == list(result.seconds) == ["elaborate", "patch", "pack"]
    for file in (*FILES[name], "top.il", "blocks.json"):
        new, old = ((tmp_path / folder / file).read_bytes() for folder in ("new", "full"))
        assert new == old, file
    # Yosys names library modules after a hash of their parameters.
    new, old = (cells(tmp_path / folder / "top.json") for folder in ("new", "full"))
    assert new == old
    bitstream = FILES[name][0]
    assert (tmp_path / "new" / bitstream).read_bytes() != (built / bitstream).read_bytes()
    assert json.loads((tmp_path / "new" / "build.json").read_text()) == result.to_dict()
    assert (result.fmax_mhz, result.resources) == (full.fmax_mhz, full.resources)

    # A patched bitstream can be patched again, and back.
    reweight(lookup(3), board, tmp_path / "new", tmp_path / "back")
    for file in FILES[name]:
        assert (tmp_path / "back" / file).read_bytes() == (built / file).read_bytes()


def cells(netlist: Path) -> Any:
    return json.loads(netlist.read_text())["modules"]["top"]["cells"]


@pytest.fixture
def built(built_lookup: Any) -> Any:
    return built_lookup("hx8k-evn")


def test_other_logic_is_refused(built: Path, lookup: Any, tmp_path: Path) -> None:
    with pytest.raises(FitError) as error:
        reweight(lookup(3, invert=True), BOARDS["hx8k-evn"], built, tmp_path / "new")
    assert str(error.value) == (
        f"the bitstream in {built} has other logic in top.design, by another network or another "
        "version of Spikeloom; run `spikeloom build`"
    )
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize(("file", "message"), [
    ("blocks.json", "blocks.json is missing or damaged, which reweighting needs; "),
    ("top.asc", "the routed design does not hold what 'design.deep.block0_0' was built with; "),
])
def test_a_build_that_is_incomplete_or_changed(
    file: str, message: str, built: Path, lookup: Any, tmp_path: Path,
) -> None:
    folder = tmp_path / "built"
    folder.mkdir()
    for path in built.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    if file == "blocks.json":
        (folder / file).unlink()
    else:
        place = json.loads((folder / "blocks.json").read_text())["design.deep.block0_0"]
        text = (folder / file).read_text()
        start = text.index(f".ram_data {place}\n") + len(f".ram_data {place}\n")
        flipped = "1" if text[start] != "1" else "2"
        (folder / file).write_text(text[:start] + flipped + text[start + 1 :])
    top = lookup(5) if file == "top.asc" else None
    with pytest.raises(ArtefactError) as error:
        reweight(top, BOARDS["hx8k-evn"], folder, tmp_path / "new")
    assert message in str(error.value)
    assert str(error.value).endswith("run `spikeloom synth --force`")


def test_gowin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoardError) as error:
        reweight(None, BOARDS["tangnano9k"], tmp_path, tmp_path / "new")
    assert str(error.value) == (
        "a bitstream of tangnano9k cannot take other weights: its block RAMs are chosen by Yosys, "
        "which may use what they hold; run `spikeloom build`"
    )

"""Patched bitstreams: byte for byte those of a full build, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Cat, Elaboratable, Module, Signal
from amaranth.lib import io

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.reweight import reweight
from spikeloom.boards.toolchain import synthesise
from spikeloom.hls_model.errors import ArtefactError, BoardError, FitError
from spikeloom.rtl.memory import RowMemory


class Lookup(Elaboratable):
    """Two memories, narrow and wide, deep and shallow, addressed by what comes in."""

    def __init__(self, deep: list[int], wide: list[int], invert: bool = False) -> None:
        self._contents = deep, wide
        self._invert = invert

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        received = Signal(11)
        m.d.sync += received.eq(Cat(rx.i, received))
        parities = []
        for name, rows, width in zip(("deep", "wide"), self._contents, (3, 40), strict=True):
            m.submodules[name] = memory = RowMemory(rows, width)
            m.d.comb += memory.address.eq(received)
            parities.append(memory.data.xor())
        m.d.comb += tx.o.eq(parities[0] ^ parities[1] ^ self._invert)
        return m


def design(seed: int, invert: bool = False) -> Lookup:
    deep = [(seed * row * row) % 8 for row in range(1100)]
    wide = [0, *((seed * 0x9E37_79B9_7F4A * row) % (1 << 40) for row in range(7))]
    return Lookup(deep, wide, invert)


FILES = {"hx8k-evn": ("top.bin", "top.asc"), "ulx3s-25f": ("top.bit", "top.config")}


@pytest.mark.parametrize("name", FILES)
def test_the_bytes_are_those_of_a_full_build(name: str, tmp_path: Path) -> None:
    board, steps = BOARDS[name], []
    built = synthesise(design(3), board, tmp_path / "built", target_mhz=board.clock_mhz * 2)
    full = synthesise(design(5), board, tmp_path / "full", target_mhz=board.clock_mhz * 2)
    result = reweight(
        design(5), board, tmp_path / "built", tmp_path / "new", progress=steps.append)

    assert steps == list(result.seconds) == ["elaborate", "patch", "pack"]
    for file in (*FILES[name], "top.il", "blocks.json"):
        new, old = ((tmp_path / folder / file).read_bytes() for folder in ("new", "full"))
        assert new == old, file
    # Yosys names library modules after a hash of their parameters.
    new, old = (cells(tmp_path / folder / "top.json") for folder in ("new", "full"))
    assert new == old
    assert (tmp_path / "new" / built.bitstream).read_bytes() != (
        tmp_path / "built" / built.bitstream).read_bytes()
    assert json.loads((tmp_path / "new" / "build.json").read_text()) == result.to_dict()
    assert (result.fmax_mhz, result.resources) == (full.fmax_mhz, full.resources)

    # A patched bitstream can be patched again, and back.
    reweight(design(3), board, tmp_path / "new", tmp_path / "back")
    for file in FILES[name]:
        assert (tmp_path / "back" / file).read_bytes() == (tmp_path / "built" / file).read_bytes()


def cells(netlist: Path) -> Any:
    return json.loads(netlist.read_text())["modules"]["top"]["cells"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    synthesise(design(3), BOARDS["hx8k-evn"], folder, target_mhz=24)
    return folder


def test_other_logic_is_refused(built: Path, tmp_path: Path) -> None:
    with pytest.raises(FitError) as error:
        reweight(design(3, invert=True), BOARDS["hx8k-evn"], built, tmp_path / "new")
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
    file: str, message: str, built: Path, tmp_path: Path,
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
    top = design(5) if file == "top.asc" else None
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

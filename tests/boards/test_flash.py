from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.flash import flash
from spikeloom.hls_model.errors import ArtefactError, BoardError, ToolError

SUFFIX = {
    "ulx3s-25f": ".bit", "ulx3s-85f": ".bit", "orangecrab": ".bit",
    "tangnano9k": ".fs", "tangnano20k": ".fs",
}


def bitstream(folder: Path, name: str) -> Path:
    file = folder / f"top{SUFFIX.get(name, '.bin')}"
    file.write_bytes(b"bits")
    return file


@pytest.mark.parametrize(("name", "persist", "arguments", "where"), [
    ("icebreaker", False, "", "persistent"),
    ("icebreaker", True, "", "persistent"),
    ("hx8k-evn", False, "-S ", "volatile"),
    ("hx8k-evn", True, "", "persistent"),
    ("ulx3s-25f", False, "-b ulx3s -m ", "volatile"),
    ("ulx3s-85f", True, "-b ulx3s -f --verify ", "persistent"),
    ("tangnano9k", False, "-b tangnano9k ", "volatile"),
    ("tangnano9k", True, "-b tangnano9k -f ", "persistent"),
    ("tangnano20k", False, "-b tangnano20k ", "volatile"),
    ("orangecrab", False, "-d 1209:5af0 -a 0 -D ", "persistent"),
])
def test_each_board_has_its_programmer(
    name: str, persist: bool, arguments: str, where: str, scripts: Any, tmp_path: Path,
) -> None:
    board = BOARDS[name]
    scripts(board.programmer.tool, f'echo "$*" > {tmp_path}/called')
    file = bitstream(tmp_path, name)
    assert flash(board, file, persist=persist) == where
    assert (tmp_path / "called").read_text() == f"{arguments}{file}\n"


def test_further_options_come_first(scripts: Any, tmp_path: Path) -> None:
    scripts("openFPGALoader", f'echo "$*" > {tmp_path}/called')
    file = bitstream(tmp_path, "ulx3s-25f")
    flash(BOARDS["ulx3s-25f"], file, options=["-c", "xvc-client"])
    assert (tmp_path / "called").read_text() == f"-c xvc-client -b ulx3s -m {file}\n"


@pytest.mark.parametrize(("name", "message"), [
    ("hx8k-evn", ("iceprog not found, which programs hx8k-evn: Debian package fpga-icestorm, or "
                 "github.com/YosysHQ/icestorm")),
    ("ulx3s-25f", ("openFPGALoader not found, which programs ulx3s-25f: Debian package "
                  "openfpgaloader, or github.com/trabucayre/openFPGALoader")),
])
def test_missing_programmer(name: str, message: str, scripts: Any, tmp_path: Path) -> None:
    with pytest.raises(ToolError) as error:
        flash(BOARDS[name], bitstream(tmp_path, name))
    assert str(error.value) == message


@pytest.mark.parametrize(("name", "body", "message"), [
    ("icebreaker",
     ("echo init..; echo \"Can't find iCE FTDI USB device (vendor_id 0x0403).\"; echo ABORT.; "
     "exit 2"),
     ("no icebreaker found: is it plugged in, and may this user open it? (iceprog, exit code 2: "
     "Can't find iCE FTDI USB device (vendor_id 0x0403).)")),
    ("ulx3s-25f",
     ("echo 'unable to open ftdi device: -3 (device not found)' >&2; "
     "echo 'JTAG init failed with: unable to open ftdi device' >&2; exit 1"),
     ("no ulx3s-25f found: is it plugged in, and may this user open it? (openFPGALoader, exit "
     "code 1: unable to open ftdi device: -3 (device not found))")),
    ("orangecrab",
     "echo 'No DFU capable USB device available' >&2; exit 74",
     ("no orangecrab found: is it plugged in, and may this user open it? Hold its button while "
     "plugging it in, which starts the boot loader. (dfu-util, exit code 74: No DFU capable USB "
     "device available)")),
    ("ulx3s-25f",
     "printf 'Loading: [==] 50%%\\rLoading: [====] 100%%\\nFAIL\\n'; exit 1",
     "openFPGALoader could not program ulx3s-25f (exit code 1: FAIL)"),
    ("tangnano9k", "exit 1",
     "openFPGALoader could not program tangnano9k (exit code 1: it said nothing)"),
    ("hx8k-evn", "echo 'cdone: high'; echo 'reset..'; echo 'cdone: low'; echo Bye.",
     "hx8k-evn did not start from its bitstream (cdone stays low): are its jumpers set for SRAM?"),
])
def test_what_the_board_does_wrong(
    name: str, body: str, message: str, scripts: Any, tmp_path: Path,
) -> None:
    board = BOARDS[name]
    scripts(board.programmer.tool, body)
    with pytest.raises(BoardError) as error:
        flash(board, bitstream(tmp_path, name))
    assert str(error.value) == message


def test_no_bitstream(tmp_path: Path) -> None:
    file = tmp_path / "top.bin"
    with pytest.raises(ArtefactError) as error:
        flash(BOARDS["hx8k-evn"], file)
    assert str(error.value) == f"no bitstream at {file}: run `spikeloom build` first"


def test_another_familys_bitstream(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"^ulx3s-25f takes a \.bit bitstream, not top\.bin$"):
        flash(BOARDS["ulx3s-25f"], bitstream(tmp_path, "hx8k-evn"))

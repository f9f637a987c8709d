"""Flashing for real: openFPGALoader and an ECP5 that is a socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xvc import FakeECP5

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.flash import flash
from spikeloom.boards.tools import find_program
from spikeloom.hls_model.errors import BoardError

pytestmark = pytest.mark.skipif(
    find_program("openFPGALoader") is None, reason="needs openFPGALoader (Debian openfpgaloader)"
)

BOARD = BOARDS["ulx3s-25f"]
PREAMBLE = b"\xff\xff\xff\xbd\xb3"   # FPGA-TN-02039; what comes before is comment


@pytest.fixture
def bitstream(built_lookup: Any) -> Any:
    return built_lookup(BOARD.name) / "top.bit"


def cable(port: int) -> list[str]:
    return ["-c", "xvc-client", "--ip", "127.0.0.1", "--port", str(port)]


def test_every_byte_arrives(bitstream: Path) -> None:
    with FakeECP5() as device:
        assert flash(BOARD, bitstream, options=cable(device.port)) == "volatile"
    content = bitstream.read_bytes()
    assert device.received == content[content.index(PREAMBLE):]
    assert len(device.received) > 50_000


def test_a_device_that_finds_a_wrong_checksum(bitstream: Path) -> None:
    with FakeECP5(configures=False) as device, pytest.raises(BoardError) as error:
        flash(BOARD, bitstream, options=cable(device.port))
    assert str(error.value) == (
        "openFPGALoader could not program ulx3s-25f (exit code 1: Error: Failed to program FPGA: "
        "std::exception)"
    )


def test_nobody_listens(bitstream: Path) -> None:
    with FakeECP5() as device:
        port = device.port
    with pytest.raises(BoardError, match=r"^(no ulx3s-25f found|openFPGALoader could not program)"):
        flash(BOARD, bitstream, options=cable(port))

from __future__ import annotations

import subprocess
import sys

import pytest

from spikeloom.boards.catalog import BOARDS, find_board
from spikeloom.hls_model.errors import BoardError


def test_boards_are_listed_under_their_names() -> None:
    assert list(BOARDS) == [
        "icebreaker", "hx8k-evn", "ulx3s-25f", "ulx3s-85f", "tangnano9k", "orangecrab",
        "tangnano20k",
    ]
    assert all(board.name == name for name, board in BOARDS.items())


@pytest.mark.parametrize("name", BOARDS)
def test_platform_agrees_with_the_entry(name: str) -> None:
    board = BOARDS[name]
    platform = board.platform()
    assert platform.default_clk_frequency == board.clock_mhz * 1e6
    assert platform.resources["uart", 0]
    if board.device.family == "gowin":
        assert platform.part == board.device.part
    else:
        assert board.device.part.lower().startswith(platform.device.lower())


@pytest.mark.parametrize(("wrong", "message"), [
    ("ulx3s-25", "unknown board 'ulx3s-25': did you mean 'ulx3s-25f'?"),
    ("IceBreaker", "unknown board 'IceBreaker': did you mean 'icebreaker'?"),
    ("zzz", ("unknown board 'zzz': choose one of icebreaker, hx8k-evn, ulx3s-25f, ulx3s-85f, "
            "tangnano9k, orangecrab, tangnano20k")),
])
def test_unknown_board_names_the_nearest(wrong: str, message: str) -> None:
    with pytest.raises(BoardError) as error:
        find_board(wrong)
    assert str(error.value) == message


def test_listing_boards_does_not_import_amaranth() -> None:
    code = (
        "import sys, spikeloom.boards.catalog, spikeloom.boards.toolchain, "
        "spikeloom.boards.flash, spikeloom.boards.doctor;"
        "sys.exit('amaranth' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""An image as LOAD frames: in order, within the window, complete only when the board says so."""

from __future__ import annotations

import pytest

from spikeloom.boards.loading import Load
from spikeloom.boards.transfer import LinkFault, Numbers
from spikeloom.hls_model import Range
from spikeloom.rtl.protocol import Command, Description, Fault, Identity, Kind, decode_frame
from spikeloom.rtl.tokens import TokenFormat

STREAM = TokenFormat(4, Range(0, 1))
BOARD = Description(Identity(1, "b", 1_000_000), 256, STREAM, STREAM)


def sent(load):
    return [decode_frame(code) for code in load.frames().split(b"\0")[:-1]]


def test_an_image_goes_in_pieces_within_the_window():
    image = bytes(range(256)) * 2
    load = Load(BOARD, image, numbers := Numbers(write=254))
    received, first, last = b"", True, None
    while not load.is_done:
        frames = sent(load)
        assert sum(len(body) + 6 for _, _, body in frames) <= BOARD.window
        assert not sent(load)
        for kind, tag, body in frames:
            assert kind == Command.LOAD
            assert (body[0] == 1) == first
            first = False
            received += body[1:]
            assert last is None or tag == (last + 1) % 256
            last = tag
            load.accept(Kind.LOAD, tag, bytes([received == image]))
    assert received == image
    assert load.is_complete
    assert numbers.write == (last + 1) % 256


def test_output_of_before_is_ignored_and_faults_are_not():
    load = Load(BOARD, bytes(20), Numbers())
    assert len(sent(load)) == 1
    load.accept(Kind.OUTPUT, 0, b"\x81")
    with pytest.raises(LinkFault, match="the board reports the fault WEIGHTS"):
        load.accept(Kind.ERROR, 0, bytes([Fault.WEIGHTS]))
    with pytest.raises(LinkFault, match="an answer was lost"):
        load.accept(Kind.LOAD, 3, b"\0")
    load.accept(Kind.LOAD, 0, b"\0")
    assert load.is_done
    assert not load.is_complete

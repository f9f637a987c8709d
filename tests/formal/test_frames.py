"""The link's decoder, for every sequence of bytes."""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.hdl import Assert, Module, Signal
from proving import MISSING, holds

from spikeloom.rtl.frames import FrameDecoder
from spikeloom.rtl.protocol import Fault

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")


MOST = 6
"""Bytes of a payload, instead of 128: so that the solver reaches the limit in a few cycles."""


@pytest.fixture(autouse=True)
def _short_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeloom.rtl.frames.MAX_PAYLOAD", MOST)


class Bounded:
    """Never a byte beyond a frame, and a frame is good only if all of it is there.

    The shadow counts what the current frame has given, and how much of its COBS run is left.
    """

    def __init__(self, decoder: FrameDecoder) -> None:
        self._decoder = decoder
        self.inputs: list[Signal] = []

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.decoder = decoder = self._decoder
        strobe, code = Signal(), Signal(8)
        self.inputs += [strobe, code]
        m.d.comb += [decoder.strobe.eq(strobe), decoder.code.eq(code)]
        given, left, inside = Signal(9), Signal(8), Signal()
        with m.If(strobe):
            m.d.sync += [
                inside.eq(code != 0),
                given.eq(given + decoder.write),
                left.eq(left - 1),
            ]
            with m.If((left == 0) | ~inside):
                m.d.sync += left.eq(code - 1)
            with m.If(~inside | (code == 0)):
                m.d.sync += given.eq(0)
            with m.If(code == 0):
                m.d.sync += left.eq(0)
        with m.If(decoder.fault == Fault.TIMEOUT):
            m.d.sync += [inside.eq(0), given.eq(0), left.eq(0)]
        m.d.comb += [
            Assert(decoder.first == ~inside),
            # One byte too many is what tells that a frame is too long.
            Assert(given <= MOST + 1),
            Assert(~decoder.good | (given <= MOST)),
            # The delimiter is no byte of a frame, nor is the code before the first one.
            Assert(~decoder.write | (strobe & (code != 0) & inside)),
            Assert(~decoder.good | (strobe & (code == 0) & inside)),
            Assert(~decoder.good | ((given >= 4) & (decoder.length == given - 2))),
            Assert(~decoder.good | (left == 0)),
            Assert(~(decoder.good & (decoder.fault != 0))),
        ]
        return m


class Endless(FrameDecoder):
    """A decoder that forgets how long a frame has become."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.write.eq(self.strobe & (self.code != 0) & ~self.first)
        return m


def test_nothing_beyond_a_frame(tmp_path):
    assert holds(Bounded(FrameDecoder(timeout=8)), tmp_path, depth=12)


def test_a_planted_bug_is_found(tmp_path):
    assert not holds(Bounded(Endless(timeout=8)), tmp_path, depth=10)

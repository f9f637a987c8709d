# amaranth: UnusedElaboratable=no
"""Frames in gateware against the codec in Python, on random payloads and random gaps."""

import random

import pytest
from amaranth.sim import Simulator
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spikeloom.rtl.frames import FrameReader, FrameWriter
from spikeloom.rtl.protocol import MAX_BODY, Fault, decode_frame, encode_frame

# Zeros, and long runs without, are what COBS is about.
BODIES = st.one_of(
    st.binary(max_size=MAX_BODY),
    st.lists(st.sampled_from([0, 0, 1, 255]), max_size=MAX_BODY).map(bytes),
    st.just(b"\x55" * MAX_BODY),
    st.just(bytes(MAX_BODY)),
)
FRAMES = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), BODIES), max_size=6)

# A simulation takes a second: a failing example is shown as it was found.
QUICK = settings(deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))


def write(frames, gaps, seed):
    """What a FrameWriter makes of frames; ``gaps``: how often each side is not ready."""
    dut = FrameWriter()
    generator = random.Random(seed)
    sent = bytearray()

    async def feed(ctx):
        for kind, tag, body in frames:
            for end, byte in [(0, kind), (0, tag), *((0, byte) for byte in body), (1, 0xEE)]:
                while generator.random() < gaps:
                    await ctx.tick()
                ctx.set(dut.i.payload, {"data": byte, "end": end})
                ctx.set(dut.i.valid, 1)
                await ctx.tick().until(dut.i.ready)
                ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(20)
        for _ in range(5000):
            if ctx.get(dut.idle):
                break
            await ctx.tick()

    async def listen(ctx):
        while True:
            ctx.set(dut.o.ready, generator.random() >= gaps)
            _, _, valid, ready, byte = await ctx.tick().sample(
                dut.o.valid, dut.o.ready, dut.o.payload)
            if valid and ready:
                sent.append(byte)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(feed)
    sim.add_testbench(listen, background=True)
    sim.run()
    return bytes(sent)


@settings(QUICK, max_examples=8)
@given(FRAMES, st.sampled_from([0.0, 0.5]), st.integers(0, 99))
def test_the_writer_is_the_codec(frames, gaps, seed):
    assert write(frames, gaps, seed) == b"".join(encode_frame(*frame) for frame in frames)


def test_the_writer_waits_for_the_line():
    frames = [(1, number, bytes([number]) * MAX_BODY) for number in range(5)]
    assert write(frames, 0.8, 1) == b"".join(encode_frame(*frame) for frame in frames)


def read(line, *, again=0, release_after=0, tail=400, constant=b"\7", window=256, timeout=1 << 10):
    """Frames and faults that a FrameReader gives for bytes of the line (None: 2 timeouts)."""
    dut = FrameReader(window, constant, timeout)
    frames, faults = [], []

    async def feed(ctx):
        for byte in line:
            if byte is None:
                await ctx.tick().repeat(2 * timeout)
                continue
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(tail + release_after)

    async def play(ctx):
        if release_after:
            await ctx.tick().repeat(release_after)
        ctx.set(dut.o.ready, 1)
        frame, times = bytearray(), 0
        while True:
            _, _, valid, item, done = await ctx.tick().sample(dut.o.valid, dut.o.payload, dut.done)
            if valid:
                frame.append(item.data)
                if item.last:
                    frames.append(bytes(frame))
                    frame.clear()
                    times += 1
            elif done:
                verdict = dut.again if times <= again else dut.release
                if verdict is dut.release:
                    times = 0
                ctx.set(verdict, 1)
                await ctx.tick()
                ctx.set(verdict, 0)

    async def report(ctx):
        ctx.set(dut.fault.ready, 1)
        while True:
            _, _, valid, fault = await ctx.tick().sample(dut.fault.valid, dut.fault.payload)
            if valid:
                faults.append(Fault(fault))

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(feed)
    sim.add_testbench(play, background=True)
    sim.add_testbench(report, background=True)
    sim.run()
    return frames, faults


def payload(frame):
    return bytes(frame[:2]) + frame[2]


@settings(QUICK, max_examples=8)
@given(FRAMES)
def test_the_reader_is_the_codec(frames):
    line = b"".join(encode_frame(*frame) for frame in frames)
    # At 4 bytes per cycle of the player nothing may pile up: the window is wide enough for all.
    assert read(line, window=1024, tail=4 * len(line) + 50) == ([*map(payload, frames)], [])


@settings(QUICK, max_examples=6)
@given(st.lists(st.one_of(st.binary(max_size=60), BODIES.map(lambda b: encode_frame(2, 0, b)))))
def test_the_reader_finds_the_frames_in_garbage(pieces):
    line = b"".join(piece + b"\0" for piece in pieces)[:600]
    expected = []
    for code in line.split(b"\0")[:-1]:
        try:
            kind, tag, body = decode_frame(code)
        except ValueError:
            continue
        expected.append(bytes([kind, tag]) + body)
    frames, faults = read(line, window=1024, tail=4 * len(line) + 2000, timeout=1 << 13)
    assert frames == expected
    bad = sum(bool(code) for code in line.split(b"\0")[:-1]) - len(expected)
    assert (len(faults) > 0) == (bad > 0)
    assert set(faults) <= {Fault.FRAME, Fault.CRC}


def test_a_frame_is_played_as_often_as_asked():
    frames = [(1, 2, b"abc"), (3, 4, b""), (5, 6, bytes(10))]
    line = b"".join(encode_frame(*frame) for frame in frames)
    assert read(line, again=2) == ([payload(frame) for frame in frames for _ in range(3)], [])


def test_the_window_may_be_filled_over_and_over():
    frames = [(number, 0, bytes([number]) * 100) for number in range(12)]
    code = [encode_frame(*frame) for frame in frames]
    line = []
    for pair in zip(code[::2], code[1::2], strict=True):
        line += [*pair[0], *pair[1], None]
    assert read(line) == ([*map(payload, frames)], [])


def test_what_does_not_fit_is_dropped_whole():
    frames = [(number, 0, bytes([number]) * 100) for number in range(3)]
    line = b"".join(encode_frame(*frame) for frame in frames)
    expected = [payload(frame) for frame in frames[:2]]
    assert read(line, release_after=500, tail=1500) == (expected, [Fault.OVERRUN])


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ([*encode_frame(1, 2, b"abc")[:-1], None], [Fault.TIMEOUT]),
        ([*encode_frame(1, 2, b"abc")[:-1], None, 0], [Fault.TIMEOUT]),
        ([None, 0, 0, None, 0], []),
    ],
)
def test_silence(line, faults):
    good = (1, 2, b"good")
    assert read([*line, *encode_frame(*good)], timeout=64) == ([payload(good)], faults)


@pytest.mark.parametrize("window", [128, 300])
def test_wrong_windows(window):
    with pytest.raises(ValueError, match=f"power of two of at least 256, not {window}"):
        FrameReader(window, b"1", 10)
    with pytest.raises(ValueError, match=f"power of two of at least 512, not {window}"):
        FrameWriter(window)


@pytest.mark.parametrize("size", [0, 128])
def test_wrong_constant_frames(size):
    with pytest.raises(ValueError, match=f"1 to 127 bytes, not {size}"):
        FrameReader(256, bytes(size), 10)

"""The link's firmware: identity, events, samples and counters, frame by frame."""

import pytest
from echo import GRADES, IDENTITY, SPIKES, Bench, answers

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.protocol import (
    MAX_BODY,
    Command,
    Counters,
    Description,
    Fault,
    Kind,
    encode_frame,
)
from spikeloom.rtl.tokens import Token, TokenFormat


def test_identity_is_described():
    bench = Bench()
    kind, tag, body = bench.ask(Command.IDENTITY, 7)
    assert (kind, tag) == (Kind.IDENTITY, 7)
    stream = TokenFormat(300, Range(0, 1))
    assert Description.unpack(body) == Description(IDENTITY, 256, stream, stream)
    # The constant frame leaves the buffer as it was.
    assert (bench.ask(Command.IDENTITY, 8))[1:] == (8, body)


@pytest.mark.parametrize(
    ("layout", "steps"),
    [
        (EventLayout(10, Range(0, 1)), [([0, 3, 9], None), ([], None), ([9], None)]),
        (SPIKES, [([0, 127, 128, 255, 256, 299], None), ([299], None), ([0], None)]),
        (EventLayout(1 << 16, Range(0, 1)), [([0, 8191, 8192, 65535], None), ([32768], None)]),
        (GRADES, [([0, 128, 299], [-500, 500, -1]), ([299], [0])]),
        (EventLayout(4, Range.signed(32)), [([0, 1, 2], [-(2**31), 2**31 - 1, -256])]),
        (EventLayout(1, Range.unsigned(9)), [([0], [511]), ([0], [256])]),
    ],
)
def test_events_pass_both_ways(layout, steps):
    bench = Bench(layout)
    body = bench.body(*steps)
    bench.send(encode_frame(Command.WRITE, 0, body))
    frames = bench.frames()
    assert answers(frames) == [(Kind.WRITE, 0, b"")]
    expected = list(bench.format.decode(body))
    assert bench.tokens == expected
    assert bench.outputs(frames) == expected


def test_output_is_collected_while_the_line_is_busy():
    bench = Bench(EventLayout(128, Range(0, 1)), pace=400)
    body = bench.body((range(100), None))
    bench.send(encode_frame(Command.WRITE, 0, body))
    frames = bench.frames(50000)
    assert bench.outputs(frames) == bench.tokens == list(bench.format.decode(body))
    assert len(frames) < 12


def test_long_output_fills_frames():
    bench = Bench(EventLayout(128, Range(0, 1)), pace=300)
    # Both answers are given before the first output, so that none of them cuts a frame.
    bench.hoard = lambda held: len(bench.tokens) < 238
    for tag in range(2):
        bench.send(encode_frame(Command.WRITE, tag, bench.body(([5] * 118, None))))
    frames = bench.frames(100_000)
    assert answers(frames) == [(Kind.WRITE, 0, b""), (Kind.WRITE, 1, b"")]
    assert bench.outputs(frames) == bench.tokens
    assert len(bench.tokens) == 238
    assert MAX_BODY - 2 <= max(len(body) for _, _, body in frames) <= MAX_BODY


def test_a_stalled_network_holds_back_answers_and_loses_nothing():
    bench = Bench(EventLayout(10, Range(0, 1)))
    bench.stall = True
    bodies = [bench.body(([tag] * 30, None)) for tag in range(6)]
    for tag, body in enumerate(bodies):
        bench.send(encode_frame(Command.WRITE, tag, body))
    held = bench.frames(6000)
    bench.stall = False
    frames = held + bench.frames(16000)
    assert answers(held) == []
    assert [tag for _, tag, _ in answers(frames)] == list(range(6))
    assert bench.outputs(frames) == [t for body in bodies for t in bench.format.decode(body)]


def test_a_window_too_full_is_reported():
    bench = Bench(EventLayout(10, Range(0, 1)))
    bench.stall = True
    for tag in range(4):
        bench.send(encode_frame(Command.WRITE, tag, bench.body(([tag] * 90, None))))
    bench.stall = False
    frames = bench.frames(16000)
    faults = [body for kind, _, body in frames if kind == Kind.ERROR]
    assert faults == [bytes([Fault.OVERRUN])]
    assert [tag for kind, tag, _ in frames if kind == Kind.WRITE] == [0, 1]
    # Resumed at the sequence number that is due.
    assert bench.ask(Command.WRITE, 2, b"") == (Kind.WRITE, 2, b"")


@pytest.mark.parametrize("delay", [0, 300])
def test_reset_closes_the_sample_and_swallows_its_output(delay):
    bench = Bench(delay=delay)
    bench.send(encode_frame(Command.WRITE, 0, b"\x01\x80\x02"))
    bench.send(encode_frame(Command.RESET, 77))
    frames = [bench.frame()]
    while frames[-1][0] != Kind.RESET:
        frames.append(bench.frame(60000))
    assert frames[-1] == (Kind.RESET, 77, b"")
    assert bench.tokens[-2:] == [Token(0, 0, 2, 1), Token(1, 1, 0, 0)]
    # The next sample comes clean, its frames are numbered from 0, and so on from 77.
    bench.send(encode_frame(Command.WRITE, 78, b"\x03\x81"))
    frames = bench.frames(30000)
    assert answers(frames) == [(Kind.WRITE, 78, b"")]
    assert bench.outputs(frames) == [Token(0, 0, 3, 1), Token(1, 1, 0, 0)]


def test_reset_of_a_clean_network_writes_nothing():
    bench = Bench()
    assert bench.ask(Command.RESET, 3) == (Kind.RESET, 3, b"")
    assert bench.tokens == []


def test_more_samples_than_may_be_counted_wait():
    bench = Bench()
    # A network that gives nothing back before it holds 30 samples never gets the 16th.
    bench.hoard = lambda held: held < 30
    bench.send(encode_frame(Command.WRITE, 0, b"\x81" * 40))
    assert bench.frames(16000) == []
    assert bench.tokens == [Token(1, 1, 0, 0)] * 15


def test_many_samples_pass_through_a_deep_network():
    bench = Bench()
    bench.hoard = lambda held: held < 14 and len(bench.tokens) < 100
    bench.send(encode_frame(Command.WRITE, 0, b"\x81" * 100))
    frames = bench.frames(40_000)
    assert answers(frames) == [(Kind.WRITE, 0, b"")]
    assert bench.outputs(frames) == [Token(1, 1, 0, 0)] * 100
    assert bench.ask(Command.RESET, 5) == (Kind.RESET, 5, b"")


def test_counters_count():
    bench = Bench()
    assert Counters.unpack((bench.ask(Command.COUNTERS, 0))[2]) == (0, 0, 0, 0)
    bench.send(encode_frame(Command.WRITE, 0, bench.body(([1, 2, 299], None))))
    bench.send(encode_frame(Command.WRITE, 0))
    bench.frames()
    kind, tag, body = bench.ask(Command.COUNTERS, 5)
    assert (kind, tag) == (Kind.COUNTERS, 5)
    counters = Counters.unpack(body)
    assert counters[1:] == (3, 3, 1)
    assert 12 <= counters.cycles <= 3000
    # The network is empty: time stands still.
    assert Counters.unpack((bench.ask(Command.COUNTERS, 6))[2]) == counters

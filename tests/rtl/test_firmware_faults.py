"""The link's firmware on frames that are damaged, lost, repeated, foreign or cut short."""

import itertools
import random

import pytest
from echo import GRADES, SPIKES, TIMEOUT, Bench, answers
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.rtl.protocol import Command, Fault, Kind, decode_frame, encode_frame
from spikeloom.rtl.tokens import Token


def corrupt(code, index, flip=0x10):
    code = bytearray(code)
    code[index] ^= flip
    return bytes(code)


GOOD = encode_frame(Command.WRITE, 0, b"\x05\x81")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (corrupt(GOOD, 4), Fault.CRC),
        (corrupt(GOOD, 0), Fault.FRAME),
        (GOOD[:-2] + b"\0", Fault.FRAME),
        (GOOD[3:], Fault.FRAME),
        (b"\1\0", Fault.FRAME),
        (b"\2" * 300 + b"\0", Fault.FRAME),
        (GOOD[:-1], Fault.TIMEOUT),
        (encode_frame(0, 0), Fault.COMMAND),
        (encode_frame(Command.LOAD, 0, b"weights"), Fault.COMMAND),
        (encode_frame(0x82, 0, b"\x05"), Fault.COMMAND),
        (encode_frame(Command.RESET, 0, b"\0"), Fault.LENGTH),
        (encode_frame(Command.WRITE, 1, b"\x05\x81"), Fault.SEQUENCE),
        (encode_frame(Command.WRITE, 255, b"\x05\x81"), Fault.SEQUENCE),
        (encode_frame(Command.WRITE, 0, b"\x05\x82"), Fault.TOKEN),
        (encode_frame(Command.WRITE, 0, b"\x05\xc4\x05"), Fault.TOKEN),
        (encode_frame(Command.WRITE, 0, b"\x05\xc2\x2c"), Fault.TOKEN),
        (encode_frame(Command.WRITE, 0, b"\x05\x81\xc2\x7f"), Fault.TOKEN),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else value[:12].hex(),
)
def test_a_faulty_frame_is_answered_and_changes_nothing(code, fault):
    bench = Bench()
    bench.send(code)
    kind, tag, body = bench.frame()
    assert (kind, tag, body) == (Kind.ERROR, 0, bytes([fault]))
    assert bench.tokens == []
    # The good frame is accepted at once, with the number that was due.
    bench.send(GOOD)
    frames = bench.frames()
    assert answers(frames) == [(Kind.WRITE, 0, b"")]
    assert bench.tokens == [Token(0, 0, 5, 1), Token(1, 1, 0, 0)]


@pytest.mark.parametrize(
    "body",
    [
        b"\x05\xf4\x01\x05\xf5\x01",  # 500 is right, 501 is not
        b"\x05\x0c\xfe\x05\x0b\xfe",  # -500, -501
        b"\x05\xf4\x01\x05\xf4",  # ends inside the value
        b"\x05\xf4\x01\x05",
    ],
)
def test_a_value_out_of_range_is_refused(body):
    bench = Bench(GRADES)
    assert bench.ask(Command.WRITE, 0, body) == (Kind.ERROR, 0, bytes([Fault.TOKEN]))
    assert bench.tokens == []
    frames = [bench.ask(Command.WRITE, 0, body[:3]), *bench.frames()]
    assert answers(frames) == [(Kind.WRITE, 0, b"")]
    assert len(bench.tokens) == 1


def test_frames_behind_a_refused_one_are_refused_until_it_is_sent_again():
    bench = Bench()
    good = [encode_frame(Command.WRITE, tag, bytes([tag, 0x81])) for tag in range(3)]
    frames = [bench.ask(Command.WRITE, 0, b"\x00\x81")]
    bench.send(corrupt(good[1], 3) + good[2])
    frames += bench.frames()
    assert answers(frames) == [
        (Kind.WRITE, 0, b""),
        (Kind.ERROR, 1, bytes([Fault.CRC])),
        (Kind.ERROR, 1, bytes([Fault.SEQUENCE])),
    ]
    # Of a frame sent twice the second is refused: nothing is executed twice.
    bench.send(good[1] + good[1] + good[2])
    frames = bench.frames()
    assert answers(frames) == [
        (Kind.WRITE, 1, b""),
        (Kind.ERROR, 2, bytes([Fault.SEQUENCE])),
        (Kind.WRITE, 2, b""),
    ]
    assert [token.address for token in bench.tokens if not token.end] == [0, 1, 2]


def test_garbage_is_survived():
    bench = Bench()
    generator = random.Random(3)
    for round in range(4):
        bench.send(generator.randbytes(200) + b"\0")
        bench.frames(2000)
        assert bench.tokens == []
        assert (bench.ask(Command.IDENTITY, round))[:2] == (Kind.IDENTITY, round)


def tokens_of(line, format):
    """What a line's good frames give the network, were each the next one expected."""
    tokens, expected = [], 0
    for code in line.split(b"\0")[:-1]:
        try:
            kind, tag, body = decode_frame(code)
            found = list(format.decode(body))
        except ValueError:
            continue
        if (kind, tag) == (Command.WRITE, expected):
            tokens += found
            expected = (expected + 1) % 256
    return tokens


PIECES = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from([0, 1, 2, 3, 255]), max_size=12).map(bytes),
    # A RESET would be a sample's end.
    st.builds(
        encode_frame, st.sampled_from([0, 1, 4, 5, 6]), st.integers(0, 3), st.binary(max_size=9)
    ),
    st.builds(
        encode_frame,
        st.just(Command.WRITE),
        st.integers(0, 3),
        st.lists(st.sampled_from([0x05, 0x7F, 0x80, 0x81, 0xC1, 0xC2]), max_size=9).map(bytes),
    ),
)


@settings(deadline=None, max_examples=20)
@given(st.lists(PIECES, max_size=12), st.data())
def test_any_line_gives_the_tokens_of_its_good_frames(pieces, data):
    line = bytearray(b"\0".join(pieces) + b"\0")
    for _ in range(data.draw(st.integers(0, 3))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    line += b"\0"
    bench = Bench()
    address_of = bench.dut.program.address_of

    def watch(address):
        if 256 <= address < 512:
            oldest, newest = (
                bench.dut.processor.memory[address_of(name)] for name in ("oldest", "newest")
            )
            # Nothing is written into a frame that waits.
            assert (address - oldest) % 256 >= (newest - oldest) % 256

    bench.dut.processor.watch = watch
    bench.send(line)
    bench.frames()
    assert bench.tokens == tokens_of(bytes(line), bench.format)


_EXECUTING = 2
"""Number of the thread that carries out frames."""

# Of each kind of byte that it tells apart: events, ends, a page, and what is no token.
_KINDS = (0x00, 0x2B, 0x7F, 0x80, 0x81, 0xC1, 0x90)


@pytest.mark.parametrize(
    ("layout", "is_loadable"), [(SPIKES, False), (SPIKES, True), (GRADES, False)]
)
def test_nothing_is_read_past_a_frame(layout, is_loadable):
    """All bodies of up to three bytes of every kind, for every command, with tempting bytes behind
    them: values and tokens that are cut off end with the frame."""
    bench = Bench(layout, is_loadable=is_loadable)
    memory = bench.dut.processor.memory
    oldest, stop = (bench.dut.program.address_of(name) for name in ("oldest", "stop"))
    read = 0

    def check(thread, address):
        nonlocal read
        if thread == _EXECUTING and 256 <= address < 512:
            read += 1
            first = memory[oldest]
            # The first byte tells where the frame ends.
            length = memory[stop] - first & 0xFF if address - 256 != first else 0
            assert address - 256 - first & 0xFF <= length

    bench.dut.processor.watch_reading = check
    memory[256:512] = bytes(random.Random(0).choices(_KINDS, k=256))
    number = 0
    bodies = [bytes(b) for size in range(4) for b in itertools.product(_KINDS, repeat=size)]
    short = [body for body in bodies if len(body) < 2]
    others = itertools.product((0, 1, 3, 4, 5, 6), short)
    for command, body in [*((Command.WRITE, body) for body in bodies), *others]:
        bench.send(encode_frame(command, number % 256, body))
        number += Kind.WRITE in [kind for kind, _, _ in bench.frames(1500)]
    assert number > 50
    assert read > 5 * len(bodies)


def test_silence_ends_garbage_without_a_delimiter():
    bench = Bench()
    bench.send(b"\x55" * 200)
    assert (bench.frame())[2] == bytes([Fault.TIMEOUT])
    assert (bench.ask(Command.IDENTITY, 9))[:2] == (Kind.IDENTITY, 9)


def test_a_slow_host_is_no_fault():
    bench = Bench()
    for byte in GOOD:
        bench.send(bytes([byte]))
        bench.tick(TIMEOUT - 8)
    assert answers(bench.frames()) == [(Kind.WRITE, 0, b"")]

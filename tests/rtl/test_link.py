"""The link's gateware against the protocol's codec, byte by byte."""

import itertools
import random

import machine
import pytest
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.firmware import firmware
from spikeloom.rtl.link import Link
from spikeloom.rtl.protocol import (
    MAX_BODY,
    Command,
    Counters,
    Description,
    Fault,
    Identity,
    Kind,
    decode_frame,
    encode_frame,
)
from spikeloom.rtl.tokens import Token, TokenFormat

SPIKES = EventLayout(300, Range(0, 1))
GRADES = EventLayout(300, Range(-500, 500))
IDENTITY = Identity(0x0123456789ABCDEF, "bench", 12_000_000, contract=1)
TIMEOUT = 16_384


async def take(ctx, port):
    """The next payload of a stream. (`until` cannot be abandoned when a simulation ends.)"""
    ctx.set(port.ready, 1)
    valid = False
    while not valid:
        _, _, valid, payload = await ctx.tick().sample(port.valid, port.payload)
    ctx.set(port.ready, 0)
    return payload


async def give(ctx, port, payload):
    """Offer a payload to a stream until it is taken."""
    ctx.set(port.payload, payload)
    ctx.set(port.valid, 1)
    ready = False
    while not ready:
        _, _, ready = await ctx.tick().sample(port.ready)
    ctx.set(port.valid, 0)


class Bench:
    """The link's program between a host, of which a test plays the part, and a network that echoes.

    The network answers each event with the same event and each end of step with the same end,
    ``delay`` cycles later; ``stall`` stops it, and it keeps ``held`` tokens if ``hoard(held)``. The
    line takes a byte every ``pace`` cycles.
    """

    def __init__(self, layout=SPIKES, output=None, delay=0, pace=1, is_loadable=False):
        self.format = TokenFormat.of(layout)
        back = TokenFormat.of(output or layout)
        program = firmware(Description(IDENTITY, 256, self.format, back), TIMEOUT, is_loadable)
        self.dut = machine.Endpoint(program, self.format, back)
        self.stall = False
        self.hoard = lambda held: False
        self.delay = delay
        self.pace = pace
        self.tokens = []
        self._held = []
        self._busy_until = 0
        self._sent = 0
        self._line_free = 0

    def tick(self, cycles=1):
        dut = self.dut
        for _ in range(cycles):
            now = dut.processor.cycle
            if len(dut.tx) > self._sent:
                self._sent, self._line_free = len(dut.tx), now + self.pace
            dut.tx_ready = now >= self._line_free
            if not self.stall and now >= self._busy_until:
                if dut.given is not None:
                    self.tokens.append(dut.given)
                    self._held.append(dut.given)
                    dut.given = None
                    self._busy_until = now + self.delay
                elif self._held and not dut.tokens and not self.hoard(len(self._held)):
                    dut.tokens.append(self._held.pop(0))
            dut.step()

    def send(self, code):
        """Bytes on the line, which waits for none."""
        for byte in code:
            assert len(self.dut.rx) < 2, "a byte is lost"
            self.dut.rx.append(byte)
            self.tick(80)

    def frame(self, cycles=40_000):
        for _ in range(0, cycles, 4):
            if 0 in self.dut.tx:
                code, _, rest = bytes(self.dut.tx).partition(b"\0")
                self.dut.tx[:] = rest
                self._sent = len(rest)
                return decode_frame(code)
            self.tick(4)
        raise AssertionError(f"no frame within {cycles} cycles")

    def frames(self, cycles=5000):
        """All frames until none has come for a while."""
        found = []
        try:
            while True:
                found.append(self.frame(cycles))
        except AssertionError:
            return found

    def ask(self, command, tag, body=b""):
        self.send(encode_frame(command, tag, body))
        return self.frame()

    def body(self, *steps):
        """The body of a WRITE: per step a list of addresses and, if graded, one of values."""
        code = b""
        for index, (addresses, values) in enumerate(steps):
            page = 0
            for number, run in self.format.runs(addresses, values):
                code += (self.format.page_code(number) if number != page else b"") + run
                page = number
            code += self.format.end_code(index == len(steps) - 1)
        return code

    def outputs(self, frames):
        """Tokens of the OUTPUT frames among ``frames``, whose numbers must count from 0."""
        bodies = [(tag, body) for kind, tag, body in frames if kind == Kind.OUTPUT]
        assert [tag for tag, _ in bodies] == list(range(len(bodies)))
        return [token for _, body in bodies for token in self.format.decode(body)]


def answers(frames):
    return [frame for frame in frames if frame[0] != Kind.OUTPUT]


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


def test_the_whole_link_over_its_pins():
    divisor = 8
    link = Link(SPIKES, SPIKES, IDENTITY, divisor, timeout=TIMEOUT)
    body = b"\x05\xc1\x05\x81"
    received = bytearray()

    async def host(ctx):
        for byte in encode_frame(Command.WRITE, 0, body):
            for bit in f"1{byte:08b}0"[::-1]:
                ctx.set(link.rx, int(bit))
                await ctx.tick().repeat(divisor)
        await ctx.tick().repeat(5000)

    async def listen(ctx):
        while True:
            await ctx.negedge(link.tx)
            await ctx.tick().repeat(divisor // 2)
            bits = 0
            for index in range(10):
                bits |= ctx.get(link.tx) << index
                if index < 9:
                    await ctx.tick().repeat(divisor)
            assert bits & 1 == 0
            received.append(bits >> 1 & 0xFF)

    async def network(ctx):
        while True:
            await give(ctx, link.i, await take(ctx, link.o))

    sim = Simulator(link)
    sim.add_clock(1e-6)
    sim.add_testbench(host)
    sim.add_testbench(listen, background=True)
    sim.add_testbench(network, background=True)
    sim.run()
    frames = [decode_frame(code) for code in bytes(received).split(b"\0")[:-1]]
    assert answers(frames) == [(Kind.WRITE, 0, b"")]
    assert b"".join(body for kind, _, body in frames if kind == Kind.OUTPUT)[-1:] == b"\x81"

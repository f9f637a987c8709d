"""The link's gateware against the protocol's codec, byte by byte."""

import random

import pytest
from amaranth.sim import Simulator

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.link import Endpoint, Link
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
TIMEOUT = 256


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
    """An endpoint between a host, of which a test plays the part, and a network that echoes.

    The network answers each event with the same event and each end of step with the same end,
    ``delay`` cycles later; ``stall`` stops it, and it keeps ``held`` tokens if ``hoard(held)``.
    """

    def __init__(self, layout=SPIKES, output=None, delay=0, gaps=0.0):
        self.layout = layout
        self.format = TokenFormat.of(layout)
        self.dut = Endpoint(layout, output or layout, IDENTITY, window=256, timeout=TIMEOUT)
        self.stall = False
        self.hoard = lambda held: False
        self.delay = delay
        self.tokens = []
        self._random = random.Random(1)
        self._gaps = gaps
        self._received = bytearray()

    def run(self, testbench):
        async def host(ctx):
            self.ctx = ctx
            await testbench(self)

        sim = Simulator(self.dut)
        sim.add_clock(1e-6)
        sim.add_testbench(host)
        sim.add_testbench(self._listen, background=True)
        sim.add_testbench(self._network, background=True)
        sim.run()

    async def _listen(self, ctx):
        dut = self.dut
        while True:
            ctx.set(dut.tx.ready, self._random.random() >= self._gaps)
            _, _, valid, ready, byte = await ctx.tick().sample(
                dut.tx.valid, dut.tx.ready, dut.tx.payload)
            if valid and ready:
                self._received.append(byte)

    async def _network(self, ctx):
        dut = self.dut
        held = []
        while True:
            while self.stall:
                await ctx.tick()
            held.append(await take(ctx, dut.o))
            self.tokens.append(self._plain(held[-1]))
            if self.delay:
                await ctx.tick().repeat(self.delay)
            while held and not self.hoard(len(held)):
                await give(ctx, dut.i, held.pop(0))

    def _plain(self, token):
        if token.end:
            return Token(1, token.last, 0, 0)
        return Token(0, 0, token.address, token.value if self.layout.is_graded else 1)

    async def send(self, code):
        dut = self.dut
        for byte in code:
            await give(self.ctx, dut.rx, byte)

    async def frame(self, cycles=2000):
        for _ in range(cycles):
            if 0 in self._received:
                code, _, rest = bytes(self._received).partition(b"\0")
                self._received[:] = rest
                return decode_frame(code)
            await self.ctx.tick()
        raise AssertionError(f"no frame within {cycles} cycles")

    async def frames(self, cycles=200):
        """All frames until none has come for a while."""
        found = []
        try:
            while True:
                found.append(await self.frame(cycles))
        except AssertionError:
            return found

    async def ask(self, command, tag, body=b""):
        await self.send(encode_frame(command, tag, body))
        return await self.frame()

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
    async def testbench(bench):
        kind, tag, body = await bench.ask(Command.IDENTITY, 7)
        assert (kind, tag) == (Kind.IDENTITY, 7)
        stream = TokenFormat(300, Range(0, 1))
        assert Description.unpack(body) == Description(IDENTITY, 256, stream, stream)
        # The constant frame leaves the buffer as it was.
        assert (await bench.ask(Command.IDENTITY, 8))[1:] == (8, body)

    Bench().run(testbench)


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
    async def testbench(bench):
        body = bench.body(*steps)
        await bench.send(encode_frame(Command.WRITE, 0, body))
        frames = await bench.frames()
        assert answers(frames) == [(Kind.WRITE, 0, b"")]
        expected = list(bench.format.decode(body))
        assert bench.tokens == expected
        assert bench.outputs(frames) == expected

    Bench(layout).run(testbench)


def test_output_is_collected_while_the_line_is_busy():
    async def testbench(bench):
        body = bench.body((range(100), None))
        await bench.send(encode_frame(Command.WRITE, 0, body))
        frames = await bench.frames(2500)
        assert bench.outputs(frames) == bench.tokens == list(bench.format.decode(body))
        assert len(frames) < 12

    Bench(EventLayout(128, Range(0, 1)), gaps=0.95).run(testbench)


def test_long_output_fills_frames():
    async def testbench(bench):
        # Both answers are given before the first output, so that none of them cuts a frame.
        bench.hoard = lambda held: len(bench.tokens) < 238
        for tag in range(2):
            await bench.send(encode_frame(Command.WRITE, tag, bench.body(([5] * 118, None))))
        frames = await bench.frames(2500)
        assert answers(frames) == [(Kind.WRITE, 0, b""), (Kind.WRITE, 1, b"")]
        assert bench.outputs(frames) == bench.tokens
        assert len(bench.tokens) == 238
        assert MAX_BODY - 2 <= max(len(body) for _, _, body in frames) <= MAX_BODY

    Bench(EventLayout(128, Range(0, 1)), gaps=0.9).run(testbench)


def test_a_stalled_network_holds_back_answers_and_loses_nothing():
    async def testbench(bench):
        bench.stall = True
        bodies = [bench.body(([tag] * 30, None)) for tag in range(6)]
        for tag, body in enumerate(bodies):
            await bench.send(encode_frame(Command.WRITE, tag, body))
        held = await bench.frames(300)
        bench.stall = False
        frames = held + await bench.frames(800)
        assert answers(held) == []
        assert [tag for _, tag, _ in answers(frames)] == list(range(6))
        assert bench.outputs(frames) == [t for body in bodies for t in bench.format.decode(body)]

    Bench(EventLayout(10, Range(0, 1))).run(testbench)


def test_a_window_too_full_is_reported():
    async def testbench(bench):
        bench.stall = True
        for tag in range(4):
            await bench.send(encode_frame(Command.WRITE, tag, bench.body(([tag] * 90, None))))
        bench.stall = False
        frames = await bench.frames(800)
        faults = [body for kind, _, body in frames if kind == Kind.ERROR]
        assert faults == [bytes([Fault.OVERRUN])]
        assert [tag for kind, tag, _ in frames if kind == Kind.WRITE] == [0, 1]
        # Resumed at the sequence number that is due.
        assert await bench.ask(Command.WRITE, 2, b"") == (Kind.WRITE, 2, b"")

    Bench(EventLayout(10, Range(0, 1))).run(testbench)


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
    async def testbench(bench):
        await bench.send(code)
        kind, tag, body = await bench.frame()
        assert (kind, tag, body) == (Kind.ERROR, 0, bytes([fault]))
        assert bench.tokens == []
        # The good frame is accepted at once, with the number that was due.
        await bench.send(GOOD)
        frames = await bench.frames()
        assert answers(frames) == [(Kind.WRITE, 0, b"")]
        assert bench.tokens == [Token(0, 0, 5, 1), Token(1, 1, 0, 0)]

    Bench().run(testbench)


@pytest.mark.parametrize(
    "body",
    [
        b"\x05\xf4\x01\x05\xf5\x01",    # 500 is right, 501 is not
        b"\x05\x0c\xfe\x05\x0b\xfe",    # -500, -501
        b"\x05\xf4\x01\x05\xf4",        # ends inside the value
        b"\x05\xf4\x01\x05",
    ],
)
def test_a_value_out_of_range_is_refused(body):
    async def testbench(bench):
        assert await bench.ask(Command.WRITE, 0, body) == (Kind.ERROR, 0, bytes([Fault.TOKEN]))
        assert bench.tokens == []
        frames = [await bench.ask(Command.WRITE, 0, body[:3]), *await bench.frames()]
        assert answers(frames) == [(Kind.WRITE, 0, b"")]
        assert len(bench.tokens) == 1

    Bench(GRADES).run(testbench)


def test_frames_behind_a_refused_one_are_refused_until_it_is_sent_again():
    async def testbench(bench):
        good = [encode_frame(Command.WRITE, tag, bytes([tag, 0x81])) for tag in range(3)]
        frames = [await bench.ask(Command.WRITE, 0, b"\x00\x81")]
        await bench.send(corrupt(good[1], 3) + good[2])
        frames += await bench.frames()
        assert answers(frames) == [
            (Kind.WRITE, 0, b""),
            (Kind.ERROR, 1, bytes([Fault.CRC])),
            (Kind.ERROR, 1, bytes([Fault.SEQUENCE])),
        ]
        # Of a frame sent twice the second is refused: nothing is executed twice.
        await bench.send(good[1] + good[1] + good[2])
        frames = await bench.frames()
        assert answers(frames) == [
            (Kind.WRITE, 1, b""),
            (Kind.ERROR, 2, bytes([Fault.SEQUENCE])),
            (Kind.WRITE, 2, b""),
        ]
        assert [token.address for token in bench.tokens if not token.end] == [0, 1, 2]

    Bench().run(testbench)


def test_garbage_is_survived():
    async def testbench(bench):
        generator = random.Random(3)
        for round in range(4):
            await bench.send(generator.randbytes(200) + b"\0")
            await bench.frames(100)
            assert bench.tokens == []
            assert (await bench.ask(Command.IDENTITY, round))[:2] == (Kind.IDENTITY, round)

    Bench().run(testbench)


def test_silence_ends_garbage_without_a_delimiter():
    async def testbench(bench):
        await bench.send(b"\x55" * 200)
        assert (await bench.frame())[2] == bytes([Fault.TIMEOUT])
        assert (await bench.ask(Command.IDENTITY, 9))[:2] == (Kind.IDENTITY, 9)

    Bench().run(testbench)


def test_a_slow_host_is_no_fault():
    async def testbench(bench):
        for byte in GOOD:
            await bench.send(bytes([byte]))
            await bench.ctx.tick().repeat(TIMEOUT - 8)
        assert answers(await bench.frames()) == [(Kind.WRITE, 0, b"")]

    Bench().run(testbench)


@pytest.mark.parametrize("delay", [0, 300])
def test_reset_closes_the_sample_and_swallows_its_output(delay):
    async def testbench(bench):
        await bench.send(encode_frame(Command.WRITE, 0, b"\x01\x80\x02"))
        await bench.send(encode_frame(Command.RESET, 77))
        frames = [await bench.frame()]
        while frames[-1][0] != Kind.RESET:
            frames.append(await bench.frame(3000))
        assert frames[-1] == (Kind.RESET, 77, b"")
        assert bench.tokens[-2:] == [Token(0, 0, 2, 1), Token(1, 1, 0, 0)]
        # The next sample comes clean, its frames are numbered from 0, and so on from 77.
        await bench.send(encode_frame(Command.WRITE, 78, b"\x03\x81"))
        frames = await bench.frames(1500)
        assert answers(frames) == [(Kind.WRITE, 78, b"")]
        assert bench.outputs(frames) == [Token(0, 0, 3, 1), Token(1, 1, 0, 0)]

    Bench(delay=delay).run(testbench)


def test_reset_of_a_clean_network_writes_nothing():
    async def testbench(bench):
        assert await bench.ask(Command.RESET, 3) == (Kind.RESET, 3, b"")
        assert bench.tokens == []

    Bench().run(testbench)


def test_more_samples_than_may_be_counted_wait():
    async def testbench(bench):
        # A network that gives nothing back before it holds 30 samples never gets the 16th.
        bench.hoard = lambda held: held < 30
        await bench.send(encode_frame(Command.WRITE, 0, b"\x81" * 40))
        assert await bench.frames(800) == []
        assert bench.tokens == [Token(1, 1, 0, 0)] * 15

    Bench().run(testbench)


def test_many_samples_pass_through_a_deep_network():
    async def testbench(bench):
        bench.hoard = lambda held: held < 14 and len(bench.tokens) < 100
        await bench.send(encode_frame(Command.WRITE, 0, b"\x81" * 100))
        frames = await bench.frames(800)
        assert answers(frames) == [(Kind.WRITE, 0, b"")]
        assert bench.outputs(frames) == [Token(1, 1, 0, 0)] * 100
        assert await bench.ask(Command.RESET, 5) == (Kind.RESET, 5, b"")

    Bench().run(testbench)


def test_counters_count():
    async def testbench(bench):
        assert Counters.unpack((await bench.ask(Command.COUNTERS, 0))[2]) == (0, 0, 0, 0)
        await bench.send(encode_frame(Command.WRITE, 0, bench.body(([1, 2, 299], None))))
        await bench.send(encode_frame(Command.WRITE, 0))
        await bench.frames()
        kind, tag, body = await bench.ask(Command.COUNTERS, 5)
        assert (kind, tag) == (Kind.COUNTERS, 5)
        counters = Counters.unpack(body)
        assert counters[1:] == (3, 3, 1)
        assert 12 <= counters.cycles <= 60
        # The network is empty: time stands still.
        assert Counters.unpack((await bench.ask(Command.COUNTERS, 6))[2]) == counters

    Bench().run(testbench)


def test_the_whole_link_over_its_pins():
    divisor = 4
    link = Link(SPIKES, SPIKES, IDENTITY, divisor, timeout=4096)
    body = b"\x05\xc1\x05\x81"
    received = bytearray()

    async def host(ctx):
        for byte in encode_frame(Command.WRITE, 0, body):
            for bit in f"1{byte:08b}0"[::-1]:
                ctx.set(link.rx, int(bit))
                await ctx.tick().repeat(divisor)
        await ctx.tick().repeat(2000)

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

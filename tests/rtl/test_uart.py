# amaranth: UnusedElaboratable=no
"""The serial line, bit by bit."""

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from spikeloom.hls_model.errors import BoardError
from spikeloom.rtl.uart import Receiver, Transmitter, divisor_of


def levels(data):
    """The bits of the line: start, data from the lowest, stop."""
    return [int(bit) for byte in data for bit in f"1{byte:08b}0"[::-1]]


def receive(divisor, drive, cycles=100):
    """Bytes that a receiver gives for what ``drive(set, wait)`` does to its pin."""
    dut = Receiver(divisor)
    received = bytearray()

    async def line(ctx):
        async def wait(count):
            if count:
                await ctx.tick().repeat(count)

        await drive(lambda level: ctx.set(dut.rx, level), wait)
        await wait(cycles)

    async def listen(ctx):
        ctx.set(dut.o.ready, 1)
        while True:
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                received.append(byte)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(line)
    sim.add_testbench(listen, background=True)
    sim.run()
    return bytes(received)


@pytest.mark.parametrize(
    ("divisor", "skew"), [(8, -0.02), (8, 0), (8, 0.02), (9, 0.02), (13, -0.04), (13, 0.04)]
)
def test_bytes_are_received_from_a_line_that_is_a_little_off(divisor, skew):
    data = bytes([0x00, 0xFF, 0x55, 0xA3, 0x01, 0x80])

    async def drive(set, wait):
        await wait(7)
        edge = cycle = 0.0
        for level in levels(data):
            set(level)
            edge += divisor * (1 + skew)
            await wait(round(edge - cycle))
            cycle += round(edge - cycle)

    assert receive(divisor, drive) == data


def test_a_byte_without_stop_bit_is_dropped():
    async def drive(set, wait):
        for level in [*levels(b"\x41")[:-1], 0, 0, 0, 1, 1, *levels(b"\x42")]:
            set(level)
            await wait(8)

    assert receive(8, drive) == b"\x42"


def test_a_glitch_is_no_start_bit():
    async def drive(set, wait):
        for level, cycles in ((0, 2), (1, 100)):
            set(level)
            await wait(cycles)
        for level in levels(b"\x42"):
            set(level)
            await wait(16)

    assert receive(16, drive) == b"\x42"


@pytest.mark.parametrize("divisor", [8, 11])
def test_bytes_are_sent_without_gaps(divisor):
    dut = Transmitter(divisor)
    data = b"\x00\xff\x5a\x81"
    seen = []

    async def feed(ctx):
        for byte in data:
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(12 * divisor)

    async def listen(ctx):
        while True:
            _, _, level = await ctx.tick().sample(dut.tx)
            seen.append(level)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(feed)
    sim.add_testbench(listen, background=True)
    sim.run()
    start = seen.index(0)
    assert set(seen[:start]) == {1}
    expected = [level for level in levels(data) for _ in range(divisor)]
    assert seen[start:start + len(expected)] == expected
    assert set(seen[start + len(expected):]) == {1}


def test_what_is_sent_is_received():
    m = Module()
    m.submodules.transmitter = transmitter = Transmitter(8)
    m.submodules.receiver = receiver = Receiver(8)
    m.d.comb += receiver.rx.eq(transmitter.tx)
    data = bytes(range(0, 256, 7))
    received = bytearray()

    async def feed(ctx):
        ctx.set(transmitter.i.valid, 1)
        for byte in data:
            ctx.set(transmitter.i.payload, byte)
            await ctx.tick().until(transmitter.i.ready)
        ctx.set(transmitter.i.valid, 0)
        await ctx.tick().repeat(120)

    async def listen(ctx):
        ctx.set(receiver.o.ready, 1)
        while True:
            _, _, valid, byte = await ctx.tick().sample(receiver.o.valid, receiver.o.payload)
            if valid:
                received.append(byte)

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(feed)
    sim.add_testbench(listen, background=True)
    sim.run()
    assert bytes(received) == data


def test_divisors():
    assert divisor_of(12_000_000, 115_200) == 104
    assert divisor_of(24_000_000, 3_000_000) == 8
    with pytest.raises(BoardError, match=r"25 MHz cannot make 3000000 baud .* nearest is 3125000"):
        divisor_of(25_000_000, 3_000_000)
    with pytest.raises(BoardError, match="12 MHz cannot make 6000000 baud"):
        divisor_of(12_000_000, 6_000_000)


@pytest.mark.parametrize("divisor", [7, 8.5])
def test_wrong_divisors(divisor):
    for component in (Receiver, Transmitter):
        with pytest.raises(ValueError, match=f"at least 8 cycles, not {divisor}"):
            component(divisor)



"""The whole link, bit by bit over its pins."""

from amaranth.sim import Simulator
from echo import IDENTITY, SPIKES, TIMEOUT, answers

from spikeloom.rtl.link import Link
from spikeloom.rtl.protocol import Command, Kind, decode_frame, encode_frame


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

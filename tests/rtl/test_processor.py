"""The link's processor against its instructions run one by one, on random programs."""

import random

import machine
import pytest
from amaranth.sim import Simulator

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.microcode import Condition, Mode, Port, Strobe
from spikeloom.rtl.processor import Processor

_OUTSIDE = range(Condition.IN_RANGE, Condition.SLOT0)


def program_of(seed, size=40):
    """Random instructions, of which each may branch, and whose stores change one another's data."""
    generator = random.Random(seed)
    p = Program()
    names = [f"variable {n}" for n in range(8)]
    for index in range(size):
        p.label(f"at {index}")
        on = (
            (generator.choice(list(Condition)[1:]), f"at {generator.randrange(size)}")
            if generator.random() < 0.5 else None
        )  # fmt: skip
        strobe = generator.choice(list(Strobe)) if generator.random() < 0.4 else Strobe.NONE
        what = generator.choice([*names, generator.randrange(256)])
        kind = generator.choice(
            ["load", "add", "subtract", "store", "take", "fetch", "put", "hold"]
        )
        if kind in ("load", "add", "subtract"):
            getattr(p, kind)(what, on, strobe)
        elif kind == "store":
            p.store(generator.choice(names), on, strobe)
        elif kind == "take":
            p.take(generator.choice(list(Port)), on, strobe)
        elif kind == "hold":
            p.hold(on, strobe)
        else:
            mode = Mode(generator.randrange(1, 3))
            getattr(p, kind)(mode, on, strobe)
    p.jump("at 0")
    return p


def traces(seed, cycles=600):
    """Strobes with their bytes: of the hardware, and of the instructions."""
    program = program_of(seed)
    dut = Processor(program)
    noise = random.Random(seed + 1)
    seen, expected = [], []
    # The conditions of an instruction are those two cycles before its strobe is seen.
    conditions = [noise.getrandbits(16) for _ in range(cycles)]

    async def testbench(ctx):
        for bits in conditions:
            ctx.set(dut.condition, bits)
            ctx.set(dut.value, ctx.get(dut.port) * 7 & 0xFF)
            strobe = ctx.get(dut.strobe)
            seen.append([(n, ctx.get(dut.byte)) for n in range(16) if strobe >> n & 1])
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()

    model = machine.Processor(
        program,
        lambda condition: conditions[model.cycle + 1] >> condition & 1,
        lambda port: port * 7 & 0xFF,
        lambda strobe, byte: expected[-1].append((strobe, byte)),
    )
    for _ in range(cycles - 8):
        expected.append([])
        model.step()
    return seen, expected


@pytest.mark.parametrize("seed", range(4))
def test_the_processor_does_what_instructions_say(seed):
    seen, expected = traces(seed)
    assert any(expected)
    assert seen[3 : 3 + len(expected)] == expected

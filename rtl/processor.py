"""The link's processor: four threads that take turns, so that nothing ever waits for a memory."""

import itertools

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.blocks import find_block
from spikeloom.rtl.memory import RowMemory
from spikeloom.rtl.microcode import DATA_SIZE, Condition, Mode, Source, Strobe

__all__ = ["THREADS", "Processor"]

THREADS = 4


class Processor(wiring.Component):
    """Runs a :class:`Program`, one instruction of each thread every four cycles.

    A thread has an accumulator of 8 bits, and remembers what it was one instruction before, which
    addresses the memory of bytes that all threads share. An instruction takes six cycles: two until
    it is read, two until its operand is read, one to add, one to look at the result; the first
    four are those of the other threads' turns.

    Latency: ``strobe`` and ``byte`` one cycle after the instruction, which sees ``condition`` two
    cycles before that.

    Parameters
    ----------
    program : Program

    Members
    -------
    condition : In(16), by :class:`Condition`; those that concern the accumulator are not used
    port : Out, number of the port that is to be seen at ``value``, in the same cycle
    value : In(8)
    strobe : Out(16), by :class:`Strobe`, for one cycle
    byte : Out(8), the accumulator, with ``strobe``
    """

    def __init__(self, program: Program):
        self._program = program
        super().__init__({
            "condition": In(len(Condition)),
            "port":      Out(4),
            "value":     In(8),
            "strobe":    Out(len(Strobe)),
            "byte":      Out(8),
        })

    def elaborate(self, platform):
        m = Module()
        words = self._program.words()
        word = Signal(32)
        bits = iter(word)

        def field(width: int) -> Value:
            return Cat(next(bits) for _ in range(width))

        successor, argument, condition, strobe = field(9), field(8), field(4), field(4)
        mode, store, source, load, negate = field(2), field(1), field(2), field(1), field(1)

        # A memory whose output is slow gets the register behind it, another before it.
        counter = Signal(9)
        block = find_block(getattr(platform, "family", ""))
        is_early = block is not None and not block.has_output_register
        m.submodules.program = program = RowMemory(words, 32, is_early=is_early)
        m.d.comb += [program.address.eq(counter), word.eq(program.data)]

        # The accumulator of one thread after another; in the names, cycles since an addition.
        sums = [Signal(8, name=f"sum{cycle}", reset_less=True) for cycle in range(1, 7)]
        for before, after in itertools.pairwise(sums):
            m.d.sync += after.eq(before)
        accumulator, pointer = sums[1], sums[5]
        m.d.sync += [self.strobe[number].eq(strobe == number) for number in Strobe if number]
        m.d.comb += self.byte.eq(sums[2])

        m.submodules.memory = memory = ByteMemory(self._program.variables())
        m.d.comb += [
            memory.address.eq(Cat(
                Mux(mode == Mode.NAMED, argument, pointer),
                mode == Mode.RING, mode == Mode.LINE)),
            memory.write.eq(store),
            memory.word.eq(accumulator),
        ]

        # In front of the adder, two cycles later.
        offer, addend = Signal(8), Signal(8)
        from_port, from_memory, is_load, is_negated = (Signal(2, name=f"late{n}") for n in range(4))
        now = (source == Source.PORT, source == Source.MEMORY, load, negate)
        for late, early in zip((from_port, from_memory, is_load, is_negated), now, strict=False):
            m.d.sync += late.eq(Cat(early, late[0]))
        m.d.sync += [
            self.port.eq(argument),
            offer.eq(Mux(from_port[0], self.value, 0)),
            addend.eq(Mux(is_load[0], 0, sums[2])),
        ]
        operand = Mux(from_memory[1], memory.data, offer) ^ is_negated[1].replicate(8)
        total, carry = Signal(9), Signal()
        # The lowest bit makes the carry into the next.
        m.d.comb += total.eq((Cat(C(1, 1), addend) + Cat(is_negated[1], operand))[1:])
        m.d.sync += [sums[0].eq(total), carry.eq(total[8])]

        slot, following, is_taken = Signal(range(THREADS)), Signal(9), Signal()
        is_zero, has_carried = Signal(), Signal()
        m.d.sync += [
            slot.eq(slot + 1),
            is_zero.eq(sums[0] == 0),
            has_carried.eq(carry),
            is_taken.eq(Cat(
                C(0, 1), is_zero, has_carried, accumulator[7],
                self.condition[Condition.IN_RANGE:Condition.SLOT0], slot,
            ).bit_select(condition, 1)),
            following.eq(successor),
            counter.eq(following | is_taken),
        ]
        return m


class ByteMemory(wiring.Component):
    """Three pages of bytes with one address, to be written or read.

    Latency: 2 cycles from ``address`` to ``data``, which means nothing after a write.

    Parameters
    ----------
    initial : of the first page

    Members
    -------
    address : In
    write : In(1), word : In(8)
    data : Out(8)
    """

    def __init__(self, initial: list[int]):
        self._initial = initial
        super().__init__({
            "address": In(10),
            "write":   In(1),
            "word":    In(8),
            "data":    Out(8),
        })

    def elaborate(self, platform):
        m = Module()
        contents = self._initial + [0] * (3 * DATA_SIZE)
        block = find_block(getattr(platform, "family", ""))
        ports = (self.write, self.address)
        if block is None or block.worth:
            self._infer(m, contents)
        elif block.has_output_register:
            m.submodules.cells = block.two_port(
                contents, *ports, self.word, self.address, self.data)
        else:
            shown = Signal(8)
            for half in (slice(0, 4), slice(4, 8)):
                m.submodules[f"cells{half.start}"] = block.two_port(
                    [byte >> half.start & 0xf for byte in contents],
                    *ports, self.word[half], self.address, shown[half])
            m.d.sync += self.data.eq(shown)
        return m

    def _infer(self, m: Module, contents: list[int]) -> None:
        m.submodules.cells = cells = Memory(
            shape=8, depth=len(contents), init=contents, attrs={"ram_style": "block"})
        read, write = cells.read_port(), cells.write_port()
        m.d.comb += [
            read.addr.eq(self.address),
            write.addr.eq(self.address),
            write.data.eq(self.word),
            write.en.eq(self.write),
        ]
        m.d.sync += self.data.eq(read.data)

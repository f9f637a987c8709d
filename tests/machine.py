"""The link's firmware, run instruction by instruction without hardware."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.microcode import Condition, Mode, Port, Source, Strobe
from spikeloom.rtl.processor import THREADS
from spikeloom.rtl.tokens import Token, TokenFormat


class Processor:
    """As :class:`spikeloom.rtl.processor.Processor`: one call is one cycle, one thread's turn.

    ``outside(condition)`` and ``port(number)`` are asked, ``strobe(strobe, byte)`` is told.
    """

    def __init__(
        self,
        program: Program,
        outside: Callable[[int], bool],
        port: Callable[[int], int],
        strobe: Callable[[int, int], None],
    ):
        self.words = [self._decode(word) for word in program.words()]
        self.memory = bytearray(program.variables() + [0] * 768)
        self._outside, self._port, self._strobe = outside, port, strobe
        self._threads = [[0, 0, 0, False] for _ in range(THREADS)]
        self.watch: Callable[[int], None] = lambda address: None
        """Told each address that is written through a pointer."""
        self.watch_reading: Callable[[int, int], None] = lambda thread, address: None
        """Told each that is read through one, and by which thread."""
        self.cycle = 0

    @staticmethod
    def _decode(word: int) -> tuple[int, ...]:
        fields = []
        for bits in (9, 8, 4, 4, 2, 1, 2, 1, 1):
            fields.append(word & (1 << bits) - 1)
            word >>= bits
        return tuple(fields)

    def step(self) -> None:
        # Two cycles go by before an instruction is seen.
        slot = (self.cycle + 2) % THREADS
        self.cycle += 1
        thread = self._threads[slot]
        place, accumulator, pointer, carry = thread
        successor, argument, condition, strobe, mode, store, source, load, negate = self.words[
            place
        ]
        address = argument if mode == Mode.NAMED else pointer
        address += (0, 256, 512, 0)[mode]
        operand = 0
        if source == Source.MEMORY:
            if mode != Mode.NAMED:
                self.watch_reading(slot, address)
            operand = self.memory[address]
        elif source == Source.PORT:
            operand = self._port(argument)
        if condition:
            successor |= self._holds(condition, accumulator, carry, slot)
        if store:
            if mode != Mode.NAMED:
                self.watch(address)
            self.memory[address] = accumulator
        if strobe:
            self._strobe(strobe, accumulator)
        total = (0 if load else accumulator) + (operand ^ 0xFF * negate) + negate
        thread[:] = successor, total & 0xFF, accumulator, total > 0xFF

    def _holds(self, condition: int, accumulator: int, carry: bool, slot: int) -> bool:
        if condition == Condition.ZERO:
            return accumulator == 0
        if condition == Condition.CARRY:
            return carry
        if condition == Condition.BIT7:
            return accumulator > 127
        if condition == Condition.SLOT0:
            return slot & 1 == 1
        if condition == Condition.SLOT1:
            return slot & 2 == 2
        return bool(self._outside(condition))


class Endpoint:
    """The processor with what is around it, as :class:`spikeloom.rtl.link.Endpoint`."""

    def __init__(self, program: Program, input: TokenFormat, output: TokenFormat):
        self.program = program
        self.processor = Processor(program, self._outside, self._port, self._strobe)
        self._input, self._output = input, output
        self.rx: deque[int] = deque()
        self.tx = bytearray()
        self.tx_ready = True
        self.given: Token | None = None
        """To the network: set to None to take it."""
        self.tokens: deque[Token] = deque()
        """From the network."""
        self.image = bytearray()
        self.complete = True
        self._crc_in = self._crc_out = 0
        self._page = self._value = 0
        self._is_busy = False
        self._cycles = 0
        self._wrapped = False

    def step(self) -> None:
        self._cycles += self._is_busy
        if self._cycles == 256:
            self._cycles, self._wrapped = 0, True
        self.processor.step()

    def _outside(self, condition: int) -> bool:
        token = self.tokens[0] if self.tokens else None
        return {
            Condition.RECEIVED: bool(self.rx),
            Condition.SENT: self.tx_ready,
            Condition.GIVEN: self.given is not None,
            Condition.TOKEN: token is not None,
            Condition.END: token is not None and bool(token.end),
            Condition.LAST: token is not None and bool(token.last),
            Condition.WRAPPED: self._wrapped,
            Condition.INTACT: self._crc_in == 0,
            Condition.COMPLETE: self.complete,
            Condition.IN_RANGE: self._number() in self._input.value,
        }[condition]

    def _port(self, number: int) -> int:
        if number == Port.RECEIVED:
            return self.rx[0]
        if number == Port.CYCLES:
            return self._cycles
        if number == Port.CRC:
            return self._crc_out >> 8
        token = self.tokens[0]
        if number == Port.ADDRESS:
            return token.address & 0x7F
        if number == Port.PAGE:
            return token.address >> 7 & 0x3F
        if number == Port.HIGH:
            return token.address >> 13
        return token.value >> 8 * (number - Port.VALUE) & 0xFF

    def _strobe(self, strobe: int, byte: int) -> None:
        if strobe == Strobe.RECEIVE:
            self.rx.popleft()
        elif strobe == Strobe.OPEN_IN:
            self._crc_in = 0xFFFF
        elif strobe == Strobe.FEED_IN:
            self._crc_in = _crc(self._crc_in, byte)
        elif strobe == Strobe.SEND:
            assert self.tx_ready
            self.tx.append(byte)
        elif strobe == Strobe.OPEN_OUT:
            self._crc_out = 0xFFFF
        elif strobe == Strobe.FEED_OUT:
            self._crc_out = _crc(self._crc_out, byte)
        elif strobe in (Strobe.EVENT, Strobe.END):
            self._give(strobe == Strobe.END, byte)
        elif strobe == Strobe.PAGE:
            self._page = (self._page << 6 | byte & 0x3F) % (1 << self._input.page_bits)
        elif strobe == Strobe.VALUE:
            self._value = (self._value | byte << 8 * self._input.value_bytes) >> 8
        elif strobe == Strobe.TAKE:
            self.tokens.popleft()
        elif strobe == Strobe.UNWRAP:
            self._wrapped = False
        elif strobe == Strobe.REST:
            self._is_busy = False
        elif strobe == Strobe.LOAD:
            self.image.append(byte)
        elif strobe == Strobe.BEGIN:
            self.image.clear()

    def _give(self, is_end: bool, byte: int) -> None:
        assert self.given is None
        self._is_busy = True
        if is_end:
            self.given, self._page = Token(1, byte & 1, 0, 0), 0
            return
        value = self._number() if self._input.value_bytes else 1
        self.given = Token(0, 0, self._page << 7 | byte, value)

    def _number(self) -> int:
        code = self._value.to_bytes(self._input.value_bytes, "little")
        return int.from_bytes(code, "little", signed=self._input.value.is_signed)


def _crc(crc: int, byte: int) -> int:
    crc ^= byte << 8
    for _ in range(8):
        crc = crc << 1 ^ (0x1021 if crc & 0x8000 else 0)
    return crc & 0xFFFF

"""The link's firmware between a host, of which a test plays the part, and a network that echoes."""

from __future__ import annotations

import machine

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.firmware import firmware
from spikeloom.rtl.protocol import Description, Identity, Kind, decode_frame, encode_frame
from spikeloom.rtl.tokens import TokenFormat

SPIKES = EventLayout(300, Range(0, 1))
GRADES = EventLayout(300, Range(-500, 500))
IDENTITY = Identity(0x0123456789ABCDEF, "bench", 12_000_000, contract=1)
TIMEOUT = 16_384


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

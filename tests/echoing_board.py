"""A board in pure Python whose network echoes, and samples that come back as they went."""

from __future__ import annotations

import numpy as np

from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.protocol import (
    ANSWER,
    Command,
    Counters,
    Description,
    Fault,
    FrameError,
    Identity,
    Kind,
    decode_frame,
    encode_frame,
)
from spikeloom.rtl.tokens import TokenFormat

IDENTITY = Identity(0xC0FFEE, "model", 12_000_000)
SPIKE = Range(0, 1)


class EchoingBoard:
    """A board as docs/link.md describes it, whose network echoes; also an in-memory port.

    ``damage(frame)`` may change or drop each frame to the host, ``lose(frame)`` each from it.
    """

    def __init__(self, size=300, value=SPIKE, window=512):
        stream = TokenFormat(size, value)
        self.description = Description(IDENTITY, window, stream, stream)
        self.timeout = None
        self.damage = self.lose = lambda frame: frame
        self.closed = False
        self.most = 0  # bytes unanswered at once
        self._line = bytearray()
        self._answers = bytearray()
        self._waiting = []
        self._expected = self._output = 0
        self._counts = [0, 0, 0, 0]

    def write(self, data):
        self._line += data
        while b"\0" in self._line:
            code, _, rest = bytes(self._line).partition(b"\0")
            self._line[:] = rest
            if code and (code := self.lose(code)):
                self._waiting.append(code)
        self.most = max(self.most, sum(len(code) + 1 for code in self._waiting))

    def read(self, size=1):
        if not self._answers and self._waiting:
            self._execute(self._waiting.pop(0))
        data = bytes(self._answers[:size])
        del self._answers[:size]
        return data

    def close(self):
        self.closed = True

    def _say(self, kind, tag, body=b""):
        self._answers += self.damage(encode_frame(kind, tag, body))

    def _refuse(self, fault):
        self._counts[3] += 1
        self._say(Kind.ERROR, self._expected, bytes([fault]))

    def _execute(self, code):
        try:
            command, tag, body = decode_frame(code)
        except FrameError:
            return self._refuse(Fault.CRC)
        if command == Command.WRITE:
            return self._execute_write(tag, body)
        if command == Command.RESET:
            self._expected = (tag + 1) % 256
            self._output = 0
            answer = b""
        elif command == Command.IDENTITY:
            answer = self.description.pack()
        elif command == Command.COUNTERS:
            answer = Counters(*self._counts).pack()
        else:
            return self._refuse(Fault.COMMAND)
        return self._say(ANSWER | command, tag, answer)

    def _execute_write(self, tag, body):
        if tag != self._expected:
            return self._refuse(Fault.SEQUENCE)
        tokens = list(self.description.input.decode(body))
        events = sum(not token.end for token in tokens)
        self._counts = [
            self._counts[0] + 10 * len(tokens),
            self._counts[1] + events,
            self._counts[2] + events,
            self._counts[3],
        ]
        self._say(Kind.OUTPUT, self._output, body)
        self._output = (self._output + 1) % 256
        self._expected = (self._expected + 1) % 256
        return self._say(Kind.WRITE, tag)


def samples_of(generator, count, size, values=None, steps=5):
    """Random samples with sorted addresses, so that they come back as they went."""
    samples = []
    for _ in range(count):
        sample = []
        for _ in range(generator.integers(1, steps + 1)):
            addresses = np.flatnonzero(generator.random(size) < generator.random() ** 2)
            grades = None
            if values:
                grades = generator.integers(values.lo, values.hi + 1, addresses.size)
            sample.append((addresses, grades))
        samples.append(sample)
    return samples


def assert_echoed(samples, outputs):
    assert len(outputs) == len(samples)
    for sample, output in zip(samples, outputs, strict=True):
        assert len(output) == len(sample)
        for (addresses, values), events in zip(sample, output, strict=True):
            np.testing.assert_array_equal(events.addresses, addresses)
            np.testing.assert_array_equal(
                events.values, np.ones_like(addresses) if values is None else values
            )

"""Samples as frames and outputs as samples: what the driver does, without input or output."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from spikeloom.hls_model.errors import SampleError
from spikeloom.rtl.protocol import (
    MAX_BODY,
    OVERHEAD,
    Command,
    Description,
    Fault,
    Kind,
    encode_frame,
)
from spikeloom.rtl.tokens import TokenFormat

__all__ = ["Events", "LinkFault", "Numbers", "Step", "Transfer"]

MAX_PENDING = 32 * 1024
"""Bytes of output that may be on their way: what an operating system keeps for a slow reader."""


class Events(NamedTuple):
    """The events of one step."""

    addresses: np.ndarray
    """``int64[events]``"""
    values: np.ndarray
    """``int64[events]``; 1 for spikes without a grade."""


Step = Events | tuple[Any, Any] | Sequence[int] | np.ndarray
"""Addresses alone, or a pair of addresses and values (None if the stream has no grades)."""


class LinkFault(Exception):
    """Something was lost or refused: the samples that are on their way must be sent again."""


@dataclass(slots=True)
class Numbers:
    """Sequence numbers of the next frames."""

    write: int = 0
    output: int = 0


@dataclass(slots=True)
class _Sample:
    """A sample on its way: its tokens, and its steps that have come back."""

    code: list[list[tuple[int, bytes]]]
    steps: list[Events] = field(default_factory=list)


class _Packer:
    """Cuts tokens into bodies of frames, of at most ``limit`` bytes and ``steps`` ends of steps."""

    def __init__(self, format: TokenFormat, limit: int, steps: int):
        self._format = format
        self._limit = limit
        self._steps = steps
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.bodies: deque[tuple[bytes, int]] = deque()
        """Complete bodies, and how many steps each ends."""
        self.size = 0
        """Bytes not yet taken."""
        self._body = bytearray()
        self._ends = 0
        self._page = 0

    def take(self) -> bytes:
        """The oldest complete body."""
        body, _ = self.bodies.popleft()
        self.size -= len(body)
        return body

    def put(self, sample: _Sample) -> None:
        """Append the tokens of a sample."""
        for number, runs in enumerate(sample.code):
            for page, code in runs:
                self._put_run(page, code)
            if len(self._body) == self._limit:
                self.flush()
            self._append(self._format.end_code(number == len(sample.code) - 1))
            self._page = 0
            self._ends += 1
            if self._ends == self._steps:
                self.flush()

    def _put_run(self, page: int, code: bytes) -> None:
        event = 1 + self._format.value_bytes
        while code:
            prefix = self._format.page_code(page) if page != self._page else b""
            room = (self._limit - len(self._body) - len(prefix)) // event * event
            if room <= 0:
                self.flush()
                continue
            self._append(prefix + code[:room])
            self._page = page
            code = code[room:]

    def _append(self, code: bytes) -> None:
        self._body += code
        self.size += len(code)

    def flush(self) -> None:
        """End the current body."""
        if self._body:
            self.bodies.append((bytes(self._body), self._ends))
        self._body.clear()
        self._ends = 0
        self._page = 0


class Transfer:
    """The samples of one run.

    Keeps the frames that are on their way within the board's window, and the steps within what
    the host can surely buffer; puts outputs together. A sample is kept until its output is
    complete, so that it can be sent again.

    Parameters
    ----------
    board : Description
    samples : iterator of sequences of Step
    numbers : Numbers
        Kept up to date.
    """

    def __init__(self, board: Description, samples: Iterator[Sequence[Step]], numbers: Numbers):
        self._board = board
        self._source: Iterator[Sequence[Step]] | None = samples
        self._numbers = numbers
        step_bytes = 1 + board.output.size * (1 + board.output.value_bytes)
        self._max_steps = max(MAX_PENDING // step_bytes, 1)
        limit = min(MAX_BODY, board.window // 4 - OVERHEAD)
        self._packer = _Packer(board.input, limit, self._max_steps)
        self._samples: deque[_Sample] = deque()
        self._steps = 0                          # written and not yet come back
        self._frames: deque[tuple[int, int]] = deque()   # unacknowledged: number, bytes
        self._bytes = 0                          # theirs
        self._events: tuple[list[int], list[int]] = ([], [])
        self.outputs: deque[list[Events]] = deque()
        """Of complete samples, in order."""

    @property
    def is_done(self) -> bool:
        """All samples have been sent, answered and acknowledged."""
        return self._source is None and not self._samples and not self._frames

    def restart(self) -> None:
        """After a RESET: send all incomplete samples again."""
        self._packer.clear()
        self._frames.clear()
        self._bytes = self._steps = 0
        self._events = ([], [])
        for sample in self._samples:
            sample.steps.clear()
            self._packer.put(sample)

    def frames(self) -> bytes:
        """All frames that may be sent now, as bytes for the line."""
        code = bytearray()
        while True:
            self._read_ahead()
            if not self._packer.bodies and not self._frames:
                self._packer.flush()
            if not self._packer.bodies:
                return bytes(code)
            body, ends = self._packer.bodies[0]
            size = len(body) + OVERHEAD
            if self._bytes + size > self._board.window:
                return bytes(code)
            if self._steps and self._steps + ends > self._max_steps:
                return bytes(code)
            self._packer.take()
            code += encode_frame(Command.WRITE, self._numbers.write, body)
            self._frames.append((self._numbers.write, size))
            self._numbers.write = (self._numbers.write + 1) % 256
            self._bytes += size
            self._steps += ends

    def _read_ahead(self) -> None:
        while self._source is not None and self._packer.size < self._board.window:
            try:
                steps = next(self._source)
            except StopIteration:
                self._source = None
                self._packer.flush()
                return
            if not len(steps):
                raise SampleError("a sample must have at least one step, not none")
            sample = _Sample([list(self._runs(step)) for step in steps])
            self._samples.append(sample)
            self._packer.put(sample)

    def _runs(self, step: Step) -> Iterator[tuple[int, bytes]]:
        addresses, values = step if isinstance(step, tuple) else (step, None)
        return self._board.input.runs(addresses, values)

    def accept(self, kind: int, tag: int, body: bytes) -> None:
        """Take a frame from the board.

        Raises
        ------
        LinkFault
            If it tells that something was lost.
        """
        if kind == Kind.WRITE:
            # Frames are executed in order: an answer that was lost is made good by the next.
            while tag in (number for number, _ in self._frames):
                self._bytes -= self._frames.popleft()[1]
        elif kind == Kind.OUTPUT:
            if tag != self._numbers.output:
                raise LinkFault(f"output frame {self._numbers.output} was lost")
            self._numbers.output = (tag + 1) % 256
            try:
                self._collect(body)
            except (ValueError, IndexError) as error:
                raise LinkFault(f"an output frame makes no sense: {error}") from None
        elif kind == Kind.ERROR:
            code = body[0] if body else 0
            name = Fault(code).name if code in set(Fault) else str(code)
            raise LinkFault(f"the board reports the fault {name}")

    def _collect(self, body: bytes) -> None:
        addresses, values = self._events
        for token in self._board.output.decode(body):
            if not token.end:
                addresses.append(token.address)
                values.append(token.value)
                continue
            sample = self._samples[0]
            sample.steps.append(
                Events(np.array(addresses, dtype=np.int64), np.array(values, dtype=np.int64))
            )
            addresses.clear()
            values.clear()
            self._steps -= 1
            if bool(token.last) != (len(sample.steps) == len(sample.code)):
                raise ValueError("a sample has another number of steps than was written")
            if token.last:
                self.outputs.append(sample.steps)
                self._samples.popleft()

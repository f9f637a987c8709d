"""Events and ends of steps as bytes: the body of the link's WRITE and OUTPUT frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from spikeloom.hls_model.errors import SampleError
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.events import EventLayout

__all__ = ["Token", "TokenCode", "TokenFormat"]


class Token(NamedTuple):
    """One token of an event stream, as :class:`spikeloom.rtl.events.EventLayout`."""

    end: int
    last: int
    address: int
    value: int


class TokenCode(IntEnum):
    """First bytes of tokens; a smaller byte is an event."""

    END  = 0x80
    LAST = 0x81
    PAGE = 0xC0


@dataclass(frozen=True, slots=True)
class TokenFormat:
    """How the tokens of one event stream are written as bytes.

    ``0aaaaaaa`` is an event at ``128·page + a``, followed by ``value_bytes`` bytes of value (two's
    complement, low byte first); ``1000000l`` ends a step (``l``: and the sample) and clears the
    page; ``11pppppp`` makes the page ``64·page + p`` modulo ``2**page_bits``. The page is 0 at the
    start of a frame. With sorted addresses an event thus costs one byte and its value.

    Parameters
    ----------
    size : int
        Number of addresses, 1 to 65,536.
    value : Range
        Values an event may carry, within 32 bits. ``[0, 1]`` and narrower take no bytes.
    """

    size: int
    value: Range

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 1 << 16:
            raise ValueError(f"a stream must have 1 to 65,536 addresses, not {self.size}")
        if self.value.width > 32:
            raise ValueError(f"values must fit 32 bits, not {self.value}")

    @classmethod
    def of(cls, layout: EventLayout) -> TokenFormat:
        """The format for the streams of ``layout``."""
        return cls(layout.addresses, layout.range)

    @property
    def page_bits(self) -> int:
        return max((self.size - 1).bit_length() - 7, 0)

    @property
    def page_tokens(self) -> int:
        """Bytes that set any page from any other."""
        return -(-self.page_bits // 6)

    @property
    def value_bytes(self) -> int:
        is_graded = self.value.lo < 0 or self.value.hi > 1
        return -(-self.value.width // 8) if is_graded else 0

    @property
    def max_bytes(self) -> int:
        """Of the longest token."""
        return self.page_tokens + 1 + self.value_bytes

    def page_code(self, page: int) -> bytes:
        """The tokens that select ``page``."""
        return bytes(
            TokenCode.PAGE | page >> 6 * digit & 0x3F for digit in reversed(range(self.page_tokens))
        )

    def runs(
        self, addresses: Sequence[int] | np.ndarray, values: Sequence[int] | np.ndarray | None
    ) -> Iterator[tuple[int, bytes]]:
        """The events of one step, as one run of event bytes per page, pages ascending.

        Raises
        ------
        SampleError
            If an address or a value is not one of the stream's.
        """
        address = np.asarray(addresses, dtype=np.int64).reshape(-1)
        if not address.size:
            return
        if address.min() < 0 or address.max() >= self.size:
            raise SampleError(
                f"event addresses must be 0 to {self.size - 1}, "
                f"not {address.min()} to {address.max()}"
            )
        grade = None if values is None else np.asarray(values, dtype=np.int64).reshape(-1)
        if grade is None and self.value_bytes:
            raise SampleError(f"events must carry values in {self.value}, but none are given")
        if grade is not None:
            if grade.size != address.size:
                raise SampleError(
                    f"there must be one value for each event, not {grade.size} for {address.size}"
                )
            allowed = self.value if self.value_bytes else Range(1, 1)
            if Range.of(grade) not in allowed:
                raise SampleError(f"event values must be in {allowed}, not {Range.of(grade)}")
        order = np.argsort(address, kind="stable")
        address = address[order]
        codes = np.empty((address.size, 1 + self.value_bytes), np.uint8)
        codes[:, 0] = address & 0x7F
        if grade is not None:
            for index in range(self.value_bytes):
                codes[:, 1 + index] = grade[order] >> 8 * index & 0xFF
        pages, starts = np.unique(address >> 7, return_index=True)
        ends = [*starts[1:], address.size]
        for page, start, end in zip(pages.tolist(), starts, ends, strict=True):
            yield page, codes[start:end].tobytes()

    @staticmethod
    def end_code(last: bool) -> bytes:
        """The token that ends a step (and the sample, if ``last``)."""
        return bytes((TokenCode.LAST if last else TokenCode.END,))

    def step_bytes(self, events: float) -> float:
        """Bytes of a step with so many events: at most, since events may leave pages out."""
        pages = min((self.size - 1) // 128, events)
        return 1 + events * (1 + self.value_bytes) + pages * self.page_tokens

    def decode(self, body: bytes) -> Iterator[Token]:
        """The tokens of one frame's body.

        Raises
        ------
        ValueError
            If the body holds anything else than whole tokens of this format.
        """
        page = position = 0
        while position < len(body):
            byte = body[position]
            position += 1
            if byte < TokenCode.END:
                address = page << 7 | byte
                value = 1
                if self.value_bytes:
                    code = body[position:position + self.value_bytes]
                    position += self.value_bytes
                    value = int.from_bytes(code, "little", signed=self.value.is_signed)
                    if len(code) < self.value_bytes or value not in self.value:
                        raise ValueError(f"a value must be in {self.value}, not {code!r}")
                if address >= self.size:
                    raise ValueError(f"an address must be below {self.size}, not {address}")
                yield Token(0, 0, address, value)
            elif byte in (TokenCode.END, TokenCode.LAST):
                page = 0
                yield Token(1, byte & 1, 0, 0)
            elif byte >= TokenCode.PAGE and (byte & 0x3F) >> self.page_bits == 0 and self.page_bits:
                page = (page << 6 | byte & 0x3F) & (1 << self.page_bits) - 1
            else:
                raise ValueError(f"0x{byte:02x} is no token")

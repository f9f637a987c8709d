"""The link's protocol: numbers and frames that host and gateware share.

Nothing here touches hardware. The driver (:mod:`spikeloom.boards.driver`) and the gateware
(:mod:`spikeloom.rtl.link`) are both built from these objects; ``docs/link.md`` describes the
same for a client in another language.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from amaranth.lib.crc.catalog import CRC16_IBM_3740

from spikeloom.hls_model.errors import BoardError
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.tokens import TokenFormat

__all__ = [
    "ANSWER",
    "CRC",
    "MAX_BODY",
    "MAX_PAYLOAD",
    "OVERHEAD",
    "PRODUCT",
    "VERSION",
    "Command",
    "Counters",
    "Description",
    "Fault",
    "FrameError",
    "Identity",
    "Kind",
    "cobs_decode",
    "cobs_encode",
    "crc16",
    "decode_frame",
    "encode_frame",
]

PRODUCT = b"SPKL"
VERSION = 1

CRC = CRC16_IBM_3740
"""Over the whole payload; sent high byte first, so that a good frame leaves the residue 0."""

MAX_PAYLOAD = 128
"""Bytes of a frame before COBS, header and CRC included. COBS then never needs the code 0xFF."""

MAX_BODY = MAX_PAYLOAD - 4
"""Two bytes of header and two of CRC go off."""

OVERHEAD = 6
"""Bytes on the wire beyond the body: header, CRC, first COBS code, delimiter."""

ANSWER = 0x80
"""The answer to a command bears its number plus this."""


class Command(IntEnum):
    """First byte of a frame from the host."""

    IDENTITY = 1
    WRITE    = 2
    RESET    = 3
    COUNTERS = 4
    LOAD     = 5
    """A board without loadable weights answers with :attr:`Fault.COMMAND`."""


class Kind(IntEnum):
    """First byte of a frame from the board."""

    ERROR    = ANSWER
    IDENTITY = ANSWER | Command.IDENTITY
    WRITE    = ANSWER | Command.WRITE
    RESET    = ANSWER | Command.RESET
    COUNTERS = ANSWER | Command.COUNTERS
    LOAD     = ANSWER | Command.LOAD
    OUTPUT   = 0xC0


class Fault(IntEnum):
    """What an ERROR frame reports. None of them has changed any state."""

    FRAME    = 1
    CRC      = 2
    OVERRUN  = 3
    TIMEOUT  = 4
    COMMAND  = 5
    LENGTH   = 6
    SEQUENCE = 7
    TOKEN    = 8
    WEIGHTS  = 9
    """A WRITE before the weights are complete, or a LOAD while a sample is in the network."""


class FrameError(ValueError):
    """Bytes between two delimiters that are no frame."""


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740 (CCITT-FALSE) of ``data``: :data:`CRC` at the speed of C."""
    return binascii.crc_hqx(data, CRC.initial_crc)


def cobs_encode(data: bytes) -> bytes:
    """COBS (Cheshire and Baker, 1999) of at most 253 bytes: as many plus one, none of them 0."""
    if len(data) > 253:
        raise ValueError(f"COBS data must be at most 253 bytes, not {len(data)}")
    return b"".join(bytes((len(run) + 1,)) + run for run in data.split(b"\0"))


def cobs_decode(code: bytes) -> bytes:
    """The inverse of :func:`cobs_encode`.

    Raises
    ------
    FrameError
        If ``code`` is empty, holds a 0, or ends inside a run.
    """
    if not code or 0 in code:
        raise FrameError("COBS code is empty or holds a zero")
    runs = []
    position = 0
    while position < len(code):
        end = position + code[position]
        if end > len(code):
            raise FrameError("COBS code ends inside a run")
        runs.append(code[position + 1:end])
        position = end
    return b"\0".join(runs)


def encode_frame(kind: int, tag: int, body: bytes = b"") -> bytes:
    """One frame as sent, delimiter included: COBS(kind, tag, body, CRC) and a zero byte."""
    if len(body) > MAX_BODY:
        raise ValueError(f"a frame's body must be at most {MAX_BODY} bytes, not {len(body)}")
    payload = bytes((kind, tag)) + body
    return cobs_encode(payload + crc16(payload).to_bytes(2, "big")) + b"\0"


def decode_frame(code: bytes) -> tuple[int, int, bytes]:
    """Kind, tag and body of the bytes between two delimiters.

    Raises
    ------
    FrameError
        If they are no frame.
    """
    payload = cobs_decode(code)
    if not 4 <= len(payload) <= MAX_PAYLOAD:
        raise FrameError(f"a payload must be 4 to {MAX_PAYLOAD} bytes, not {len(payload)}")
    if crc16(payload):
        raise FrameError("the CRC does not match")
    return payload[0], payload[1], payload[2:-2]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a bitstream is.

    Parameters
    ----------
    network_hash : int
        64 bits that name the integer network.
    board : str
        Name of the board, at most 32 ASCII characters.
    clock_hz : int
        Clock of the network and the link.
    contract : int
        Version of the arithmetic contract.
    """

    network_hash: int
    board: str
    clock_hz: int
    contract: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.network_hash < 1 << 64:
            raise ValueError(f"a network hash must be 64 bits, not {self.network_hash!r}")
        if not (self.board.isascii() and 1 <= len(self.board) <= 32):
            raise ValueError(f"a board's name must be 1 to 32 ASCII characters: {self.board!r}")


_DESCRIPTION = struct.Struct("<4sBBHIQ" + 2 * "Iqq")


@dataclass(frozen=True, slots=True)
class Description:
    """The body of an IDENTITY answer: all a client needs to know of a board.

    ``window`` is the number of bytes, as sent, that unacknowledged frames may have in all.
    """

    identity: Identity
    window: int
    input: TokenFormat
    output: TokenFormat

    def pack(self) -> bytes:
        """Little-endian; the board's name fills the rest of the body."""
        formats = [
            field for stream in (self.input, self.output)
            for field in (stream.size, stream.value.lo, stream.value.hi)
        ]
        identity = self.identity
        return _DESCRIPTION.pack(
            PRODUCT, VERSION, identity.contract, self.window,
            identity.clock_hz, identity.network_hash, *formats,
        ) + identity.board.encode("ascii")

    @classmethod
    def unpack(cls, body: bytes) -> Description:
        """The inverse of :meth:`pack`.

        Raises
        ------
        BoardError
            If another product, or another version of the protocol, has answered.
        """
        if body[:4] != PRODUCT:
            raise BoardError(f"the device is no Spikeloom board: it calls itself {body[:4]!r}")
        if body[4:5] != bytes([VERSION]):
            raise BoardError(
                f"the board speaks version {body[4:5].hex()} of the link, not {VERSION:02x}; "
                "rebuild the bitstream"
            )
        head, name = body[:_DESCRIPTION.size], body[_DESCRIPTION.size:]
        try:
            _, _, contract, window, clock_hz, network_hash, *fields = _DESCRIPTION.unpack(head)
            formats = [
                TokenFormat(size, Range(lo, hi)) for size, lo, hi in (fields[:3], fields[3:])
            ]
            identity = Identity(network_hash, name.decode("ascii"), clock_hz, contract)
        except (struct.error, ValueError) as error:
            raise BoardError(f"the board's identity makes no sense: {error}") from None
        return cls(identity, window, *formats)


class Counters(NamedTuple):
    """The body of a COUNTERS answer. Each wraps at 32 bits; none is cleared."""

    cycles: int
    """Clock cycles in which the network held a sample, or part of one."""
    events_in: int
    """Events written to the network."""
    events_out: int
    """Events read from the network, those that RESET has swallowed included."""
    errors: int
    """ERROR frames sent."""

    def pack(self) -> bytes:
        """Little-endian."""
        return struct.pack("<4I", *self)

    @classmethod
    def unpack(cls, body: bytes) -> Counters:
        """The inverse of :meth:`pack`."""
        if len(body) != 16:
            raise BoardError(f"the board's counters must be 16 bytes, not {len(body)}")
        return cls(*struct.unpack("<4I", body))

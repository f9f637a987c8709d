"""An image of weights as LOAD frames: what the driver sends, without input or output."""

from __future__ import annotations

from collections import deque

from spikeloom.boards.transfer import LinkFault, Numbers
from spikeloom.rtl.protocol import (
    MAX_BODY,
    OVERHEAD,
    Command,
    Description,
    Fault,
    Kind,
    encode_frame,
)

__all__ = ["Load"]


class Load:
    """One image on its way.

    Parameters
    ----------
    board : Description
    image : bytes
        Of :func:`spikeloom.rtl.loading.image_of`.
    numbers : Numbers
        Kept up to date.
    """

    def __init__(self, board: Description, image: bytes, numbers: Numbers):
        self._window = board.window
        self._numbers = numbers
        piece = min(MAX_BODY, board.window // 4 - OVERHEAD) - 1
        self._bodies = deque(
            bytes([start == 0]) + image[start:start + piece]
            for start in range(0, len(image), piece)
        )
        self._frames: deque[tuple[int, int]] = deque()   # unanswered: number, bytes
        self.is_complete = False
        """The board has said that all weights are there."""

    @property
    def is_done(self) -> bool:
        """All has been sent and answered."""
        return not self._bodies and not self._frames

    def frames(self) -> bytes:
        """All frames that may be sent now, as bytes for the line."""
        code = bytearray()
        on_the_way = sum(size for _, size in self._frames)
        while self._bodies and on_the_way + len(self._bodies[0]) + OVERHEAD <= self._window:
            body = self._bodies.popleft()
            size = len(body) + OVERHEAD
            code += encode_frame(Command.LOAD, self._numbers.write, body)
            self._frames.append((self._numbers.write, size))
            self._numbers.write = (self._numbers.write + 1) % 256
            on_the_way += size
        return bytes(code)

    def accept(self, kind: int, tag: int, body: bytes) -> None:
        """Take a frame from the board.

        Raises
        ------
        LinkFault
            If it tells that something was lost or refused.
        """
        if kind == Kind.LOAD and self._frames and tag == self._frames[0][0]:
            self._frames.popleft()
            self.is_complete = body == b"\1"
        elif kind == Kind.ERROR:
            code = body[0] if body else 0
            name = Fault(code).name if code in set(Fault) else str(code)
            raise LinkFault(f"the board reports the fault {name}")
        elif kind != Kind.OUTPUT:
            raise LinkFault("an answer was lost")

"""The host's side of the link: a connection to a board, or to anything that behaves like one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Sequence

from spikeloom.boards.catalog import BAUD
from spikeloom.boards.loading import Load
from spikeloom.boards.ports import Port, find_port, open_port
from spikeloom.boards.transfer import Events, LinkFault, Numbers, Step, Transfer
from spikeloom.hls_model.errors import BoardError
from spikeloom.rtl.protocol import (
    ANSWER,
    Command,
    Counters,
    Description,
    FrameError,
    Identity,
    decode_frame,
    encode_frame,
)

__all__ = ["Connection", "Events", "Step", "connect"]

ATTEMPTS = 4
"""Times that a command, or a sample, is tried before the board is given up."""


class Connection:
    """A board at the other end of a port.

    One command or one :meth:`run` at a time. A context manager that closes the port.

    Parameters
    ----------
    port : Port
        An open serial port, or anything with its ``read``, ``write``, ``close`` and ``timeout``.
    timeout : float
        Seconds without a sign of life before something is tried again.
    name : str
        Of the port, for messages.
    baud : int
        Bits per second that the port was opened with.

    Raises
    ------
    BoardError
        Here and in every method: the board is silent, foreign or unplugged.
    """

    def __init__(
        self, port: Port, *, timeout: float = 0.5, name: str = "the port", baud: int = BAUD,
    ):
        self.baud = baud
        self._port = port
        self._port.timeout = timeout
        self._timeout = timeout
        self._name = name
        self._received = bytearray()
        self._tag = 0
        self.sent = self.received = 0
        """Bytes that have crossed the line in each direction."""
        self._numbers = Numbers()
        try:
            self._description = Description.unpack(self._ask(Command.IDENTITY))
            self.reset()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the port."""
        with contextlib.suppress(OSError):
            self._port.close()

    @property
    def description(self) -> Description:
        """What the board has said of itself when it was connected."""
        return self._description

    def identity(self) -> Identity:
        """Ask the board what it is."""
        return Description.unpack(self._ask(Command.IDENTITY)).identity

    def counters(self) -> Counters:
        """Read the board's counters. Nothing clears them: take differences."""
        return Counters.unpack(self._ask(Command.COUNTERS))

    def reset(self) -> None:
        """Forget the samples on their way; the next one starts clean."""
        self._ask(Command.RESET)
        self._numbers.write = (self._tag + 1) % 256
        self._numbers.output = 0

    def disturb(self, garbage: bytes) -> None:
        """Put bytes on the line that need be no frames: for tests of the link itself."""
        self._write(garbage)

    def load(self, image: bytes) -> None:
        """Fill the board's loadable weight memories (see :func:`spikeloom.rtl.loading.image_of`).

        Samples on their way are forgotten.

        Raises
        ------
        BoardError
            If the board has none, or the image is not one for its memories.
        """
        for _ in range(ATTEMPTS):
            self.reset()
            load = Load(self._description, image, self._numbers)
            with contextlib.suppress(LinkFault):
                while not load.is_done:
                    self._exchange(load)
                if load.is_complete:
                    return
        raise BoardError(
            f"{self._name} does not take an image of {len(image)} bytes; send that of the design "
            "it was built from"
        )

    def run(self, samples: Iterable[Sequence[Step]]) -> Iterator[list[Events]]:
        """Send samples and give back their outputs, in order.

        Many samples are on their way at once: ``samples`` is read ahead of the outputs. Samples
        that were disturbed on the line are sent again.

        Parameters
        ----------
        samples : iterable
            For each sample its steps, at least one; for each step its events: addresses, or a
            tuple of addresses and values, which a graded input needs.

        Yields
        ------
        list of Events
            For each step of the sample, the output's events as they came.

        Raises
        ------
        SampleError
            If an address or a value is not one of the network's input.
        """
        transfer = Transfer(self._description, iter(samples), self._numbers)
        failures = 0
        try:
            while not transfer.is_done:
                try:
                    self._exchange(transfer)
                    failures = 0 if transfer.outputs else failures
                except LinkFault as fault:
                    failures += 1
                    if failures == ATTEMPTS:
                        raise BoardError(f"{self._name} fails again and again: {fault}") from None
                    self.reset()
                    transfer.restart()
                while transfer.outputs:
                    yield transfer.outputs.popleft()
        finally:
            if not transfer.is_done:
                # The next run must not meet what this one has left behind. If the board is gone,
                # the error that has brought us here says so.
                with contextlib.suppress(BoardError):
                    self.reset()

    def _exchange(self, transfer: Transfer | Load) -> None:
        """Send what may be sent, and take the next frame."""
        code = transfer.frames()
        if code:
            self._write(code)
        if transfer.is_done:
            return
        frame = self._read_frame(time.monotonic() + self._timeout)
        if frame is None:
            raise LinkFault("it has fallen silent")
        transfer.accept(*frame)

    def _ask(self, command: Command) -> bytes:
        """Body of the answer to a command that may be repeated without harm."""
        before = self.received
        for _ in range(ATTEMPTS):
            self._tag = (self._tag + 1) % 256
            # The delimiter ends whatever half frame the board may have.
            self._write(b"\0" + encode_frame(command, self._tag))
            end = time.monotonic() + self._timeout
            while time.monotonic() < end:
                with contextlib.suppress(LinkFault):
                    frame = self._read_frame(end)
                    if frame is not None and frame[:2] == (ANSWER | command, self._tag):
                        return frame[2]
        if self.received > before:
            raise BoardError(
                f"what {self._name} answers makes no sense: is its bitstream for {self.baud} baud, "
                "and is this the board's UART?"
            )
        raise BoardError(
            f"no answer from {self._name}: is a Spikeloom bitstream for {self.baud} baud loaded, "
            "and is this the board's UART?"
        )

    def _read_frame(self, end: float) -> tuple[int, int, bytes] | None:
        """The next frame; None if there is none until ``end``.

        Raises
        ------
        LinkFault
            If something has come that is no frame.
        """
        while (delimiter := self._received.find(0)) < 0:
            if time.monotonic() >= end:
                return None
            try:
                more = self._port.read(max(getattr(self._port, "in_waiting", 1), 1))
            except (OSError, TypeError):
                # pyserial gives an OSError, or a TypeError where the port was closed under it.
                raise self._gone() from None
            self._received += more
            self.received += len(more)
        code = bytes(self._received[:delimiter])
        del self._received[:delimiter + 1]
        try:
            return decode_frame(code)
        except FrameError as error:
            raise LinkFault(f"a frame from the board was damaged: {error}") from None

    def _write(self, code: bytes) -> None:
        try:
            self._port.write(code)
            self.sent += len(code)
        except (OSError, TypeError):
            raise self._gone() from None

    def _gone(self) -> BoardError:
        return BoardError(f"{self._name} is gone; was the board unplugged?")


def connect(
    port: str | Port | None = None,
    *,
    baud: int = BAUD,
    network_hash: int | None = None,
    usb_ids: Collection[tuple[int, int]] = (),
    timeout: float = 0.5,
) -> Connection:
    """Connect to a board.

    Parameters
    ----------
    port : str or Port, optional
        Name of a serial port, or an open one; found by ``usb_ids`` if not given.
    baud : int
        Bits per second of a port that is opened here.
    network_hash : int, optional
        Refuse a board that holds another network.
    usb_ids : collection of (vendor, product)
        Of the boards in question.
    timeout : float
        Seconds without a sign of life before something is tried again.

    Raises
    ------
    BoardError
        If no port, or more than one, is found; if the port is absent or busy; if the board is
        silent or holds another network.
    """
    if port is None:
        port = find_port(usb_ids)
    if isinstance(port, str):
        connection = Connection(open_port(port, baud), timeout=timeout, name=port, baud=baud)
    else:
        connection = Connection(port, timeout=timeout)
    found = connection.description.identity
    if network_hash is not None and found.network_hash != network_hash:
        connection.close()
        raise BoardError(
            f"the board ({found.board}) holds network {found.network_hash:016x}, "
            f"not {network_hash:016x}; flash the bitstream of this network"
        )
    return connection

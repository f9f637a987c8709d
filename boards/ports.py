"""Serial ports: which one is the board's, and opening it with clear words when that fails."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Collection
from typing import Any, Protocol

from spikeloom.hls_model.errors import BoardError

__all__ = ["Port", "find_port", "open_port"]


class Port(Protocol):
    """What a connection needs of a serial port; ``serial.Serial`` has it."""

    timeout: float | None

    def read(self, size: int = 1, /) -> bytes:
        """At least one byte, at most ``size``; none after ``timeout`` seconds."""

    def write(self, data: bytes, /) -> Any:
        """Send all of ``data``."""

    def close(self) -> None:
        """Give the port back."""


def find_port(usb_ids: Collection[tuple[int, int]] = ()) -> str:
    """The device of the only board that is plugged in.

    Of a chip with several channels the last is taken: on all supported boards it is the UART.

    Parameters
    ----------
    usb_ids : collection of (vendor, product)
        USB ids of the boards in question; any USB serial port if empty.

    Raises
    ------
    BoardError
        If there is none, or if there are several; the ports are listed.
    """
    from serial.tools.list_ports import comports

    ports = [port for port in comports() if port.vid is not None]
    chips: dict[str, Any] = {}
    for port in sorted(ports, key=lambda port: (port.location or "", port.device)):
        if not usb_ids or (port.vid, port.pid) in usb_ids:
            chips[(port.location or port.device).partition(":")[0]] = port
    if len(chips) == 1:
        return next(iter(chips.values())).device
    shown = ", ".join(map(_describe, chips.values() if chips else ports)) or "none"
    if chips:
        raise BoardError(f"several boards are plugged in, name a port: {shown}")
    wanted = ", ".join(f"{vendor:04x}:{product:04x}" for vendor, product in sorted(usb_ids))
    raise BoardError(
        f"no board found{f' with USB id {wanted}' if wanted else ''}; USB serial ports: {shown}"
    )


def _describe(port: Any) -> str:
    text = f"{port.device} ({port.vid:04x}:{port.pid:04x}"
    for more in (port.product, port.serial_number):
        text += f" {more}" if more else ""
    return text + ")"


def open_port(name: str, baud: int) -> Port:
    """A serial port, for this process alone.

    Raises
    ------
    BoardError
        If it is absent, busy or forbidden, or does not know ``baud``.
    """
    import serial

    try:
        port = serial.Serial(name, baud, exclusive=True, write_timeout=5)
    except ValueError:
        raise BoardError(f"{name} cannot run at {baud} baud") from None
    except serial.SerialException as error:
        code = error.errno
        if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
            raise BoardError(f"there is no port {name}; is the board plugged in?") from None
        if code in (errno.EACCES, errno.EPERM):
            raise BoardError(
                f"no permission for {name}; is the user in the group that owns it (dialout)?"
            ) from None
        if code in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
            raise BoardError(f"{name} is busy: another program has opened it") from None
        raise BoardError(f"{name} cannot be opened: {error}") from None
    # USB bridges of FTDI else keep short answers back for 16 ms. Not every port can.
    with contextlib.suppress(AttributeError, OSError, ValueError, NotImplementedError):
        port.set_low_latency_mode(True)
    return port

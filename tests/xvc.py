"""An ECP5 that is not there: a JTAG port behind a Xilinx Virtual Cable server on the loopback.

Protocol: github.com/Xilinx/XilinxVirtualCable, version 1.0. State machine: IEEE 1149.1. Commands
and status bits: Lattice FPGA-TN-02039.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self

import numpy as np

__all__ = ["FakeECP5"]

# The next state for TMS 0 and 1.
_NEXT = {
    "reset":      ("idle", "reset"),
    "idle":       ("idle", "select-dr"),
    "select-dr":  ("capture-dr", "select-ir"),
    "capture-dr": ("shift-dr", "exit1-dr"),
    "shift-dr":   ("shift-dr", "exit1-dr"),
    "exit1-dr":   ("pause-dr", "update-dr"),
    "pause-dr":   ("pause-dr", "exit2-dr"),
    "exit2-dr":   ("shift-dr", "update-dr"),
    "update-dr":  ("idle", "select-dr"),
    "select-ir":  ("capture-ir", "reset"),
    "capture-ir": ("shift-ir", "exit1-ir"),
    "shift-ir":   ("shift-ir", "exit1-ir"),
    "exit1-ir":   ("pause-ir", "update-ir"),
    "pause-ir":   ("pause-ir", "exit2-ir"),
    "exit2-ir":   ("shift-ir", "update-ir"),
    "update-ir":  ("idle", "select-dr"),
}  # fmt: skip

_READ_ID, _READ_STATUS, _BURST = 0xE0, 0x3C, 0x7A
_ENABLE, _ENABLE_X, _DISABLE, _ERASE = 0xC6, 0x74, 0x26, 0x0E
_DONE, _ENABLED, _WRITABLE, _READABLE, _FAILED = (1 << bit for bit in (8, 9, 10, 11, 13))
_CRC_ERROR = 3 << 23


class FakeECP5:
    """A context manager that listens on ``port``.

    Attributes
    ----------
    configures : False: the checksum of what comes in is always found wrong
    received : what was shifted into the configuration memory, the first bit as a byte's highest
    commands : instructions in their order
    """

    def __init__(self, idcode: int = 0x4111_1043, *, configures: bool = True) -> None:
        self.idcode = idcode
        self.configures = configures
        self.commands: list[int] = []
        self._bits = bytearray()
        self._state = "reset"
        self._instruction = _READ_ID
        self._enabled = False
        self._shift_ir = 0
        self._out: list[int] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def received(self) -> bytes:
        whole = len(self._bits) // 8 * 8
        return np.packbits(np.frombuffer(self._bits[:whole], np.uint8)).tobytes()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Closing alone would leave a thread in `accept`, and the port open with it.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        try:
            client, _ = self._server.accept()
        except OSError:
            return
        with client, client.makefile("rwb") as line:
            while True:
                command = self._until_colon(line)
                if command == b"getinfo":
                    line.write(b"xvcServer_v1.0:2048\n")
                elif command == b"settck":
                    line.write(line.read(4))
                elif command == b"shift":
                    (bits,) = struct.unpack("<I", line.read(4))
                    size = (bits + 7) // 8
                    tms, tdi = line.read(size), line.read(size)
                    line.write(self._shift(bits, tms, tdi))
                else:
                    return
                line.flush()

    @staticmethod
    def _until_colon(line) -> bytes:  # type: ignore[no-untyped-def]
        command = b""
        while not command.endswith(b":"):
            byte = line.read(1)
            if not byte:
                return b""
            command += byte
        return command[:-1]

    def _shift(self, bits: int, tms: bytes, tdi: bytes) -> bytes:
        tdo = bytearray(len(tdi))
        if self._state == "shift-dr" and self._instruction == _BURST and not any(tms):
            # Nearly all of a bitstream: no state changes.
            self._bits += np.unpackbits(np.frombuffer(tdi, np.uint8), bitorder="little")[
                :bits
            ].tobytes()
            return bytes(tdo)
        for index in range(bits):
            byte, bit = index >> 3, index & 7
            if self._clock(tms[byte] >> bit & 1, tdi[byte] >> bit & 1):
                tdo[byte] |= 1 << bit
        return bytes(tdo)

    def _clock(self, tms: int, tdi: int) -> int:
        """One cycle of TCK; the level of TDO before it."""
        state, tdo = self._state, 0
        if state == "shift-dr":
            if self._instruction == _BURST:
                self._bits.append(tdi)
            elif self._out:
                # Behind the register the chain's next device would follow: all ones.
                tdo = self._out.pop(0)
            else:
                tdo = 1 if self._instruction == _READ_ID else 0
        elif state == "shift-ir":
            tdo = 1
            self._shift_ir = (self._shift_ir >> 1) | tdi << 7
        elif state == "capture-dr":
            self._capture()
        self._state = _NEXT[state][tms]
        if self._state == "reset":
            self._instruction = _READ_ID
        elif self._state == "update-ir":
            self._execute(self._shift_ir)
        return tdo

    def _capture(self) -> None:
        value = {_READ_ID: self.idcode, _READ_STATUS: self._status()}.get(self._instruction, 0)
        self._out = [value >> bit & 1 for bit in range(32)]

    def _execute(self, instruction: int) -> None:
        self._instruction = instruction
        self.commands.append(instruction)
        if instruction in (_ENABLE, _ENABLE_X):
            self._enabled = True
        elif instruction == _ERASE:
            self._bits.clear()
        elif instruction == _DISABLE:
            self._enabled = False

    def _status(self) -> int:
        status = _ENABLED | _WRITABLE | _READABLE if self._enabled else 0
        if self._bits:
            status |= _DONE if self.configures else _FAILED | _CRC_ERROR
        return status

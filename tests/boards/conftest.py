"""Designs small enough to be routed in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Cat, Elaboratable, Module, Signal
from amaranth.lib import io
from amaranth.lib.memory import Memory


class Blinker(Elaboratable):
    """A counter on an LED and one block RAM between the serial pins."""

    def __init__(self, counter_bits: int = 24, ram_bits: int = 16 * 256) -> None:
        self._counter_bits = counter_bits
        self._depth = ram_bits // 16

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        uart = platform.request("uart", 0, dir="-")
        m.submodules.led = led = io.Buffer("o", platform.request("led", 0, dir="-"))
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        counter = Signal(self._counter_bits)
        received = Signal(range(self._depth))
        m.d.sync += counter.eq(counter + 1), received.eq(Cat(rx.i, received))
        m.submodules.ram = ram = Memory(shape=16, depth=self._depth, init=range(self._depth))
        read, write = ram.read_port(), ram.write_port()
        m.d.comb += [
            read.addr.eq(received),
            write.addr.eq(counter),
            write.data.eq(counter),
            write.en.eq(counter[3]),
            led.o.eq(counter[-1]),
            tx.o.eq(read.data.xor()),
        ]
        return m


@pytest.fixture
def blinker() -> type[Blinker]:
    return Blinker


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``scripts(name, body)`` puts a shell script on an otherwise empty PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "no scripts"))

    def add(name: str, body: str) -> Path:
        file = folder / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)
        return file

    return add

"""Designs small enough to be routed in seconds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Cat, Elaboratable, Module, Signal
from amaranth.lib import io
from amaranth.lib.memory import Memory

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.toolchain import synthesise
from spikeloom.rtl.memory import RowMemory


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


class Lookup(Elaboratable):
    """Two memories, narrow and wide, deep and shallow, addressed by what comes in."""

    def __init__(self, deep: list[int], wide: list[int], invert: bool = False) -> None:
        self._contents = deep, wide
        self._invert = invert

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        received = Signal(11)
        m.d.sync += received.eq(Cat(rx.i, received))
        parities = []
        for name, rows, width in zip(("deep", "wide"), self._contents, (3, 40), strict=True):
            m.submodules[name] = memory = RowMemory(rows, width)
            m.d.comb += memory.address.eq(received)
            parities.append(memory.data.xor())
        m.d.comb += tx.o.eq(parities[0] ^ parities[1] ^ self._invert)
        return m


@pytest.fixture(scope="session")
def lookup() -> Any:
    """``lookup(seed)``: memories whose contents depend on a seed, in logic that does not."""

    def design(seed: int, invert: bool = False) -> Lookup:
        deep = [(seed * row * row) % 8 for row in range(1100)]
        wide = [0, *((seed * 0x9E37_79B9_7F4A * row) % (1 << 40) for row in range(7))]
        return Lookup(deep, wide, invert)

    return design


@pytest.fixture(scope="session")
def built_lookup(
    lookup: Any, tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Path]:
    """``built_lookup(board)``: a folder with the build of ``lookup(3)``, not to be changed."""

    @cache
    def build(name: str) -> Path:
        folder, board = tmp_path_factory.mktemp(name), BOARDS[name]
        synthesise(lookup(3), board, folder, target_mhz=board.clock_mhz * 2)
        return folder

    return build


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

"""The bridge between a pseudo-terminal and the pins of a simulated design."""

import subprocess
import time

import pytest
import serial
from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.hls_model.errors import ToolError
from spikeloom.rtl.uart import Receiver, Transmitter
from spikeloom.rtl.verilog import to_verilog
from spikeloom.sim.virtual import Pins, VirtualBoard, compile_virtual

CLOCK = 1_000_000
DIVISOR = 8
BAUD = CLOCK // DIVISOR


class Successor(wiring.Component):
    """Answers each byte with the one after it; and a pin that nobody connects."""

    def __init__(self):
        super().__init__({"oscillator": In(1), "from_host": In(1, init=1),
                          "to_host": Out(1, init=1), "led": Out(8)})  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        m.submodules.receiver = receiver = Receiver(DIVISOR)
        m.submodules.transmitter = transmitter = Transmitter(DIVISOR)
        m.d.comb += [
            ClockSignal().eq(self.oscillator),
            receiver.rx.eq(self.from_host),
            transmitter.i.valid.eq(receiver.o.valid),
            transmitter.i.payload.eq(receiver.o.payload + 1),
            receiver.o.ready.eq(transmitter.i.ready),
            self.to_host.eq(transmitter.tx),
        ]
        with m.If(receiver.o.valid):
            m.d.sync += self.led.eq(receiver.o.payload)
        return m


@pytest.fixture(scope="module")
def source():
    return {"successor.v": to_verilog(Successor(), "successor")}


@pytest.fixture(scope="module")
def simulator(source):
    return compile_virtual(source, "successor", Pins("oscillator", "from_host", "to_host"))


@pytest.fixture
def board(simulator):
    with VirtualBoard(simulator, clock_hz=CLOCK, baud=BAUD) as board:
        yield board


def test_bytes_cross_the_pins(board):
    sent = bytes(range(256)) * 8
    with serial.Serial(board.port, BAUD, timeout=5) as port:
        board.mark()
        port.write(sent)
        assert port.read(len(sent)) == bytes((byte + 1) % 256 for byte in sent)
    figures = board.figures()
    assert figures.to_board.bytes == figures.from_board.bytes == len(sent)
    # The terminal never ran dry: the line was full.
    cycles = figures.to_board.last - figures.to_board.first
    assert cycles == len(sent) * 10 * DIVISOR
    assert figures.from_board.last > figures.to_board.last


def test_the_terminals_speed_is_the_lines(board):
    with serial.Serial(board.port, BAUD // 3, timeout=0.5) as port:
        port.write(b"spikes")
        assert port.read(6) != b"tqjlft"
    with serial.Serial(board.port, BAUD, timeout=5) as port:
        time.sleep(0.1)
        port.reset_input_buffer()
        port.write(b"spikes")
        assert port.read(6) == b"tqjlft"
        # 1 % off is what a UART must bear.
        port.baudrate = BAUD * 99 // 100
        port.write(b"loom")
        assert port.read(4) == b"mppn"


def test_it_stays_for_the_next_user(board):
    for byte in b"loom":
        with serial.Serial(board.port, BAUD, timeout=5) as port:
            port.write(bytes([byte]))
            assert port.read(1) == bytes([byte + 1])


def test_the_clock_stops_when_nothing_happens(board):
    end = time.monotonic() + 10
    seen = -1
    while board.figures().cycles != seen and time.monotonic() < end:
        seen = board.figures().cycles
        time.sleep(0.1)
    assert CLOCK / 4 <= seen <= CLOCK / 2


def test_bytes_may_take_their_time(simulator):
    with VirtualBoard(simulator, clock_hz=CLOCK, baud=BAUD, delay=0.01) as board:
        with serial.Serial(board.port, BAUD, timeout=5) as port:
            board.mark()
            port.write(b"a")
            port.read(1)
            port.write(b"b")
            port.read(1)
        figures = board.figures()
    assert figures.to_board.last - figures.to_board.first >= 2 * 0.01 * CLOCK


def test_a_board_that_has_ended(simulator):
    board = VirtualBoard(simulator, clock_hz=CLOCK, baud=BAUD)
    with serial.Serial(board.port, BAUD, timeout=5) as port:
        board.close()
        with pytest.raises(OSError, match=r"Input/output|no data"):
            port.read(1)
    with pytest.raises(ToolError, match="the virtual board has ended; start it again"):
        board.figures()


def test_it_ends_with_the_process_that_started_it(simulator):
    """Even if that is killed: its end of the pipe closes."""
    command = [str(simulator), str(CLOCK), str(BAUD), "1000", "0"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline().startswith(b"/dev/")
    child.stdin.close()
    assert child.wait(timeout=5) == 0
    child.stdout.close()


def test_waves(source, tmp_path):
    simulator = compile_virtual(
        source, "successor", Pins("oscillator", "from_host", "to_host"), waves=True
    )
    path = tmp_path / "waves.fst"
    with VirtualBoard(simulator, clock_hz=CLOCK, baud=BAUD, waves=path) as board:
        with serial.Serial(board.port, BAUD, timeout=5) as port:
            port.write(b"a")
            port.read(1)
    assert path.stat().st_size > 1000


def test_no_such_program(tmp_path):
    with pytest.raises(ToolError, match="the virtual board cannot be started: No such file"):
        VirtualBoard(tmp_path / "none", clock_hz=CLOCK, baud=BAUD)


def test_no_such_pin(source):
    with pytest.raises(ToolError, match=r"failed while compiling the simulator: .*'clk'"):
        compile_virtual(source, "successor")

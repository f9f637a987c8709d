"""The driver and the virtual board, together, through everything that can happen to a link."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest

from spikeloom.bench.link import endure_garbage
from spikeloom.boards import driver
from spikeloom.boards.driver import Connection
from spikeloom.boards.ports import open_port
from spikeloom.flow.artefacts import load_network
from spikeloom.flow.board import connect
from spikeloom.flow.run import read_test_set
from spikeloom.hls_model import simulate
from spikeloom.hls_model.errors import BoardError, SampleError


@pytest.fixture(scope="module")
def samples():
    return (np.random.default_rng(3).random((50, 4, 3, 3)) < 0.4).astype(int)


@pytest.fixture(scope="module")
def reference(folder, samples):
    return simulate(load_network(folder), samples)


def test_arrays_go_in_and_come_out(folder, samples, reference):
    with connect(folder, virtual=True) as board:
        outputs = board.run(samples)
        np.testing.assert_array_equal(outputs.events, reference.spikes["classes"])
        np.testing.assert_array_equal(outputs.readout, reference.readout)
        np.testing.assert_array_equal(outputs.predictions, reference.predictions)
        assert len(set(outputs.predictions.tolist())) > 1
        held = board.run(samples[:5, 0], steps=3)
        assert held.events.shape == (5, 3, 3)
        with pytest.raises(SampleError, match=r"must have the shape \[samples, steps, 3, 3\]"):
            board.run(samples[..., :2])
    with pytest.raises(BoardError, match="is gone"):
        board.run(samples)


def test_a_port_is_a_port(folder, virtual, samples, reference):
    with connect(folder, virtual.port, baud=virtual.baud, timeout=10) as board:
        assert (board.run(samples).readout == reference.readout).all()
        with pytest.raises(BoardError, match=f"{virtual.port} is busy"):
            connect(folder, virtual.port, baud=virtual.baud)


def test_a_virtual_board_has_no_port(folder):
    with pytest.raises(BoardError, match="a virtual board has no port; leave 'COM1' or --virtual"):
        connect(folder, "COM1", virtual=True)


@pytest.mark.parametrize("part", [Fraction(1, 4), Fraction(3, 4), Fraction(5, 4)])
def test_another_baud_rate(folder, virtual, part):
    """What is heard depends on how far it is off: damaged frames, or nothing."""
    baud = int(virtual.baud * part)
    start = time.monotonic()
    with pytest.raises(
        BoardError,
        match=rf"(no answer from {virtual.port}: .* for|what {virtual.port} answers makes no sense"
        rf": is its bitstream for) {baud} baud",
    ):
        connect(folder, virtual.port, baud=baud)
    assert time.monotonic() - start < 10


def test_a_board_that_vanishes(folder, virtual, samples):
    with connect(folder, virtual.port, baud=virtual.baud, timeout=10) as board:
        stream = board.connection.run([[np.flatnonzero(step) for step in samples[0]]] * 1000)
        next(stream)
        virtual.close()
        with pytest.raises(BoardError, match=f"{virtual.port} is gone; was the board unplugged"):
            list(stream)


def test_garbage_and_half_frames_between_users(folder, virtual, samples, reference):
    noise = random.Random(8)
    for _ in range(4):
        with open_port(virtual.port, virtual.baud) as port:
            port.write(noise.randbytes(noise.randrange(1, 2000)))
        with connect(folder, virtual.port, baud=virtual.baud, timeout=10) as board:
            stream = board.connection.run([[np.flatnonzero(step) for step in samples[0]]] * 100)
            next(stream)
            # The rest is left behind, half of it unread: the port closes without a word.
            board.connection._port.close()
        with connect(folder, virtual.port, baud=virtual.baud, timeout=10) as board:
            assert (board.run(samples).readout == reference.readout).all()


class LossyPort:
    """A port that loses and damages bytes in both directions."""

    def __init__(self, port, rate, seed):
        self._port = port
        self._noise = random.Random(seed)
        self._rate = rate
        self.disturbed = 0

    def _disturb(self, data):
        result = bytearray()
        for byte in data:
            luck = self._noise.random()
            self.disturbed += luck < self._rate
            if luck < self._rate / 2:
                continue
            result.append(byte ^ 1 << self._noise.randrange(8) if luck < self._rate else byte)
        return bytes(result)

    @property
    def timeout(self):
        return self._port.timeout

    @timeout.setter
    def timeout(self, seconds):
        self._port.timeout = seconds

    def read(self, size=1):
        return self._disturb(self._port.read(size))

    def write(self, data):
        self._port.write(self._disturb(data))

    def close(self):
        self._port.close()


def test_lost_and_damaged_bytes(virtual, samples, reference, monkeypatch):
    monkeypatch.setattr(driver, "ATTEMPTS", 50)
    port = LossyPort(open_port(virtual.port, virtual.baud), 0.001, 5)
    steps = [[np.flatnonzero(step) for step in sample] for sample in samples]
    with Connection(port, timeout=0.3) as connection:
        for _ in range(4):
            readout = np.zeros_like(reference.readout)
            for index, sample in enumerate(connection.run(steps)):
                for step in sample:
                    np.add.at(readout[index], step.addresses, step.values)
            assert (readout == reference.readout).all()
    assert port.disturbed > 5


def test_interrupting_ends_the_simulator(folder):
    program = (
        "import signal, time; from spikeloom.flow.board import connect\n"
        # A shell may have started this test with interrupts ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"with connect({str(folder)!r}, virtual=True) as board:\n"
        "    print(board.virtual._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL)  # fmt: skip
    simulator = int(child.stdout.readline())
    os.kill(simulator, 0)
    child.send_signal(signal.SIGINT)
    child.wait(timeout=20)
    child.stdout.close()
    with pytest.raises(ProcessLookupError):
        os.kill(simulator, 0)


def test_much_garbage(folder):
    """The full figure: ``python -m spikeloom.bench.link DIR``, 10⁶ bytes."""
    with connect(folder, virtual=True) as board:
        test_set = read_test_set(folder, board.network)
        endured = endure_garbage(board, test_set, 30_000)
    assert (endured.garbage, endured.wrong) == (30_000, 0)
    assert endured.outputs >= 100
    assert endured.errors > 20

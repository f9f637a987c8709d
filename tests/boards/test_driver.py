"""The driver against a model of the board in pure Python, and against the real gateware."""

import contextlib
import os
import pty
import random
import select
import threading
import tty

import machine
import numpy as np
import pytest
from simulated_port import SimulatedPort

from spikeloom.boards import driver, ports
from spikeloom.boards.driver import Connection, connect
from spikeloom.hls_model.errors import BoardError, SampleError
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.firmware import firmware
from spikeloom.rtl.link import WINDOW
from spikeloom.rtl.protocol import (
    ANSWER,
    OVERHEAD,
    Command,
    Counters,
    Description,
    Fault,
    FrameError,
    Identity,
    Kind,
    decode_frame,
    encode_frame,
)
from spikeloom.rtl.tokens import TokenFormat

IDENTITY = Identity(0xC0FFEE, "model", 12_000_000)
SPIKE = Range(0, 1)


class Model:
    """A board as docs/link.md describes it, whose network echoes; also an in-memory port.

    ``damage(frame)`` may change or drop each frame to the host, ``lose(frame)`` each from it.
    """

    def __init__(self, size=300, value=SPIKE, window=512):
        stream = TokenFormat(size, value)
        self.description = Description(IDENTITY, window, stream, stream)
        self.timeout = None
        self.damage = self.lose = lambda frame: frame
        self.closed = False
        self.most = 0                        # bytes unanswered at once
        self._line = bytearray()
        self._answers = bytearray()
        self._waiting = []
        self._expected = self._output = 0
        self._counts = [0, 0, 0, 0]

    def write(self, data):
        self._line += data
        while b"\0" in self._line:
            code, _, rest = bytes(self._line).partition(b"\0")
            self._line[:] = rest
            if code and (code := self.lose(code)):
                self._waiting.append(code)
        self.most = max(self.most, sum(len(code) + 1 for code in self._waiting))

    def read(self, size=1):
        if not self._answers and self._waiting:
            self._execute(self._waiting.pop(0))
        data = bytes(self._answers[:size])
        del self._answers[:size]
        return data

    def close(self):
        self.closed = True

    def _say(self, kind, tag, body=b""):
        self._answers += self.damage(encode_frame(kind, tag, body))

    def _refuse(self, fault):
        self._counts[3] += 1
        self._say(Kind.ERROR, self._expected, bytes([fault]))

    def _execute(self, code):
        try:
            command, tag, body = decode_frame(code)
        except FrameError:
            return self._refuse(Fault.CRC)
        if command == Command.WRITE:
            return self._execute_write(tag, body)
        if command == Command.RESET:
            self._expected = (tag + 1) % 256
            self._output = 0
            answer = b""
        elif command == Command.IDENTITY:
            answer = self.description.pack()
        elif command == Command.COUNTERS:
            answer = Counters(*self._counts).pack()
        else:
            return self._refuse(Fault.COMMAND)
        return self._say(ANSWER | command, tag, answer)

    def _execute_write(self, tag, body):
        if tag != self._expected:
            return self._refuse(Fault.SEQUENCE)
        tokens = list(self.description.input.decode(body))
        events = sum(not token.end for token in tokens)
        self._counts = [self._counts[0] + 10 * len(tokens), self._counts[1] + events,
                        self._counts[2] + events, self._counts[3]]
        self._say(Kind.OUTPUT, self._output, body)
        self._output = (self._output + 1) % 256
        self._expected = (self._expected + 1) % 256
        return self._say(Kind.WRITE, tag)


def samples_of(generator, count, size, values=None, steps=5):
    """Random samples with sorted addresses, so that they come back as they went."""
    samples = []
    for _ in range(count):
        sample = []
        for _ in range(generator.integers(1, steps + 1)):
            addresses = np.flatnonzero(generator.random(size) < generator.random() ** 2)
            grades = None
            if values:
                grades = generator.integers(values.lo, values.hi + 1, addresses.size)
            sample.append((addresses, grades))
        samples.append(sample)
    return samples


def assert_echoed(samples, outputs):
    assert len(outputs) == len(samples)
    for sample, output in zip(samples, outputs, strict=True):
        assert len(output) == len(sample)
        for (addresses, values), events in zip(sample, output, strict=True):
            np.testing.assert_array_equal(events.addresses, addresses)
            np.testing.assert_array_equal(
                events.values, np.ones_like(addresses) if values is None else values)


@pytest.mark.parametrize(
    ("size", "value"),
    [
        (10, Range(0, 1)),
        (300, Range(0, 1)),
        (9000, Range(0, 1)),
        (300, Range(-5, 5)),
        (10, Range.signed(32)),
        (1, Range(0, 300)),
    ],
)
def test_samples_come_back_in_order(size, value):
    board = Model(size, value)
    graded = value if board.description.input.value_bytes else None
    samples = samples_of(np.random.default_rng(1), 20, size, graded)
    with connect(board) as connection:
        assert_echoed(samples, list(connection.run(samples)))
        assert_echoed(samples[:3], list(connection.run(samples[:3])))
    assert board.closed


def test_the_window_is_used_and_kept():
    board = Model(100, window=512)
    samples = samples_of(np.random.default_rng(2), 100, 100)
    assert_echoed(samples, list(connect(board).run(samples)))
    assert 512 - 128 - OVERHEAD < board.most <= 512


def test_unsorted_and_plain_addresses_are_taken():
    [[first, second]] = connect(Model(300)).run([[[299, 3, 140, 3], np.array([], dtype=int)]])
    assert first.addresses.tolist() == [3, 3, 140, 299]
    assert first.values.tolist() == [1, 1, 1, 1]
    assert second.addresses.size == 0


def test_no_samples_no_frames():
    assert list(connect(Model()).run([])) == []


def test_identity_and_counters():
    connection = connect(Model(300, Range(-5, 5)), network_hash=0xC0FFEE)
    assert connection.identity() == IDENTITY
    assert connection.description.input == TokenFormat(300, Range(-5, 5))
    before = connection.counters()
    list(connection.run([[([1, 2], [3, -4])]]))
    after = connection.counters()
    assert (after.events_in - before.events_in, after.events_out - before.events_out) == (2, 2)
    assert after.cycles > before.cycles


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ([300], "event addresses must be 0 to 299, not 300 to 300"),
        ([-1], "event addresses must be 0 to 299, not -1 to -1"),
        (([3], [6]), r"event values must be in \[-5, 5\], not \[6, 6\]"),
        (([3, 4], [1]), "there must be one value for each event, not 1 for 2"),
        ([3], r"events must carry values in \[-5, 5\], but none are given"),
    ],
)
def test_wrong_events_are_refused_and_leave_the_board_usable(step, message):
    connection = connect(Model(300, Range(-5, 5)))
    good = [([1], [1])]
    with pytest.raises(SampleError, match=message):
        list(connection.run([good, [step]]))
    assert_echoed([good], list(connection.run([good])))


def test_a_sample_without_steps_is_refused():
    with pytest.raises(SampleError, match="at least one step"):
        list(connect(Model()).run([[]]))


def test_an_abandoned_run_leaves_nothing_behind():
    connection = connect(Model(10))
    run = connection.run([[[number % 10]] for number in range(500)])
    next(run)
    run.close()
    assert_echoed([[([7], None)]], list(connection.run([[[7]]])))


@pytest.mark.parametrize("side", ["damage", "lose"])
def test_lost_and_damaged_frames_are_made_good(side):
    board = Model(100)
    connection = connect(board, timeout=0.02)
    generator = random.Random(4)
    disturbed = []

    def disturb(frame):
        luck = generator.random()
        if luck < 0.08:
            disturbed.append(frame)
        if luck < 0.04:
            return b""
        if luck < 0.08:
            index = generator.randrange(len(frame) - 1)
            return frame[:index] + bytes([frame[index] ^ 0x21 or 1]) + frame[index + 1:]
        return frame

    setattr(board, side, disturb)
    samples = samples_of(np.random.default_rng(5), 150, 100)
    assert_echoed(samples, list(connection.run(samples)))
    assert len(disturbed) > 5


def test_a_lost_frame_that_held_no_end_of_step_is_missed():
    board = Model(300)
    connection = connect(board, timeout=0.02)
    lost = []

    def lose_first(frame):
        if frame[1] == Kind.OUTPUT and not lost:
            lost.append(frame)
            return b""
        return frame

    board.damage = lose_first
    sample = [(np.arange(300), None)]
    assert_echoed([sample], list(connection.run([sample])))
    assert lost
    assert 0x81 not in decode_frame(lost[0][:-1])[2]


def test_a_board_that_dies_in_a_run_is_given_up():
    board = Model(100)
    connection = connect(board, timeout=0.01)
    run = connection.run([[[1, 2]]] * 200)
    next(run)
    board.damage = lambda frame: b""
    with pytest.raises(BoardError, match="no answer from the port"):
        list(run)


def test_outputs_that_never_match_are_given_up():
    board = Model(100)
    connection = connect(board, timeout=0.01)
    board.damage = lambda frame: frame if frame[1] != Kind.OUTPUT else b"\1\0"
    with pytest.raises(BoardError, match="the port fails again and again: a frame from the board"):
        list(connection.run([[[1, 2]]]))


def test_a_silent_board_is_named():
    board = Model()
    board.damage = lambda frame: b""
    with pytest.raises(BoardError, match="no answer from the port: is a Spikeloom bitstream") as e:
        connect(board, timeout=0.01)
    assert "\n" not in str(e.value)
    assert board.closed


def test_a_board_with_another_network_names_both():
    board = Model()
    with pytest.raises(BoardError, match="0000000000c0ffee, not 0000000000000bad"):
        connect(board, network_hash=0xBAD)
    assert board.closed


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"ELSE" + bytes(60), "no Spikeloom board"),
        (b"SPKL\x09" + bytes(60), "version 09 of the link, not 01"),
        (b"SPKL\x01", "makes no sense"),
    ],
)
def test_foreign_devices_are_refused(body, message):
    board = Model()
    board.description = type("Foreign", (), {"pack": lambda self: body})()
    with pytest.raises(BoardError, match=message):
        connect(board)


class FakePort:
    """What ``comports`` tells of a port."""

    def __init__(self, device, vid=None, pid=None, location=None):
        self.device, self.vid, self.pid, self.location = device, vid, pid, location
        self.product, self.serial_number = "Board", "42"


FTDI = (0x0403, 0x6010)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "no board found with USB id 0403:6010; USB serial ports: none"),
        ([FakePort("/dev/ttyS0")], "USB serial ports: none"),
        ([FakePort("A", 1, 2)], r"USB serial ports: A \(0001:0002 Board 42\)"),
        ([FakePort("A", *FTDI, "1-2:1.0"), FakePort("B", *FTDI, "1-2:1.1")], None),
        (
            [FakePort("A", *FTDI, "1-2:1.0"), FakePort("B", *FTDI, "1-3:1.0")],
            r"several boards .* A \(0403:6010 Board 42\), B \(0403:6010 Board 42\)",
        ),
    ],
)
def test_ports_are_found_by_usb_id(monkeypatch, found, expected):
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: found)
    if expected is None:
        assert ports.find_port([FTDI]) == "B"
    else:
        with pytest.raises(BoardError, match=expected):
            driver.connect(usb_ids=[FTDI])


@contextlib.contextmanager
def pseudo_terminal(board):
    """The name of a terminal with a board behind it."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            if select.select([master], [], [], 0.001)[0]:
                try:
                    board.write(os.read(master, 4096))
                except OSError:
                    return
            while data := board.read(4096):
                os.write(master, data)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave), slave, master
    finally:
        stop.set()
        thread.join()
        for descriptor in (slave, master):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def test_a_real_serial_port():
    samples = samples_of(np.random.default_rng(6), 30, 300)
    with pseudo_terminal(Model()) as (name, _, _):
        with connect(name) as connection:
            assert_echoed(samples, list(connection.run(samples)))
            with pytest.raises(BoardError, match=f"{name} is busy"):
                connect(name)
        # Closed, it can be had again.
        connect(name).close()


def test_an_unplugged_board_is_noticed():
    with pseudo_terminal(Model()) as (name, slave, master):
        connection = connect(name, timeout=0.1)
        os.close(slave)
        os.close(master)
        with pytest.raises(BoardError, match=f"{name} is gone; was the board unplugged"):
            connection.counters()
        connection.close()


def test_a_port_that_is_not_there():
    with pytest.raises(BoardError, match="there is no port /dev/nowhere"):
        connect("/dev/nowhere")


def test_the_real_firmware():
    formats = [TokenFormat(150, Range(-5, 5))] * 2
    samples = samples_of(np.random.default_rng(7), 4, 150, Range(-5, 5), steps=3)
    port = SimulatedPort()
    board = Description(IDENTITY, WINDOW, *formats)
    dut = machine.Endpoint(firmware(board, timeout=1 << 20), *formats)
    result = {}

    def host():
        try:
            # The simulator is slow and shares the processor: it is not silent.
            connection = Connection(port, timeout=5)
            result["before"] = connection.counters()
            result["outputs"] = list(connection.run(samples))
            result["after"] = connection.counters()
        except Exception as error:
            result["error"] = error

    thread = threading.Thread(target=host)
    thread.start()
    while thread.is_alive():
        if not dut.rx and not port.to_board.empty():
            dut.rx.append(port.to_board.get())
        # The network is a wire: what it is given it gives back.
        if dut.given is not None and not dut.tokens:
            dut.tokens.append(dut.given)
            dut.given = None
        for _ in range(4):
            dut.step()
        for byte in dut.tx:
            port.from_board.put(byte)
        dut.tx.clear()
    thread.join()
    assert "error" not in result, result["error"]
    assert_echoed(samples, result["outputs"])
    events = sum(len(addresses) for sample in samples for addresses, _ in sample)
    before, after = result["before"], result["after"]
    assert after.events_in - before.events_in == events
    assert after.events_out - before.events_out == events
    assert after.errors == 0

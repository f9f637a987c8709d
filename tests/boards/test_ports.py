"""Ports are found, opened, busy and gone."""

import contextlib
import os
import pty
import select
import threading
import tty

import numpy as np
import pytest
from echoing_board import EchoingBoard, assert_echoed, samples_of

from spikeloom.boards.driver import connect
from spikeloom.boards.ports import find_port
from spikeloom.hls_model.errors import BoardError


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
        assert find_port([FTDI]) == "B"
    else:
        with pytest.raises(BoardError, match=expected):
            connect(usb_ids=[FTDI])


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
    with pseudo_terminal(EchoingBoard()) as (name, _, _):
        with connect(name) as connection:
            assert_echoed(samples, list(connection.run(samples)))
            with pytest.raises(BoardError, match=f"{name} is busy"):
                connect(name)
        # Closed, it can be had again.
        connect(name).close()


def test_an_unplugged_board_is_noticed():
    with pseudo_terminal(EchoingBoard()) as (name, slave, master):
        connection = connect(name, timeout=0.1)
        os.close(slave)
        os.close(master)
        with pytest.raises(BoardError, match=f"{name} is gone; was the board unplugged"):
            connection.counters()
        connection.close()


def test_a_port_that_is_not_there():
    with pytest.raises(BoardError, match="there is no port /dev/nowhere"):
        connect("/dev/nowhere")

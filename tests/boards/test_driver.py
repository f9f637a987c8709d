"""The driver against a model of the board in pure Python, and against the real gateware."""

import random
import threading

import machine
import numpy as np
import pytest
from echoing_board import IDENTITY, EchoingBoard, assert_echoed, samples_of
from simulated_port import SimulatedPort

from spikeloom.boards.driver import Connection, connect
from spikeloom.hls_model.errors import BoardError, SampleError
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.firmware import firmware
from spikeloom.rtl.link import WINDOW
from spikeloom.rtl.protocol import OVERHEAD, Description, Kind, decode_frame
from spikeloom.rtl.tokens import TokenFormat


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
    board = EchoingBoard(size, value)
    graded = value if board.description.input.value_bytes else None
    samples = samples_of(np.random.default_rng(1), 20, size, graded)
    with connect(board) as connection:
        assert_echoed(samples, list(connection.run(samples)))
        assert_echoed(samples[:3], list(connection.run(samples[:3])))
    assert board.closed


def test_the_window_is_used_and_kept():
    board = EchoingBoard(100, window=512)
    samples = samples_of(np.random.default_rng(2), 100, 100)
    assert_echoed(samples, list(connect(board).run(samples)))
    assert 512 - 128 - OVERHEAD < board.most <= 512


def test_unsorted_and_plain_addresses_are_taken():
    steps = [[299, 3, 140, 3], np.array([], dtype=int)]
    [[first, second]] = connect(EchoingBoard(300)).run([steps])
    assert first.addresses.tolist() == [3, 3, 140, 299]
    assert first.values.tolist() == [1, 1, 1, 1]
    assert second.addresses.size == 0


def test_no_samples_no_frames():
    assert list(connect(EchoingBoard()).run([])) == []


def test_identity_and_counters():
    connection = connect(EchoingBoard(300, Range(-5, 5)), network_hash=0xC0FFEE)
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
    connection = connect(EchoingBoard(300, Range(-5, 5)))
    good = [([1], [1])]
    with pytest.raises(SampleError, match=message):
        list(connection.run([good, [step]]))
    assert_echoed([good], list(connection.run([good])))


def test_a_sample_without_steps_is_refused():
    with pytest.raises(SampleError, match="at least one step"):
        list(connect(EchoingBoard()).run([[]]))


def test_an_abandoned_run_leaves_nothing_behind():
    connection = connect(EchoingBoard(10))
    run = connection.run([[[number % 10]] for number in range(500)])
    next(run)
    run.close()
    assert_echoed([[([7], None)]], list(connection.run([[[7]]])))


@pytest.mark.parametrize("side", ["damage", "lose"])
def test_lost_and_damaged_frames_are_made_good(side):
    board = EchoingBoard(100)
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
    board = EchoingBoard(300)
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
    board = EchoingBoard(100)
    connection = connect(board, timeout=0.01)
    run = connection.run([[[1, 2]]] * 200)
    next(run)
    board.damage = lambda frame: b""
    with pytest.raises(BoardError, match="no answer from the port"):
        list(run)


def test_outputs_that_never_match_are_given_up():
    board = EchoingBoard(100)
    connection = connect(board, timeout=0.01)
    board.damage = lambda frame: frame if frame[1] != Kind.OUTPUT else b"\1\0"
    with pytest.raises(BoardError, match="the port fails again and again: a frame from the board"):
        list(connection.run([[[1, 2]]]))


def test_a_silent_board_is_named():
    board = EchoingBoard()
    board.damage = lambda frame: b""
    with pytest.raises(BoardError, match="no answer from the port: is a Spikeloom bitstream") as e:
        connect(board, timeout=0.01)
    assert "\n" not in str(e.value)
    assert board.closed


def test_a_board_with_another_network_names_both():
    board = EchoingBoard()
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
    board = EchoingBoard()
    board.description = type("Foreign", (), {"pack": lambda self: body})()
    with pytest.raises(BoardError, match=message):
        connect(board)


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

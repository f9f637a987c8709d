"""``spikeloom run``: a test set on a board, its figures, and what it refuses."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from folders import make_folder, make_network

from spikeloom.boards.design import generate, link_baud
from spikeloom.boards.driver import Events
from spikeloom.cli.app import run as command
from spikeloom.flow.compare import Expected, refuse_difference
from spikeloom.flow.run import run_folder
from spikeloom.flow.stages import load_network
from spikeloom.hls_model.errors import BoardError, MismatchError


def spikeloom(capsys, *arguments):
    code = command([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_test_set_on_a_virtual_board(folder, capsys):
    code, out, _ = spikeloom(capsys, "run", folder, "--virtual", "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["board"], report["virtual"]) == ("hx8k-evn", True)
    assert (report["samples"], report["mismatches"]) == (60, 0)
    assert report["events_compared"] == 60 * 4 * 3
    assert 0 <= report["accuracy"] <= 1
    assert report["link"]["baud"] == 3_000_000
    # How full the line is depends on how much of the processor the host gets here.
    assert 0 < report["link"]["to_board"]["utilisation"] <= 1
    with np.load(folder / "samples.npz") as samples:
        assert report["counters"]["events_in"] == samples["inputs"].sum()
    assert report["counters"]["errors"] == 0
    latency = report["latency_us"]
    assert 0 < latency["min"] <= latency["mean"] <= latency["max"]


def test_the_same_through_a_port(folder, virtual, capsys):
    port = ["--port", virtual.port, "--baud", virtual.baud]
    code, out, _ = spikeloom(capsys, "run", folder, *port, "--limit", "7")
    assert code == 0
    assert "0 differences in 7 samples" in out
    assert "inferences/s" in out


def test_a_board_with_another_network(folder, virtual, tmp_path, capsys):
    other = make_folder(tmp_path / "other", make_network(seed=5))
    port = ["--port", virtual.port, "--baud", virtual.baud]
    code, _, err = spikeloom(capsys, "run", other, *port)
    board, wanted = (load_network(f).hash[:16] for f in (folder, other))
    assert code == 1
    assert err.endswith(
        f"error: the board (hx8k-evn) holds network {board}, not {wanted}; flash the bitstream of "
        "this network\n"
    )


def test_a_difference_ends_the_run(folder, virtual, monkeypatch, capsys):
    """The reference is made to expect another value of the 33rd sample's third step."""
    from spikeloom.flow import run

    def wrong(network, events):
        for number, expected in enumerate(right(network, events)):
            if number == 32:
                expected.is_sent[2, 1] ^= True
                expected.values[2, 1] ^= 1
            yield expected

    right = run.expected_outputs
    monkeypatch.setattr(run, "expected_outputs", wrong)
    port = ["--port", virtual.port, "--baud", virtual.baud]
    code, out, err = spikeloom(capsys, "run", folder, *port)
    assert (code, out) == (1, "")
    assert "the board differs from the reference first at sample 32, step 2, population" in err
    assert "'classes', neuron 1: it" in err


@pytest.mark.parametrize(
    ("addresses", "values", "message"),
    [
        ([1], [1], "neuron 0: it sends no event and should be 5"),
        ([0, 1], [4, 1], "neuron 0: its event is 4 and should be 5"),
        ([0, 0, 1], [5, 5, 1], "neuron 0: it sends 2 events, 5, 5 and should be 5"),
        ([0], [5], "neuron 1: it sends no event and should be 0"),
        ([0, 1, 2], [5, 0, 7], "neuron 2: its event is 7 and should send no event"),
    ],
)
def test_differences_in_words(addresses, values, message):
    due = Expected(np.array([[5, 0, 0]]), np.array([[True, True, False]]), np.zeros(3))
    if message.startswith("neuron 0") and addresses == [1]:
        values = [0]
    observed = [Events(np.array(addresses), np.array(values))]
    with pytest.raises(MismatchError, match=f"at sample 3, step 0, population 'p', {message}; do"):
        refuse_difference("it", 3, "p", observed, due, "do so")


def test_ports_that_are_not_there(folder, capsys):
    start = time.monotonic()
    code, _, err = spikeloom(capsys, "run", folder, "--port", "/dev/nowhere")
    assert (code, err.splitlines()[-1]) == (
        1,
        "error: there is no port /dev/nowhere; is the board plugged in?",
    )
    assert time.monotonic() - start < 5


def test_ports_are_found_by_the_boards_usb_id(folder, monkeypatch):
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [])
    with pytest.raises(BoardError, match="no board found with USB id 0403:6010"):
        run_folder(folder)


def test_bit_rates():
    design = generate(make_network(), "hx8k-evn", target_mhz=12)
    assert link_baud(design, "hx8k-evn") == 1_000_000
    assert link_baud(design, "hx8k-evn", 3_000_000) == 3_000_000
    with pytest.raises(BoardError, match=r"must run at 3000000 baud at most, .* not 4000000"):
        link_baud(design, "hx8k-evn", 4_000_000)
    with pytest.raises(BoardError, match="cannot make 2500000 baud within 2 %"):
        link_baud(design, "hx8k-evn", 2_500_000)

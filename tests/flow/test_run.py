"""``spikeloom run``: a test set on a board, its figures, and what it refuses."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from folders import make_folder, make_network

from spikeloom.boards import driver
from spikeloom.boards.design import VirtualTop, generate, link_baud
from spikeloom.boards.driver import Events
from spikeloom.boards.ports import open_port
from spikeloom.cli.app import run as command
from spikeloom.flow.artefacts import load_network
from spikeloom.flow.board import connect, folder_design
from spikeloom.flow.compare import Expected, refuse_difference
from spikeloom.flow.run import run_folder
from spikeloom.hls_model import Network, Population, Projection, simulate
from spikeloom.hls_model.errors import BoardError, FitError, MismatchError
from spikeloom.rtl.loading import image_of
from spikeloom.rtl.verilog import to_verilog
from spikeloom.sim.virtual import VirtualBoard, compile_virtual


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
    assert report["link"]["baud"] == 1_000_000
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


@pytest.fixture(scope="module")
def loadable(tmp_path_factory):
    """A folder whose weights can be loaded."""
    folder = tmp_path_factory.mktemp("loadable") / "folder"
    return make_folder(folder, make_network(), loadable=True)


@pytest.fixture(scope="module")
def running(loadable):
    """Its virtual board."""
    design, board, _ = folder_design(loadable)
    simulator = compile_virtual({"top.v": to_verilog(VirtualTop(design, board), "top")}, "top")
    with VirtualBoard(simulator, clock_hz=12_000_000, baud=1_000_000) as virtual:
        yield virtual


def test_other_weights_on_a_running_board(loadable, running, tmp_path, capsys):
    other = make_network(seed=5)
    other.save(tmp_path / "network.npz")
    port = ["--port", running.port, "--baud", running.baud, "--json"]
    hashes = []
    for load in (["--load", tmp_path], [], ["--load", tmp_path / "network.npz"], []):
        code, out, _ = spikeloom(capsys, "run", loadable, *port, *load)
        report = json.loads(out)
        assert (code, report["mismatches"], report["samples"]) == (0, 0, 60)
        hashes.append(report["network"])
    assert hashes == [other.hash, make_network().hash] * 2


def test_other_weights_on_a_virtual_board(loadable, tmp_path):
    make_network(seed=5).save(tmp_path / "network.npz")
    samples = np.load(loadable / "samples.npz")["inputs"]
    with connect(loadable, virtual=True, load=tmp_path) as board:
        outputs = board.run(samples)
    expected = simulate(make_network(seed=5), samples)
    assert (outputs.events == expected.spikes["classes"]).all()
    assert (outputs.events != simulate(make_network(), samples).spikes["classes"]).any()


def test_a_damaged_image_is_refused_and_nothing_is_answered_until_one_is_whole(loadable, running):
    design, _, _ = folder_design(loadable)
    image = image_of(design.plans)
    with open_port(running.port, running.baud) as port, driver.Connection(port, timeout=5) as board:
        for wrong in (image[:-1], image + b"\0", bytes([image[0] ^ 4]) + image[1:]):
            with pytest.raises(BoardError, match=r"does not take an image of \d+ bytes; send that"):
                board.load(wrong)
            with pytest.raises(BoardError, match="the board reports the fault WEIGHTS"):
                list(board.run([[[1, 2], [3]]]))
        board.load(image)
        [sample] = board.run([[[1, 2], [3]]])
        assert len(sample) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 7}, "the populations must stay .* run `spikeloom build`"),
        ({"threshold": 12}, "the parameter 'threshold' of 'hidden', which all neurons share, must"),
        ({"bits": 7}, "the projection .* must stay, and not become .* 7 bits"),
    ],
    ids=str,
)
def test_weights_of_another_architecture_are_refused(loadable, change, message, tmp_path):
    size = change.get("size", 6)
    rng = np.random.default_rng(0)
    first, second = make_network().projections
    hidden, classes = make_network().populations
    Network(
        make_network().inputs,
        (Population("hidden", size, hidden.neuron, {"threshold": change.get("threshold", 11)}),
         classes),
        (Projection("pixels", "hidden", rng.integers(-4, 8, (size, 9)),
                    bits=change.get("bits", first.bits)),
         Projection("hidden", "classes", rng.integers(-6, 8, (3, size)), bits=second.bits)),
        make_network().output,
    ).save(tmp_path / "network.npz")  # fmt: skip
    with pytest.raises(FitError, match=message):
        connect(loadable, "/dev/nowhere", load=tmp_path)


def test_weights_of_a_bitstream_cannot_be_loaded(folder, tmp_path, capsys):
    make_network(seed=5).save(tmp_path / "network.npz")
    code, _, err = spikeloom(capsys, "run", folder, "--virtual", "--load", tmp_path)
    assert code == 1
    assert "no weights of this design can be loaded; build it with `--loadable`" in err


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
    assert link_baud(design, "hx8k-evn", 1_500_000) == 1_500_000
    with pytest.raises(BoardError, match=r"must run at 3000000 baud at most, .* not 4000000"):
        link_baud(design, "hx8k-evn", 4_000_000)
    with pytest.raises(BoardError, match="cannot make 2500000 baud within 2 %"):
        link_baud(design, "hx8k-evn", 2_500_000)

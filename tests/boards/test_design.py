"""What becomes the bitstream, as a host sees it: the complete top behind its UART pins."""

from types import SimpleNamespace

import networks
import numpy as np
import pytest
from amaranth.hdl import Fragment
from amaranth.lib import io

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.design import BoardTop, VirtualTop, generate, identity_of
from spikeloom.boards.driver import connect
from spikeloom.hls_model import (
    LIF,
    Input,
    Integrator,
    Network,
    Output,
    Population,
    Projection,
    Range,
    ShiftLeak,
    simulate,
)
from spikeloom.hls_model.errors import BoardError, FitError
from spikeloom.rtl.verilog import to_verilog
from spikeloom.sim.virtual import VirtualBoard, compile_virtual

BOARD = BOARDS["hx8k-evn"]


def classifier(output):
    rng = np.random.default_rng(4)
    return Network(
        (Input("pixels", (9,)),),
        (
            Population("hidden", 6, LIF(Range.signed(9), ShiftLeak((3,))), {"threshold": 11}),
            Population("classes", 3, LIF(Range.signed(9)), {"threshold": 5})
            if output == "events"
            else Population("classes", 3, Integrator(Range.signed(9))),
        ),
        (
            Projection("pixels", "hidden", rng.integers(-4, 8, (6, 9))),
            Projection("hidden", "classes", rng.integers(-6, 8, (3, 6))),
        ),
        Output("classes", output),
    )


class Pins:
    """A platform that has nothing but a UART."""

    def request(self, name, dir):
        assert (name, dir) == ("uart", "-")
        return SimpleNamespace(rx=io.SimulationPort("i", 1), tx=io.SimulationPort("o", 1))


@pytest.mark.parametrize("output", ["events", "v"])
def test_the_top_classifies_like_the_reference(output):
    network = classifier(output)
    samples = networks.random_samples(np.random.default_rng(9), network, 40, 4)
    design = generate(network, BOARD, target_mhz=12)
    simulator = compile_virtual(
        {"top.v": to_verilog(VirtualTop(design, BOARD), "top")}, "top")
    with (
        VirtualBoard(simulator, clock_hz=12_000_000, baud=1_000_000) as virtual,
        connect(virtual.port, baud=virtual.baud, timeout=10) as board,
    ):
        assert board.identity() == identity_of(design, BOARD)
        assert board.identity().network_hash == int(network.hash[:16], 16)
        assert (board.identity().board, board.identity().clock_hz) == (BOARD.name, 12_000_000)
        steps = [[np.flatnonzero(step) for step in sample] for sample in samples["pixels"]]
        outputs = list(board.run(steps))

    readout = np.zeros((len(steps), 3), dtype=int)
    for index, sample in enumerate(outputs):
        for step in sample:
            np.add.at(readout[index], step.addresses, step.values)
    result = simulate(network, samples)
    assert (readout == result.readout).all()
    assert len(set(result.predictions)) > 1


def test_a_board_must_exist():
    with pytest.raises(BoardError, match="unknown board 'ulx3s': did you mean"):
        generate(classifier("v"), "ulx3s")


def test_the_link_feeds_one_input():
    twins = Network(
        (Input("a", (2,)), Input("b", (2,))),
        (Population("n", 1, Integrator(Range.signed(8))),),
        (
            Projection("a", "n", np.ones((1, 2), dtype=int)),
            Projection("b", "n", np.ones((1, 2), dtype=int)),
        ),
        Output("n", "v"),
    )
    with pytest.raises(FitError, match="the link feeds one input, and this network has 2"):
        Fragment.get(BoardTop(generate(twins, BOARD), BOARD), Pins())

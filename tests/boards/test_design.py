"""What becomes the bitstream, as a host sees it: the complete top behind its UART pins."""

import threading
from types import SimpleNamespace

import networks
import numpy as np
import pytest
from amaranth.hdl import Elaboratable, Fragment
from amaranth.lib import io
from amaranth.sim import Simulator
from simulated_port import SimulatedPort

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.design import BoardTop, generate
from spikeloom.boards.driver import Connection
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

BOARD = BOARDS["hx8k-evn"]
CYCLES_PER_BIT = 12


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

    def __init__(self):
        self.rx, self.tx = io.SimulationPort("i", 1), io.SimulationPort("o", 1)

    def request(self, name, dir):
        assert (name, dir) == ("uart", "-")
        return SimpleNamespace(rx=self.rx, tx=self.tx)


def over_the_pins(top, session):
    """Run ``session(port)`` beside the simulated top; what it returns."""
    pins, port, result = Pins(), SimulatedPort(), {}

    def host():
        try:
            result["value"] = session(port)
        except Exception as error:
            result["error"] = error

    thread = threading.Thread(target=host)

    async def to_board(ctx):
        ctx.set(pins.rx.i, 1)
        thread.start()
        while thread.is_alive():
            if port.to_board.empty():
                await ctx.tick().repeat(CYCLES_PER_BIT)
                continue
            bits = f"{port.to_board.get():08b}"[::-1]
            for bit in f"0{bits}1":
                ctx.set(pins.rx.i, int(bit))
                await ctx.tick().repeat(CYCLES_PER_BIT)

    async def from_board(ctx):
        while thread.is_alive():
            if ctx.get(pins.tx.o):
                await ctx.tick()
                continue
            await ctx.tick().repeat(CYCLES_PER_BIT // 2)
            byte = 0
            for place in range(8):
                await ctx.tick().repeat(CYCLES_PER_BIT)
                byte |= ctx.get(pins.tx.o) << place
            await ctx.tick().repeat(CYCLES_PER_BIT)
            port.from_board.put(byte)

    simulator = Simulator(WithPins(top, pins))
    simulator.add_clock(1e-6)
    simulator.add_testbench(to_board)
    simulator.add_testbench(from_board)
    simulator.run()
    thread.join()
    if "error" in result:
        raise result["error"]
    return result["value"]


class WithPins(Elaboratable):
    """``top``, elaborated for ``pins``: the simulator has no platform."""

    def __init__(self, top, pins):
        self._top, self._pins = top, pins

    def elaborate(self, platform):
        return Fragment.get(self._top, self._pins)


@pytest.mark.parametrize("output", ["events", "v"])
def test_the_top_classifies_like_the_reference(output):
    network = classifier(output)
    samples = networks.random_samples(np.random.default_rng(9), network, 5, 4)
    pixels = samples["pixels"] if isinstance(samples, dict) else samples
    top = BoardTop(generate(network, BOARD, target_mhz=12), BOARD)

    def session(port):
        with Connection(port, timeout=10) as board:
            assert board.identity().network_hash == int(network.hash[:16], 16)
            assert (board.identity().board, board.identity().clock_hz) == (BOARD.name, 12_000_000)
            steps = [[np.flatnonzero(step) for step in sample] for sample in pixels]
            return list(board.run(steps))

    readout = np.zeros((len(pixels), 3), dtype=int)
    for index, sample in enumerate(over_the_pins(top, session)):
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

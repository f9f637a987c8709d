"""Networks: what contradicts itself is refused in words, and ranges follow from weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from spikeloom.hls_model import (
    LIF,
    Input,
    Integrator,
    Network,
    Neuron,
    Output,
    Population,
    Projection,
    Range,
    State,
    saturate,
    simulate,
)
from spikeloom.hls_model.errors import NetworkError
from spikeloom.hls_model.plain import simulate_plainly

V = Range.signed(8)
ONES = np.ones((2, 2), dtype=int)


def lif(name="a", size=2, **fields):
    return Population(name, size, LIF(V), {"threshold": 3}, **fields)


def network(inputs=None, populations=None, projections=None, output=None):
    return Network(
        tuple(inputs or [Input("i", (2,))]),
        tuple(populations or [lif()]),
        tuple(projections or [Projection("i", "a", ONES)]),
        output or Output("a"),
    )


@pytest.mark.parametrize("name", ["a", "2nd", "with space", ""])
def test_names_are_identifiers_and_differ(name):
    with pytest.raises(
        NetworkError, match=f"names of inputs and populations must be identifiers .* not '{name}'"
    ):
        network(inputs=(Input("i", (2,)), Input(name, (2,))))


def test_wordings_of_projections():
    with pytest.raises(NetworkError, match="there is no input or population 'b' in this network"):
        network(projections=(Projection("b", "a", ONES),))
    with pytest.raises(NetworkError, match="'i' must be a population, not an input"):
        network(projections=(Projection("a", "i", ONES),))
    with pytest.raises(
        NetworkError,
        match=r"weights of i→a must have the shape \[target, source\] = \(2, 2\), not \(2, 3\)",
    ):
        network(projections=(Projection("i", "a", np.ones((2, 3), int)),))
    with pytest.raises(
        NetworkError, match=r"i→a must end at a port of 'a', one of \('x',\), not 'y'"
    ):
        network(projections=(Projection("i", "a", ONES, port="y"),))
    with pytest.raises(
        NetworkError, match=r"two projections i→a \(x\) with the same delay must be one; add their"
    ):
        network(projections=(Projection("i", "a", ONES), Projection("i", "a", ONES)))
    assert network(projections=(Projection("i", "a", ONES), Projection("i", "a", ONES, delay=1)))


@pytest.mark.parametrize(
    "weights", [np.ones(2, int), np.ones((2, 2)), np.ones((0, 2), int), np.ones((2, 2), bool)]
)
def test_weights_are_integer_matrices(weights):
    with pytest.raises(
        NetworkError,
        match=r"weights of i→a must be a non-empty integer matrix \[target, source\], not ",
    ):
        Projection("i", "a", weights)


def test_bits_of_weights():
    assert Projection("i", "a", np.array([[-8, 7]])).bits == 4
    assert Projection("i", "a", np.array([[-9, 7]])).bits == 5
    assert Projection("i", "a", np.array([[0, 1]])).bits == 2
    assert Projection("i", "a", np.array([[0, 0]])).bits == 1
    assert Projection("i", "a", np.array([[0, 1]]), bits=8).bits == 8
    with pytest.raises(
        NetworkError, match=r"weights of i→a lie in \[-9, 7\] and need 5 bits, not 4"
    ):
        Projection("i", "a", np.array([[-9, 7]]), bits=4)
    with pytest.raises(NetworkError, match="the delay of i→a must be 0 or more steps, not -1"):
        Projection("i", "a", ONES, delay=-1)


def test_initial_values_may_be_numpy_integers():
    assert lif(initial={"v": np.int16(-3)}).initial == {"v": -3}


def test_wordings_of_populations():
    with pytest.raises(
        NetworkError, match=r"'a' \(LIF\) takes the parameters \['threshold'\], not \[\]"
    ):
        Population("a", 2, LIF(V))
    with pytest.raises(NetworkError, match=r"'a' \(LIF\) takes the biases \['x'\], not \['y'\]"):
        lif(bias={"y": 1})
    with pytest.raises(
        NetworkError, match=r"'a' \(LIF\) takes the initial values \['v'\], not \['w'\]"
    ):
        lif(initial={"w": 1})
    with pytest.raises(
        NetworkError, match=r"the initial value of 'a'\.v must lie in \[-128, 127\], not 128"
    ):
        lif(initial={"v": 128})
    with pytest.raises(
        NetworkError,
        match=r"bias 'x' of 'a' must be an integer or 2 integers, not int64 \(3,\)",
    ):
        lif(bias={"x": [1, 2, 3]})
    with pytest.raises(NetworkError, match=r"parameters 'threshold' of 'a' .* not float64 \(\)"):
        Population("a", 2, LIF(V), {"threshold": 0.5})


@pytest.mark.parametrize("size", [0, -1, 1.5, "2"])
def test_populations_are_not_empty(size):
    with pytest.raises(NetworkError, match="'a' must have at least one neuron, not "):
        lif(size=size)


def test_wordings_of_inputs():
    for shape in ((0,), (2, -1), (1.5,), ("w",)):
        with pytest.raises(NetworkError, match="the shape of 'i' must hold positive integers, not"):
            Input("i", shape)
    for unit in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(NetworkError, match="the unit of 'i' must be positive, not "):
            Input("i", (1,), unit=unit)
    with pytest.raises(NetworkError, match=r"events of 'i' must fit 64 bits, and .* do not"):
        Input("i", (1,), Range(0, 2**63))


def test_equal_parameters_are_shared():
    assert lif(bias={"x": [5, 5]}).bias == {"x": 5}


def test_loops_need_a_delay():
    populations = (lif("a"), lif("b"))
    forward = (Projection("i", "a", ONES), Projection("a", "b", ONES))
    with pytest.raises(
        NetworkError,
        match=r"projections without delay must not form a cycle, as (a → b → a|b → a → b) do; give "
        "a recurrent projection delay=1",
    ):
        network(populations=populations, projections=(*forward, Projection("b", "a", ONES)))
    network(populations=populations, projections=(*forward, Projection("b", "a", ONES, delay=1)))


def test_populations_are_kept_in_the_order_of_events():
    built = network(
        populations=(lif("c"), lif("b"), lif("a")),
        projections=[Projection(*ends, ONES) for ends in (("b", "c"), ("a", "b"), ("i", "a"))],
        output=Output("c"),
    )
    assert [p.name for p in built.populations] == ["a", "b", "c"]


def test_output_is_events_or_a_state():
    assert network(output=Output("a", "v")).output.source == "v"
    with pytest.raises(
        NetworkError, match=r"the output of 'a' must be 'events' or one of its states \['v'\], not"
    ):
        network(output=Output("a", "u"))
    with pytest.raises(NetworkError, match="'i' must be a population"):
        network(output=Output("i"))


def test_accumulators_hold_the_worst_case():
    built = network(
        inputs=(Input("i", (2,)), Input("g", (2,), Range(-3, 5))),
        projections=(
            Projection("i", "a", np.array([[1, -2], [4, 3]])),
            Projection("g", "a", np.array([[2, 0], [-1, 1]])),
        ),
    )
    # Neuron 0: [-2, 1] + [-6, 10]; neuron 1: [0, 7] + [-8, 8].
    assert built.accumulator_range("a") == Range(-8, 15)


def test_accumulators_of_huge_ranges_do_not_overflow():
    huge = Range(0, 2**62)
    built = network(
        inputs=(Input("i", (2,), huge),),
        projections=(Projection("i", "a", np.full((2, 2), 2**40)),),
    )
    assert built.accumulator_range("a") == Range(0, 2**103)


@dataclass(frozen=True)
class Echo(Neuron):
    """Emits what arrives, limited to ``limit``."""

    limit: int

    def states(self):
        return {"v": Range(0, 1)}

    def step(self, state, x, p):
        return State(v=state.v), saturate(x, Range(0, self.limit))


def echo_loop(limit):
    return network(
        populations=(Population("a", 2, Echo(limit)),),
        projections=(Projection("i", "a", 3 * ONES), Projection("a", "a", ONES, delay=1)),
    )


def test_events_of_a_loop_settle():
    assert echo_loop(50).event_range("a") == Range(0, 50)
    assert echo_loop(50).accumulator_range("a") == Range(0, 6 + 100)


def test_events_that_grow_without_end_are_refused():
    with pytest.raises(
        NetworkError,
        match="events of 'a' grow without end in its recurrent loop; saturate the event in the",
    ):
        echo_loop(10**12)


def test_events_of_silent_populations_still_count_as_bits():
    built = network(populations=(Population("a", 2, Integrator(V)),))
    assert built.event_range("a") == Range(0, 1)


def test_hash_follows_behaviour():
    def variant(**fields):
        return network(populations=(lif(**fields),)).hash

    assert variant() == variant()
    assert len({variant(), variant(bias={"x": 1}), variant(initial={"v": 1})}) == 3
    other = network(projections=(Projection("i", "a", np.array([[1, 1], [1, 2]])),))
    assert other.hash != variant()


def test_synapses_and_ends():
    built = network(projections=(Projection("i", "a", ONES), Projection("a", "a", ONES, delay=2)))
    assert built.synapses == 8
    assert [p.source for p in built.into("a")] == ["i", "a"]
    assert [p.target for p in built.out_of("a")] == ["a"]
    assert built.into("a", "x") == built.into("a")


def tapped(*taps: Output) -> Network:
    """Two inputs, a hidden population that both reach, and three outputs."""
    lif = LIF(Range.signed(10))
    return Network(
        (Input("a", (3,)), Input("b", (2,))),
        (Population("h", 4, lif, {"threshold": 3}), Population("o", 2, lif, {"threshold": 4})),
        (
            Projection("a", "h", np.arange(12).reshape(4, 3) - 4),
            Projection("b", "h", np.arange(8).reshape(4, 2) - 3, delay=2),
            Projection("h", "o", np.arange(8).reshape(2, 4) - 2),
        ),
        Output("o"),
        taps=taps,
    )


TAPS = (Output("h"), Output("h", "v"), Output("o", "v"))


def test_taps_are_outputs_beside_the_output(tmp_path):
    network = tapped(*TAPS)
    random = np.random.default_rng(0)
    samples = {"a": random.integers(0, 2, (4, 6, 3)), "b": random.integers(0, 2, (4, 6, 2))}
    result = simulate(network, samples)
    assert (result.taps[TAPS[0]] == result.spikes["h"].sum(axis=1)).all()
    assert (result.taps[TAPS[1]] == result.states["h"]["v"][:, -1]).all()
    assert (result.taps[TAPS[2]] == result.states["o"]["v"][:, -1]).all()
    assert result.taps[TAPS[0]].any()
    brief = simulate(network, samples, record=False)
    assert all((brief.taps[tap] == result.taps[tap]).all() for tap in TAPS)
    plain = simulate_plainly(network, samples)
    assert all((plain.taps[tap] == result.taps[tap]).all() for tap in TAPS)
    network.save(tmp_path / "n.npz")
    assert Network.load(tmp_path / "n.npz").taps == TAPS
    assert network.hash != tapped().hash


@pytest.mark.parametrize(
    ("taps", "message"),
    [
        ((Output("x"),), "no input or population 'x'"),
        ((Output("h", "u"),), r"must be 'events' or one of its states \['v'\], not 'u'"),
        ((Output("o"),), "outputs of 'o' must be its events and at most one state, each once"),
    ],
)
def test_taps_that_cannot_be_are_refused(taps, message):
    with pytest.raises(NetworkError, match=message):
        tapped(*taps)

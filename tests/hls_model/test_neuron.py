"""Neuron models: what a step may return, and how settings are saved."""

from __future__ import annotations

import json
from dataclasses import dataclass

import networks
import pytest

from spikeloom.hls_model import LIF, Integrator, Neuron, Range, ScaleLeak, ShiftLeak, State
from spikeloom.hls_model.errors import NetworkError, RangeError
from spikeloom.hls_model.neuron import decode_setting, encode_setting, trace


@dataclass(frozen=True)
class Careless(Neuron):
    """Lets its state grow, or returns a state too many."""

    fault: str

    def states(self):
        return {"v": Range(0, 7)}

    def step(self, state, x, p):
        match self.fault:
            case "state":
                return State(v=state.v + x), 0
            case "names":
                return State(v=0, w=0), 0
        return State(v=0), 0


def test_states_must_stay_in_their_ranges():
    with pytest.raises(
        RangeError,
        match=r"Careless's state 'v' must stay in its declared range \[0, 7\], but can reach "
        r"\[0, 10\]; narrow it with saturate\(\)",
    ):
        trace(Careless("state"), {"x": Range(0, 3)}, {})


def test_a_step_returns_exactly_its_states():
    with pytest.raises(
        RangeError, match=r"Careless.step must return exactly the states \['v'\], not \['v', 'w'\]"
    ):
        trace(Careless("names"), {"x": Range(0, 3)}, {})


def test_a_model_defines_states_and_step():
    class Empty(Neuron):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty must define states\(\)"):
        Empty().states()
    with pytest.raises(NotImplementedError, match=r"Empty must define step\(\)"):
        Empty().step(None, None, None)


@pytest.mark.parametrize(
    "neuron",
    [
        LIF(Range.signed(9), ShiftLeak((2, 3), "trunc"), "value", True, True, True),
        Integrator(Range(-3, 9), ScaleLeak(4)),
        networks.Everything(Range.signed(7), (1, -2, 3)),
        Careless("none"),
    ],
)
def test_settings_survive_json(neuron):
    assert decode_setting(json.loads(json.dumps(encode_setting(neuron)))) == neuron


def test_settings_that_cannot_be_saved():
    with pytest.raises(NetworkError, match=r"a neuron's fields must be integers, .*, not 1\.5"):
        encode_setting(Careless(1.5))


def test_unknown_models_and_fields():
    with pytest.raises(
        NetworkError,
        match="the neuron model 'Nowhere' is not known; import the module that defines it before "
        "loading the network",
    ):
        decode_setting({"type": "Nowhere"})
    with pytest.raises(NetworkError, match="the fields saved for Integrator do not fit it"):
        decode_setting({"type": "Integrator", "volts": 3})


def test_a_port_must_not_be_called_like_the_output():
    @dataclass(frozen=True)
    class Clash(LIF):
        ports = ("event",)

    with pytest.raises(RangeError, match="a port of Clash must not be called 'event'"):
        trace(Clash(Range.signed(8)), {"event": Range(0, 1)}, {"threshold": Range(1, 1)})

"""Float graphs and integer networks against the frameworks' equations, written out for a single
neuron whose numbers lie on a grid."""

import numpy as np
import pytest

from spikeloom import hls_model
from spikeloom.hls_model import EVENTS, LIF, Integrator, Output
from spikeloom.quant import (
    DECAY,
    REAL,
    Graph,
    Input,
    Population,
    Projection,
    load,
    quantize_with_report,
    simulate,
)

CURRENTS = np.random.default_rng(7).integers(-6, 13, (20, 8)) / 8


def snntorch(xs, beta, theta, reset):
    """R = H(mem[t−1] − θ); subtract: β·mem + x − R·θ; zero: β·(1 − R)·mem + x; spike if > θ."""
    mem, trace = 0.0, []
    for x in xs:
        fired = mem > theta
        mem = (
            beta * mem + x - fired * theta if reset == "subtract" else beta * (1 - fired) * mem + x
        )
        trace.append((mem, mem > theta))
    return trace


def norse(xs, tau, theta, v_leak, v_reset, dt):
    """v += dt/τ·(x + v_leak − v); spike if v > θ; v = (1 − z)·v + z·v_reset."""
    v, trace = v_leak, []
    for x in xs:
        v += dt / tau * (x + v_leak - v)
        z = v > theta
        v = (1 - z) * v + z * v_reset
        trace.append((v, z))
    return trace


def spikingjelly(xs, tau, theta, v_reset, decay_input):
    """decay_input: H = V + (x − (V − Vr))/τ, otherwise H = V − (V − Vr)/τ + x; spike if ≥ θ."""
    v, trace = v_reset, []
    for x in xs:
        v = v + (x - (v - v_reset)) / tau if decay_input else v - (v - v_reset) / tau + x
        fired = v >= theta
        v = v_reset if fired else v
        trace.append((v, fired))
    return trace


def sinabs(xs, tau, theta):
    """v = exp(−1/τ)·v + x; one spike if v ≥ θ, which subtracts θ."""
    v, trace = 0.0, []
    for x in xs:
        v = np.exp(-1 / tau) * v + x
        fired = v >= theta
        v -= fired * theta
        trace.append((v, fired))
    return trace


def nir_of(kind: str, **parameters):
    return {
        "input": {"type": "Input", "shape": np.array([1])},
        "fc": {"type": "Linear", "weight": np.ones((1, 1))},
        "n": {"type": kind, **{k: np.array([v]) for k, v in parameters.items()}},
        "output": {"type": "Output", "shape": np.array([1])},
    }


def check(graph, formula, offset=0.0):
    """Float within rounding, integers exactly, in every spike and membrane."""
    expected = [formula(xs) for xs in CURRENTS]
    spikes = np.array([[int(s) for _, s in row] for row in expected])
    membranes = np.array([[v for v, _ in row] for row in expected])
    samples, name = CURRENTS[:, :, None], graph.populations[0].name
    floats = simulate(graph, samples)
    assert (floats.spikes[name][:, :, 0] == spikes).all()
    assert np.allclose(floats.states[name]["v"][:, :, 0] + offset, membranes, atol=1e-12)
    quantized = quantize_with_report(
        graph, calibration=samples, weight_bits=4, fraction_bits=2 * CURRENTS.shape[1]
    )
    integers = hls_model.simulate(quantized.network, samples)
    assert (integers.spikes[name][:, :, 0] == spikes).all()
    restored = integers.states[name]["v"] * quantized.scales[name]
    assert np.abs(restored[:, :, 0] + offset - membranes).max() < 1e-12
    assert quantized.report.warnings == ()
    assert 10 < spikes.sum() < spikes.size - 10


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_snntorch(write_nir, reset):
    path = write_nir(nir_of("LIF", tau=0.004, r=4.0, v_leak=0.0, v_threshold=0.75))
    graph = load(path, preset="snntorch", dt=1e-3, reset=reset)
    check(graph, lambda xs: snntorch(xs, 0.75, 0.75, reset))


def test_norse(write_nir):
    lif = {"tau": 0.004, "r": 1.0, "v_leak": 0.125, "v_threshold": 0.25, "v_reset": -0.25}
    graph = load(write_nir(nir_of("LIF", **lif)), preset="norse", dt=1e-3)
    check(graph, lambda xs: norse(xs, 0.004, 0.25, 0.125, -0.25, 1e-3), offset=0.125)


@pytest.mark.parametrize("decay_input", [True, False])
def test_spikingjelly(write_nir, decay_input):
    r = 1.0 if decay_input else 2.0
    lif = {"tau": 0.002, "r": r, "v_leak": -0.125, "v_threshold": 0.375, "v_reset": -0.125}
    graph = load(write_nir(nir_of("LIF", **lif)), preset="spikingjelly", dt=1e-3)
    check(graph, lambda xs: spikingjelly(xs, 2, 0.375, -0.125, decay_input), offset=-0.125)


def test_sinabs(write_nir):
    tau = 1 / np.log(2)
    path = write_nir(nir_of("LIF", tau=tau, r=1.0, v_leak=0.0, v_threshold=1.0))
    graph = load(path, preset="sinabs:spikes=single,min_v=none,norm_input=false", dt=1.0)
    check(graph, lambda xs: sinabs(xs, tau, 1.0))


def test_delays_and_several_projections():
    relay = LIF(REAL, DECAY, "value"), {"threshold": 0.5, "reset_value": 0.0, "beta": 0.0}
    first, second = Population("first", 1, *relay), Population("second", 1, *relay)
    graph = Graph(
        (Input("in", (1,)),),
        (second, first),
        (
            Projection("in", "first", np.eye(1)),
            Projection("first", "second", np.eye(1), delay=2),
            Projection("in", "second", np.eye(1), delay=3),
        ),
        Output("second", EVENTS),
    )
    pulse = np.array([1, 0, 0, 0, 0, 0])[None, :, None]
    result = simulate(graph, pulse)
    assert result.spikes["first"][0, :, 0].tolist() == [1, 0, 0, 0, 0, 0]
    assert result.spikes["second"][0, :, 0].tolist() == [0, 0, 1, 1, 0, 0]
    assert result.readout.tolist() == [[2]]
    assert simulate(graph, pulse, record=False).spikes == {}


def test_float32_is_available():
    path = Population("n", 1, Integrator(REAL, DECAY), {"beta": 0.9})
    graph = Graph(
        (Input("in", (1,)),), (path,), (Projection("in", "n", np.eye(1)),), Output("n", "v")
    )
    assert simulate(graph, CURRENTS[:, :, None], dtype=np.float32).readout.dtype == np.float32

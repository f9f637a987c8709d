"""Every preset against its framework's own equations, written once more in their code order."""

from types import SimpleNamespace

import numpy as np
import pytest

from spikeloom.hls_model import LIF, CubaLIF, Integrator, MultiSpikeLIF, NoLeak
from spikeloom.hls_model import simulate as simulate_integers
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant import load, quantize_with_report, simulate

STEPS = 8
SIZE = 5


def snntorch(p, s, x):
    fired = s.v > p.threshold
    drive = x
    if p.has_current:
        s.i = p.alpha * s.i + x
        drive = s.i
    if p.reset == "zero" and p.delayed:
        keep = ~fired
        s.v = keep * (p.beta * s.v + drive) if p.drops else p.beta * (keep * s.v) + drive
    elif p.reset == "subtract":
        s.v = p.beta * s.v + drive - fired * p.threshold
    else:
        s.v = p.beta * s.v + drive
    spikes = s.v > p.threshold
    if not p.delayed:
        resets = spikes & ~fired if p.reset == "zero" else spikes.astype(float) - fired
        if p.reset == "subtract":
            s.v = s.v - resets * p.threshold
        elif p.reset == "zero":
            s.v = s.v - resets * s.v
    return spikes.astype(float)


def norse_box(p, s, x):
    s.v = s.v + p.rate * ((p.v_leak - s.v) + x)
    spikes = (s.v > p.threshold).astype(float)
    s.v = (1 - spikes) * s.v + spikes * p.v_reset
    return spikes


def norse_cell(p, s, x):
    i = s.i + x
    s.v = s.v + p.rate * ((p.v_leak - s.v) + i)
    s.i = i - p.rate_syn * i
    spikes = (s.v > p.threshold).astype(float)
    s.v = (1 - spikes) * s.v + spikes * p.v_reset
    return spikes


def norse_from_nir(p, s, x):
    s.i = s.i + p.rate_syn * ((0 - s.i) + x)
    return norse_box(p, s, s.i)


def spikingjelly(p, s, x):
    if p.has_current:
        s.i = p.alpha * s.i + x
        s.v = p.beta * s.v + s.i
    else:
        s.v = s.v + (x - (s.v - p.v_reset)) * p.rate
    spikes = (s.v >= p.threshold).astype(float)
    if p.reset == "subtract":
        s.v = s.v - spikes * p.threshold
    else:
        s.v = spikes * p.v_reset + (1 - spikes) * s.v
    return spikes


def sinabs(p, s, x):
    if p.has_current:
        s.i = p.alpha * (s.i + x)
        x = s.i
    s.v = p.beta * s.v + ((1 - p.beta) * x if p.normalized else x)
    spikes = (s.v > 0) * np.trunc(s.v / p.threshold)
    spikes = np.minimum(spikes, p.most)
    s.v = spikes * 0 + (spikes == 0) * s.v if p.reset == "zero" else s.v - spikes * p.threshold
    s.v = np.maximum(s.v, p.lowest)
    return spikes


def rockpool(p, s, x):
    if p.has_current:
        s.i = (s.i + x) * p.alpha
        x = s.i
    s.v = s.v * p.beta + x
    spikes = (s.v >= p.threshold) * np.floor(s.v / p.threshold)
    s.v = s.v - spikes * p.threshold
    return spikes


TAU = 1 / np.log(2)
"""Time constant, in steps, of a decay by half in the exact solution."""


def lif(**changes):
    node = {"type": "LIF", "tau": 2.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0}
    return node | changes


def cuba(**changes):
    node = {"type": "CubaLIF", "tau_mem": 2.0, "tau_syn": 2.0, "r": 2.0, "w_in": 2.0}
    return node | {"v_leak": 0.0, "v_threshold": 1.0} | changes


HALF = {"beta": 0.5, "alpha": 0.5, "rate": 0.5, "rate_syn": 0.5}

CASES = [
    *(
        (
            f"snntorch:reset={reset},reset_delay={delay}",
            node,
            snntorch,
            {"reset": reset, "delayed": delay == "true", "drops": node["type"] == "CubaLIF"},
        )
        for reset in ("subtract", "zero", "none")
        for delay in ("true", "false")
        for node in (lif(), cuba())
    ),
    ("norse", lif(r=1.0, v_leak=0.25, v_reset=-0.5), norse_box, {"v_leak": 0.25, "v_reset": -0.5}),
    (
        "norse:current=jump",
        cuba(r=1.0, w_in=1.0, v_leak=0.25),
        norse_cell,
        {"v_leak": 0.25, "v_reset": 0.0},
    ),
    (
        "norse:current=filtered",
        cuba(r=1.0, w_in=1.0),
        norse_from_nir,
        {"v_leak": 0.0, "v_reset": 0.0},
    ),
    (
        "spikingjelly",
        lif(r=1.0, v_leak=-0.25, v_reset=-0.25),
        spikingjelly,
        {"v_reset": -0.25},
    ),
    ("spikingjelly:reset=subtract", lif(r=1.0), spikingjelly, {"reset": "subtract", "v_reset": 0}),
    ("spikingjelly", cuba(), spikingjelly, {"v_reset": 0.0}),
    *(
        (
            f"sinabs:spikes={spikes},min_v={lowest},norm_input={normalized}",
            node,
            sinabs,
            {
                "most": {"multi": np.inf, "3": 3, "single": 1}[spikes],
                "lowest": {"none": -np.inf, "-0.5": -0.5, "threshold": -1.0}[lowest],
                "normalized": normalized == "true",
            },
        )
        for spikes in ("multi", "3", "single")
        for lowest in ("none", "-0.5", "threshold")
        for normalized in ("true", "false")
        for node in (lif(tau=TAU, r=1.0), cuba(tau_mem=TAU, tau_syn=TAU, r=1.0, w_in=1.0))
    ),
    (
        "sinabs:spikes=single,reset=zero,min_v=none,norm_input=false",
        lif(tau=TAU, r=1.0),
        sinabs,
        {"most": 1, "lowest": -np.inf, "reset": "zero", "normalized": False},
    ),
    ("rockpool:bias=zero", lif(tau=TAU, r=TAU / 2), rockpool, {}),
    ("rockpool:bias=zero", cuba(tau_mem=TAU, tau_syn=TAU, r=TAU / 2, w_in=1.0), rockpool, {}),
]


@pytest.mark.parametrize("precision", [np.float64, np.float32])
@pytest.mark.parametrize(("preset", "node", "step", "numbers"), CASES)
def test_a_preset_is_its_framework(write_nir, preset, node, step, numbers, precision):
    random = np.random.default_rng(3)
    weights = random.integers(-8, 13, (SIZE, 6)) / 8
    node = {k: v if k == "type" else np.full(SIZE, v, precision) for k, v in node.items()}
    graph = load(
        write_nir(
            {
                "in": {"type": "Input", "shape": np.array([6])},
                "fc": {"type": "Linear", "weight": weights.astype(precision)},
                "lif": node,
                "out": {"type": "Output", "shape": np.array([SIZE])},
            }
        ),
        preset=preset,
        dt=1.0,
    )
    samples = random.integers(0, 2, (4, STEPS, 6))
    p = SimpleNamespace(threshold=1.0, reset=None, has_current="tau_syn" in node)
    vars(p).update(HALF | numbers)
    start = getattr(p, "v_leak", p.v_reset if step is spikingjelly else 0.0)
    s = SimpleNamespace(v=np.full((4, SIZE), start), i=np.zeros((4, SIZE)))
    spikes, membranes = [], []
    for t in range(STEPS):
        spikes.append(step(p, s, samples[:, t] @ weights.T))
        membranes.append(s.v)
    expected = np.stack(spikes, 1)
    assert 0 < np.count_nonzero(expected) < expected.size
    result = simulate(graph, samples)
    assert (result.spikes["lif"] == expected).all()
    assert np.abs(result.states["lif"]["v"] + start - np.stack(membranes, 1)).max() < 1e-12

    quantized = quantize_with_report(graph, calibration=samples, fraction_bits=2 * STEPS + 2)
    assert (simulate_integers(quantized.network, samples).spikes["lif"] == expected).all()


def node(write_nir, parameters, preset="snntorch", dt=1.0, size=2, **options):
    """The one population of a graph with this node."""
    nodes = {
        "in": {"type": "Input", "shape": np.array([size])},
        "n": {"type": "LIF"} | parameters,
        "out": {"type": "Output", "shape": np.array([size])},
    }
    graph = load(write_nir(nodes), preset=preset, dt=dt, **options)
    return graph.population("n"), graph


def test_readouts_of_every_kind(write_nir):
    li = {"type": "LI", "tau": 4.0, "r": 4.0, "v_leak": 0.0}
    population, graph = node(write_nir, li)
    assert population.parameters["beta"].tolist() == [0.75, 0.75]
    assert graph.output.source == "v"
    assert isinstance(node(write_nir, {"type": "I", "r": 1.0})[0].neuron, Integrator)
    current = {"tau_mem": 4.0, "tau_syn": 2.0, "r": 4.0, "v_leak": 0.0}
    population, graph = node(write_nir, {"type": "CubaLI", "w_in": 3.0} | current)
    assert isinstance(population.neuron, CubaLIF)
    assert isinstance(population.neuron.neuron, Integrator)
    assert graph.projections[0].weights.tolist() == [[1.5, 0], [0, 1.5]]
    assert graph.output.source == "v"


def test_readouts_of_sinabs_and_rockpool_have_gains_of_their_own(write_nir):
    li = {"type": "LI", "tau": TAU, "r": 1.0, "v_leak": 0.0}
    for normalized, gain in ((True, 1), ("all", 0.5)):
        options = {"min_v": "none", "norm_input": normalized}
        _, graph = node(write_nir, li, "sinabs", dt=1.0, **options)
        assert graph.projections[0].weights[0, 0] == pytest.approx(gain)
    # ExpSyn decays after its input was added.
    _, graph = node(write_nir, li | {"r": TAU / 2}, "rockpool:bias=zero")
    assert graph.projections[0].weights[0, 0] == pytest.approx(0.5)


def test_a_threshold_compares_what_arrives(write_nir):
    population, graph = node(write_nir, {"type": "Threshold", "threshold": np.array([1.0, 0.5])})
    assert population.neuron == LIF(population.neuron.v, population.neuron.leak, "none", True)
    assert population.parameters["beta"].tolist() == [0, 0]
    samples = np.array([[[1, 1], [2, 0], [0, 1]]])
    assert simulate(graph, samples).spikes["n"].tolist() == [[[0, 1], [1, 0], [0, 1]]]


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": "Threshold", "threshold": np.array([0.5, 1.25])},
        {"type": "I", "r": 1.0},
        {"type": "CubaLI", "tau_mem": 4.0, "tau_syn": 2.0, "r": 4.0, "v_leak": 0.0},
        {"tau": np.inf, "r": np.inf, "v_leak": 0.0, "v_threshold": 1.0},
    ],
)
def test_what_neither_fires_nor_decays_is_exact_too(write_nir, parameters):
    _, graph = node(write_nir, parameters)
    samples = np.random.default_rng(0).integers(0, 3, (3, STEPS, 2))
    quantized = quantize_with_report(graph, calibration=samples, fraction_bits=2 * STEPS)
    ours, integers = simulate(graph, samples), simulate_integers(quantized.network, samples)
    assert (integers.spikes["n"] == ours.spikes["n"]).all()
    assert (integers.states["n"]["v"] * quantized.scales["n"] == ours.states["n"]["v"]).all()


def test_an_infinite_time_constant_is_an_integrate_and_fire(write_nir):
    endless = {"tau": np.inf, "r": np.inf, "v_leak": 0.0, "v_threshold": 1.0}
    population, graph = node(write_nir, endless)
    assert population.neuron.leak == NoLeak()
    assert graph.projections[0].weights.tolist() == [[1, 0], [0, 1]]
    assert "tau of 'n' is infinite, so that it integrates without leak" in graph.assumptions
    assert population.equation.startswith("v = v + x")
    message = "tau of node 'n' must be positive and finite, not inf: its input would have no effect"
    with pytest.raises(SemanticsError, match=message):
        node(write_nir, endless | {"r": 1.0})
    # Where nothing is divided by tau, it needs no infinite gain.
    population, _ = node(
        write_nir, endless | {"r": 1.0}, "sinabs:min_v=none,norm_input=false", dt=1.0
    )
    assert population.neuron.leak == NoLeak()


def test_some_infinite_time_constants_stay_decays_of_one(write_nir):
    mixed = {"tau": np.array([np.inf, 2]), "r": np.array([np.inf, 2]), "v_threshold": 1.0}
    population, graph = node(write_nir, mixed | {"v_leak": 0.0})
    assert population.parameters["beta"].tolist() == [1, 0.5]
    assert graph.projections[0].weights.tolist() == [[1, 0], [0, 1]]


def test_single_precision_keeps_decays_on_their_grid(write_nir):
    """As snnTorch writes them: tau and r each rounded once."""
    dt, beta = np.float32(1e-4), np.float32([0.9375, 0.875])
    tau = dt / (1 - beta)
    numbers = {"tau": tau, "r": tau / dt, "v_threshold": np.float32(1), "v_leak": np.float32(0)}
    population, graph = node(write_nir, numbers, dt=1e-4)
    assert population.parameters["beta"].tolist() == [0.9375, 0.875]
    assert graph.projections[0].weights.tolist() == [[1, 0], [0, 1]]


def test_spikingjelly_starts_an_if_at_its_reset(write_nir):
    numbers = {"type": "IF", "r": 10.0, "v_threshold": 1.0, "v_reset": -0.5}
    population, _ = node(write_nir, numbers, "spikingjelly", dt=0.1)
    assert population.parameters["threshold"].tolist() == [1.5, 1.5]
    assert population.parameters["reset_value"].tolist() == [0, 0]


def test_the_lower_clamp_follows_each_threshold(write_nir):
    numbers = {"type": "IF", "r": 1.0, "v_threshold": np.array([1.0, 2.0])}
    options = {"min_v": "threshold", "norm_input": False}
    population, _ = node(write_nir, numbers, "sinabs", dt=1.0, **options)
    assert population.parameters["lowest"].tolist() == [-1, -2]
    assert isinstance(population.neuron, MultiSpikeLIF)
    assert population.origins["lowest"] == "preset sinabs: min_v=threshold"


GOOD = {"tau": 2.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
CURRENT = {"type": "CubaLIF", "tau_mem": 2.0, "tau_syn": 2.0, "r": 1.0} | {
    "v_leak": 0.0,
    "v_threshold": 1.0,
}


@pytest.mark.parametrize(
    ("parameters", "preset", "error", "message"),
    [
        (GOOD | {"tau": 0.0}, "norse", SemanticsError, "tau .* positive and finite, not 0"),
        (GOOD | {"tau": -1.0}, "norse", SemanticsError, "not -1; a neuron that never decays is an"),
        (GOOD | {"tau": np.nan}, "norse", CheckpointError, "tau of node 'n' must be finite, not n"),
        (GOOD | {"r": np.inf}, "norse", CheckpointError, "r of node 'n' must be finite, not inf"),
        (
            GOOD | {"tau": 0.5},
            "norse",
            SemanticsError,
            r"1 − dt/tau must lie in \[0, 1\]; is dt in",
        ),
        (
            GOOD | {"v_threshold": -1.0},
            "norse",
            SemanticsError,
            "threshold of 'n' must be positive",
        ),
        (
            CURRENT | {"tau_syn": 0.0},
            "snntorch",
            SemanticsError,
            "tau_syn of node 'n' must be posi",
        ),
        (CURRENT | {"tau_syn": 0.5}, "snntorch", SemanticsError, "dt must be at most the tau_syn"),
        (CURRENT, "norse", SemanticsError, "needs current, .* current='jump' for its LIFCell"),
        (
            CURRENT | {"v_leak": 0.5},
            "norse:current=filtered",
            SemanticsError,
            "v_leak .* must be 0",
        ),
        (CURRENT | {"v_reset": 0.5}, "spikingjelly", SemanticsError, "must equal its v_leak"),
        (
            CURRENT | {"v_reset": 0.5},
            "snntorch",
            SemanticsError,
            "v_reset .* must be 0 .*, not 0.5",
        ),
        (GOOD | {"v_leak": 0.5}, "spikingjelly:reset=subtract", SemanticsError, "with soft reset"),
        (GOOD, "rockpool:bias=zero", SemanticsError, "exp.* under .*'rockpool', .*is dt that of"),
        (GOOD, "rockpool", SemanticsError, "needs bias='zero': Rockpool's to_nir leaves out"),
        ({"type": "IF", "r": 2.0, "v_threshold": 1.0}, "norse", SemanticsError, "must be 1 under"),
        (GOOD, "sinabs:spikes=31,min_v=none,norm_input=true", SemanticsError, "1 to 30, not 31"),
        (GOOD, "sinabs:min_v=0.5,norm_input=true", SemanticsError, "must not be positive, not 0.5"),
        (GOOD, "sinabs:min_v=low,norm_input=true", SemanticsError, "must be a number or one of"),
        (
            GOOD,
            "sinabs:reset=zero,min_v=none,norm_input=true",
            SemanticsError,
            "must go with spikes='single'",
        ),
    ],
)
def test_what_no_framework_has_is_refused(write_nir, parameters, preset, error, message):
    with pytest.raises(error, match=message) as caught:
        node(write_nir, parameters, preset)
    assert "\n" not in str(caught.value)


def test_shapes_that_disagree_are_refused(write_nir):
    numbers = GOOD | {"tau": np.ones(3), "r": np.ones(2)}
    with pytest.raises(CheckpointError, match=r"as many numbers each, not {'tau': 3, 'r': 2}"):
        node(write_nir, numbers)

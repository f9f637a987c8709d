import numpy as np
import pytest

from spikeloom.hls_model import EVENTS, LIF, Integrator, Output
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant import DECAY, REAL, Graph, Input, Population, Projection


def lif(name="n", *, bias=0.0, fires=True, **options) -> Population:
    numbers = {"threshold": 1.0, "beta": 0.5, "reset_value": 0.0}
    numbers |= {n: options.pop(n) for n in tuple(options) if n in numbers}
    neuron = LIF(REAL, DECAY, **options) if fires else Integrator(REAL, DECAY)
    return Population(name, 2, neuron, {n: numbers[n] for n in neuron.parameters}, bias)


def graph(*projections, output="n", source=EVENTS, **options) -> Graph:
    links = projections or (Projection("in", "n", np.ones((2, 1))),)
    return Graph((Input("in", (1,)),), (lif(**options),), links, Output(output, source))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"beta": 1.1}, SemanticsError, r"must lie in \[0, 1\], not 1.1; clamp it"),
        ({"beta": -0.1}, SemanticsError, "not -0.1"),
        ({"beta": np.nan}, CheckpointError, "beta of 'n' must be finite, but 2 of 2"),
        ({"bias": np.zeros(3)}, CheckpointError, r"one number or 2 numbers, not \(3,\)"),
        ({"threshold": -1.0}, SemanticsError, "threshold of 'n' must be positive, not -1"),
        ({"reset": "value", "reset_value": 1.0}, SemanticsError, "must lie below its threshold"),
    ],
)
def test_impossible_numbers_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        lif(**options)


def test_contradictions_are_refused():
    with pytest.raises(CheckpointError, match=r"must have the shape .* \(2, 1\), not \(1, 2\)"):
        graph(Projection("in", "n", np.ones((1, 2))))
    with pytest.raises(CheckpointError, match="no input or population 'x'"):
        graph(Projection("x", "n", np.ones((2, 1))))
    with pytest.raises(CheckpointError, match="'in' must be a population"):
        graph(Projection("in", "in", np.ones((1, 1))))
    with pytest.raises(CheckpointError, match="must differ in name, not 'in'"):
        graph(name="in")
    with pytest.raises(SemanticsError, match="cycle, as n → n do"):
        graph(Projection("in", "n", np.ones((2, 1))), Projection("n", "n", np.eye(2)))
    with pytest.raises(SemanticsError, match="never fires; read its membrane"):
        graph(fires=False)


@pytest.mark.parametrize(
    ("options", "equation"),
    [
        ({}, "v = 0.5·v + x; spike if v ≥ 1, then v −= 1"),
        ({"strict": True, "delayed": True}, "v = 0.5·v + x − 1·(spike at t−1); spike if v > 1"),
        ({"reset": "value"}, "v = 0.5·v + x; spike if v ≥ 1, then v = 0"),
        ({"reset": "none"}, "v = 0.5·v + x; spike if v ≥ 1; no reset"),
        (
            {"reset": "value", "delayed": True},
            "v = 0.5·(v, or 0 after a spike at t−1) + x; spike if v ≥ 1",
        ),
        (
            {"reset": "value", "delayed": True, "drop_input": True},
            "v = 0.5·v + x, or 0 after a spike at t−1; spike if v ≥ 1",
        ),
        ({"fires": False, "beta": [0.25, 0.5]}, "v = [0.25 … 0.5]·v + x; never fires"),
    ],
)
def test_equations_are_told_in_words(options, equation):
    assert lif(**options).equation == equation

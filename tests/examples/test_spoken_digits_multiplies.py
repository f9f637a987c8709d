"""The counter of multiplications, by hand."""

import numpy as np
import torch

from examples.spoken_digits.multiplies import Operations, dense, event_counted
from spikeloom.hls_model import (
    GatedUnit,
    Grading,
    Input,
    Integrator,
    Network,
    Output,
    Population,
    Projection,
    Range,
    SigmoidTable,
    simulate,
)

GATED = GatedUnit(Range.unsigned(9), Range.signed(12), SigmoidTable(4, 3, 4, 6), Grading(127, 2, 3))


def test_dense_layers_multiply_each_weight():
    for cell, module, elementwise in (("GRU", torch.nn.GRU, 3), ("LSTM", torch.nn.LSTM, 3)):
        layers = module(5, 7, 2)
        weights = sum(p.numel() for n, p in layers.named_parameters() if n.startswith("weight"))
        counted = dense(cell, 5, 7, 2, 4)
        assert counted.additions == weights + 7 * 4
        assert counted.multiplies == counted.additions + elementwise * 7 * 2


def network():
    """Two inputs → three gated neurons, with themselves → two outputs."""
    both = [
        Projection(source, "n", np.full((3, size), weight), port, delay)
        for source, size, delay in (("i", 2, 0), ("n", 3, 1))
        for port, weight in (("forget", -20), ("cell", 20))
    ]
    populations = (Population("n", 3, GATED), Population("r", 2, Integrator(Range.signed(20))))
    readout = Projection("n", "r", np.ones((2, 3), dtype=int))
    return Network((Input("i", (2,), Range(-9, 9)),), populations, (*both, readout), Output("r"))


def test_events_multiply_the_weights_they_reach():
    inputs = np.array([[[5, 1], [0, -1], [0, 0]]])
    result = simulate(network(), inputs)
    sent = (result.spikes["n"][0] != 0).sum(1)
    assert sent.max() == 3
    assert np.abs(result.spikes["n"]).max() > 3
    counts = np.ones((1, 3), dtype=bool)
    found = event_counted(network(), inputs, result, counts)
    # An input event reaches 2 ports of 3 neurons; an event of n the 2 outputs at once, and 2 ports
    # of 3 neurons a step later. Of the input events only the 5 is multiplied by.
    arrived = 2 * sent.sum() + 6 * sent[:-1].sum()
    assert found.additions == (3 * 6 + arrived) / 3
    assert found.multiplies == (1 * 6 + arrived) / 3 + 3


def test_only_the_steps_that_count():
    inputs = np.array([[[5, 1], [0, -1], [0, 0]]])
    result = simulate(network(), inputs)
    first = event_counted(network(), inputs, result, np.array([[True, False, False]]))
    sent = int((result.spikes["n"][0, 0] != 0).sum())
    assert first == Operations(6 + 2 * sent + 3, 12 + 2 * sent)

"""Samples: shapes, types and ranges, with the words that refuse them."""

from __future__ import annotations

import numpy as np
import pytest

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.hls_model.errors import SampleError
from spikeloom.hls_model.samples import to_events


def network(*inputs):
    inputs = inputs or (Input("i", (2, 3)),)
    return Network(
        inputs,
        (Population("p", 1, LIF(Range.signed(8)), {"threshold": 1}),),
        tuple(Projection(i.name, "p", np.ones((1, i.size), int)) for i in inputs),
        Output("p"),
    )


ONES = np.ones((4, 5, 2, 3), dtype=int)


def refused(samples, message, net=None, steps=None):
    with pytest.raises(SampleError, match=message):
        to_events(net or network(), samples, steps)


def test_events_are_flattened_in_c_order():
    samples = np.arange(6).reshape(1, 1, 2, 3)
    events = to_events(network(Input("i", (2, 3), Range(0, 9))), samples)["i"]
    assert events.values.tolist() == [[[0, 1, 2, 3, 4, 5]]]
    assert (events.samples, events.steps, events.is_constant) == (1, 1, False)


def test_held_inputs_need_steps():
    events = to_events(network(), ONES[:, 0], 7)["i"]
    assert (events.samples, events.steps, events.is_constant) == (4, 7, True)
    assert events.step(6).shape == (4, 6)
    refused(
        ONES[:, 0],
        r"samples of shape \(4, 2, 3\) hold no step axis; state how many steps they are presented "
        r"for \(--steps T\)",
    )


def test_held_for_one_step_is_one_step():
    events = to_events(network(), ONES[:, 0], 1)["i"]
    assert (events.steps, events.step(0).shape) == (1, (4, 6))


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 3, 2), (2, 3), (6,), (), (4, 5, 2, 3, 1)])
def test_wrong_shapes(shape):
    refused(
        np.ones(shape, int),
        r"samples for 'i' must have the shape \[samples, steps, 2, 3\], or the same without steps, "
        r"not \(",
    )


@pytest.mark.parametrize("shape", [(0, 5, 2, 3), (4, 0, 2, 3)])
def test_empty(shape):
    refused(np.ones(shape, int), r"samples must not be empty, and these have the shape \(")


def test_number_of_steps_is_checked():
    assert to_events(network(), ONES, 5)["i"].steps == 5
    refused(ONES, "samples have 5 steps, not the 6 asked for", steps=6)
    refused(ONES[:, 0], r"steps must be at least 1, not 0", steps=0)
    refused(ONES[:, 0], r"steps must be at least 1, not -3", steps=-3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_are_finite(value):
    samples = ONES.astype(float)
    samples[3, 4, 1, 2] = value
    refused(samples, "samples for 'i' must be finite, not NaN or infinite")


def test_types():
    refused(ONES.astype(str), "samples must be integers or floats, not <U")
    refused(ONES.astype(complex), "samples must be integers or floats, not complex128")
    refused(ONES.astype(object), "samples must be integers or floats, not object")
    for dtype in (bool, np.uint8, np.int64, np.float32, np.float16):
        assert to_events(network(), ONES.astype(dtype))["i"].values.all()


def test_values_lie_in_the_inputs_range():
    refused(2 * ONES, r"event values of 'i' must lie in \[0, 1\], not \[2, 2\]$")
    refused(-ONES, r"event values of 'i' must lie in \[0, 1\], not \[-1, -1\]$")
    fine = network(Input("i", (2, 3), Range(-8, 7), unit=0.25))
    refused(ONES * 2.0, r"must lie in \[-8, 7\], not \[8, 8\] \(samples / 0\.25\)$", fine)


def test_floats_are_divided_by_the_unit_and_rounded_to_the_nearest():
    fine = network(Input("i", (4,), Range(-8, 7), unit=0.25))
    events = to_events(fine, np.array([[[0.3, -0.3, 0.13, 0.12]]]))["i"]
    assert events.values.tolist() == [[[1, -1, 1, 0]]]


@pytest.mark.parametrize("largest", [127, 128, 2**31 - 1, 2**31, 2**40])
def test_large_values_are_kept(largest):
    wide = network(Input("i", (1,), Range(-largest, largest)))
    values = np.array([[[largest]], [[-largest]]])
    assert to_events(wide, values)["i"].values.reshape(-1).tolist() == [largest, -largest]


def test_several_inputs():
    several = network(Input("i", (2,)), Input("j", (1,)))
    i, j = np.ones((3, 4, 2), int), np.ones((3, 4, 1), int)
    assert set(to_events(several, {"i": i, "j": j})) == {"i", "j"}
    refused(i, r"samples must map each of the inputs \['i', 'j'\] to its array", several)
    refused({"i": i}, r"exactly the inputs \['i', 'j'\], not \['i'\]", several)
    refused(
        {"i": i, "j": j[:2]},
        r"all inputs must have the same number of samples and steps, not .*\(3, 4\).*\(2, 4\)",
        several,
    )
    # One held, the other not.
    assert to_events(several, {"i": i, "j": j[:, 0]}, 4)["j"].is_constant

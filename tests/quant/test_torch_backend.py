"""Neurons executed operator by operator on tensors: what NumPy computes, or a refusal."""

from __future__ import annotations

from types import SimpleNamespace

import library
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import Range, saturate
from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.neuron import as_argument
from spikeloom.hls_model.numpy_backend import NumpyBackend
from spikeloom.quant.torch_backend import TorchBackend, exact_type

SUMS = Range(-600, 600)


@pytest.mark.parametrize("name", library.NEURONS)
@settings(derandomize=True, deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_neuron_does_what_it_does_on_numpy(name, seed):
    rng = np.random.default_rng(seed)
    neuron, parameters = library.NEURONS[name]
    numpy, torch_ = NumpyBackend(np.int64), TorchBackend(torch.float64)

    def both(array, range):
        array = np.broadcast_to(array, (3, library.SIZE))
        return numpy.value(array), torch_.value(torch.tensor(np.array(array)), range)

    def draw(range):
        near = np.clip(rng.integers(-99, 99, (3, library.SIZE)), range.lo, range.hi)
        far = rng.integers(range.lo, range.hi + 1, (3, library.SIZE))
        return both(near if rng.integers(2) else far, range)

    states = {w: draw(r) for w, r in neuron.states().items()}
    sums = {port: draw(SUMS) for port in neuron.ports}
    numbers = {n: both(v, Range.of(v)) for n, v in parameters.items()}
    results = [
        neuron.step(
            SimpleNamespace(**{n: v[side] for n, v in states.items()}),
            as_argument({n: v[side] for n, v in sums.items()}),
            SimpleNamespace(**{n: v[side] for n, v in numbers.items()}),
        )
        for side in (0, 1)
    ]
    (expected, event), (found, torch_event) = results
    for word in neuron.states():
        assert (
            getattr(expected, word).payload.tolist() == getattr(found, word).payload.tensor.tolist()
        )
    if not isinstance(event, int):
        assert event.payload.tolist() == torch_event.payload.tensor.tolist()


def test_gradients_pass_through_expressions():
    backend = TorchBackend(torch.float32)
    a = torch.tensor([3.0, -5.0, 200.0], requires_grad=True)
    v = backend.value(a, Range.signed(9))
    result = saturate((v >> 1) + v * 3, Range.signed(8)).payload.tensor
    assert result.tolist() == [10.0, -18.0, 127.0]
    result.sum().backward()
    assert a.grad.tolist() == [3.5, 3.5, 0.0]


def test_what_does_not_fit_is_refused():
    v = TorchBackend(torch.float32).value(torch.tensor([1.0]), Range.signed(16))
    with pytest.raises(RangeError, match=r"must be held in torch.float64, not torch.float32"):
        v * v
    v = TorchBackend(torch.float64).value(torch.tensor([1.0]), Range.signed(30))
    with pytest.raises(
        RangeError, match="needs integers of 60 bits, and PyTorch's floating point holds 53"
    ):
        v * v


@pytest.mark.parametrize(("bits", "dtype"), [(24, torch.float32), (25, torch.float64)])
def test_exact_types(bits, dtype):
    assert exact_type(bits, "x") == dtype
    assert exact_type(53, "x") == torch.float64

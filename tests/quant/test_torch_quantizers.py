"""Shadow parameters: what they round to, and their gradients against the published formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikeloom.hls_model import Range
from spikeloom.quant.torch_quantizers import ShadowNumber, ShadowScale, ShadowWeights

WEIGHTS = torch.tensor([[0.24, -0.26, 0.9, -2.0], [0.1, 0.0, -0.35, 0.05]])
SCALE = torch.tensor([0.25, 0.1])
INTEGERS = [[1.0, -1.0, 3.0, -3.0], [1.0, 0.0, -3.0, 0.0]]


def test_weights():
    weights = ShadowWeights(WEIGHTS, Range(-3, 3), 1.0, False)
    scale = SCALE.clone().requires_grad_()
    integers = weights.integers(weights.real(None)[0], scale)
    assert integers.tolist() == INTEGERS
    grad = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    integers.backward(grad)
    inside = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 1]])
    assert torch.allclose(weights.weight.grad, grad * inside / SCALE[:, None])
    # LSQ: rounding error where inside, the end of the range where clipped, over √(n·largest).
    levels = WEIGHTS / SCALE[:, None]
    error = torch.tensor(INTEGERS) - levels * inside
    expected = (grad / SCALE[:, None] * error).sum(1) / (4 * 3) ** 0.5
    assert torch.allclose(scale.grad, expected)


def test_units_of_events_and_a_shared_scale():
    weights = ShadowWeights(WEIGHTS, Range(-7, 7), 0.5, False)
    real, bias = weights.real(None)
    assert bias is None
    scale = torch.tensor([0.1], requires_grad=True)
    integers = weights.integers(real, scale)
    assert integers.tolist() == (WEIGHTS * 5).round().clamp(-7, 7).tolist()
    integers.sum().backward()
    assert scale.grad.shape == (1,)


def test_numbers():
    number = ShadowNumber(torch.tensor([1.0, 2.6, -9.0]), Range(-8, 7), True)
    integers = number(torch.tensor([0.5]), 0.25)
    assert integers.tolist() == [2.0, 6.0, -8.0]
    integers.sum().backward()
    assert number.value.grad.tolist() == [2.0, 2.0, 2.0]


def test_scales_stay_positive():
    scale = ShadowScale(torch.tensor([0.25]), True)
    assert scale().tolist() == [0.25]
    scale.change.data -= 3
    assert scale().item() == pytest.approx(0.25 * 2.718281828**-3)
    assert not ShadowScale(torch.tensor([0.25]), False).change.requires_grad


def test_normalization_is_folded():
    """Weights and bias do what Linear and BatchNorm1d do, in training and after."""
    torch.manual_seed(1)
    weights = ShadowWeights(torch.randn(5, 4), Range(-3, 3), 2.0, True)
    norm = nn.BatchNorm1d(5)
    for own in (norm, weights.norm):
        own.weight.data = torch.linspace(0.5, 2, 5)
        own.bias.data = torch.linspace(-1, 1, 5)
    events = torch.randint(0, 3, (6, 7, 4)).float()
    for training in (True, True, False):
        weights.train(training)
        norm.train(training)
        real, bias = weights.real(events)
        folded = events @ real.T + bias
        expected = norm((2 * events @ weights.weight.T).flatten(0, 1)).view(6, 7, 5)
        assert torch.allclose(folded, expected, atol=1e-5)
    assert torch.allclose(norm.running_mean, weights.norm.running_mean)
    assert torch.allclose(norm.running_var, weights.norm.running_var)

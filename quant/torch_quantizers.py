"""Shadow parameters: real numbers that an optimizer moves, and the integers that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from spikeloom.hls_model import Range

__all__ = ["ShadowNumber", "ShadowScale", "ShadowWeights"]


class ShadowScale(nn.Module):
    """What an integer of 1 stands for, per neuron [size] or shared [1]; it stays positive.

    It is ``start · exp(change)``, so that an optimizer's step is a relative one.
    """

    start: Tensor

    def __init__(self, start: Tensor, learned: bool) -> None:
        super().__init__()
        self.register_buffer("start", start.detach().clone())
        self.change = nn.Parameter(torch.zeros_like(start), requires_grad=learned)

    def forward(self) -> Tensor:
        return self.start * self.change.exp()


class ShadowNumber(nn.Module):
    """A parameter of a population, one number or [size], in the user's units.

    Parameters
    ----------
    start : its first value
    range : of its integers
    learned : whether an optimizer moves it
    """

    def __init__(self, start: Tensor, range: Range, learned: bool) -> None:
        super().__init__()
        self.range = range
        self.value = nn.Parameter(start.detach().clone(), requires_grad=learned)

    def forward(self, scale: Tensor | float, more: Tensor | float = 0.0) -> Tensor:
        """round((value + more) / scale) inside the range; gradients pass straight through."""
        levels = (self.value + more) / scale
        round_: Any = _Round.apply
        result: Tensor = round_(levels, self.range)
        return result


class ShadowWeights(nn.Module):
    """The weights [target, source] of a projection, in the user's units.

    With ``norm`` they are followed by batch normalization over samples and steps, which is folded
    into the weights *before* these are rounded, in training by the batch's own statistics: the
    integers that training runs are those of the export, but for the running statistics.

    Parameters
    ----------
    range : of the integers
    unit : what an event of 1 of the source stands for
    """

    def __init__(self, start: Tensor, range: Range, unit: float, norm: bool) -> None:
        super().__init__()
        self.range, self.unit = range, unit
        self.weight = nn.Parameter(start.detach().clone())
        self.norm = nn.BatchNorm1d(start.shape[0]) if norm else None

    def real(self, events: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The weights for events of 1, and the bias that normalization adds: real numbers.

        Parameters
        ----------
        events
            Those of the source, [..., source], for the statistics of a batch.
        """
        weight: Tensor = self.weight
        bias = None
        if self.norm is not None:
            weight, bias = self._fold(self.norm, weight, events)
        return (weight if self.unit == 1 else weight * self.unit), bias

    def integers(self, real: Tensor, scale: Tensor) -> Tensor:
        """``real`` weights as integers, for a weighted sum whose 1 stands for ``scale``,
        [target] or [1]."""
        quantize: Any = _QuantizeWeights.apply
        result: Tensor = quantize(real, scale, self.range)
        return result

    def _fold(
        self, norm: nn.BatchNorm1d, weight: Tensor, events: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if norm.training and events is not None:
            values = events.reshape(-1, events.shape[-1]).to(weight.dtype)
            currents = nn.functional.linear(values, weight * self.unit)
            variance, mean = torch.var_mean(currents, 0, unbiased=False)
            self._follow(norm, mean.detach(), variance.detach(), len(values))
        else:
            mean, variance = norm.running_mean, norm.running_var  # type: ignore[assignment]
        gain = norm.weight * torch.rsqrt(variance + norm.eps)
        return weight * gain[:, None], norm.bias - mean * gain

    @staticmethod
    def _follow(norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update running statistics as BatchNorm1d does."""
        momentum = 0.1 if norm.momentum is None else norm.momentum
        statistics: Mapping[Any, Tensor] = {
            norm.running_mean: mean,
            norm.running_var: variance * (count / max(count - 1, 1)),
        }
        with torch.no_grad():
            for running, current in statistics.items():
                running.lerp_(current.to(running.dtype), momentum)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.add_(1)


class _Round(torch.autograd.Function):
    """Rounds into a range, half to even; the gradient is that of doing nothing."""

    @staticmethod
    def forward(ctx: Any, levels: Tensor, range: Range) -> Tensor:
        return levels.round().clamp_(range.lo, range.hi)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad, None


class _QuantizeWeights(torch.autograd.Function):
    """round(weights / scale) inside a range.

    Gradients are those of Esser et al., Learned step size quantization, ICLR 2020: the weights'
    stop where they are clipped, and the scale's is that of the rounded weights times the scale,
    including its factor 1/√(weights · largest integer). A neuron whose weights and scale grow
    together does not change, so that the scale's effect on all else can be left out.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, scale: Tensor, range: Range) -> Tensor:
        levels = weights / scale[:, None]
        integers = levels.round().clamp_(range.lo, range.hi)
        ctx.range = range
        ctx.save_for_backward(levels, integers, scale)
        return integers

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        levels, integers, scale = ctx.saved_tensors
        inside = (levels >= ctx.range.lo) & (levels <= ctx.range.hi)
        passed = grad * inside
        to_scale = None
        if ctx.needs_input_grad[1]:
            rows = (grad * integers - passed * levels).sum(1)
            count = levels.shape[1] * (levels.shape[0] if len(scale) == 1 else 1)
            factor = (count * max(ctx.range.hi, 1)) ** -0.5
            to_scale = (rows / scale).sum_to_size(scale.shape) * factor
        return passed / scale[:, None], to_scale, None

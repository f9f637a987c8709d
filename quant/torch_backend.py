"""Executes neurons on PyTorch tensors, one operator at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeloom.hls_model.errors import RangeError
from spikeloom.hls_model.operators import OPERATORS
from spikeloom.hls_model.ranges import Range
from spikeloom.hls_model.values import Value
from spikeloom.quant.torch_operators import PLAIN, TORCH_OPERATORS, Gradients

__all__ = ["Ranged", "TorchBackend", "exact_type"]


class Ranged(NamedTuple):
    """A tensor of integers, and the range that holds them."""

    tensor: Tensor
    range: Range


@dataclass(frozen=True, eq=False)
class TorchBackend:
    """Values are tensors that hold integers exactly, with gradients for training.

    >>> backend = TorchBackend(torch.float32)
    >>> v = backend.value(torch.tensor([3.0, -5.0], requires_grad=True), Range.signed(8))
    >>> (v >> 1).payload.tensor
    tensor([ 1., -3.], grad_fn=<_ApplyBackward>)

    Attributes
    ----------
    dtype : ``float32`` for integers of up to 24 bits, ``float64`` for up to 53
    gradients : how comparisons and clamping pass gradients
    """

    dtype: torch.dtype
    gradients: Gradients = PLAIN

    def value(self, tensor: Tensor, range: Range) -> Value:
        """``tensor`` as integers that lie in ``range``."""
        return Value(self, self._ranged(tensor.to(self.dtype), range))

    def constant(self, value: int) -> Ranged:
        return self._ranged(torch.tensor(value, dtype=self.dtype), Range(value, value))

    def apply(self, name: str, operands: tuple[Ranged, ...], attrs: dict[str, Any]) -> Ranged:
        """
        Raises
        ------
        RangeError
            If the result can be too large for ``dtype`` to hold it exactly.
        """
        ranges = tuple(o.range for o in operands)
        bounds = OPERATORS[name].bounds(*ranges, **attrs)
        if bounds.is_constant:
            # What cannot change has no gradient either.
            return self.constant(bounds.lo)
        tensors = (o.tensor for o in operands)
        apply: Any = _Apply.apply
        result = apply(name, ranges, attrs, self.gradients, *tensors)
        return self._ranged(result, bounds)

    def _ranged(self, tensor: Tensor, range: Range) -> Ranged:
        if exact_type(_bits(range), "a value") not in (self.dtype, torch.float32):
            raise RangeError(f"integers in {range} must be held in torch.float64, not {self.dtype}")
        return Ranged(tensor, range)


def exact_type(bits: int, what: str) -> torch.dtype:
    """The floating-point type that holds all signed words of ``bits`` bits exactly.

    Raises
    ------
    RangeError
        If there is none.
    """
    if bits <= 24:
        return torch.float32
    if bits <= 53:
        return torch.float64
    raise RangeError(
        f"{what} needs integers of {bits} bits, and PyTorch's floating point holds 53; narrow the "
        "weights, parameters or states"
    )


def _bits(range: Range) -> int:
    return range.width + (not range.is_signed)


class _Apply(torch.autograd.Function):
    """One operator as a differentiable function."""

    @staticmethod
    def forward(ctx: Any, name: str, ranges: Any, attrs: Any, how: Any, *operands: Tensor) -> Any:
        ctx.rule, ctx.ranges, ctx.attrs, ctx.how = TORCH_OPERATORS[name], ranges, attrs, how
        ctx.save_for_backward(*operands)
        result = ctx.rule.forward(*operands, **attrs)
        return result.clone() if any(result is o for o in operands) else result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        operands = ctx.saved_tensors
        grads = ctx.rule.backward(grad, operands, ctx.ranges, ctx.attrs, ctx.how)
        summed = (
            None if g is None else g.sum_to_size(o.shape)
            for g, o in zip(grads, operands, strict=True)
        )
        return None, None, None, None, *summed

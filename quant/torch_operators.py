"""The operators of the neuron language on PyTorch tensors: exact forward, useful backward.

Integers are held exactly in floating-point tensors. Where an operator has no useful derivative of
its own, the table states the one that training uses:

=================  =============================================================================
``shift_right``    that of the division, as if nothing were rounded (straight through)
``saturate``       1 inside the range, 0 outside, or 1 everywhere if asked for
``wrap``           1
``ge``             a :class:`Surrogate` of the distance a − b
``eq``, bits       on flags (0 or 1) those of 1 − a − b + 2ab, ab, a + b − ab and a + b − 2ab
``select``         towards a flag a − b; towards a and b the flag
``lookup``         the slope between the neighbouring entries
=================  =============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

import torch
from torch import Tensor

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.hls_model.ranges import BOOL, Range

__all__ = ["PLAIN", "TORCH_OPERATORS", "Gradients", "Surrogate", "TorchOperator", "are_flags"]

_ALL_BITS = 60
"""No tensor holds integers this wide: a shift by more gives what a shift by this much gives."""


@dataclass(frozen=True)
class Surrogate:
    """What training takes for the derivative of a comparison.

    With d the distance to the threshold in units of the threshold, and y = d / ``width``:

    ================  ==============
    ``shape``         derivative
    ================  ==============
    ``fast_sigmoid``  1 / (1 + |y|)²
    ``atan``          1 / (1 + y²)
    ``triangle``      max(0, 1 − |y|)
    ``box``           1 where |y| ≤ 1, else 0
    ================  ==============

    snnTorch's ``fast_sigmoid(slope)`` at a threshold of 1 is a width of 1/slope, and its
    ``atan(alpha)``, up to a factor alpha/2, a width of 2/(π·alpha).
    """

    shape: Literal["fast_sigmoid", "atan", "triangle", "box"] = "fast_sigmoid"
    width: float = 0.25

    def __post_init__(self) -> None:
        shapes = ("fast_sigmoid", "atan", "triangle", "box")
        if self.shape not in shapes:
            raise SemanticsError(f"a surrogate's shape must be one of {shapes}, not {self.shape!r}")
        if not self.width > 0:
            raise SemanticsError(f"a surrogate's width must be positive, not {self.width}")

    def derivative(self, distance: Tensor, unit: Tensor | float) -> Tensor:
        """d(a ≥ b)/da for ``distance`` = a − b, where the threshold is ``unit``."""
        return self.slope(distance * (1 / (self.width * unit))).div_(unit)

    def slope(self, y: Tensor) -> Tensor:
        """The table's derivative, in place of ``y``."""
        match self.shape:
            case "fast_sigmoid":
                return y.abs_().add_(1).square_().reciprocal_()
            case "atan":
                return y.square_().add_(1).reciprocal_()
            case "triangle":
                return y.abs_().neg_().add_(1).clamp_(min=0)
            case "box":
                return y.abs_().le_(1)


@dataclass(frozen=True, eq=False)
class Gradients:
    """How the operators of one population pass gradients.

    Attributes
    ----------
    surrogate : for comparisons
    unit : the threshold that distances are measured by, where no constant of the code says: one
        number or [size], in integer units
    pass_saturated : values beyond a range pass gradients, too
    detached : state words that pass no gradient from one step to the step before
    """

    surrogate: Surrogate = field(default_factory=Surrogate)
    unit: Tensor | float = 1.0
    pass_saturated: bool = False
    detached: frozenset[str] = frozenset()

    @cached_property
    def _inverses(self) -> tuple[Tensor | float, Tensor | float]:
        """Of the surrogate's width in integers, and of the threshold."""
        return 1 / (self.surrogate.width * self.unit), 1 / self.unit

    def of_comparison(self, a: Tensor, b: Tensor, ranges: tuple[Range, ...]) -> Tensor:
        """d(a ≥ b)/da; a constant of the code is its own threshold."""
        constant = next((abs(r.lo) for r in ranges if r.is_constant and r.lo), None)
        if constant is not None:
            return self.surrogate.derivative(a - b, float(constant))
        width, unit = self._inverses
        return self.surrogate.slope((a - b) * width).mul_(unit)


PLAIN = Gradients()


@dataclass(frozen=True)
class TorchOperator:
    """One operator.

    Attributes
    ----------
    forward : ``forward(*tensors, **attrs)``
    backward : ``backward(grad, operands, ranges, attrs, gradients)``, a gradient or None per
        operand, not yet summed over broadcast dimensions
    saved : which operands ``backward`` reads
    on_flags : a faster ``forward`` where all operands are 0 or 1
    """

    forward: Callable[..., Tensor]
    backward: Callable[..., tuple[Tensor | None, ...]]
    saved: tuple[int, ...] = ()
    on_flags: Callable[..., Tensor] | None = None


Operands = tuple[Tensor, ...]
Ranges = tuple[Range, ...]
Attributes = Mapping[str, Any]


def _shift_right(a: Tensor, *, amount: int, rounding: str) -> Tensor:
    if amount == 0:
        return a
    # A product with a power of two is exact, and so is adding the half.
    quotient = a * 2.0 ** -min(amount, _ALL_BITS)
    match rounding:
        case "floor":
            return quotient.floor_()
        case "trunc":
            return quotient.trunc_()
    return quotient.add_(0.5).floor_()


def _wrap(a: Tensor, *, range: Range) -> Tensor:
    size = range.hi - range.lo + 1
    exact = 2.0 / torch.finfo(a.dtype).eps
    if range.is_signed and size >= exact:
        return a
    return a - ((a - range.lo) * (1 / size)).floor_() * size


def _compared(rule: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A comparison that writes 0 and 1 as numbers: six times as fast as converting truth values."""

    def forward(a: Tensor, b: Tensor) -> Tensor:
        # Operands differ in that one may be the same for all samples: the larger has the shape.
        return rule(a, b, out=torch.empty_like(a if a.numel() >= b.numel() else b))

    return forward


def _bits(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda a, b: rule(a.long(), b.long()).to(torch.promote_types(a.dtype, b.dtype))


@lru_cache(maxsize=64)
def _table(table: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(table, dtype=dtype, device=device)


@lru_cache(maxsize=64)
def _slopes(table: tuple[int, ...]) -> tuple[float, ...]:
    """Per entry, the mean slope to its neighbours."""
    last = len(table) - 1
    pairs = ((max(i - 1, 0), min(i + 1, last)) for i in range(len(table)))
    return tuple((table[j] - table[i]) / max(j - i, 1) for i, j in pairs)


def _lookup(index: Tensor, *, table: tuple[int, ...]) -> Tensor:
    return _table(table, index.dtype, index.device)[index.long()]


def are_flags(ranges: Ranges) -> bool:
    """Whether all values are 0 or 1."""
    return all(r in BOOL for r in ranges)


def _ge_backward(g: Tensor, o: Operands, r: Ranges, _: Attributes, how: Gradients) -> Any:
    slope = g * how.of_comparison(o[0], o[1], r)
    return slope, -slope


def _eq_backward(g: Tensor, o: Operands, r: Ranges, _: Attributes, how: Gradients) -> Any:
    if not are_flags(r):
        return None, None
    if r[1] == Range(0, 0):
        return -g, None
    return g * (2 * o[1] - 1), g * (2 * o[0] - 1)


def _select_backward(g: Tensor, o: Operands, r: Ranges, _: Attributes, how: Gradients) -> Any:
    chosen = o[0] if r[0] in BOOL else (o[0] != 0).to(g.dtype)
    taken = g * chosen
    return (g * (o[1] - o[2]) if r[0] in BOOL else None), taken, g - taken


def _extreme_backward(is_minimum: bool) -> Any:
    def backward(g: Tensor, o: Operands, r: Ranges, _: Attributes, how: Gradients) -> Any:
        first = g * ((o[0] <= o[1]) if is_minimum else (o[0] >= o[1]))
        return first, g - first

    return backward


def _saturate_backward(g: Tensor, o: Operands, r: Ranges, attrs: Attributes, how: Gradients) -> Any:
    if how.pass_saturated:
        return (g,)
    bounds = attrs["range"]
    # Its bounds do not belong to what passes; between integers there is nothing else.
    return (torch.ops.aten.hardtanh_backward(g, o[0], bounds.lo - 1, bounds.hi + 1),)


def _flags_backward(a: Callable[[Tensor], Tensor]) -> Any:
    """Of a rule on two flags whose derivative towards one is ``a(the other)``."""

    def backward(g: Tensor, o: Operands, r: Ranges, _: Attributes, how: Gradients) -> Any:
        return (g * a(o[1]), g * a(o[0])) if are_flags(r) else (None, None)

    return backward


def _lookup_backward(g: Tensor, o: Operands, r: Ranges, attrs: Attributes, how: Gradients) -> Any:
    return (g * _table(_slopes(attrs["table"]), g.dtype, g.device)[o[0].long()],)


TORCH_OPERATORS: Mapping[str, TorchOperator] = {
    "add": TorchOperator(lambda a, b: a + b, lambda g, *_: (g, g)),
    "sub": TorchOperator(lambda a, b: a - b, lambda g, *_: (g, -g)),
    "neg": TorchOperator(lambda a: -a, lambda g, *_: (-g,)),
    "mul": TorchOperator(lambda a, b: a * b, lambda g, o, *_: (g * o[1], g * o[0]), (0, 1)),
    "shift_left": TorchOperator(
        lambda a, *, amount: a * float(1 << amount),
        lambda g, o, r, attrs, how: (g * float(1 << attrs["amount"]),),
    ),
    "shift_right": TorchOperator(
        _shift_right, lambda g, o, r, attrs, how: (g * 2.0 ** -attrs["amount"],)
    ),
    "ge": TorchOperator(_compared(torch.ge), _ge_backward, (0, 1)),
    "eq": TorchOperator(_compared(torch.eq), _eq_backward, (0, 1)),
    "select": TorchOperator(lambda c, a, b: torch.where(c != 0, a, b), _select_backward, (0, 1, 2)),
    "minimum": TorchOperator(torch.minimum, _extreme_backward(True), (0, 1)),
    "maximum": TorchOperator(torch.maximum, _extreme_backward(False), (0, 1)),
    "saturate": TorchOperator(
        lambda a, *, range: a.clamp(range.lo, range.hi), _saturate_backward, (0,)
    ),
    "wrap": TorchOperator(_wrap, lambda g, *_: (g,)),
    "bit_and": TorchOperator(
        _bits(lambda a, b: a & b), _flags_backward(lambda b: b), (0, 1), torch.mul
    ),
    "bit_or": TorchOperator(
        _bits(lambda a, b: a | b), _flags_backward(lambda b: 1 - b), (0, 1), torch.maximum
    ),
    "bit_xor": TorchOperator(
        _bits(lambda a, b: a ^ b),
        _flags_backward(lambda b: 1 - 2 * b),
        (0, 1),
        lambda a, b: (a - b).abs_(),
    ),
    "lookup": TorchOperator(_lookup, _lookup_backward, (0,)),
}
"""Every operator of :data:`~spikeloom.hls_model.operators.OPERATORS`."""

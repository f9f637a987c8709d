"""Takes over the integers of Linear layers that Brevitas quantized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.layers import Affine, Layer
from spikeloom.quant.modules import Translators, linear, numbers

__all__ = ["BREVITAS"]

_MOST_BITS = 8


def _linear(name: str, module: Any) -> Sequence[Layer]:
    """A ``QuantLinear``: the integers that its forward pass uses, and the step between them."""
    import torch

    for what, proxy in (
        ("bias", module.bias_quant),
        ("input", module.input_quant),
        ("output", module.output_quant),
    ):
        if proxy.is_quant_enabled:
            raise SemanticsError(
                f"layer {name!r} must quantize nothing but its weights, not its {what}, which "
                f"would move by values that no core adds; build it with {what}_quant=None"
            )
    if not module.weight_quant.is_quant_enabled:
        return linear(name, module)
    with torch.no_grad():
        weights = module.quant_weight()
    # Groups of weights, floats of few bits and raw tensors have types of their own.
    if type(weights).__name__ != "IntQuantTensor" or numbers(weights.zero_point).any():
        raise SemanticsError(
            f"weights of layer {name!r} must be symmetric integers times a scale, without zero "
            "point, groups or exponents; use a quantizer such as Int8WeightPerChannelFloat"
        )
    bits = int(numbers(weights.bit_width))
    if bits > _MOST_BITS:
        raise SemanticsError(
            f"weights of layer {name!r} must have at most {_MOST_BITS} bits, not {bits}; set "
            f"weight_bit_width={_MOST_BITS} or less"
        )
    integers = numbers(weights.int(float_datatype=True))
    step = np.broadcast_to(numbers(weights.scale).reshape(-1), len(integers))
    bias = None if module.bias is None else numbers(module.bias)
    # Weights of one bit are −1 and 1, which take two.
    return (Affine(name, integers * step[:, None], bias, step, max(bits, 2)),)


BREVITAS: Translators = {("brevitas", "QuantLinear"): _linear}

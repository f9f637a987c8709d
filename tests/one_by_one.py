"""Neurons stepped in PyTorch's own graph, one operator at a time: the oracle of gradients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from spikeloom.hls_model import Range
from spikeloom.hls_model.neuron import as_argument
from spikeloom.hls_model.values import Value
from spikeloom.quant.torch_backend import TorchBackend

F64 = torch.float64


def leaf(array: Any) -> torch.Tensor:
    return torch.tensor(np.asarray(array), dtype=F64, requires_grad=True)


def widened(parameters: dict[str, Any]) -> dict[str, Range]:
    """Ranges that fold no parameter."""
    return {
        n: Range.of(v) | Range(int(np.min(v)) - 1, int(np.max(v))) for n, v in parameters.items()
    }


def step(
    neuron: Any,
    ranges: dict[str, Range],
    sums: dict[str, Any],
    shared: dict[str, Any],
    state: dict[str, Any],
    how: Any,
    *,
    of_sums: Range,
    of_bias: Range,
) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
    """The next state words and the event, for sums [samples, size]."""
    backend = TorchBackend(F64, how)
    words = neuron.states()
    x = {
        port: backend.value(s, of_sums) + backend.value(shared[f"bias.{port}"], of_bias)
        for port, s in sums.items()
    }
    following, event = neuron.step(
        SimpleNamespace(**{w: backend.value(state[w], r) for w, r in words.items()}),
        as_argument(x),
        SimpleNamespace(**{n: backend.value(shared[f"p.{n}"], r) for n, r in ranges.items()}),
    )
    shape = next(iter(sums.values())).shape
    after = {w: getattr(following, w).payload.tensor.expand(shape) for w in words}
    return after, event.payload.tensor.expand(shape) if isinstance(event, Value) else None

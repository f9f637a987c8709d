"""Quantization-aware training of Linear + Leaky networks in plain PyTorch; no Spikeloom needed.

The forward pass uses the weights that the hardware will hold: integers of ``bits`` bits times one
scale per row, and leaks of the form 1 − 2⁻ᵃ. The checkpoint stores exactly those, so that
quantizing it moves no weight.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Classifier", "fit", "save"]


class _Spike(torch.autograd.Function):
    """H(v) with the derivative of a fast sigmoid: 1 / (1 + slope·|v|)²."""

    slope = 4.0

    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        return grad / (1 + _Spike.slope * v.abs()) ** 2


class QuantLinear(nn.Module):
    """A Linear layer whose weights are rounded to ``bits`` bits in the forward pass.

    Each row has a learned scale of its own, or all rows share one: needed where the outputs are
    compared with each other.
    """

    def __init__(self, sources: int, targets: int, bits: int, one_scale: bool = False) -> None:
        super().__init__()
        self.limit = 2 ** (bits - 1) - 1
        self.weight = nn.Parameter(torch.randn(targets, sources) * (2.0 / sources) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(targets))
        scale = torch.full((1 if one_scale else targets, 1), 2.5 * (2.0 / sources) ** 0.5)
        self.log_scale = nn.Parameter((scale / self.limit).log())

    def quantized(self) -> Tensor:
        """The weights as integers times scales; rounding passes gradients straight through."""
        scale = self.log_scale.exp()
        levels = (self.weight / scale).clamp(-self.limit, self.limit)
        return (levels + (levels.round() - levels).detach()) * scale

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.quantized(), self.bias)


class Classifier(nn.Module):
    """Input spikes → hidden LIF population → leaky integrators, whose last membrane is read.

    The hidden population is snnTorch's ``Leaky`` as it is by default:
    mem = β·mem + x − R·θ with R = 1 after a spike (mem > θ) in the previous step.
    """

    def __init__(
        self, sizes: tuple[int, int, int], bits: int, hidden_beta: float, output_beta: float
    ) -> None:
        super().__init__()
        self.fc1 = QuantLinear(sizes[0], sizes[1], bits)
        self.fc2 = QuantLinear(sizes[1], sizes[2], bits, one_scale=True)
        self.hidden_beta = hidden_beta
        self.output_beta = output_beta
        self.threshold = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Membranes of the output at the last step, for spikes [samples, steps, inputs]."""
        currents = self.fc1(x)
        mem = torch.zeros_like(currents[:, 0])
        spike = mem
        spikes = []
        for current in currents.unbind(1):
            mem = self.hidden_beta * mem + current - spike * self.threshold
            spike = _Spike.apply(mem - self.threshold)
            spikes.append(spike)
        out = torch.zeros(x.shape[0], self.fc2.weight.shape[0], device=x.device)
        for current in self.fc2(torch.stack(spikes, 1)).unbind(1):
            out = self.output_beta * out + current
        return out


def fit(
    model: Classifier,
    batches: Any,
    *,
    epochs: int,
    rate: float,
    total: int,
    after_epoch: Callable[[int, float], None] | None = None,
) -> None:
    """Train with Adam on a cosine schedule.

    Parameters
    ----------
    batches : called once per epoch; yields (spikes, labels)
    total : batches per epoch
    after_epoch : is told the epoch's number and its last loss
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, epochs=epochs, steps_per_epoch=total
    )
    for epoch in range(epochs):
        model.train()
        for x, y in batches():
            loss = nn.functional.cross_entropy(model(x), y, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        if after_epoch is not None:
            after_epoch(epoch + 1, loss.item())


def save(model: Classifier, path: Path, dt: float) -> None:
    """Write ``path``.pt, an snnTorch ``state_dict``, and ``path``.nir, the same network."""
    import nir

    state: dict[str, Tensor] = {}
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array([model.fc1.weight.shape[1]])})}
    for number, beta in ((1, model.hidden_beta), (2, model.output_beta)):
        layer = getattr(model, f"fc{number}")
        weight, bias = layer.quantized().detach().cpu(), layer.bias.detach().cpu()
        state |= {f"fc{number}.weight": weight, f"fc{number}.bias": bias}
        state |= {
            f"lif{number}.threshold": torch.tensor(model.threshold),
            f"lif{number}.graded_spikes_factor": torch.tensor(1.0),
            f"lif{number}.reset_mechanism_val": torch.tensor(0 if number == 1 else 2),
            f"lif{number}.beta": torch.tensor(beta),
        }
        nodes[f"fc{number}"] = nir.Affine(weight.numpy(), bias.numpy())
        tau = np.full(len(bias), dt / (1 - beta))
        leak = {"tau": tau, "r": tau / dt, "v_leak": np.zeros_like(tau)}
        if number == 1:
            theta = np.full_like(tau, model.threshold)
            nodes["lif1"] = nir.LIF(**leak, v_threshold=theta, v_reset=np.zeros_like(tau))
        else:
            nodes["lif2"] = nir.LI(**leak)
    nodes["output"] = nir.Output({"output": np.array([model.fc2.weight.shape[0]])})
    names = list(nodes)
    nir.write(path.with_suffix(".nir"), nir.NIRGraph(nodes, list(pairwise(names))))
    torch.save(state, path.with_suffix(".pt"))

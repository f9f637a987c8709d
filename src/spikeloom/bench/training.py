"""A training step of the same network, here and in snnTorch.

784-128-10, 25 steps, batches of 128: forward, cross entropy, backward, Adam. Ours runs 4-bit
integers and trains weights, biases, scales and thresholds; snnTorch's runs floating point and
trains weights and biases. Alone: ``python -m spikeloom.bench.training``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

__all__ = ["training"]

_STEPS, _BATCH = 25, 128
_BETA, _OUTPUT_BETA = 1 - 2**-3, 1 - 2**-5
_SLOPE = 25
_ROUNDS = 12


def training(threads: int = 1, rounds: int = _ROUNDS) -> dict[str, Any]:
    """CPU time of a training step, ours and snnTorch's in turns: best and median of ``rounds``.

    Other work on the machine disturbs it less than the clock's time.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    # Which spikes they are does not matter to the time: as many as rate-coded MNIST has.
    x = (torch.rand(_BATCH, _STEPS, 784) < 0.1325).float()
    labels = torch.randint(0, 10, (_BATCH,))
    steps = {
        "ours": _step(_ours(), x, labels),
        "snntorch": _step(_snntorch(), x.transpose(0, 1).contiguous(), labels),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            start = time.process_time()
            step()
            if number:
                seconds[name].append(time.process_time() - start)
    torch.set_num_threads(before)
    figures: dict[str, Any] = {"threads": threads, "rounds": rounds}
    for name, times in seconds.items():
        figures[f"{name}_best_milliseconds"] = 1e3 * min(times)
        figures[f"{name}_median_milliseconds"] = 1e3 * statistics.median(times)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    figures["times_faster"] = medians["snntorch"] / medians["ours"]
    return figures


def _step(module: Any, x: Any, labels: Any) -> Callable[[], None]:
    import torch

    optimizer = torch.optim.Adam(module.parameters())

    def step() -> None:
        loss: Any = torch.nn.functional.cross_entropy(module(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _ours() -> Any:
    from spikeloom.hls_model import LIF, Input, Integrator, Output, Range, ShiftLeak
    from spikeloom.quant.torch_operators import Surrogate
    from spikeloom.quant.trainable_parts import TrainablePopulation, TrainableProjection
    from spikeloom.quant.training import TrainableNetwork

    hidden = LIF(Range.signed(12), ShiftLeak((3,)), strict=True, delayed=True)
    return TrainableNetwork(
        [Input("x", (784,))],
        [
            TrainablePopulation("hidden", 128, hidden, {"threshold": 1.0}),
            TrainablePopulation("output", 10, Integrator(Range.signed(14), ShiftLeak((5,)))),
        ],
        [
            TrainableProjection("x", "hidden", bits=4),
            TrainableProjection("hidden", "output", bits=4),
        ],
        Output("output", "v"),
        surrogate=Surrogate("fast_sigmoid", 1 / _SLOPE),
    )


def _snntorch() -> Any:
    import snntorch
    import torch
    from snntorch import surrogate
    from torch import nn

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            gradient = surrogate.fast_sigmoid(slope=_SLOPE)
            self.fc1 = nn.Linear(784, 128)
            self.lif1 = snntorch.Leaky(beta=_BETA, spike_grad=gradient)
            self.fc2 = nn.Linear(128, 10)
            self.lif2 = snntorch.Leaky(
                beta=_OUTPUT_BETA, reset_mechanism="none", spike_grad=gradient
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden, output = self.lif1.init_leaky(), self.lif2.init_leaky()
            for current in x:
                spikes, hidden = self.lif1(self.fc1(current), hidden)
                _, output = self.lif2(self.fc2(spikes), output)
            return torch.as_tensor(output)

    return Classifier()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m spikeloom.bench.training", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    arguments = parser.parse_args()
    print(json.dumps(training(arguments.threads, arguments.rounds), indent=2))


if __name__ == "__main__":
    main()

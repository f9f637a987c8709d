"""What runs on the host: reference, generation, edit to cosimulation. Seconds and bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from spikeloom.bench.training import training
from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range, simulate
from spikeloom.hls_model.reference import threads

__all__ = ["PROGRAMS"]

_IMAGES = 10_000
_STEPS = 25
_BATCHES = (250, 500, 2_000)
_REPEATS = 3


def reference() -> dict[str, Any]:
    """MNIST's test set through 784-128-10, in the reference and in snnTorch, both in this run.

    The same input spikes and weights (leaks are rounded in one, not in the other), in as many
    threads, without gradients: from an int8 array of spikes in memory to the output's spike
    counts. A warm-up run each, then the best of three; snnTorch in its fastest batch size.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads())
    random = np.random.default_rng(1)
    # Which spikes they are does not matter to the time: as many as rate-coded MNIST has.
    inputs = (random.random((_IMAGES, _STEPS, 784)) < 0.1325).astype(np.int8)
    network = _mnist_shaped(random)
    integers = [p.weights for p in network.projections]
    snntorch = _snntorch([torch.from_numpy(w.astype(np.float32)) for w in integers])
    spikes = torch.from_numpy(inputs)

    def run_snntorch(size: int) -> Any:
        batches = (spikes[n : n + size] for n in range(0, _IMAGES, size))
        return torch.cat([snntorch(batch.transpose(0, 1).float()) for batch in batches])

    def run_ours() -> Any:
        return simulate(network, inputs, record=False).readout

    ours = _best_of(run_ours)
    theirs = {size: _best_of(partial(run_snntorch, size)) for size in _BATCHES}
    fastest = min(theirs, key=theirs.__getitem__)
    torch.set_num_threads(before)
    return {
        "images": _IMAGES,
        "steps": _STEPS,
        "threads_of_each": threads(),
        "reference_seconds": ours,
        "snntorch_seconds": theirs[fastest],
        "snntorch_batch": fastest,
        "times_faster": theirs[fastest] / ours,
    }


def _mnist_shaped(random: np.random.Generator) -> Network:
    """784-128-10 of snnTorch's default neuron on a grid, firing about as a trained one does."""
    from spikeloom.hls_model import ShiftLeak

    neuron = LIF(Range.signed(14), ShiftLeak((3,)), strict=True, delayed=True)
    return Network(
        (Input("i", (784,)),),
        (
            Population("h", 128, neuron, {"threshold": 128}),
            Population("o", 10, neuron, {"threshold": 64}),
        ),
        (
            Projection("i", "h", random.integers(-7, 8, (128, 784)), bits=4),
            Projection("h", "o", random.integers(-7, 8, (10, 128)), bits=4),
        ),
        Output("o"),
    )


def _snntorch(weights: list[Any]) -> Callable[[Any], Any]:
    import snntorch
    import torch
    from torch import nn

    linears = [nn.Linear(w.shape[1], w.shape[0], bias=False) for w in weights]
    for linear, weight in zip(linears, weights, strict=True):
        linear.weight.data = weight
    leaky = [snntorch.Leaky(beta=0.875, threshold=threshold) for threshold in (128.0, 64.0)]

    @torch.no_grad()
    def run(steps: Any) -> Any:
        membranes = [layer.reset_mem() for layer in leaky]
        counts = torch.zeros(())
        for x in steps:
            for n, (linear, layer) in enumerate(zip(linears, leaky, strict=True)):
                x, membranes[n] = layer(linear(x), membranes[n])
            counts = counts + x
        return counts

    return run


def _best_of(run: Callable[[], Any]) -> float:
    run()
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


_GENERATE = """
import sys, time
import numpy as np
from spikeloom.hls_model import *
from spikeloom.boards.design import generate
sizes = [int(n) for n in sys.argv[1].split("-")]
random = np.random.default_rng(1)
names = ["i", *(f"p{n}" for n in range(1, len(sizes)))]
network = Network(
    (Input("i", (sizes[0],)),),
    tuple(Population(n, s, LIF(Range.signed(16), ShiftLeak((3,))), {"threshold": 99})
          for n, s in zip(names[1:], sizes[1:])),
    tuple(Projection(a, b, random.integers(-8, 8, (m, n)), bits=4)
          for a, b, n, m in zip(names, names[1:], sizes, sizes[1:])),
    Output(names[-1]),
)
start = time.perf_counter()
verilog = generate(network, target_mhz=100.0).verilog()
seconds = time.perf_counter() - start
# Unlike a resource usage, this does not start from the parent's.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(seconds, int(status["VmHWM"].split()[0]) * 1024, network.synapses, len(verilog))
"""


def generation() -> dict[str, Any]:
    """From a network to Verilog, in a process of its own: seconds and peak memory."""
    results = {}
    for shape in ("784-128-10", "1000-1000"):
        done = subprocess.run(
            [sys.executable, "-c", _GENERATE, shape], check=True, capture_output=True, text=True
        )
        seconds, peak, synapses, size = done.stdout.split()
        results[shape] = {
            "seconds": float(seconds),
            "peak_bytes": int(peak),
            "synapses": int(synapses),
            "verilog_bytes": int(size),
        }
    return results


_COSIMULATE = """
import sys, time
import numpy as np
start = time.perf_counter()
from spikeloom.boards.design import generate
from spikeloom.hls_model import Network
from spikeloom.sim.cosim import cosimulate
network = Network.load(sys.argv[1])
samples = np.random.default_rng(1).integers(0, 2, (8, 5, 16))
design = generate(network, lanes=int(sys.argv[2]), target_mhz=60.0)
report = cosimulate(design, samples)
assert report.mismatches == 0
print(time.perf_counter() - start)
"""


def edit_to_cosim() -> dict[str, Any]:
    """A small core changed and cosimulated again, imports included, with the runtimes compiled."""
    random = np.random.default_rng(os.getpid())  # a design that no cache has seen
    network = Network(
        (Input("i", (16,)),),
        (Population("p", 8, LIF(Range.signed(9)), {"threshold": 20}),),
        (Projection("i", "p", random.integers(-8, 8, (8, 16)), bits=4),),
        Output("p"),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        network.save(path)
        seconds = []
        for lanes in (8, 4):
            done = subprocess.run(
                [sys.executable, "-c", _COSIMULATE, str(path), str(lanes)],
                check=True,
                capture_output=True,
                text=True,
            )
            seconds.append(float(done.stdout))
    return {"first_seconds": seconds[0], "edited_seconds": seconds[1]}


PROGRAMS = MappingProxyType(
    {
        "reference": reference,
        "training": training,
        "generation": generation,
        "edit-to-cosim": edit_to_cosim,
    }
)
"""All rows by name."""

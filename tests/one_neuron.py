"""One neuron with one source per port: what it does with a sequence of weighted sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeloom.hls_model import Input, Network, Neuron, Output, Population, Projection, Range
from spikeloom.hls_model import simulate as simulate_network

INPUT = Range(-4000, 4000)


def network_of(neuron: Neuron, parameters: Mapping[str, Any], size: int = 1) -> Network:
    """``size`` neurons, each with an input of its own on every port."""
    return Network(
        tuple(Input(f"to_{port}", (size,), INPUT) for port in neuron.ports),
        (Population("n", size, neuron, dict(parameters)),),
        tuple(
            Projection(f"to_{port}", "n", np.eye(size, dtype=int), port=port)
            for port in neuron.ports
        ),
        Output("n"),
    )


def run(neuron: Neuron, sums: Any, parameters: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """State words and ``event`` by step, for sums [steps] on the only port, or by port."""
    sums = sums if isinstance(sums, Mapping) else {neuron.ports[0]: sums}
    inputs = {f"to_{port}": np.asarray(x)[None, :, None] for port, x in sums.items()}
    result = simulate_network(network_of(neuron, parameters), inputs)
    states = {word: array[0, :, 0] for word, array in result.states["n"].items()}
    return states | {"event": result.spikes["n"][0, :, 0]}

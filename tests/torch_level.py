"""A module's evaluation against the reference, on the network that it exports."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spikeloom.hls_model import Network, simulate


def same_as_reference(module: Any, samples: Any, steps: int | None = None) -> bool:
    """Whether every spike, every state word and the readout agree."""
    module.eval()
    arrays = samples if isinstance(samples, dict) else {next(iter(module.inputs)): samples}
    network = module.export()
    expected = simulate(network, arrays, steps=steps)
    with torch.no_grad():
        found = module.run({n: torch.from_numpy(np.array(a)) for n, a in arrays.items()}, steps)
    return (
        np.array_equal(expected.readout, found.readout)
        and expected.spikes.keys() == found.spikes.keys()
        and all(np.array_equal(s, found.spikes[n]) for n, s in expected.spikes.items())
        and all(
            np.array_equal(array, found.states[n][w])
            for n, words in expected.states.items()
            for w, array in words.items()
        )
    )


def optimize(module: Any, x: Any, updates: int, rate: float = 3e-2, **forward: Any) -> float:
    """Some steps of Adam toward readouts of 1; the last loss."""
    module.train()
    optimizer = torch.optim.Adam(module.parameters(), rate)
    loss = torch.zeros(())
    for _ in range(updates):
        readout = module(x, **forward)
        loss = (readout - 1).square().mean()
        optimizer.zero_grad()
        if loss.requires_grad:
            loss.backward()
            optimizer.step()
    return float(loss.detach())


def difference(a: Network, b: Network) -> set[str]:
    """What two networks of the same structure do not share."""

    def parts(network: Network) -> dict[str, Any]:
        found = {}
        for p in network.populations:
            found[p.name] = (p.neuron, p.size, p.initial)
            found |= {f"{p.name}.{n}": v for n, v in p.parameters.items()}
            found |= {f"{p.name}.bias.{n}": v for n, v in p.bias.items()}
        for q in network.projections:
            key = (q.source, q.target, q.port, q.delay)
            found[f"{key}"], found[f"{key} bits"] = q.weights, q.bits
        return found | {"inputs": network.inputs, "output": network.output}

    a_parts, b_parts = parts(a), parts(b)

    def equal(name: str) -> bool:
        if ".bias." in name:
            return bool(np.all(a_parts.get(name, 0) == b_parts.get(name, 0)))
        return name in b_parts and name in a_parts and np.array_equal(a_parts[name], b_parts[name])

    return {name for name in a_parts.keys() | b_parts.keys() if not equal(name)}

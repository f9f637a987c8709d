"""Says what was understood of a checkpoint, number by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeloom.hls_model import EVENTS, Network
from spikeloom.hls_model.network import Population as IntegerPopulation
from spikeloom.hls_model.network import Projection as IntegerProjection
from spikeloom.quant import net_import
from spikeloom.quant.graph import Graph, Population, Projection

__all__ = ["assumptions", "explain"]

_TAKEN_OVER = "integers of the file, taken over as they are"


def explain(imported: Graph | Network) -> dict[str, Any]:
    """The semantics of what :func:`~spikeloom.quant.load.load` returned, in plain values.

    Returns
    -------
    dict
        ``kind``: ``float graph`` or ``integer network``; ``inputs``: names and shapes;
        ``populations``: name, size, equation, the ``numbers`` with their range (``lo``, ``hi``)
        and ``origin``, and the origin of ``choices`` such as the reset; ``projections``: source,
        target, shape, delay, bits, and range and origin of the weights; ``output``;
        ``assumptions``.
    """
    if isinstance(imported, Network):
        kind = "integer network"
        of_lava = net_import.is_of_lava(imported)
        populations = [(_of_lava if of_lava else _integers)(p) for p in imported.populations]
        origin = net_import.ORIGINS["weights"] if of_lava else _TAKEN_OVER
        projections = [_projection(p, origin) for p in imported.projections]
    else:
        kind = "float graph"
        populations = [_reals(p) for p in imported.populations]
        projections = [_projection(p, p.origin) for p in imported.projections]
    return {
        "kind": kind,
        "inputs": [{"name": i.name, "shape": list(i.shape)} for i in imported.inputs],
        "populations": populations,
        "projections": projections,
        "output": {
            "population": imported.output.population,
            "delivers": "events" if imported.output.source == EVENTS else "its last membrane",
        },
        "assumptions": list(assumptions(imported)),
    }


def assumptions(imported: Graph | Network) -> tuple[str, ...]:
    """What the checkpoint did not state, and what was taken instead."""
    if isinstance(imported, Network):
        of_lava = net_import.is_of_lava(imported)
        return net_import.assumptions(imported) if of_lava else ()
    return imported.assumptions


def _reals(population: Population) -> dict[str, Any]:
    numbers = {**population.parameters, "bias": population.bias}
    return _described(population, population.equation, numbers, population.origins)


def _integers(population: IntegerPopulation) -> dict[str, Any]:
    biases = {f"bias of {port}": value for port, value in population.bias.items()}
    numbers = {**population.parameters, **biases}
    return _described(
        population, f"{population.neuron}", numbers, dict.fromkeys(numbers, _TAKEN_OVER)
    )


def _of_lava(population: IntegerPopulation) -> dict[str, Any]:
    known = net_import.ORIGINS
    numbers = {name: v for name, v in population.parameters.items() if name in known}
    origins = {name: known[name] for name in numbers}
    return _described(population, net_import.equation(population), numbers, origins)


def _described(
    population: Population | IntegerPopulation,
    equation: str,
    numbers: Mapping[str, Any],
    origins: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "name": population.name,
        "size": population.size,
        "equation": equation,
        "numbers": [
            {"name": name, **_range(value), "origin": origins.get(name, "")}
            for name, value in numbers.items()
        ],
        "choices": {name: text for name, text in origins.items() if name not in numbers},
    }


def _projection(projection: Projection | IntegerProjection, origin: str) -> dict[str, Any]:
    return {
        "source": projection.source,
        "target": projection.target,
        "shape": list(projection.weights.shape),
        "delay": projection.delay,
        "bits": projection.bits,
        **_range(projection.weights),
        "origin": origin,
    }


def _range(values: Any) -> dict[str, float]:
    array = np.asarray(values)
    return {"lo": array.min().item(), "hi": array.max().item()}

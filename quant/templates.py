"""Neurons as templates: their decays and state ranges, found and replaced wherever they are nested.

A float graph's neuron and the integer network's differ in nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from spikeloom.hls_model import Neuron, Range, ScaleLeak
from spikeloom.hls_model.neurons import Leak

__all__ = ["decays", "rebuild", "words"]


def decays(neuron: Neuron) -> tuple[str, ...]:
    """Names of the parameters that are decays, dimensionless and in [0, 1]."""
    return tuple(
        leak.parameter for _, leak in _fields(neuron, ScaleLeak) if isinstance(leak, ScaleLeak)
    )


def words(neuron: Neuron) -> tuple[str, ...]:
    """Names of the state words whose ranges a quantization chooses."""
    return tuple(name for name, _ in _fields(neuron, Range))


def rebuild(neuron: Neuron, ranges: Mapping[str, Range], leaks: Mapping[str, Leak]) -> Neuron:
    """The same neuron with other state ranges, by word, and other leaks, by the decay's name."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(neuron):  # type: ignore[arg-type]
        value = getattr(neuron, field.name)
        if isinstance(value, Range):
            changes[field.name] = ranges[field.name]
        elif isinstance(value, ScaleLeak):
            changes[field.name] = leaks[value.parameter]
        elif isinstance(value, Neuron):
            changes[field.name] = rebuild(value, ranges, leaks)
    return dataclasses.replace(neuron, **changes)  # type: ignore[type-var]


def _fields(neuron: Neuron, kind: type) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(neuron):  # type: ignore[arg-type]
        value = getattr(neuron, field.name)
        if isinstance(value, Neuron):
            yield from _fields(value, kind)
        elif isinstance(value, kind):
            yield field.name, value

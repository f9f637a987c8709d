"""Layers of a network as PyTorch frameworks write it, whatever the framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import Neuron, NoLeak, ScaleLeak

__all__ = ["Affine", "Layer", "Neurons", "Scaling", "decay"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Affine:
    """A layer without state: weights @ values + bias.

    Attributes
    ----------
    name : the layer's place in the network, as the framework writes it
    weights : float64 [outputs, inputs]
    bias : float64 [outputs]; ``None`` where the layer has none
    step, bits : as in :class:`~spikeloom.quant.graph.Projection`, of weights that are integers
    """

    name: str
    weights: Array
    bias: Array | None = None
    step: Array | None = None
    bits: int | None = None


@dataclass(frozen=True, eq=False)
class Scaling:
    """Batch normalization once trained: factor · value + offset for each value.

    Both are float64 [values]. It is folded into the layers before and after it.
    """

    name: str
    factor: Array
    offset: Array


@dataclass(frozen=True, eq=False)
class Neurons:
    """A layer of neurons.

    Attributes
    ----------
    neuron, parameters, origins : as in :class:`~spikeloom.quant.graph.Population`
    gain : multiplies all of their input, biases included; one number or one per neuron
    grade : what a spike is worth to the layers that it reaches; one number or one per neuron
    recurrent : weights of the spikes of step t−1, added to the input; weights that are no matrix
        connect each neuron to itself
    """

    name: str
    neuron: Neuron
    parameters: Mapping[str, Any]
    gain: Array = field(default_factory=lambda: np.ones(1))
    grade: Array = field(default_factory=lambda: np.ones(1))
    recurrent: Affine | None = None
    origins: Mapping[str, str] = field(default_factory=dict)


Layer = Affine | Scaling | Neurons


def decay(values: Any, parameter: str = "beta") -> tuple[NoLeak | ScaleLeak, dict[str, Any]]:
    """The leak ``v·values`` and its parameters; none where one decay of 1 is for all neurons."""
    if np.size(values) == 1 and np.all(np.asarray(values) == 1):
        return NoLeak(), {}
    return ScaleLeak(0, parameter=parameter), {parameter: values}

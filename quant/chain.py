"""Assembles a chain of layers, as PyTorch frameworks write them, into a float graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import EVENTS, LIF, CubaLIF, Integrator, Output
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.graph import MEMBRANE, REAL, Graph, Input, Population, Projection
from spikeloom.quant.layers import Affine, Layer, Neurons, Scaling
from spikeloom.quant.nir_import import identifier

__all__ = ["Read", "chain_graph"]

Array = npt.NDArray[np.float64]
Read = Literal["auto", "events", "membrane"]
"""What a network delivers."""

_NONE: Array = np.zeros(1)


def chain_graph(
    layers: Sequence[Layer], origin: str, notes: Sequence[str], output: Read = "auto"
) -> Graph:
    """The float graph of layers that run one after the other.

    Layers without state between two layers of neurons become one projection and a bias. A last
    layer of LIF neurons that never reset becomes integrators, unless its events are wanted.

    Parameters
    ----------
    origin : names the checkpoint in the numbers' origins
    notes : assumptions to which those of the assembly are added
    output : ``events``, ``membrane``, or ``auto``: the membrane of neurons that never fire

    Raises
    ------
    CheckpointError
        If shapes disagree, or the layers do not form a chain that ends with neurons.
    SemanticsError
        If integers of a quantized layer would not survive.
    """
    if not layers or not isinstance(layers[-1], Neurons):
        last = f"layer {layers[-1].name!r}" if layers else "nothing at all"
        raise CheckpointError(
            f"{origin} must end with a layer of neurons, not with {last}; a readout without "
            "spikes is a layer of neurons that never reset, or a leaky integrator"
        )
    assembly = _Assembly(origin, _inputs(layers[0], origin))
    for layer in layers[:-1]:
        assembly.add(layer)
    last_layer = layers[-1] if output == "events" else _as_readout(layers[-1])
    assembly.add(last_layer)
    population = assembly.populations[-1]
    read = MEMBRANE if output == "membrane" or not population.fires else EVENTS
    if read == EVENTS and not (last_layer.grade == 1).all():
        raise SemanticsError(
            f"spikes of the output {population.name!r} must be worth 1, not "
            f"{last_layer.grade[last_layer.grade != 1][0]:g}: they are counted; set its "
            "graded_spikes_factor to 1"
        )
    return Graph(
        (assembly.input,),
        tuple(assembly.populations),
        tuple(assembly.projections),
        Output(population.name, read),
        (*notes, *assembly.notes),
    )


def _inputs(first: Layer, origin: str) -> int:
    match first:
        case Affine():
            return int(first.weights.shape[1])
        case Scaling():
            return len(first.factor)
    raise CheckpointError(
        f"{origin} must begin with a Linear layer, whose weights tell how many inputs there are, "
        f"not with the neurons {first.name!r}"
    )


def _as_readout(layer: Neurons) -> Neurons:
    inner = layer.neuron.neuron if isinstance(layer.neuron, CubaLIF) else layer.neuron
    if not isinstance(inner, LIF) or inner.reset != "none":
        return layer
    integrator = Integrator(REAL, inner.leak)
    neuron = (
        replace(layer.neuron, neuron=integrator)
        if isinstance(layer.neuron, CubaLIF)
        else integrator
    )
    parameters = {k: v for k, v in layer.parameters.items() if k in neuron.parameters}
    return replace(layer, neuron=neuron, parameters=parameters)


@dataclass(frozen=True, eq=False)
class _Signal:
    """What reaches the next layer: matrix @ spikes of the source, plus a constant.

    ``matrix`` [values, source size] is ``None`` where spikes pass unchanged; ``through`` names
    the layers that made it, ``step`` and ``bits`` those of a quantized one.
    """

    source: str
    size: int
    grade: Array
    matrix: Array | None = None
    constant: Array = field(default_factory=lambda: _NONE)
    step: Array | None = None
    bits: int | None = None
    through: tuple[str, ...] = ()
    biases: tuple[str, ...] = ()


class _Assembly:
    def __init__(self, origin: str, inputs: int) -> None:
        self.origin = origin
        self.input = Input("input", (inputs,))
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.notes: list[str] = []
        self.signal = _Signal("input", inputs, np.ones(1))

    def add(self, layer: Layer) -> None:
        match layer:
            case Affine():
                self.signal = self._weighted(layer)
            case Scaling():
                self.signal = self._scaled(layer)
            case Neurons():
                self._add_neurons(layer)

    def _weighted(self, layer: Affine) -> _Signal:
        signal = self.signal
        self._require_size(layer.name, layer.weights.shape[1])
        bias = _each(layer.bias, len(layer.weights), f"{layer.name}.bias")
        if signal.constant.any():
            bias = bias + layer.weights @ np.broadcast_to(signal.constant, signal.size)
        matrix = layer.weights
        if signal.matrix is not None:
            for name, step in ((signal.through[-1], signal.step), (layer.name, layer.step)):
                _require_unquantized(name, step, f"{signal.through[-1]!r} and {layer.name!r}")
            self.notes.append(
                f"{', '.join((*signal.through, layer.name))}: multiplied into one projection"
            )
            matrix = matrix @ signal.matrix
        return replace(
            signal,
            size=len(matrix),
            matrix=matrix,
            constant=bias,
            step=layer.step,
            bits=layer.bits,
            through=(*signal.through, layer.name),
            biases=signal.biases if layer.bias is None else (*signal.biases, layer.name),
        )

    def _scaled(self, layer: Scaling) -> _Signal:
        signal = self.signal
        self._require_size(layer.name, len(layer.factor))
        self.notes.append(f"{layer.name}: folded with its running statistics")
        matrix = np.eye(signal.size) if signal.matrix is None else signal.matrix
        step = signal.step
        if step is not None:
            step = step * np.where(layer.factor == 0, 1.0, np.abs(layer.factor))
        return replace(
            signal,
            matrix=layer.factor[:, None] * matrix,
            constant=layer.factor * signal.constant + layer.offset,
            step=step,
            through=(*signal.through, layer.name),
            biases=(*signal.biases, layer.name),
        )

    def _add_neurons(self, layer: Neurons) -> None:
        signal, name, recurrent = self.signal, identifier(layer.name), layer.recurrent
        constant, biases = np.broadcast_to(signal.constant, signal.size), signal.biases
        gain = _each(layer.gain, signal.size, f"the gain of {layer.name!r}")
        grade = _each(layer.grade, signal.size, f"graded_spikes_factor of {layer.name!r}")
        if recurrent is not None:
            recurrent = _square(recurrent, signal.size, layer.name)
            if recurrent.bias is not None:
                constant, biases = constant + recurrent.bias, (*biases, recurrent.name)
        bias = f"{self.origin}: {_all(biases, 'bias')}" if biases else "none"
        population = Population(
            name,
            signal.size,
            layer.neuron,
            layer.parameters,
            gain * constant,
            {"bias": bias, **layer.origins},
        )
        self.populations.append(population)
        matrix = np.eye(signal.size) if signal.matrix is None else signal.matrix
        weights = Affine(_all(signal.through, "weight"), matrix, None, signal.step, signal.bits)
        self._project(signal.source, name, weights, gain, signal.grade, 0)
        if recurrent is not None:
            self._project(name, name, recurrent, gain, grade, 1)
        self.signal = _Signal(name, signal.size, grade)

    def _project(
        self, source: str, target: str, layer: Affine, gain: Array, grade: Array, delay: int
    ) -> None:
        step = layer.step
        if step is not None:
            if np.ptp(grade) > 0 or not grade.all():
                raise SemanticsError(
                    f"spikes of {source!r} must all be worth the same before the quantized layer "
                    f"{layer.name!r}, whose integers are taken over; set one graded_spikes_factor"
                )
            step = step * gain * np.abs(grade[0])
        weights = np.reshape(gain, (-1, 1)) * layer.weights * grade
        origin = f"{self.origin}: {layer.name}" if layer.name else "no weights: spikes count 1"
        self.projections.append(
            Projection(source, target, weights, delay, origin, step, layer.bits)
        )

    def _require_size(self, name: str, size: int) -> None:
        if size != self.signal.size:
            before = self.signal.through[-1] if self.signal.through else self.signal.source
            raise CheckpointError(
                f"layer {name!r} of {self.origin} takes {size} values, but {before!r} delivers "
                f"{self.signal.size}; state the order in which they run with layers=[…]"
            )


def _require_unquantized(name: str, step: Array | None, pair: str) -> None:
    if step is not None:
        raise SemanticsError(
            f"the quantized layer {name!r} must not be multiplied with another, as {pair} are: its "
            "integers would be lost; put neurons between them or use one layer"
        )


def _each(values: Array | None, size: int, what: str) -> Array:
    """Values for each of ``size`` neurons, or one for all; 0 where there are none."""
    if values is None:
        return _NONE
    if values.size not in (1, size):
        raise CheckpointError(
            f"{what} must be one number or {size} numbers, not {values.size}; its size must be "
            "that of its layer"
        )
    return values.reshape(-1)


def _square(layer: Affine, size: int, neurons: str) -> Affine:
    weights = layer.weights
    if weights.ndim == 2:
        _each(layer.bias, len(weights), f"{layer.name}.bias")
        if weights.shape != (size, size):
            raise CheckpointError(
                f"the recurrent weights {layer.name!r} of {neurons!r} must have the shape "
                f"{(size, size)}, not {weights.shape}; its size must be that of the layer before"
            )
        return layer
    each = _each(weights, size, f"the recurrent weights {layer.name!r} of {neurons!r}")
    return replace(layer, weights=np.diag(np.broadcast_to(each, size)))


def _all(layers: Sequence[str], tensor: str) -> str:
    return ", ".join(f"{name}.{tensor}" for name in layers)

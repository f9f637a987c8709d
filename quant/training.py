"""Quantization-aware training: a network as a PyTorch module that computes with integers.

The forward pass runs the very integers that :meth:`TrainableNetwork.export` returns, through the
neurons' own ``step``; the backward pass moves the real numbers that they are rounded from.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom.hls_model import (
    EVENTS,
    Input,
    Network,
    Neuron,
    Output,
    Population,
    Projection,
)
from spikeloom.hls_model.errors import NetworkError, SampleError
from spikeloom.hls_model.neuron import decode_setting, encode_setting
from spikeloom.hls_model.reference import components
from spikeloom.quant.population_shadow import PopulationShadow
from spikeloom.quant.torch_batch import Run
from spikeloom.quant.torch_network import Integers, Link, TorchNetwork, largest_event
from spikeloom.quant.torch_operators import Gradients, Surrogate
from spikeloom.quant.torch_program import Program
from spikeloom.quant.torch_quantizers import ShadowWeights
from spikeloom.quant.trainable_parts import (
    TrainablePopulation,
    TrainableProjection,
    event_unit,
    narrowed,
    with_ranges,
)
from spikeloom.quant.worst_case import trace_worst_case

__all__ = ["TrainableNetwork"]


class TrainableNetwork(nn.Module):
    """An integer network whose weights, scales, decays, thresholds and biases can be trained.

    Parameters
    ----------
    inputs, output
        As in :class:`~spikeloom.hls_model.Network`.
    surrogate
        What stands for the derivative of a comparison.
    pass_saturated
        Values that saturate pass gradients, too.
    detached
        State words that pass no gradient from one step to the step before: with ``("fired",)``,
        delayed resets pass none, as in snnTorch.

    Raises
    ------
    NetworkError
        If the parts contradict each other.
    RangeError
        If a neuron's state can leave its range, or needs more bits than floating point holds.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        populations: Sequence[TrainablePopulation],
        projections: Sequence[TrainableProjection],
        output: Output,
        *,
        surrogate: Surrogate | None = None,
        pass_saturated: bool = False,
        detached: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.inputs = {i.name: i for i in inputs}
        self.declared = {p.name: p for p in populations}
        self.links = tuple(projections)
        self.output = output
        self.gradients = Gradients(
            surrogate or Surrogate(), pass_saturated=pass_saturated, detached=frozenset(detached)
        )
        sizes = {n: node.size for n, node in (self.inputs | self.declared).items()}
        for q in projections:
            _require_ends(q, self.inputs, self.declared)
        units = {i.name: i.unit for i in inputs} | {p.name: event_unit(p) for p in populations}
        self.units = units
        self.projections = nn.ModuleDict(
            {
                q.name: ShadowWeights(
                    _start(q, sizes[q.target], sizes[q.source]), q.integers, units[q.source], q.norm
                )
                for q in projections
            }
        )
        self.populations = nn.ModuleDict({p.name: self._shadow(p) for p in populations})
        self._trace()
        self.groups = tuple(components(self.export()))
        self._require_outside_loops()

    def forward(self, x: Any, steps: int | None = None) -> Tensor:
        """The readout [samples, output size] in the user's units: integers times their scale.

        Parameters
        ----------
        x
            Samples [samples, steps, *shape], or [samples, *shape] together with ``steps`` for an
            input held constant; a mapping from input names to such tensors if there are several.

        Raises
        ------
        SampleError
            If samples do not fit the inputs.
        """
        return self.run(x, steps, record=()).readout * self.readout_scale

    def run(self, x: Any, steps: int | None = None, record: Iterable[str] | None = None) -> Run:
        """The same with spikes and states of the populations ``record``, all by default, in
        integers; its readout, too, is the network's integers."""
        inputs, steps = self._inputs(x, steps)
        sizes = {n: p.size for n, p in self.declared.items()}
        initial = {n: p.initial for n, p in self.declared.items()}
        network = TorchNetwork(
            self.groups, self.programs, sizes, initial, self.output, self._integers
        )
        return network.run(inputs, steps, self.declared if record is None else record)

    @property
    def readout_scale(self) -> Tensor:
        """What a readout of 1 stands for: [output size] or [1]."""
        name = self.output.population
        if self.output.source == EVENTS:
            return torch.tensor([self.units[name]], device=next(self.parameters()).device)
        return self._population(name).membrane()

    @torch.no_grad()
    def narrow(self, x: Any, steps: int | None = None, margin: float = 1.25) -> None:
        """Give each state word the fewest bits that hold what it reaches on samples.

        Declare wide ranges, train, narrow, train a little more: words saturate at their ranges.
        No range becomes wider than it is, and membranes still hold twice their threshold. Values
        inside a step that are narrowed to a word's range, such as a gated unit's candidate, then
        saturate there, too.

        Parameters
        ----------
        margin
            Factor between the largest state and the range's end, before that is widened to a
            power of two.
        """
        if not margin >= 1:
            raise NetworkError(f"margin must be at least 1, not {margin}")
        run = self.run(x, steps)
        for name, words in run.states.items():
            shadow = self._population(name)
            threshold = shadow.shared({}).get("p.threshold", torch.zeros(()))
            least = 2 * float(threshold.max())
            ranges = {
                word: narrowed(r, margin * max(float(words[word].abs().max()), least))
                for word, r in shadow.population.neuron.states().items()
            }
            self._set_neuron(name, with_ranges(shadow.population.neuron, ranges))
        self._trace()

    def get_extra_state(self) -> dict[str, str]:
        """The neurons, whose ranges :meth:`narrow` changes."""
        return {n: json.dumps(encode_setting(p.neuron)) for n, p in self.declared.items()}

    def set_extra_state(self, state: dict[str, str]) -> None:
        for name, neuron in state.items():
            self._set_neuron(name, decode_setting(json.loads(neuron)))
        self._trace()

    def _set_neuron(self, name: str, neuron: Neuron) -> None:
        self.declared[name] = replace(self.declared[name], neuron=neuron)
        self._population(name).population = self.declared[name]

    def _trace(self) -> None:
        """Make the steps' programs."""
        populations = tuple(self.declared.values())
        ranges = {p.name: self._population(p.name).ranges for p in populations}
        dataflows, self.events = trace_worst_case(
            tuple(self.inputs.values()), populations, self.links, ranges
        )
        self.programs = {n: Program(dataflow, n) for n, dataflow in dataflows.items()}

    @torch.no_grad()
    def export(self) -> Network:
        """The integer network that evaluation runs. Nothing is rounded that was not before.

        Raises
        ------
        NetworkError
            If a number is not finite.
        """
        parts = {name: self._integers(name, {}) for name in self.declared}
        populations, projections = [], []
        for name, p in self.declared.items():
            numbers = {
                n: _exported(t.expand(p.size), f"{n.removeprefix('p.')} of {name!r}")
                for n, t in parts[name].shared.items()
            }
            populations.append(
                Population(
                    name,
                    p.size,
                    p.neuron,
                    {n: numbers[f"p.{n}"] for n in p.neuron.parameters},
                    {n.removeprefix("bias."): v for n, v in numbers.items() if n[0] == "b"},
                    p.initial,
                )
            )
            for q, link in zip(self._into(name), parts[name].links, strict=True):
                weights = _exported(link.weights, f"weights of {q.name}")
                projections.append(Projection(q.source, q.target, weights, q.port, q.delay, q.bits))
        return Network(
            tuple(self.inputs.values()), tuple(populations), tuple(projections), self.output
        )

    def _into(self, name: str) -> list[TrainableProjection]:
        return [q for q in self.links if q.target == name]

    def _population(self, name: str) -> PopulationShadow:
        shadow = self.populations[name]
        assert isinstance(shadow, PopulationShadow)
        return shadow

    def _weights(self, q: TrainableProjection) -> ShadowWeights:
        shadow = self.projections[q.name]
        assert isinstance(shadow, ShadowWeights)
        return shadow

    def _shadow(self, p: TrainablePopulation) -> PopulationShadow:
        into = self._into(p.name)
        scales = {port: _vector(value) for port, value in p.scales().items()}
        if not scales:
            reals = {q.name: self._weights(q).real(None)[0] for q in into}
            scales = {"x": self._choose_scale(p, reals)}
        return PopulationShadow(p, scales, {q.port for q in into if q.norm})

    def _integers(self, name: str, events: Mapping[str, Tensor]) -> Integers:
        """A population's integers, of which those behind a normalization follow the batch."""
        shadow = self._population(name)
        reals: dict[str, Tensor] = {}
        added: dict[str, Tensor] = {}
        for q in self._into(name):
            reals[q.name], bias = self._weights(q).real(events.get(q.source))
            if bias is not None:
                added[q.port] = bias + added.get(q.port, 0.0)
        if events and self.training and not shadow.is_settled:
            shadow.settle(self._choose_scale(self.declared[name], reals))
        scales = {port: shadow.scale(port) for port in shadow.scales}
        links = []
        for q in self._into(name):
            integers = self._weights(q).integers(reals[q.name], scales[q.port])
            largest = largest_event(self.events[q.source])
            links.append(Link(q.source, q.target, q.port, q.delay, integers, largest))
        shared = shadow.shared(added)
        gradients = replace(self.gradients, unit=shadow.unit(shared))
        return Integers(tuple(links), shared, gradients)

    def _choose_scale(self, p: TrainablePopulation, weights: Mapping[str, Tensor]) -> Tensor:
        """What a weighted sum of 1 stands for so that normal weights use their integers well: the
        largest is (1 + 0.4·bits) standard deviations, near the least squared error."""
        is_read = self.output.population == p.name and self.output.source != EVENTS
        scale = torch.zeros(p.size)
        for q in self._into(p.name):
            squares = weights[q.name].detach().square().mean(1)
            deviation = (squares.mean() if is_read else squares).sqrt()
            most = max(self._weights(q).range.hi, 1)
            scale = torch.maximum(scale, deviation.to(scale) * (1 + 0.4 * q.bits) / most)
        known = scale[scale > 0]
        scale = torch.where(scale > 0, scale, known.mean() if len(known) else torch.tensor(1.0))
        return scale[:1].clone() if is_read else scale

    def _inputs(self, x: Any, steps: int | None) -> tuple[dict[str, Tensor], int]:
        if not isinstance(x, Mapping):
            x = {next(iter(self.inputs)): x} if len(self.inputs) == 1 else {}
        if set(x) != set(self.inputs):
            raise SampleError(
                f"samples must be given for exactly the inputs {sorted(self.inputs)}, as a mapping "
                "if there are several"
            )
        events = {n: _events_of(i, x[n], steps) for n, i in self.inputs.items()}
        lengths = {(e.shape[0], steps or e.shape[1]) for e in events.values()}
        if len(lengths) > 1:
            raise SampleError(
                f"all inputs must have the same number of samples and steps, not {sorted(lengths)}"
            )
        return events, lengths.pop()[1]

    def _require_outside_loops(self) -> None:
        for q in self.links:
            if q.norm and any({q.source, q.target} <= set(group) for group in self.groups):
                raise NetworkError(
                    f"{q.name} must not be normalized, since it lies in a recurrent loop, where a "
                    "batch's statistics are not known before the end; normalize what enters the "
                    "loop"
                )


def _start(q: TrainableProjection, target: int, source: int) -> Tensor:
    if q.start is None:
        deviation: float = (2 / source) ** 0.5
        return torch.randn(target, source) * deviation
    start = torch.as_tensor(q.start, dtype=torch.get_default_dtype())
    if start.shape != (target, source):
        raise NetworkError(
            f"weights of {q.name} must have the shape [target, source] = {(target, source)}, not "
            f"{tuple(start.shape)}"
        )
    return start


def _require_ends(
    q: TrainableProjection,
    inputs: Mapping[str, Input],
    populations: Mapping[str, TrainablePopulation],
) -> None:
    if q.source not in inputs and q.source not in populations:
        raise NetworkError(f"{q.name} must start at an input or population of the network")
    if q.target not in populations:
        raise NetworkError(f"{q.name} must end at a population of the network")
    if q.port not in populations[q.target].neuron.ports:
        raise NetworkError(
            f"{q.name} must end at a port of {q.target!r}, one of "
            f"{populations[q.target].neuron.ports}, not {q.port!r}"
        )


def _vector(value: Any) -> Tensor:
    return torch.as_tensor(np.asarray(value), dtype=torch.get_default_dtype()).reshape(-1)


def _exported(tensor: Tensor, what: str) -> Any:
    array = tensor.cpu().numpy()
    if not np.isfinite(array).all():
        raise NetworkError(
            f"{what} must be finite, but {int((~np.isfinite(array)).sum())} of {array.size} are "
            "not; the training diverged: go back to an earlier state"
        )
    return array.astype(np.int64)


def _events_of(input: Input, x: Tensor, steps: int | None) -> Tensor:
    """Event values [samples, steps, size], or [samples, 1, size] if the same in all steps."""
    x = torch.as_tensor(x)
    shape = tuple(x.shape)
    is_constant = shape[1:] == input.shape
    if is_constant and steps is None:
        raise SampleError(
            f"samples of shape {shape} hold no step axis; state how many steps they are presented "
            "for (steps=T)"
        )
    if not is_constant and (shape[2:] != input.shape or steps not in (None, shape[1])):
        raise SampleError(
            f"samples for {input.name!r} must have the shape [samples, steps, "
            f"{', '.join(map(str, input.shape))}], or the same without steps, not {shape}"
        )
    values = x.reshape(shape[0], 1 if is_constant else shape[1], input.size)
    if values.is_floating_point():
        values = values if input.unit == 1 else values / input.unit
        rounded = values.detach().round()
        values = values + (rounded - values.detach()) if values.requires_grad else rounded
    else:
        values = values.to(torch.get_default_dtype())
    lowest, highest = (float(bound) for bound in torch.aminmax(values.detach()))
    if not input.range.lo <= lowest <= highest <= input.range.hi:
        raise SampleError(
            f"event values of {input.name!r} must lie in {input.range}, not "
            f"[{lowest:g}, {highest:g}]"
        )
    if input.held and not torch.equal(values, values[:, :1].expand_as(values)):
        raise SampleError(
            f"samples for {input.name!r}, which is held, must be the same in each step; give them "
            "without a step axis, and their steps"
        )
    return values

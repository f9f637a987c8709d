"""The shadow parameters of a population that is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom.hls_model import Neuron, Range, SigmoidTable
from spikeloom.hls_model.errors import NetworkError
from spikeloom.quant.torch_quantizers import ShadowNumber, ShadowScale
from spikeloom.quant.trainable_parts import (
    TrainablePopulation,
    decay_bits,
    membrane_bits,
    membrane_port,
    settings_of,
)

__all__ = ["PopulationShadow"]


def _reach(neuron: Neuron) -> Range:
    """What all state words and tables cover: beyond, parameters and biases have no effect."""
    reach = Range(-1, 1)
    for word in neuron.states().values():
        reach |= word
    for setting in settings_of(neuron):
        if isinstance(setting, SigmoidTable):
            most = setting.span << setting.unit_shift
            reach |= Range(-most, most)
    return reach


class PopulationShadow(nn.Module):
    """The real numbers of a population that training moves, and the integers they stand for.

    Parameters
    ----------
    scales
        By port, what a weighted sum of 1 stands for: [size] or [1].
    normed
        Ports whose projections are normalized: they have a bias in any case, and weights whose
        size is not known before the first batch. A scale to be chosen from them is chosen then.
    """

    is_settled: Tensor

    def __init__(
        self,
        population: TrainablePopulation,
        scales: Mapping[str, Tensor],
        normed: Collection[str] = (),
    ) -> None:
        super().__init__()
        p = population
        self.population = population
        self.fraction = 2.0 ** -membrane_bits(p.neuron)
        is_learned = p.is_scale_free if p.learn_scale is None else p.learn_scale
        self.register_buffer("is_settled", torch.tensor(not (normed and not p.scales())))
        self.scales = nn.ModuleDict({n: ShadowScale(s, is_learned) for n, s in scales.items()})
        self.decays = decay_bits(p.neuron)
        self.ranges: dict[str, Range] = {}
        self.reach = _reach(p.neuron)
        numbers = {}
        for name, value in p.parameters.items():
            learned = p.learned is None or name in p.learned
            numbers[name] = self._shadow(f"p.{name}", value, self._range_of(name), learned)
        self.numbers = nn.ModuleDict(numbers)
        self.biases = nn.ModuleDict(
            {
                port: self._shadow(self.bias_name(port), value, self.reach, learned)
                for port, (value, learned) in self._biases(normed).items()
            }
        )
        for name, integers in p.fixed.items():
            self.register_buffer(f"fixed_{name}", torch.as_tensor(np.asarray(integers)))
            self.ranges[f"p.{name}"] = Range.of(integers)

    def _biases(self, normed: Collection[str]) -> dict[str, tuple[Any, bool]]:
        """By port, the value to start from, and whether it is learned."""
        p = self.population
        zeros = torch.zeros(p.size)
        if isinstance(p.bias, Mapping):
            biases = {port: (value, True) for port, value in p.bias.items()}
        else:
            biases = dict.fromkeys(p.neuron.ports, (zeros, True)) if p.bias else {}
        needed = set(normed) | ({"x"} if "offset" in p.neuron.parameters else set())
        return biases | dict.fromkeys(needed - set(biases), (zeros, False))

    def bias_name(self, port: str) -> str:
        return "p.offset" if "offset" in self.population.neuron.parameters else f"bias.{port}"

    def _range_of(self, name: str) -> Range:
        if name in self.decays:
            return Range(0, 1 << self.decays[name])
        return Range(1, self.reach.hi) if name == "threshold" else self.reach

    def _shadow(self, name: str, value: Any, range: Range, learned: bool) -> ShadowNumber:
        start = torch.as_tensor(np.asarray(value, dtype=np.float64))
        scale = self._scale_of(name).detach().double()
        integers = (start / scale).round()
        self.ranges[name] = range | self.population.ranges.get(name.removeprefix("p."), range)
        lowest, highest = int(integers.min()), int(integers.max())
        if Range(lowest, highest) not in self.ranges[name]:
            raise NetworkError(
                f"{name.removeprefix('p.')} of {self.population.name!r} must lie in "
                f"{self.ranges[name]}, what its states can reach, and is {lowest} … {highest} at "
                "this scale; widen the states' ranges or state a larger scale"
            )
        shadow = ShadowNumber(start.float(), self.ranges[name], learned)
        if not torch.equal(shadow(self._scale_of(name)).double(), integers):
            # Large integers take more digits than float32 has.
            shadow = ShadowNumber(start, self.ranges[name], learned)
        return shadow

    def _scale_of(self, name: str) -> Tensor:
        """What an integer of 1 of a parameter or bias stands for, without gradient."""
        kind, _, name = name.partition(".")
        if kind == "p" and name in self.decays:
            return torch.tensor(2.0 ** -self.decays[name])
        if kind == "bias":
            return self.scale(name).detach()
        return self.membrane()

    def scale(self, port: str) -> Tensor:
        """What a weighted sum of 1 stands for: [size] or [1]."""
        result: Tensor = self.scales[port]()
        return result

    def settle(self, scale: Tensor) -> None:
        """Choose the scale of the only port."""
        with torch.no_grad():
            only = next(iter(self.scales.values()))
            only.start.copy_(scale)  # type: ignore[operator]
            self.is_settled.fill_(True)

    def membrane(self) -> Tensor:
        """What a membrane of 1 stands for, without gradient: [size] or [1]."""
        return self.scale(membrane_port(self.population.neuron)).detach() * self.fraction

    def shared(self, added: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Integers of all parameters and biases, with what normalization adds to biases by port."""
        integers = {
            f"p.{n}": shadow(self._scale_of(f"p.{n}")) for n, shadow in self.numbers.items()
        }
        for port, shadow in self.biases.items():
            name = self.bias_name(port)
            integers[name] = shadow(self._scale_of(name), added.get(port, 0.0))
        for name in self.population.fixed:
            integers[f"p.{name}"] = self.get_buffer(f"fixed_{name}")
        return integers

    def unit(self, integers: Mapping[str, Tensor]) -> Tensor:
        """What surrogates measure distances by: the threshold, or what 1 is in integers."""
        if "p.threshold" in integers:
            return integers["p.threshold"].detach().clamp(min=1)
        return (1 / self.membrane()).clamp(min=1)

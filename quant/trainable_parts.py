"""What a trainable network is declared from, and the shadow parameters of its populations."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from spikeloom.hls_model import (
    LIF,
    AdaptiveLIF,
    CubaLIF,
    FineInput,
    GatedUnit,
    Grading,
    Integrator,
    MultiSpikeLIF,
    Neuron,
    Range,
    ScaleLeak,
    SigmoidTable,
)
from spikeloom.hls_model.errors import NetworkError
from spikeloom.hls_model.neuron import Setting
from spikeloom.quant.torch_quantizers import ShadowNumber, ShadowScale

__all__ = [
    "PopulationShadow",
    "TrainablePopulation",
    "TrainableProjection",
    "decay_bits",
    "event_unit",
    "membrane_bits",
    "membrane_port",
]

Numbers = float | npt.ArrayLike

_SCALE_FREE = (LIF, Integrator, CubaLIF, AdaptiveLIF, MultiSpikeLIF)
"""Neurons that behave the same when weights, parameters and state are scaled together."""


@dataclass(frozen=True, eq=False)
class TrainablePopulation:
    """Neurons of one model, with parameters in the units that they are trained in.

    Attributes
    ----------
    neuron
        Any neuron of the library or of your own. Its ranges are those of the hardware.
    parameters
        By name, one number that all neurons share or [size]. Decays of a
        :class:`~spikeloom.hls_model.ScaleLeak` are given as β in [0, 1], all others as a
        membrane, in multiples of ``scale``. The ``offset`` of a
        :class:`~spikeloom.hls_model.FineInput` is the bias.
    fixed
        The other parameters of the neuron, as the integers that they stay.
    learned
        Names of ``parameters`` that training moves; all by default.
    bias
        By port, one number or [size] to start from; True for zeros, False for none at all.
    scale
        What a weighted sum of 1 stands for: one number, [size], or either by port. By default it
        is chosen from the weights, and learned, for neurons that a threshold frees from any
        particular scale; :class:`~spikeloom.hls_model.GatedUnit` has one for each port.
    event
        What an event of 1 stands for; by default 1 for spikes, and for graded events what they
        take from the membrane.
    initial
        State words at a sample's start, integers, where not 0.
    ranges
        Of the integers of ``parameters`` and, as ``bias.port``, of biases, beyond what the states
        can reach.
    """

    name: str
    size: int
    neuron: Neuron
    parameters: Mapping[str, Numbers] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    learned: tuple[str, ...] | None = None
    bias: bool | Mapping[str, Numbers] = True
    scale: Numbers | Mapping[str, Numbers] | None = None
    learn_scale: bool | None = None
    event: float | None = None
    initial: Mapping[str, int] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = set(self.neuron.parameters) - {"offset"}
        given = {*self.parameters, *self.fixed}
        if given != names or set(self.parameters) & set(self.fixed):
            raise NetworkError(
                f"{self.name!r} ({type(self.neuron).__name__}) takes each of the parameters "
                f"{sorted(names)} once, in `parameters` or `fixed`, not {sorted(given)}"
            )
        unknown = set(self.learned or ()) - set(self.parameters)
        if unknown:
            raise NetworkError(
                f"learned parameters of {self.name!r} must be among {sorted(self.parameters)}, "
                f"not {sorted(unknown)}"
            )

    @property
    def is_scale_free(self) -> bool:
        inner = self.neuron.neuron if isinstance(self.neuron, FineInput) else self.neuron
        return isinstance(inner, _SCALE_FREE)

    def scales(self) -> dict[str, Any]:
        """What a weighted sum of 1 stands for by port; no entry where the weights decide.

        Raises
        ------
        NetworkError
            If nothing says it.
        """
        ports = self.neuron.ports
        if isinstance(self.scale, Mapping):
            return {port: self.scale[port] for port in ports}
        if self.scale is not None:
            return dict.fromkeys(ports, self.scale)
        if isinstance(self.neuron, GatedUnit):
            unit = 1 / self.neuron.grading.limit
            return {"forget": 2.0**-self.neuron.gate.unit_shift, "cell": unit}
        if self.is_scale_free:
            return {}
        raise NetworkError(
            f"{self.name!r} must state its scale, since {type(self.neuron).__name__} is no neuron "
            "that works at any; set scale= to what a weighted sum of 1 stands for"
        )


@dataclass(frozen=True, eq=False)
class TrainableProjection:
    """Weighted connections from an input or a population to a population's port.

    Attributes
    ----------
    bits : of a stored weight
    range : of its integers; by default symmetric, ±(2**(bits − 1) − 1)
    delay : steps from an event to its arrival; at least 1 for recurrent projections
    norm : batch normalization over samples and steps, folded into weights and bias
    start : weights [target, source] to start from; by default normal, of variance 2 / source size
    """

    source: str
    target: str
    bits: int = 4
    port: str = "x"
    delay: int = 0
    norm: bool = False
    start: Any = None
    range: Range | None = None

    def __post_init__(self) -> None:
        if not (2 if self.range is None else 1) <= self.bits <= 16:
            raise NetworkError(f"bits of {self.name} must lie in [2, 16], not {self.bits}")

    @property
    def integers(self) -> Range:
        """The range of the weights' integers."""
        largest = 2 ** (self.bits - 1) - 1
        return Range(-largest, largest) if self.range is None else self.range

    @property
    def name(self) -> str:
        port = "" if self.port == "x" else f":{self.port}"
        return f"{self.source}→{self.target}{port}" + (f"@{self.delay}" if self.delay else "")


def membrane_bits(neuron: Neuron) -> int:
    """Binary places of the membrane below the step of the weights."""
    return neuron.bits if isinstance(neuron, FineInput) else 0


def settings_of(neuron: Setting) -> Iterator[Setting]:
    """A neuron and all settings inside it."""
    yield neuron
    for f in dataclasses.fields(neuron):  # type: ignore[arg-type]
        value = getattr(neuron, f.name)
        if isinstance(value, Setting):
            yield from settings_of(value)


def decay_bits(neuron: Neuron) -> dict[str, int]:
    """Binary places of the parameters that are decays."""
    return {s.parameter: s.bits for s in settings_of(neuron) if isinstance(s, ScaleLeak)}


def event_unit(p: TrainablePopulation) -> float:
    """What an event of 1 stands for."""
    grading = next((s for s in settings_of(p.neuron) if isinstance(s, Grading)), None)
    if p.event is not None or grading is None:
        return 1.0 if p.event is None else p.event
    scale = p.scales()[membrane_port(p.neuron)]
    return float(np.max(scale)) * 2.0 ** (grading.shift - membrane_bits(p.neuron))


def membrane_port(neuron: Neuron) -> str:
    """The port whose weighted sums are in the membrane's units."""
    return "cell" if isinstance(neuron, GatedUnit) else neuron.ports[0]


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

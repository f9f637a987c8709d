"""What a trainable network is declared from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

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
)
from spikeloom.hls_model.errors import NetworkError
from spikeloom.hls_model.neuron import Setting

__all__ = [
    "TrainablePopulation",
    "TrainableProjection",
    "decay_bits",
    "event_unit",
    "membrane_bits",
    "membrane_port",
    "narrowed",
    "settings_of",
    "with_ranges",
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
        has_units = any(isinstance(s, Grading) for s in settings_of(inner))
        return isinstance(inner, _SCALE_FREE) and not has_units

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


def narrowed(range: Range, largest: float) -> Range:
    """The smallest word inside ``range`` that holds ±``largest``, or ``range`` itself."""
    bits = max(int(np.ceil(largest)), 1).bit_length()
    word = Range.signed(bits + 1) if range.is_signed else Range.unsigned(bits)
    return word if word in range else range


def with_ranges(neuron: Neuron, ranges: Mapping[str, Range]) -> Neuron:
    """The same neuron with other ranges of its state words, wherever these are nested."""
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(neuron):  # type: ignore[arg-type]
        value = getattr(neuron, f.name)
        if isinstance(value, Neuron):
            changes[f.name] = with_ranges(value, ranges)
        elif isinstance(value, Range) and f.name in ranges:
            changes[f.name] = ranges[f.name]
    return dataclasses.replace(neuron, **changes)  # type: ignore[type-var]

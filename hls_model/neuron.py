"""What a neuron model is: one function over integers, with its states and parameters declared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from spikeloom.hls_model.dataflow import Dataflow, Tracer, require
from spikeloom.hls_model.errors import NetworkError, RangeError
from spikeloom.hls_model.ranges import Range
from spikeloom.hls_model.values import Value

__all__ = ["Neuron", "Setting", "State", "decode_setting", "encode_setting", "trace"]

_SETTINGS: dict[str, type[Setting]] = {}


class State(SimpleNamespace):
    """A neuron's state words by name: ``State(v=...)``."""


class Setting:
    """Base of the frozen dataclasses that configure neurons and are saved with a network.

    A subclass is known by its name once its module is imported. Fields are integers, booleans,
    strings, :class:`~spikeloom.hls_model.ranges.Range`, tuples of these, or other settings.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _SETTINGS[cls.__name__] = cls


class Neuron(Setting):
    """Base of all neuron models; subclass it as a frozen dataclass.

    Fields are shared by a whole population and fixed in hardware; parameters may differ from
    neuron to neuron.

    >>> @dataclass(frozen=True)
    ... class Threshold(Neuron):
    ...     v: Range
    ...     parameters = ("threshold",)
    ...
    ...     def states(self):
    ...         return {"v": self.v}
    ...
    ...     def step(self, state, x, p):
    ...         v = state.v + x
    ...         fired = v >= p.threshold
    ...         return State(v=saturate(select(fired, 0, v), self.v)), fired
    """

    ports: ClassVar[tuple[str, ...]] = ("x",)
    """Names of the weighted inputs; projections choose one. ``step`` gets a namespace of them
    instead of a single value if there are several."""

    parameters: tuple[str, ...] = ()
    """Names of the per-neuron parameters."""

    def states(self) -> Mapping[str, Range]:
        """Name and declared range of each state word, all 0 at a sample's start unless the
        population states another initial value."""
        raise NotImplementedError(f"{type(self).__name__} must define states()")

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value | int]:
        """One step: the next state, and the event's value (0: no event)."""
        raise NotImplementedError(f"{type(self).__name__} must define step()")


def trace(
    neuron: Neuron,
    sums: Mapping[str, Range],
    parameters: Mapping[str, Range],
    bias: Mapping[str, Range] | None = None,
) -> Dataflow:
    """The dataflow graph of ``neuron.step``, with the addition of the bias in front of it.

    Parameters
    ----------
    sums
        Range of each port's weighted sum of events.
    parameters, bias
        Range of each parameter and of each port's bias; a range of one value is folded as a
        constant.

    Raises
    ------
    RangeError
        If a next state can leave its declared range, or the step is malformed.
    """
    if "event" in neuron.ports:
        raise RangeError(
            f"a port of {type(neuron).__name__} must not be called 'event', which is its output"
        )
    tracer = Tracer()
    declared = neuron.states()
    state = SimpleNamespace(**{n: tracer.input(f"state.{n}", r) for n, r in declared.items()})
    ports = {
        port: tracer.input(port, sums[port])
        + tracer.input(f"bias.{port}", (bias or {}).get(port, Range(0, 0)))
        for port in neuron.ports
    }
    p = SimpleNamespace(**{n: tracer.input(f"p.{n}", parameters[n]) for n in neuron.parameters})
    following, event = neuron.step(state, as_argument(ports), p)
    name = type(neuron).__name__
    if set(vars(following)) != set(declared):
        raise RangeError(
            f"{name}.step must return exactly the states {sorted(declared)}, "
            f"not {sorted(vars(following))}"
        )

    def value(result: Value | int) -> Value:
        return result if isinstance(result, Value) else Value(tracer, tracer.constant(result))

    outputs = {"event": value(event)}
    for word, range in declared.items():
        outputs[f"state.{word}"] = value(getattr(following, word))
        require(outputs[f"state.{word}"].payload.range, range, f"{name}'s state {word!r}")
    return tracer.finish(outputs)


def as_argument(ports: Mapping[str, Value]) -> Any:
    """What ``step`` sees as its weighted input: the value itself if there is one port."""
    if len(ports) == 1:
        return next(iter(ports.values()))
    return SimpleNamespace(**ports)


def encode_setting(value: Any) -> Any:
    """A JSON-serialisable form of a setting."""
    match value:
        case Range():
            return {"type": "Range", "lo": value.lo, "hi": value.hi}
        case Setting():
            fields = dataclasses.fields(value)  # type: ignore[arg-type]
            return {"type": type(value).__name__} | {
                f.name: encode_setting(getattr(value, f.name)) for f in fields
            }
        case tuple() | list():
            return [encode_setting(v) for v in value]
        case bool() | int() | str() | None:
            return value
    raise NetworkError(
        f"a neuron's fields must be integers, booleans, strings, ranges, settings or tuples of "
        f"these, not {value!r}"
    )


def decode_setting(value: Any) -> Any:
    """The inverse of :func:`encode_setting`.

    Raises
    ------
    NetworkError
        If a type is not known: the module that defines it must be imported first.
    """
    if isinstance(value, list):
        return tuple(decode_setting(v) for v in value)
    if not isinstance(value, dict):
        return value
    fields = {k: decode_setting(v) for k, v in value.items() if k != "type"}
    name = value.get("type")
    if name == "Range":
        return Range(**fields)
    if name not in _SETTINGS:
        raise NetworkError(
            f"the neuron model {name!r} is not known; import the module that defines it before "
            "loading the network"
        )
    try:
        return _SETTINGS[name](**fields)
    except TypeError as error:
        raise NetworkError(f"the fields saved for {name} do not fit it: {error}") from error

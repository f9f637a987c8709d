"""What a framework's neurons do that its checkpoints do not say.

Each preset is the exact behaviour of one framework; what it leaves open are its options, written
as keywords (``reset="zero"``) or in the preset's name (``"snntorch:reset=zero"``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.hls_model.neurons import Reset

__all__ = ["PRESETS", "Semantics", "resolve"]


@dataclass(frozen=True)
class Semantics:
    """How a checkpoint's spiking neurons behave.

    Attributes
    ----------
    reset : what a spike does to the membrane; ``None`` where the checkpoint says it itself
    strict : spike if v > threshold, otherwise if v ≥ threshold
    delayed : the reset happens in the next step; ``None`` where the module says it itself
    decay : beta = 1 − dt/τ (``euler``) or exp(−dt/τ) (``exponential``)
    normalized : the input is multiplied by R·dt/τ, otherwise by R
    starts_at_leak : the membrane starts at ``v_leak``; otherwise ``v_leak`` must be 0
    if_gain : the r that this framework writes for an IF neuron of gain 1: 1, or 1/dt
    assumptions : for people: what was taken because no checkpoint states it
    """

    name: str
    reset: Reset | None
    strict: bool
    delayed: bool | None
    decay: Literal["euler", "exponential"] = "euler"
    normalized: bool = True
    starts_at_leak: bool = False
    if_gain: Literal["one", "per dt"] = "one"
    assumptions: tuple[str, ...] = ()


def resolve(preset: str, options: Mapping[str, Any]) -> Semantics:
    """The semantics of a preset.

    Parameters
    ----------
    preset
        A name of :data:`PRESETS`, with options of its own after a colon:
        ``"snntorch:reset=zero,reset_delay=false"``.
    options
        The same as a mapping. Options that are ``None`` count as not stated.

    Raises
    ------
    SemanticsError
        If the preset or an option is unknown, or the behaviour cannot be expressed exactly.
    """
    name, _, written = preset.partition(":")
    if name not in PRESETS:
        near = difflib.get_close_matches(name.lower(), PRESETS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {sorted(PRESETS)}"
        raise SemanticsError(f"a preset must be one of {sorted(PRESETS)}, not {name!r}; {hint}")
    merged = _parse(preset, written) | {k: v for k, v in options.items() if v is not None}
    return _RESOLVERS[name](_Options(name, merged))


def _parse(preset: str, written: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for item in filter(None, written.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise SemanticsError(
                f"options of a preset must be written name=value, not {item!r} in {preset!r}"
            )
        words = {"true": True, "false": False}
        options[key.strip()] = words.get(value.strip().lower(), value.strip())
    return options


class _Options:
    """A preset's options; each is taken once and checked."""

    def __init__(self, preset: str, given: dict[str, Any]) -> None:
        self.preset = preset
        self.given = given

    def take(self, name: str, default: Any, *allowed: Any) -> Any:
        value = self.given.pop(name, default)
        if value is not None and (
            value not in allowed or isinstance(value, int) is not (isinstance(allowed[0], int))
        ):
            raise SemanticsError(
                f"{name} of preset {self.preset!r} must be one of {list(allowed)}, not {value!r}"
            )
        return value

    def done(self) -> None:
        if self.given:
            raise SemanticsError(
                f"preset {self.preset!r} has no option {next(iter(self.given))!r}; leave it out"
            )


def _snntorch(options: _Options) -> Semantics:
    reset = options.take("reset", None, "subtract", "zero", "none")
    delayed = options.take("reset_delay", True, True, False)
    options.done()
    assumptions = []
    if delayed:
        assumptions.append("reset delayed by one step (Leaky's default reset_delay=True)")
    else:
        assumptions.append("reset in the same step (reset_delay=False)")
    names: dict[Any, Reset | None] = {None: None, "zero": "value"}
    return Semantics(
        "snntorch",
        names.get(reset, reset),
        strict=True,
        delayed=delayed,
        assumptions=tuple(assumptions),
    )


def _norse(options: _Options) -> Semantics:
    options.done()
    return Semantics(
        "norse",
        "value",
        strict=True,
        delayed=False,
        starts_at_leak=True,
        assumptions=("LIFBox: reset to v_reset in the same step",),
    )


def _spikingjelly(options: _Options) -> Semantics:
    reset = options.take("reset", "value", "value", "subtract")
    options.done()
    what = "hard reset to v_reset" if reset == "value" else "soft reset by the threshold"
    return Semantics(
        "spikingjelly",
        reset,
        strict=False,
        delayed=False,
        starts_at_leak=True,
        if_gain="per dt",
        assumptions=(f"{what} in the same step",),
    )


def _sinabs(options: _Options) -> Semantics:
    spikes = options.take("spikes", "multi", "multi", "single")
    options.done()
    if spikes == "multi":
        raise SemanticsError(
            "sinabs neurons emit several spikes in a step by default (MultiSpike), which no neuron "
            "of the library does yet; train with spike_fn=SingleSpike and state spikes='single'"
        )
    return Semantics(
        "sinabs",
        "subtract",
        strict=False,
        delayed=False,
        decay="exponential",
        normalized=False,
        assumptions=("SingleSpike, MembraneSubtract, norm_input=False, no lower clamp",),
    )


def _lava(options: _Options) -> Semantics:
    raise SemanticsError(
        "lava-dl's CUBA neurons keep a synaptic current of their own, which no neuron of the "
        "library has yet; export plain LIF neurons, or build the network from integers with "
        "hls_model.LIF and ScaleLeak(12, 'trunc')"
    )


_RESOLVERS = {
    "snntorch": _snntorch,
    "norse": _norse,
    "spikingjelly": _spikingjelly,
    "sinabs": _sinabs,
    "lava": _lava,
}

PRESETS = tuple(_RESOLVERS)
"""Names of the presets."""

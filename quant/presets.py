"""What a framework's neurons do that its checkpoints do not say.

Each preset is the exact behaviour of one framework; what it leaves open are its options, written
as keywords (``reset="zero"``) or in the preset's name (``"snntorch:reset=zero"``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.hls_model.neurons import Reset
from spikeloom.quant.graph import MOST

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
    gain : what NIR's r multiplies the input of a leaky membrane by, besides itself: dt/τ
        (``euler``), nothing (``unit``), 1 − beta (``normalized``), or dt/(τ·beta) (``rockpool``)
    starts_at_leak : the membrane starts at ``v_leak``; otherwise ``v_leak`` must be 0
    if_gain : the r that this framework writes for an IF neuron of gain 1: 1, or 1/dt
    most : spikes that a neuron can emit in a step, each of which subtracts the threshold; ``None``
        for one, which resets as ``reset`` says
    lowest : where the membrane is clamped after the reset: a number, or −``threshold``
    current : how input reaches a synaptic current: through NIR's equation (``filtered``), added to
        it (``jump``), or added before it decays (``decayed``); ``None`` if that must be stated
    normalizes_readout : a neuron that never fires has the same ``gain``; otherwise ``unit``
    assumptions : for people: what was taken because no checkpoint states it
    """

    name: str
    reset: Reset | None
    strict: bool
    delayed: bool | None
    decay: Literal["euler", "exponential"] = "euler"
    gain: Literal["euler", "unit", "normalized", "rockpool"] = "euler"
    starts_at_leak: bool = False
    if_gain: Literal["one", "per dt"] = "one"
    most: int | None = None
    lowest: float | Literal["threshold"] | None = None
    current: Literal["filtered", "jump", "decayed"] | None = "filtered"
    normalizes_readout: bool = True
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
        if value is not None and not any(value == a and type(value) is type(a) for a in allowed):
            raise SemanticsError(
                f"{name} of preset {self.preset!r} must be one of {list(allowed)}, not {value!r}"
            )
        return value

    def number(self, name: str, *words: str) -> float | str | None:
        """A finite number, or one of ``words``; ``None`` if it is not stated."""
        value = self.given.pop(name, None)
        if value is None:
            return None
        if value in words:
            return str(value)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isinstance(value, bool) or not isfinite(number):
            raise SemanticsError(
                f"{name} of preset {self.preset!r} must be a number or one of {list(words)}, not "
                f"{value!r}"
            )
        return number

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
    current = options.take("current", None, "jump", "filtered")
    options.done()
    return Semantics(
        "norse",
        "value",
        strict=True,
        delayed=False,
        starts_at_leak=True,
        current=current,
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
    most = _spikes(options)
    reset = options.take("reset", "subtract", "subtract", "zero")
    lowest = options.number("min_v", "none", "threshold")
    normalized = options.take("norm_input", None, True, False, "all")
    options.done()
    if lowest is None:
        raise SemanticsError(
            "preset 'sinabs' needs min_v, which .nir files do not hold: state min_v='none' (the "
            "default of min_v_mem), a number, or 'threshold' for −spike_threshold"
        )
    if isinstance(lowest, float) and lowest > 0:
        raise SemanticsError(
            f"min_v of preset 'sinabs' must not be positive, not {lowest:g}: membranes start at 0"
        )
    if normalized is None:
        raise SemanticsError(
            "preset 'sinabs' needs norm_input, which .nir files do not hold: state norm_input=True "
            "(the default of LIF), False (as after from_nir), or 'all' if ExpLeak has it too"
        )
    if reset == "zero" and (most != 1 or lowest != "none"):
        raise SemanticsError(
            "reset='zero' of preset 'sinabs' must go with spikes='single' and min_v='none': no "
            "neuron of the library resets to zero otherwise; use MembraneSubtract"
        )
    clamp = "no lower clamp" if lowest == "none" else f"clamped at min_v = {lowest}"
    return Semantics(
        "sinabs",
        "value" if reset == "zero" else "subtract",
        strict=False,
        delayed=False,
        decay="exponential",
        gain="normalized" if normalized else "unit",
        most=None if most == 1 and lowest == "none" else most,
        lowest=None if lowest == "none" else lowest,  # type: ignore[arg-type]
        current="decayed",
        normalizes_readout=normalized == "all",
        assumptions=(
            f"spikes in a step: {'any number' if most == MOST else f'at most {most}'}",
            f"reset: {reset}; {clamp}; norm_input={normalized}",
            "tau is counted in steps",
        ),
    )


def _spikes(options: _Options) -> int:
    value = options.number("spikes", "multi", "single")
    if value in (None, "multi"):
        return MOST
    most = 1 if value == "single" else value
    if not isinstance(most, int | float) or most != int(most) or not 1 <= most < MOST:
        raise SemanticsError(
            f"spikes of preset 'sinabs' must be 'multi', 'single' or the limit of MaxSpike, 1 to "
            f"{MOST - 1}, not {value!r}"
        )
    return int(most)


def _rockpool(options: _Options) -> Semantics:
    bias = options.take("bias", None, "zero")
    options.done()
    if bias is None:
        raise SemanticsError(
            "preset 'rockpool' needs bias='zero': Rockpool's to_nir leaves out the biases and "
            "recurrent weights of LIFTorch; state that there are none, or add them to the graph "
            "as an Affine before the neuron and a Linear back to it"
        )
    return Semantics(
        "rockpool",
        "subtract",
        strict=False,
        delayed=False,
        decay="exponential",
        gain="rockpool",
        most=MOST,
        current="decayed",
        assumptions=(
            "several spikes in a step; reset by the threshold for each; max_spikes_per_dt not met",
            "no biases and recurrent weights inside LIFTorch",
        ),
    )


def _lava(options: _Options) -> Semantics:
    options.done()
    return Semantics("lava", "value", strict=True, delayed=False)


_RESOLVERS = {
    "snntorch": _snntorch,
    "norse": _norse,
    "spikingjelly": _spikingjelly,
    "sinabs": _sinabs,
    "rockpool": _rockpool,
    "lava": _lava,
}

PRESETS = tuple(_RESOLVERS)
"""Names of the presets."""

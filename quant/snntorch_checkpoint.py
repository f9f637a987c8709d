"""Reads snnTorch networks of Linear and Leaky layers: ``state_dict`` files and live modules."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import EVENTS, LIF, Integrator, Neuron, Output
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.hls_model.neurons import Reset
from spikeloom.quant.graph import DECAY, MEMBRANE, REAL, Graph, Input, Population, Projection
from spikeloom.quant.nir_import import identifier
from spikeloom.quant.presets import Semantics

__all__ = ["Layer", "layers_of", "read", "to_graph"]

_RESETS: dict[int, Reset] = {0: "subtract", 1: "value", 2: "none"}
"""``reset_mechanism_val`` of a Leaky layer."""

_LEAKY = {"beta", "threshold", "graded_spikes_factor", "reset_mechanism_val", "mem"}

_PASSIVE = {"Flatten", "Identity", "Dropout"}
"""Modules that change no value of a trained network's forward pass."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer's tensors by name, in float64, with the ``reset_delay`` that a live module has."""

    name: str
    tensors: dict[str, npt.NDArray[np.float64]]
    reset_delay: bool | None = None

    @property
    def is_linear(self) -> bool:
        return set(self.tensors) in ({"weight"}, {"weight", "bias"}) and self["weight"].ndim == 2

    @property
    def is_leaky(self) -> bool:
        return {"beta", "threshold"} <= set(self.tensors) <= _LEAKY

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        return self.tensors[name]


def read(path: Path) -> tuple[Layer, ...]:
    """The layers of a ``state_dict`` file, in the order in which they were defined.

    Only tensors are read (``weights_only``): no pickled object is ever executed.

    Raises
    ------
    CheckpointError
        If the file is empty, truncated, foreign, or holds anything but tensors.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # A damaged archive can make the unpickler raise anything.
        raise CheckpointError(
            f"{path} cannot be read as a state_dict of tensors: it is truncated, damaged, another "
            "format, or holds pickled objects, which are never executed; write it with "
            "torch.save(model.state_dict(), path)"
        ) from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not state:
        raise CheckpointError(
            f"{path} must hold a state_dict, not {type(state).__name__} of {_length(state)}; write "
            "it with torch.save(model.state_dict(), path)"
        )
    return _layers(state)


def layers_of(module: Any) -> tuple[Layer, ...]:
    """The layers of a live module.

    Raises
    ------
    SemanticsError
        If a layer does what no neuron of the library does.
    """
    delays = {}
    for name, child in module.named_modules():
        if list(child.children()):
            continue
        kind = type(child).__name__
        if hasattr(child, "reset_mechanism_val"):
            delays[name] = bool(getattr(child, "reset_delay", True))
            for feature in ("inhibition", "state_quant"):
                if getattr(child, feature, False):
                    raise SemanticsError(
                        f"layer {name!r} uses {feature}, which no neuron of the library does; "
                        "train without it"
                    )
        elif kind not in _PASSIVE and not list(child.parameters(recurse=False)):
            raise SemanticsError(
                f"layer {name!r} is a {kind}, which cannot be imported; use Linear and Leaky layers"
            )
    layers = _layers(module.state_dict())
    return tuple(replace(layer, reset_delay=delays.get(layer.name)) for layer in layers)


def _layers(state: Mapping[Any, Any]) -> tuple[Layer, ...]:
    groups: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
    for key, value in state.items():
        if not hasattr(value, "detach") or not isinstance(key, str) or "." not in key:
            raise CheckpointError(
                f"a state_dict must map names such as 'fc1.weight' to tensors, not {key!r} to "
                f"{type(value).__name__}; write it with torch.save(model.state_dict(), path)"
            )
        layer, _, name = key.rpartition(".")
        groups.setdefault(layer, {})[name] = value.detach().cpu().double().numpy()
    return tuple(Layer(name, tensors) for name, tensors in groups.items())


def to_graph(
    layers: tuple[Layer, ...], origin: str, semantics: Semantics | None, output: str = "auto"
) -> Graph:
    """The float graph of a chain of Linear and Leaky layers.

    Parameters
    ----------
    origin : names the checkpoint in the numbers' origins
    semantics : states ``reset_delay``, which only live modules know themselves
    output : ``events``, ``membrane``, or ``auto``: the membrane of a last layer that never resets

    Raises
    ------
    CheckpointError
        If layers are unknown or do not form a chain.
    SemanticsError
        If their behaviour is not stated or cannot be expressed exactly.
    """
    _require_chain(layers)
    populations: list[Population] = []
    projections: list[Projection] = []
    source, grade = Input("input", (int(layers[0]["weight"].shape[1]),)), np.ones(1)
    previous: Input | Population = source
    for linear, leaky in zip(layers[::2], layers[1::2], strict=True):
        weights = linear["weight"]
        if weights.shape[1] != previous.size:
            raise CheckpointError(
                f"{linear.name}.weight of {origin} takes {weights.shape[1]} values, but "
                f"{previous.name!r} delivers {previous.size}; list the layers in the order in "
                "which they run"
            )
        is_last = leaky is layers[-1]
        population = _population(linear, leaky, origin, semantics, is_last and output != "events")
        projections.append(
            Projection(
                previous.name,
                population.name,
                weights * grade,
                0,
                f"{origin}: {linear.name}.weight",
            )
        )
        populations.append(population)
        grade = leaky.tensors.get("graded_spikes_factor", np.ones(1)).reshape(-1)
        previous = population
    read = MEMBRANE if output == "membrane" or not populations[-1].fires else EVENTS
    if read == EVENTS and not np.all(grade == 1):
        raise SemanticsError(
            f"graded_spikes_factor of the output {previous.name!r} must be 1, not {grade[0]:g}: "
            "its spikes are counted"
        )
    notes = ("preset snntorch", *(semantics.assumptions if semantics else ()))
    return Graph(
        (source,), tuple(populations), tuple(projections), Output(previous.name, read), notes
    )


def _require_chain(layers: tuple[Layer, ...]) -> None:
    for layer in layers:
        is_known = layer.is_linear or layer.is_leaky
        if not is_known or layer.name.endswith("recurrent"):
            raise CheckpointError(
                f"layer {layer.name!r} ({', '.join(sorted(layer.tensors))}) must be a Linear or a "
                f"Leaky layer{_hint(layer)}"
            )
    kinds = ["Linear" if layer.is_linear else "Leaky" for layer in layers]
    if kinds != ["Linear", "Leaky"] * (len(layers) // 2) or not layers:
        names = ", ".join(f"{n.name} ({k})" for n, k in zip(layers, kinds, strict=True))
        raise CheckpointError(
            f"layers must alternate between Linear and Leaky, not run {names or 'empty'}; a "
            "readout without spikes is a Leaky with reset_mechanism='none'"
        )


def _hint(layer: Layer) -> str:
    names = set(layer.tensors)
    if "alpha" in names:
        return "; it looks like a Synaptic, which no neuron of the library does yet"
    if layer.name.endswith("recurrent"):
        return "; it belongs to a recurrent layer, which is not imported yet"
    if "running_mean" in names:
        return "; fold the batch normalization into the layer before it"
    if "weight" in names and layer["weight"].ndim > 2:
        return "; convolutions are not imported yet"
    return "; export the network as .nir"


def _population(
    linear: Layer, leaky: Layer, origin: str, semantics: Semantics | None, may_read: bool
) -> Population:
    size = int(linear["weight"].shape[0])
    stated = leaky.tensors.get("reset_mechanism_val")
    reset = _reset(leaky, stated, semantics)
    delayed = leaky.reset_delay
    if delayed is None and semantics is not None:
        delayed = semantics.delayed
    if delayed is None:
        raise SemanticsError(
            f"a state_dict does not hold reset_delay, which {leaky.name!r} needs; name "
            "preset='snntorch' for the default (delayed), or state reset_delay=True or False"
        )
    where = f"{origin}: {leaky.name}"
    neuron, numbers = _neuron(leaky, reset, delayed, may_read)
    return Population(
        identifier(leaky.name),
        size,
        neuron,
        numbers,
        linear.tensors.get("bias", np.zeros(1)),
        {
            "beta": f"{where}.beta",
            "bias": f"{origin}: {linear.name}.bias" if "bias" in linear.tensors else "none",
            "threshold": f"{where}.threshold",
            "reset": f"{where}.reset_mechanism_val" if stated is not None else "preset",
            "delayed": "the module" if leaky.reset_delay is not None else "preset snntorch",
        },
    )


def _neuron(
    leaky: Layer, reset: Reset, delayed: bool, may_read: bool
) -> tuple[Neuron, dict[str, npt.NDArray[np.float64]]]:
    """A Leaky layer's neuron and its parameters."""
    numbers = {"beta": leaky["beta"]}
    if may_read and reset == "none":
        return Integrator(REAL, DECAY), numbers
    numbers["threshold"] = leaky["threshold"]
    if reset == "value":
        numbers["reset_value"] = np.zeros(1)
    # Subtracting without delay, snnTorch still lowers by θ what was left above it.
    lowered = reset == "subtract" and not delayed
    delayed = delayed and reset != "none"
    return LIF(REAL, DECAY, reset, strict=True, delayed=delayed, lowered=lowered), numbers


def _reset(leaky: Layer, stated: Any, semantics: Semantics | None) -> Reset:
    if stated is None:
        if semantics is None or semantics.reset is None:
            raise SemanticsError(
                f"{leaky.name!r} does not hold reset_mechanism_val; state reset='subtract', "
                "'zero' or 'none'"
            )
        return semantics.reset
    number = int(stated.reshape(-1)[0])
    if number not in _RESETS:
        raise CheckpointError(
            f"{leaky.name}.reset_mechanism_val must be 0 (subtract), 1 (zero) or 2 (none), not "
            f"{number}"
        )
    reset = _RESETS[number]
    if semantics is not None and semantics.reset not in (None, reset):
        raise SemanticsError(
            f"reset={semantics.reset!r} contradicts the checkpoint, where {leaky.name!r} has "
            f"reset_mechanism_val {number} ({reset}); leave it out"
        )
    return reset


def _length(value: Any) -> str:
    return f"{len(value)} entries" if hasattr(value, "__len__") else "no entries"

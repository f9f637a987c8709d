"""Reads snnTorch's ``state_dict`` files, which hold all of a network but ``reset_delay``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.chain import Read, chain_graph
from spikeloom.quant.graph import Graph
from spikeloom.quant.layers import Affine, Layer, Neurons
from spikeloom.quant.modules import in_order, normalization
from spikeloom.quant.presets import Semantics
from spikeloom.quant.snntorch_modules import RESETS
from spikeloom.quant.snntorch_neurons import Kind, Reset, neurons
from spikeloom.quant.state_dict import Tensors

__all__ = ["state_dict_graph"]

_NEURONS = {"beta", "threshold", "graded_spikes_factor", "reset_mechanism_val"}
_OPTIONAL = {"alpha", "V", "mem"}
_NORMALIZATION = {"running_mean", "running_var"}
_EPS = 1e-5
"""PyTorch's default ``eps`` of a batch normalization, which no state_dict holds."""

_LOOKS_LIKE = {
    "R": "a Lapicque, which is not imported; use a Leaky of the same beta",
    "weight_orig": "a pruned layer; make the pruning permanent with torch.nn.utils.prune.remove",
    "tau": "a StateLeaky, which is not imported; use a Leaky",
    "weight_ih_l0": "a torch recurrent layer, which has no spiking form; use an RLeaky",
}


def state_dict_graph(
    groups: Mapping[str, Tensors],
    origin: str,
    semantics: Semantics | None,
    order: Sequence[str] | None,
    output: Read,
) -> Graph:
    """The float graph of a ``state_dict`` of Linear, BatchNorm1d and snnTorch layers.

    Parameters
    ----------
    groups : tensors by layer, in the order of definition
    origin : names the checkpoint in the numbers' origins
    semantics : states ``reset_delay``, which only live modules know themselves
    order : names of the layers in the order in which they run; by default that of definition

    Raises
    ------
    CheckpointError
        If layers are unknown or do not form a chain.
    SemanticsError
        If their behaviour is not stated or cannot be expressed exactly.
    """
    kept = {n: t for n, t in groups.items() if _parent(n, groups) is None}
    names = in_order(list(kept), order)
    layers = [_layer(name, kept[name], groups, origin, semantics) for name in names]
    notes = ["preset snntorch", *(semantics.assumptions if semantics else ())]
    if order is None:
        notes.append(f"layers run in the order of their definition: {', '.join(names)}")
    normalized = [n for n in names if kept[n].keys() >= _NORMALIZATION]
    if normalized:
        notes.append(f"eps = {_EPS:g} in {', '.join(normalized)} (PyTorch's default)")
    currents = [n for n in names if "alpha" in kept[n]]
    if currents:
        notes.append(f"{', '.join(currents)}: Synaptic, not Alpha, which writes the same tensors")
    return chain_graph(layers, origin, notes, output)


def _parent(name: str, groups: Mapping[str, Tensors]) -> str | None:
    """The neurons that a layer is the recurrence of."""
    parent, dot, last = name.rpartition(".")
    is_recurrence = dot and last == "recurrent" and "threshold" in groups.get(parent, {})
    return parent if is_recurrence else None


def _layer(
    name: str,
    tensors: Tensors,
    groups: Mapping[str, Tensors],
    origin: str,
    semantics: Semantics | None,
) -> Layer:
    found = set(tensors)
    if found in ({"weight"}, {"weight", "bias"}) and tensors["weight"].ndim == 2:
        return Affine(name, tensors["weight"], tensors.get("bias"))
    if found >= _NORMALIZATION:
        return normalization(name, tensors, _EPS)
    if {"beta", "threshold"} <= found <= _NEURONS | _OPTIONAL:
        recurrent = _recurrent(name, tensors, groups.get(f"{name}.recurrent"))
        return _neurons(name, tensors, recurrent, origin, semantics)
    raise CheckpointError(
        f"layer {name!r} ({', '.join(sorted(found))}) must be a Linear, a BatchNorm1d, or a Leaky, "
        f"RLeaky, Synaptic or RSynaptic{_hint(tensors)}"
    )


def _hint(tensors: Tensors) -> str:
    for name, meaning in _LOOKS_LIKE.items():
        if name in tensors:
            return f"; it looks like {meaning}"
    if "weight" in tensors and tensors["weight"].ndim > 2:
        return (
            "; it looks like a convolution, which shares weights between positions as no core "
            "does yet; use Linear layers"
        )
    if "weight" in tensors and tensors["weight"].ndim == 1:
        return "; it looks like a normalization without running statistics; use BatchNorm1d"
    return "; load the module itself, or export the network as .nir"


def _recurrent(name: str, tensors: Tensors, below: Tensors | None) -> Affine | None:
    if "V" in tensors:
        return Affine(f"{name}.V", tensors["V"].reshape(-1))
    if below is None:
        return None
    if "weight" not in below or below["weight"].ndim != 2:
        raise CheckpointError(
            f"the recurrence '{name}.recurrent' must be a Linear layer or one-to-one, not a layer "
            f"of {', '.join(sorted(below))}; use linear_features or all_to_all=False"
        )
    return Affine(f"{name}.recurrent", below["weight"], below.get("bias"))


def _neurons(
    name: str,
    tensors: Tensors,
    recurrent: Affine | None,
    origin: str,
    semantics: Semantics | None,
) -> Neurons:
    reset = _reset(name, tensors, semantics)
    if semantics is None or semantics.delayed is None:
        raise SemanticsError(
            f"a state_dict does not hold reset_delay, which {name!r} needs; name "
            "preset='snntorch' for the default (delayed), or state reset_delay=True or False"
        )
    origins = {k: f"{origin}: {name}.{k}" for k in tensors if k != "reset_mechanism_val"}
    stated = "reset_mechanism_val" in tensors
    origins |= {
        "reset": f"{origin}: {name}.reset_mechanism_val" if stated else "preset snntorch",
        "delayed": "preset snntorch: state_dicts do not hold it",
    }
    kind = ("R" if recurrent else "") + ("Synaptic" if "alpha" in tensors else "Leaky")
    kinds: dict[str, Kind] = {k: k for k in ("Leaky", "RLeaky", "Synaptic", "RSynaptic")}
    return neurons(name, kinds[kind], tensors, recurrent, reset, semantics.delayed, origins)


def _reset(name: str, tensors: Tensors, semantics: Semantics | None) -> Reset:
    given: Reset | None = None
    if semantics is not None and semantics.reset is not None:
        given = "zero" if semantics.reset == "value" else semantics.reset
    if "reset_mechanism_val" not in tensors:
        if given is None:
            raise SemanticsError(
                f"{name!r} does not hold reset_mechanism_val; state reset='subtract', 'zero' or "
                "'none'"
            )
        return given
    number = int(tensors["reset_mechanism_val"].reshape(-1)[0])
    if number not in RESETS:
        raise CheckpointError(
            f"{name}.reset_mechanism_val must be 0 (subtract), 1 (zero) or 2 (none), not {number}"
        )
    if given not in (None, RESETS[number]):
        raise SemanticsError(
            f"reset={given!r} contradicts the checkpoint, where {name!r} has reset_mechanism_val "
            f"{number} ({RESETS[number]}); leave it out"
        )
    return RESETS[number]

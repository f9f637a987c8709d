"""Walks a live PyTorch module down to the layers that do something, in the order they run."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.layers import Affine, Layer, Neurons, Scaling

__all__ = [
    "TORCH",
    "Translators",
    "in_order",
    "linear",
    "normalization",
    "numbers",
    "package",
    "packages",
    "require_step",
    "translate",
]

Array = npt.NDArray[np.float64]
Translate = Callable[[str, Any], Sequence[Layer]]
Translators = Mapping[tuple[str, str], Translate]
"""What a module becomes, by the package and the name of its class."""

_CONTAINERS = {
    ("torch", "Sequential"),
    ("torch", "ModuleList"),
    ("torch", "ModuleDict"),
    ("norse", "SequentialState"),
    ("norse", "Lift"),
    ("spikingjelly", "SeqToANNContainer"),
    ("spikingjelly", "MultiStepContainer"),
    ("spikingjelly", "StepModeContainer"),
}
_ORDERED = _CONTAINERS - {("torch", "ModuleList"), ("torch", "ModuleDict")}
"""Containers whose children run one after the other; any other has a forward of its own."""

_FOREIGN = {"torch", "snntorch", "spikingjelly", "norse", "sinabs", "brevitas", "rockpool", "lava"}
"""Packages whose composed layers are known, or are not; a user's own are looked into."""


_READ = {
    "snntorch": "1.0.0",
    "spikingjelly": "2.0.0",
    "norse": "1.1.0",
    "sinabs": "3.1.3",
    "brevitas": "0.13.4",
}
"""The versions whose forward passes were read, and are run beside ours in tests."""


def package(module: Any) -> str:
    """The package that a module's class comes from."""
    return type(module).__module__.partition(".")[0]


def packages(module: Any) -> set[str]:
    """The packages that the classes of a module and of all its parts come from."""
    return {package(m) for m in module.modules()}


def numbers(tensor: Any) -> Array:
    """A tensor's, or a number's, values in float64."""
    if hasattr(tensor, "detach"):
        return np.asarray(tensor.detach().cpu().double().numpy())
    return np.asarray(tensor, dtype=np.float64)


def translate(
    module: Any, translators: Translators, order: Sequence[str] | None = None
) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """The layers of a module, in the order in which they run, and what was assumed.

    Parameters
    ----------
    translators : of the framework's layers; :data:`TORCH` is always known
    order : names of the layers in the order in which they run, where that is not the order in
        which they were defined

    Raises
    ------
    SemanticsError
        If a layer is not known, or the same neurons are used twice.
    """
    known = {**TORCH, **translators}
    found = dict(_leaves(module, "", known, {}))
    layers = {name: known[_kind(m)](name, m) for name, m in found.items()}
    names = in_order([n for n, parts in layers.items() if parts], order)
    notes = _versions(module)
    if order is None and not _is_ordered(module, known):
        notes.append(f"layers run in the order of their definition: {', '.join(names)}")
    return tuple(layer for name in names for layer in layers[name]), tuple(notes)


def _versions(module: Any) -> list[str]:
    """What to say where another version is installed than the one that was read."""
    used = {name: importlib.metadata.version(name) for name in packages(module) & _READ.keys()}
    return [
        f"{name} {version}: taken to behave as {_READ[name]}"
        for name, version in sorted(used.items())
        if version != _READ[name]
    ]


def in_order(names: Sequence[str], order: Sequence[str] | None) -> Sequence[str]:
    """``names`` in a stated order, which must hold each of them once."""
    if order is None:
        return names
    if sorted(order) != sorted(names):
        raise CheckpointError(
            f"layers must name each of {list(names)} once, in the order in which they run, not "
            f"{list(order)}"
        )
    return order


def require_step(name: str, spike: Callable[[Any], Any], fires_at_zero: bool) -> None:
    """Refuse neurons whose forward pass is not the step that a surrogate's gradient stands for."""
    import torch

    shifted = torch.tensor([-2.0, -0.5, -(2.0**-20), 0.0, 2.0**-20, 0.5, 1.0, 3.0])
    with torch.no_grad():
        spikes = spike(shifted)
    expected = shifted >= 0 if fires_at_zero else shifted > 0
    if not torch.equal(spikes.to(shifted.dtype), expected.to(shifted.dtype)):
        raise SemanticsError(
            f"layer {name!r} must spike with 1 {'at and ' if fires_at_zero else ''}above its "
            f"threshold and be silent below, not give {[round(float(s), 3) for s in spikes]} for "
            f"membranes at {[round(float(v), 3) for v in shifted]} of it; use a surrogate whose "
            "forward pass is a step"
        )


def _kind(module: Any) -> tuple[str, str]:
    return package(module), type(module).__name__


def _leaves(
    module: Any, name: str, known: Translators, seen: dict[int, str]
) -> Iterator[tuple[str, Any]]:
    kind = _kind(module)
    if kind in known:
        where = name or type(module).__name__
        first = seen.setdefault(id(module), where)
        if first != where and any(isinstance(p, Neurons) for p in known[kind](where, module)):
            raise SemanticsError(
                f"layer {where!r} must not be the layer {first!r} once more: both would share one "
                "state; make a layer for each place"
            )
        yield where, module
        return
    children = [(n, m) for n, m in module._modules.items() if m is not None]
    if not children or (kind[0] in _FOREIGN and kind not in _CONTAINERS):
        raise SemanticsError(_unknown(name, module))
    own = [n for n, _ in module.named_parameters(recurse=False)]
    if own:
        raise SemanticsError(
            f"module {name or type(module).__name__!r} must leave its parameters to layers, not "
            f"hold {own[0]!r} itself: what its forward does with it cannot be seen; put it into a "
            "Linear layer"
        )
    for child, part in children:
        yield from _leaves(part, f"{name}.{child}" if name else child, known, seen)


def _is_ordered(module: Any, known: Translators) -> bool:
    """Whether the order in which all layers run is certain."""
    kind = _kind(module)
    if kind in known:
        return True
    return kind in _ORDERED and all(_is_ordered(m, known) for m in module.children())


def _unknown(name: str, module: Any) -> str:
    origin, kind = _kind(module)
    what = f"layer {name or kind!r} is a {kind} of {origin}, which cannot be imported"
    if "Conv" in kind:
        return (
            f"{what}: convolutions share weights between positions, which no core does yet; use "
            "Linear layers"
        )
    if "Pool" in kind:
        return f"{what}: pooling needs the positions of a convolution; use Linear layers"
    if "Norm" in kind:
        return f"{what}: only BatchNorm1d is constant once trained; use that, or none"
    if origin not in _FOREIGN:
        return (
            f"{what}: a class of your own may do anything; use the framework's own layers, or "
            "export the network as .nir"
        )
    return f"{what}; use Linear layers and neurons of docs/frameworks.md, or export as .nir"


def linear(name: str, module: Any) -> Sequence[Layer]:
    """A ``torch.nn.Linear``."""
    bias = None if module.bias is None else numbers(module.bias)
    return (Affine(name, numbers(module.weight), bias),)


def batch_norm(name: str, module: Any) -> Sequence[Layer]:
    """A ``torch.nn.BatchNorm1d`` as it behaves once trained."""
    if module.running_mean is None:
        raise SemanticsError(
            f"layer {name!r} must keep running statistics: without them it depends on the other "
            "samples of a batch; train with track_running_stats=True"
        )
    tensors = {"running_mean": module.running_mean, "running_var": module.running_var}
    if module.weight is not None:
        tensors |= {"weight": module.weight, "bias": module.bias}
    return (normalization(name, {k: numbers(v) for k, v in tensors.items()}, module.eps),)


def normalization(name: str, tensors: Mapping[str, Array], eps: float) -> Scaling:
    """Batch normalization with its running statistics: γ·(x − μ)/√(σ² + eps) + β.

    Raises
    ------
    CheckpointError
        If its tensors differ in size.
    """
    mean = tensors["running_mean"]
    sizes = {k: v.shape for k, v in tensors.items() if k != "num_batches_tracked"}
    if set(sizes.values()) != {(mean.size,)}:
        raise CheckpointError(
            f"tensors of layer {name!r} must have one number for each value, not {sizes}; save the "
            "network again"
        )
    factor = tensors.get("weight", np.ones(mean.size)) / np.sqrt(tensors["running_var"] + eps)
    return Scaling(name, factor, tensors.get("bias", np.zeros(mean.size)) - factor * mean)


def _nothing(name: str, module: Any) -> Sequence[Layer]:
    return ()


_PASSIVE = ("Dropout", "Dropout1d", "AlphaDropout", "Flatten", "Identity")
"""Layers that change no value of a trained network's forward pass."""

TORCH: Translators = {
    ("torch", "Linear"): linear,
    ("torch", "BatchNorm1d"): batch_norm,
    **{("torch", name): _nothing for name in _PASSIVE},
}

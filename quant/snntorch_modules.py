"""Imports live snnTorch networks, which know all about themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast, get_args

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.brevitas_layers import BREVITAS
from spikeloom.quant.chain import Read, chain_graph
from spikeloom.quant.graph import Graph
from spikeloom.quant.layers import Affine, Layer
from spikeloom.quant.modules import TORCH, Translators, numbers, package, require_step, translate
from spikeloom.quant.snntorch_neurons import Kind, Reset, neurons

__all__ = ["RESETS", "module_graph"]

RESETS: dict[int, Reset] = {0: "subtract", 1: "zero", 2: "none"}
"""``reset_mechanism_val`` of a layer of neurons."""

_STATE_FUNCTIONS: dict[str, Reset] = {"_base_sub": "subtract", "_base_zero": "zero"}
"""The update that a layer chose when it was built; any other is ``none``."""


def module_graph(module: Any, order: Sequence[str] | None, output: Read) -> Graph:
    """The float graph of a module of Linear, BatchNorm1d and snnTorch layers.

    Parameters
    ----------
    order : names of the layers in the order in which they run; by default that of definition

    Raises
    ------
    CheckpointError
        If the layers do not form a chain.
    SemanticsError
        If a layer does what no neuron of the library does.
    """
    layers, notes = translate(module, _SNNTORCH, order)
    return chain_graph(layers, type(module).__name__, ("preset snntorch", *notes), output)


def _live(kind: Kind) -> Callable[[str, Any], Sequence[Layer]]:
    def translated(name: str, module: Any) -> Sequence[Layer]:
        for feature in ("inhibition", "state_quant"):
            if getattr(module, feature, False):
                raise SemanticsError(
                    f"layer {name!r} uses {feature}, which no neuron of the library does; train "
                    "without it"
                )
        require_step(name, module.spike_grad, fires_at_zero=False)
        tensors = {
            key: numbers(getattr(module, key))
            for key in ("threshold", "beta", "alpha", "graded_spikes_factor")
            if hasattr(module, key)
        }
        origins = {key: f"{name}.{key}" for key in tensors}
        origins |= {"reset": f"{name}.reset_mechanism_val", "delayed": f"{name}.reset_delay"}
        recurrent = _recurrent(name, module) if kind in ("RLeaky", "RSynaptic") else None
        delayed = bool(module.reset_delay)
        return (neurons(name, kind, tensors, recurrent, _reset(name, module), delayed, origins),)

    return translated


def _reset(name: str, module: Any) -> Reset:
    """What the layer does, which must be what its checkpoint would say."""
    reset = RESETS[int(module.reset_mechanism_val)]
    does = _STATE_FUNCTIONS.get(module.state_function.__name__, "none")
    if does != reset:
        raise SemanticsError(
            f"layer {name!r} must be built with the reset_mechanism that it is used with: it was "
            f"built with {does!r}, and what was loaded or assigned since says {reset!r}, which it "
            f"does only in part; build it with reset_mechanism={reset!r}"
        )
    return reset


def _recurrent(name: str, module: Any) -> Affine:
    part, place = module.recurrent, f"{name}.recurrent"
    if type(part).__name__ == "RecurrentOneToOne":
        return Affine(f"{name}.V", numbers(part.V).reshape(-1))
    translator = {**TORCH, **BREVITAS}.get((package(part), type(part).__name__))
    layers = translator(place, part) if translator else ()
    if len(layers) != 1 or not isinstance(layers[0], Affine):
        raise SemanticsError(
            f"the recurrence {place!r} must be a Linear layer or one-to-one, not a "
            f"{type(part).__name__}; use linear_features or all_to_all=False"
        )
    return layers[0]


_SNNTORCH: Translators = {
    **{("snntorch", kind): _live(cast(Kind, kind)) for kind in get_args(Kind)},
    **BREVITAS,
}

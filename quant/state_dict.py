"""Reads PyTorch ``state_dict`` files: tensors by layer, and nothing that could execute."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import CheckpointError
from spikeloom.quant.modules import numbers

__all__ = ["Tensors", "read"]

Tensors = dict[str, npt.NDArray[np.float64]]
"""One layer's tensors by name, in float64."""


def read(path: Path) -> dict[str, Tensors]:
    """The layers of a ``state_dict`` file by name, in the order in which they were defined.

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
    return _by_layer(state)


def _by_layer(state: Mapping[Any, Any]) -> dict[str, Tensors]:
    layers: dict[str, Tensors] = {}
    for key, value in state.items():
        if not hasattr(value, "detach") or not isinstance(key, str) or "." not in key:
            raise CheckpointError(
                f"a state_dict must map names such as 'fc1.weight' to tensors, not {key!r} to "
                f"{type(value).__name__}; write it with torch.save(model.state_dict(), path)"
            )
        layer, _, name = key.rpartition(".")
        layers.setdefault(layer, {})[name] = numbers(value)
    return layers


def _length(value: Any) -> str:
    return f"{len(value)} entries" if hasattr(value, "__len__") else "no entries"

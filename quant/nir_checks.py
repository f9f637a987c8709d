"""Refuses NIR neurons that a preset's framework cannot have trained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.nir_file import NirNode
from spikeloom.quant.presets import Semantics

__all__ = ["require_known"]

Numbers = Mapping[str, npt.NDArray[np.float64]]
_NONE = np.zeros(1)


def require_known(node: NirNode, numbers: Numbers, semantics: Semantics) -> None:
    """Check v_leak and v_reset, and what else a framework has no counterpart for.

    Raises
    ------
    SemanticsError
        If the framework has no such neuron.
    """
    _require_leak(node, numbers, semantics)
    if "v_threshold" in numbers:
        _require_reset(node, numbers, semantics)


def _require_leak(node: NirNode, numbers: Numbers, semantics: Semantics) -> None:
    leak = numbers.get("v_leak", _NONE)
    if not leak.any():
        return
    first = leak[leak != 0][0]
    has_current = node.type.startswith("Cuba")
    if not semantics.starts_at_leak or (has_current and semantics.current != "jump"):
        raise SemanticsError(
            f"v_leak of node {node.name!r} must be 0 under preset {semantics.name!r}, not "
            f"{first:g}; fold it into the bias before it"
        )
    if semantics.name == "spikingjelly" and semantics.reset == "subtract":
        raise SemanticsError(
            f"v_leak of node {node.name!r} must be 0 under preset 'spikingjelly' with soft reset, "
            f"not {first:g}; choose reset='value'"
        )
    if "v_threshold" not in numbers and np.ptp(leak) > 0:
        raise SemanticsError(
            f"v_leak of the {node.type} node {node.name!r} must be the same for all neurons, whose "
            "membranes are compared; fold it into the bias before it"
        )


def _require_reset(node: NirNode, numbers: Numbers, semantics: Semantics) -> None:
    value = numbers.get("v_reset", _NONE)
    if semantics.name in ("snntorch", "sinabs", "rockpool") and value.any():
        raise SemanticsError(
            f"v_reset of node {node.name!r} must be 0 under preset {semantics.name!r}, which "
            f"resets to zero, not {value[value != 0][0]:g}; choose a preset that resets to a value"
        )
    if semantics.name != "spikingjelly" or semantics.reset != "value" or node.type == "IF":
        return
    start = numbers.get("v_leak", np.zeros_like(value))
    if (value != start).any():
        raise SemanticsError(
            f"v_reset of node {node.name!r} must equal its v_leak under preset 'spikingjelly', "
            f"where membranes start at V_reset, not {value[0]:g} and {start[0]:g}; choose another "
            "preset"
        )

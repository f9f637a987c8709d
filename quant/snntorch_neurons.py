"""snnTorch's neurons as neurons of the library.

With R = H(mem − threshold) before a step, and x the input (weighted spikes of step t−1 included):

========================= ========================================================================
Leaky, RLeaky             mem = β·mem + x, syn = x
Synaptic, RSynaptic       syn = α·syn + x; mem = β·mem + syn
``subtract``              … − R·threshold
``zero``, Leaky           mem = β·(1 − R)·mem + x
``zero``, all others      mem = (1 − R)·(β·mem + syn): that step's input is lost to the membrane
``none``                  nothing
``reset_delay=False``     afterwards mem −= (spike − R)·threshold, or (spike − R)·mem
========================= ========================================================================

Spike if mem > threshold, worth ``graded_spikes_factor``, to the recurrence, too. With ``zero`` and
``reset_delay=False``, R is always 0: a membrane that fired is 0, and any other is not above the
threshold. Read in snnTorch 1.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import LIF, CubaLIF, Neuron
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.graph import REAL
from spikeloom.quant.layers import Affine, Neurons, decay

__all__ = ["Kind", "Reset", "neurons"]

Array = npt.NDArray[np.float64]
Kind = Literal["Leaky", "RLeaky", "Synaptic", "RSynaptic"]
Reset = Literal["subtract", "zero", "none"]


def neurons(
    name: str,
    kind: Kind,
    tensors: Mapping[str, Array],
    recurrent: Affine | None,
    reset: Reset,
    delayed: bool,
    origins: Mapping[str, str],
) -> Neurons:
    """A layer of snnTorch's neurons.

    Parameters
    ----------
    tensors : ``threshold``, ``beta``, and where the layer has them ``alpha`` and
        ``graded_spikes_factor``
    recurrent : weights of an RLeaky or RSynaptic
    delayed : ``reset_delay``

    Raises
    ------
    SemanticsError
        If the layer's own forward pass does not do what its settings say.
    """
    grade = tensors.get("graded_spikes_factor", np.ones(1)).reshape(-1)
    if not grade.all():
        raise SemanticsError(
            f"graded_spikes_factor of {name!r} must not be 0, which silences the layer; remove it "
            "or set the factor to 1"
        )
    if kind == "RSynaptic" and not delayed and reset != "none":
        raise SemanticsError(
            f"the RSynaptic {name!r} must have reset_delay=True: snnTorch's forward pass ignores "
            "False, or fails; construct it with reset_delay=True, which is what it computes"
        )
    parameters, clamped = _decays(tensors)
    leak, beta = decay(parameters["beta"])
    settings = {"threshold": tensors["threshold"], **beta}
    neuron: Neuron
    match reset:
        case "subtract":
            neuron = LIF(REAL, leak, strict=True, delayed=delayed, lowered=not delayed)
        case "zero":
            drops = delayed and kind != "Leaky"
            neuron = LIF(REAL, leak, "value", strict=True, delayed=delayed, drop_input=drops)
            settings["reset_value"] = np.zeros(1)
        case "none":
            neuron = LIF(REAL, leak, "none", strict=True)
    if "alpha" in parameters:
        synapse, alpha = decay(parameters["alpha"], "alpha")
        neuron, settings = CubaLIF(REAL, synapse, neuron), {**alpha, **settings}
    return Neurons(
        name,
        neuron,
        settings,
        grade=grade,
        recurrent=recurrent,
        origins={k: v + clamped.get(k, "") for k, v in origins.items()},
    )


def _decays(tensors: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, str]]:
    """The decays as the forward pass clamps them, and what to say where it does."""
    decays = {k: tensors[k] for k in ("alpha", "beta") if k in tensors}
    clamped = {k: np.clip(v, 0, 1) for k, v in decays.items()}
    moved = {
        k: f", clamped from {v.reshape(-1)[np.abs(v - clamped[k]).argmax()]:g} to [0, 1] as in the "
        "forward pass"
        for k, v in decays.items()
        if (v != clamped[k]).any() and np.isfinite(v).all()
    }
    return clamped, moved

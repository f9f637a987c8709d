"""Loads a trained network, whatever its file is, with its exact semantics."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any, Literal

from spikeloom.hls_model import Network
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant import (
    hdf5,
    net_file,
    net_import,
    nir_file,
    nir_import,
    norse_modules,
    sinabs_modules,
    snntorch_checkpoint,
    snntorch_modules,
    spikingjelly_modules,
    state_dict,
)
from spikeloom.quant.graph import Graph
from spikeloom.quant.modules import packages
from spikeloom.quant.presets import PRESETS, Semantics, resolve

__all__ = ["load"]


def load(
    source: Any,
    *,
    preset: str | None = None,
    dt: float | None = None,
    output: Literal["auto", "events", "membrane"] = "auto",
    layers: Sequence[str] | None = None,
    **options: Any,
) -> Graph | Network:
    """Load a checkpoint or a live module as a float graph with exact semantics.

    A ``.net`` file of lava-dl holds integers: it becomes the integer network itself. A ``.npz``
    that :meth:`Network.save <spikeloom.hls_model.Network.save>` wrote is one.

    Parameters
    ----------
    source
        Path of a ``.nir`` file, of lava-dl's ``.net``, of an integer network (``.npz``), or of the
        ``state_dict`` of an snnTorch network; or a module of snnTorch, SpikingJelly, Norse or
        sinabs layers itself, with Linear, BatchNorm1d and Brevitas's QuantLinear layers between.
    preset
        Whose behaviour the neurons have, one of :data:`~spikeloom.quant.presets.PRESETS`, with
        options after a colon (``"snntorch:reset=zero"``). Required for ``.nir`` files, which hold
        no reset mode, and for a ``state_dict``, which holds no ``reset_delay``. A module states
        everything itself.
    dt
        Seconds of one step; required for ``.nir`` files, which hold time constants (those of sinabs
        count steps: there it is 1).
    output
        What the network delivers: the ``events`` of its last population, or its last ``membrane``;
        ``auto`` reads the membrane of a population that never resets, otherwise events.
    layers
        Names of a module's or ``state_dict``'s layers in the order in which they run; needed where
        that is not the order in which they were defined.
    options
        Of the preset: ``reset`` and ``reset_delay`` (snntorch), ``current`` (norse), ``reset``
        (spikingjelly), ``spikes``, ``reset``, ``min_v`` and ``norm_input`` (sinabs), ``bias``
        (rockpool).

    Raises
    ------
    CheckpointError
        If the file cannot be read or is not what it should be.
    SemanticsError
        If something needed is not stated, or the network does what no neuron of the library does.
    ArtefactError
        If an integer network is damaged, or of another version of the contract.
    """
    if output not in ("auto", "events", "membrane"):
        raise SemanticsError(f"output must be 'auto', 'events' or 'membrane', not {output!r}")
    if hasattr(source, "state_dict") and hasattr(source, "named_modules"):
        return _module(source, preset, options, layers, output)
    if not isinstance(source, str | os.PathLike):
        raise CheckpointError(
            f"a checkpoint must be a path or a module of PyTorch, not a {type(source).__name__}; "
            "save it first"
        )
    path = Path(source)
    if path.suffix == ".npz":
        if preset is not None or dt is not None or output != "auto" or layers or options:
            raise SemanticsError(
                f"{path} is an integer network, which states everything itself; leave out preset, "
                "dt and all other options"
            )
        return Network.load(path)
    if _is_hdf5(path):
        return _hdf5(path, preset, dt, output, options)
    stated = _snntorch(preset, options)
    return snntorch_checkpoint.state_dict_graph(
        state_dict.read(path), path.name, stated, layers, output
    )


def _is_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(len(hdf5.SIGNATURE))
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint {path} cannot be read: {error.strerror or error}; check its path"
        ) from error
    if not start:
        raise CheckpointError(f"the checkpoint {path} must not be empty; export it again")
    return start == hdf5.SIGNATURE or path.suffix in (".nir", ".net")


def _hdf5(
    path: Path, preset: str | None, dt: float | None, output: str, options: dict[str, Any]
) -> Graph | Network:
    if net_file.is_net(path):
        semantics = resolve(preset or "lava", options)
        if semantics.name != "lava":
            raise SemanticsError(
                f"{path} is of lava-dl and must have the preset 'lava', not {semantics.name!r}; "
                "leave it out"
            )
        return net_import.to_network(net_file.read(path), path, output)
    semantics = _nir_semantics(path, preset, options)
    if semantics.name == "sinabs" and dt is None:
        dt = 1.0
    if dt is None or not 0 < dt < inf:
        raise SemanticsError(
            f"{path} holds time constants in seconds but no step; state dt, in seconds, as a "
            f"positive number (--dt 1e-4), not {dt}"
        )
    return nir_import.to_graph(nir_file.read(path), path, semantics, float(dt), output)


def _nir_semantics(path: Path, preset: str | None, options: dict[str, Any]) -> Semantics:
    if preset is None:
        raise SemanticsError(
            f"{path} does not hold how its neurons reset; name the framework that trained it with "
            f"preset, one of {[p for p in PRESETS if p != 'lava']}"
        )
    return resolve(preset, options)


_MODULES = {
    "snntorch": snntorch_modules.module_graph,
    "spikingjelly": spikingjelly_modules.module_graph,
    "norse": norse_modules.module_graph,
    "sinabs": sinabs_modules.module_graph,
}
"""Importers of live modules, by the package of their neurons and the name of their preset."""


def _module(
    module: Any,
    preset: str | None,
    options: dict[str, Any],
    layers: Sequence[str] | None,
    output: Literal["auto", "events", "membrane"],
) -> Graph:
    name = type(module).__name__
    frameworks = sorted(packages(module) & _MODULES.keys())
    if len(frameworks) != 1:
        found = " and ".join(frameworks) or "none of them"
        raise SemanticsError(
            f"the module {name} must have neurons of exactly one of {list(_MODULES)}, not of "
            f"{found}; export the network as .nir"
        )
    stated = [k for k, v in options.items() if v is not None]
    if preset not in (None, frameworks[0]) or stated:
        raise SemanticsError(
            f"a module states its behaviour itself: the preset of {name} can only be "
            f"{frameworks[0]!r}, without options, not {preset!r} with {stated or 'none'}; leave "
            "them out"
        )
    return _MODULES[frameworks[0]](module, layers, output)


def _snntorch(preset: str | None, options: dict[str, Any]) -> Semantics | None:
    if preset is None and not any(v is not None for v in options.values()):
        return None
    semantics = resolve(preset or "snntorch", options)
    if semantics.name != "snntorch":
        raise SemanticsError(
            f"a state_dict must have the preset 'snntorch', not {semantics.name!r}: neurons of "
            "other frameworks leave no trace in it; load the module itself, or export the network "
            "as .nir"
        )
    return semantics

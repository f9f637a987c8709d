"""What the stage ``import`` made: a float graph, or an integer network that needs no quantizing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeloom.flow.files import UNREADABLE, read_arrays
from spikeloom.flow.graph_file import load_graph, save_graph
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.hls_model.network import Network
from spikeloom.quant.explain import assumptions
from spikeloom.quant.graph import Graph

if TYPE_CHECKING:
    from spikeloom.flow.settings import Settings

__all__ = ["load_imported", "require_no_options", "save_imported", "taken_over"]


def save_imported(imported: Graph | Network, path: Path) -> None:
    """Write a graph or a network to ``path``, whole or not at all."""
    if isinstance(imported, Network):
        imported.save(path)
    else:
        save_graph(imported, path)


def load_imported(path: Path) -> Graph | Network:
    """Read what :func:`save_imported` wrote.

    Raises
    ------
    ArtefactError
        If the file is missing, damaged or foreign.
    """
    return Network.load(path) if _holds_network(path) else load_graph(path)


def _holds_network(path: Path) -> bool:
    try:
        header = json.loads(str(read_arrays(path)["header"]))
    except (*UNREADABLE, KeyError):
        return False
    return isinstance(header, dict) and header.get("format") == "spikeloom network"


def require_no_options(settings: Settings) -> None:
    """Refuse options of a quantization that integers have no use for.

    Raises
    ------
    SemanticsError
        If one is given.
    """
    for name, value in settings.of_quantization.items():
        raise SemanticsError(
            f"{name} must not be stated for {settings.checkpoint}, whose weights already are "
            f"integers, not {value}; leave it out"
        )


def taken_over(network: Network) -> dict[str, Any]:
    """The record of a quantization that changed nothing."""
    return {"calibration": {"float_accuracy": None}, "assumptions": list(assumptions(network))}

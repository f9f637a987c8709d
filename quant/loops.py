"""Finds which edges of a cyclic graph of neurons go back, so that they take a step."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping

from spikeloom.hls_model.errors import SemanticsError

__all__ = ["feedback"]

Edge = tuple[str, str]


def feedback(edges: Mapping[Edge, int], inputs: Iterable[str], where: str) -> set[Edge]:
    """The edges that end at the first neuron of a loop, in which nothing else delays.

    The first neuron of a loop is the one that everything from the inputs passes before it reaches
    the loop's other neurons: the edge's target dominates its source. That depends on no order in
    which a file lists nodes or edges.

    Parameters
    ----------
    edges : (source, target) to the delay in steps, the shortest if there are several
    where : names the graph in errors

    Raises
    ------
    SemanticsError
        If a loop can be entered at several neurons, so that none of its edges must be the one.
    """
    immediate = [edge for edge, delay in edges.items() if delay == 0]
    inputs = list(inputs)
    back = {
        (source, target)
        for source, target in immediate
        if source == target
        or (
            source in _reached([target], immediate)
            and source in _reached(inputs, edges)
            and source not in _reached(inputs, edges, without=target)
        )
    }
    ahead: dict[str, set[str]] = {}
    for source, target in immediate:
        if (source, target) not in back:
            ahead.setdefault(target, set()).add(source)
    try:
        graphlib.TopologicalSorter(ahead).prepare()
    except graphlib.CycleError as error:
        raise SemanticsError(
            f"neurons of {where} must not form a loop that can be entered at several of them, as "
            f"{' → '.join(error.args[1])} do: no step order follows from it; put a Delay of one "
            "step on the edge that goes back"
        ) from None
    return back


def _reached(starts: Iterable[str], edges: Iterable[Edge], without: str | None = None) -> set[str]:
    """Nodes that can be reached from ``starts``, themselves included."""
    after: dict[str, list[str]] = {}
    for source, target in edges:
        after.setdefault(source, []).append(target)
    found: set[str] = set()
    ahead = [s for s in starts if s != without]
    while ahead:
        node = ahead.pop()
        if node not in found and node != without:
            found.add(node)
            ahead += after.get(node, [])
    return found

"""What reaches a NIR graph's neurons through the stateless nodes between them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.nir_file import NEURONS, PORT, NirGraph, NirNode

__all__ = ["Route", "Signal", "Signals"]

Array = npt.NDArray[np.float64]

_NONE: Array = np.zeros(1)
_PASSING = ("Flatten", PORT)

_LONGEST = 200
"""Nodes in a row that are followed back without meeting a size or a neuron."""


@dataclass(frozen=True, eq=False)
class Route:
    """What a source contributes through the stateless nodes between: matrix @ events.

    ``matrix`` [size, source size] is ``None`` where events pass unchanged; ``delay`` in steps.
    """

    source: str
    size: int
    matrix: Array | None = None
    delay: int = 0
    origin: str = "no weights: events count 1"

    def through(self, weight: Array, origin: str) -> Route:
        matrix = weight if self.matrix is None else weight @ self.matrix
        return dataclasses.replace(self, size=len(weight), matrix=matrix, origin=origin)

    def scaled(self, scale: Array, origin: str) -> Route:
        matrix = np.eye(self.size) if self.matrix is None else self.matrix
        return dataclasses.replace(self, matrix=scale[:, None] * matrix, origin=origin)


@dataclass(frozen=True, eq=False)
class Signal:
    """What comes along one edge: routes from neurons and inputs, and a constant [1 or size]."""

    routes: tuple[Route, ...]
    constant: Array

    @property
    def size(self) -> int:
        return self.routes[0].size


class Signals:
    """Follows the edges of ``nir`` back to inputs and neurons; ``dt`` in seconds."""

    def __init__(self, nir: NirGraph, path: Path, dt: float) -> None:
        self.nir = nir
        self.path = path
        self.dt = dt

    def into(self, node: NirNode, below: tuple[str, ...] = ()) -> list[Signal]:
        """What each edge into a node brings.

        Raises
        ------
        CheckpointError
            If there is none, or shapes contradict each other.
        SemanticsError
            If stateless nodes form a cycle, or a delay is no multiple of the step.
        """
        signals = [self._from(name, below) for name in self.nir.into(node.name)]
        if not signals:
            raise CheckpointError(
                f"node {node.name!r} of {self.path} must be fed by another node; connect or "
                "remove it"
            )
        return signals

    def size(self, name: str, below: tuple[str, ...] = ()) -> int:
        """Values that a node delivers."""
        node = self.nir.nodes[name]
        if node.type == "Input":
            return int(np.prod(node["shape"]))
        if "weight" in node.arrays:
            return len(np.atleast_1d(node["weight"]))
        own = self._own_size(node)
        if own > 1 or name in below:
            return own
        self._require_short(name, below)
        return max((self.size(s, (*below, name)) for s in self.nir.into(name)), default=1)

    def _own_size(self, node: NirNode) -> int:
        """Values that a node's parameters are for; 1 if they leave it open."""
        keys = [k for k in (*NEURONS.get(node.type, ()), "scale", "delay") if k in node.arrays]
        sizes = {k: node[k].size for k in keys if node[k].size != 1}
        if len(set(sizes.values())) > 1:
            raise CheckpointError(
                f"parameters of node {node.name!r} must hold as many numbers each, not {sizes}; "
                "export the graph again"
            )
        return next(iter(sizes.values()), 1)

    def _from(self, name: str, below: tuple[str, ...]) -> Signal:
        """What a node delivers."""
        node = self.nir.nodes[name]
        if name in below:
            raise SemanticsError(
                f"nodes of {self.path} must not form a cycle without neurons, as "
                f"{' → '.join((*below[below.index(name) :], name))} do; remove an edge"
            )
        if node.type == "Input" or node.type in NEURONS:
            return Signal((Route(name, self.size(name)),), _NONE)
        self._require_short(name, below)
        received = self.into(node, (*below, name))
        constant = _NONE
        for signal in received:
            constant = constant + signal.constant
        together = Signal(tuple(r for s in received for r in s.routes), constant)
        match node.type:
            case "Linear" | "Affine":
                return self._weigh(node, together)
            case "Scale":
                return self._scale(node, together)
            case "Delay":
                return self._delay(node, together)
            case _ if node.type in _PASSING:
                return together
        raise CheckpointError(
            f"the {node.type} {name!r} of {self.path} must not feed another node; remove the edge"
        )

    def _weigh(self, node: NirNode, signal: Signal) -> Signal:
        """Behind a Linear or Affine node."""
        weight = node["weight"]
        if weight.ndim != 2:
            raise CheckpointError(
                f"the weight of node {node.name!r} must be a matrix [target, source], not "
                f"{weight.shape}; export the graph again"
            )
        self._require_size(node, weight.shape[1], signal)
        bias = node.arrays.get("bias", _NONE).reshape(-1)
        if bias.size not in (1, weight.shape[0]):
            raise CheckpointError(
                f"the bias of node {node.name!r} must hold {weight.shape[0]} numbers, not "
                f"{bias.size}; export the graph again"
            )
        if signal.constant.any():
            bias = bias + weight @ np.broadcast_to(signal.constant, weight.shape[1])
        origin = f"{self.path.name}: weight of {node.name}"
        return Signal(tuple(r.through(weight, origin) for r in signal.routes), bias)

    def _scale(self, node: NirNode, signal: Signal) -> Signal:
        scale = self._values(node, "scale", signal)
        origin = f"{self.path.name}: scale of {node.name}"
        routes = tuple(
            r.scaled(scale, f"{r.origin}, {origin}" if r.matrix is not None else origin)
            for r in signal.routes
        )
        return Signal(routes, signal.constant * scale)

    def _delay(self, node: NirNode, signal: Signal) -> Signal:
        """Values that are delayed differently take routes of their own."""
        steps = self._values(node, "delay", signal) / self.dt
        near = np.rint(steps)
        wrong = ~((steps >= 0) & (np.abs(steps - near) <= 1e-4 * np.maximum(near, 1)))
        if wrong.any():
            raise SemanticsError(
                f"the delay of node {node.name!r} must be a multiple of dt = {self.dt:g} s, not "
                f"{steps[wrong][0] * self.dt:g} s; choose a dt that divides it, or round it "
                "before saving"
            )
        if (np.broadcast_to(signal.constant, near.shape) * near).any():
            raise SemanticsError(
                f"a bias must not pass the Delay {node.name!r}, as it does: it would start late; "
                "move it behind the Delay"
            )
        routes = []
        for delay in np.unique(near):
            masked = (near == delay).astype(np.float64)
            for route in signal.routes:
                part = route if masked.all() else route.scaled(masked, route.origin)
                routes.append(dataclasses.replace(part, delay=route.delay + int(delay)))
        return Signal(tuple(routes), signal.constant)

    def _values(self, node: NirNode, key: str, signal: Signal) -> Array:
        """A parameter of a node that acts on each value alone."""
        values = node[key].reshape(-1)
        size = values.size if values.size > 1 else signal.size
        self._require_size(node, size, signal)
        if not np.isfinite(values).all():
            raise CheckpointError(
                f"{key} of node {node.name!r} must be finite, not "
                f"{values[~np.isfinite(values)][0]}; go back to an earlier checkpoint"
            )
        return np.broadcast_to(values, size).astype(np.float64)

    def _require_short(self, name: str, below: tuple[str, ...]) -> None:
        if len(below) >= _LONGEST:
            raise CheckpointError(
                f"nodes of {self.path} must not follow each other {_LONGEST} times without neurons "
                f"of a stated size, as they do up to {name!r}; merge them before saving"
            )

    def _require_size(self, node: NirNode, size: int, signal: Signal) -> None:
        for route in signal.routes:
            if route.size != size:
                raise CheckpointError(
                    f"node {node.name!r} takes {size} values, but {route.source!r} delivers "
                    f"{route.size}; check the edges of {self.path}"
                )

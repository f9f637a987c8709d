"""What a build reached: resources, timing, and which tools did it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloom.hls_model.errors import ArtefactError, ToolError

__all__ = ["BuildResult", "CriticalPath", "early_register", "read_timing"]

_TOO_EARLY = re.compile(
    r"violation for clock .*\n(?:Info: .*\n)*?Info: +hold +\S+ +(-\d\S*) Source (\S+)"
)
"""What nextpnr lists as a hold violation and what is one by its own sum: that of block RAMs of
Gowin is not, since nextpnr 0.11 requires the hold time several times over (its issue 1803)."""


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The slowest path between two registers.

    Attributes
    ----------
    start, end : str
        ``cell.port`` of the register that launches and of the one that captures.
    nets : tuple of str
        The nets in between, in order.
    delay_ns, routing_ns : float
        All of it, setup included, and the part spent in wires.
    """

    start: str
    end: str
    nets: tuple[str, ...]
    delay_ns: float
    routing_ns: float

    def __str__(self) -> str:
        return (
            f"from {self.start} to {self.end}, {self.delay_ns:.2f} ns "
            f"({self.routing_ns:.2f} ns in wires)"
        )


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A finished build.

    Attributes
    ----------
    board, device : str
    resources : dict
        ``lut4 ff carry bram spram dsp``, each ``{"used": n, "available": m}``. ``lut4`` counts
        occupied table sites after packing (logic, carry, distributed RAM, route-through); a carry
        cell is also counted in ``carry``.
    fmax_mhz : float
        Highest clock of the ``sync`` domain, after routing.
    target_mhz, clock_mhz : float
        The clock that was asked for and the one that the board makes, never above it.
    bitstream : str
        File name in the output folder.
    seconds : dict
        Per step: ``elaborate``, ``synthesise``, ``route``, ``pack``.
    tools : dict
        Tool name → version.
    seed : int
        Of nextpnr.
    critical_path : CriticalPath
    """

    board: str
    device: str
    resources: dict[str, dict[str, int]]
    fmax_mhz: float
    target_mhz: float
    clock_mhz: float
    bitstream: str
    seconds: dict[str, float]
    tools: dict[str, str]
    seed: int
    critical_path: CriticalPath

    @property
    def meets_timing(self) -> bool:
        """Whether the board's clock is one that the routed design can run at."""
        return self.fmax_mhz >= self.clock_mhz

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, numbers and strings, for JSON."""
        result: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return result

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BuildResult:
        """The inverse of :meth:`to_dict`.

        Raises
        ------
        ArtefactError
            If ``values`` does not hold exactly the fields of a result.
        """
        try:
            path = dict(values["critical_path"])
            path["nets"] = tuple(path["nets"])
            return cls(**{**values, "critical_path": CriticalPath(**path)})
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"not a build result: {error}") from error


def read_timing(report: Path) -> tuple[float, CriticalPath, dict[str, int]]:
    """Fmax in MHz of the slowest clock, its critical path and the used sites by type.

    Raises
    ------
    ToolError
        If ``report`` is not a report of nextpnr with at least one clock.
    """
    try:
        content = json.loads(report.read_text())
        clock, figures = min(content["fmax"].items(), key=lambda item: item[1]["achieved"])
        edges = {f"posedge {clock}", f"negedge {clock}"}
        path = next(
            path["path"] for path in content["critical_paths"]
            if path["from"] in edges and path["to"] in edges
        )
        used = {name: sites["used"] for name, sites in content["utilization"].items()}
        return figures["achieved"], _critical_path(path), used
    except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration) as error:
        raise ToolError(f"nextpnr's report {report.name} names no clock: {error!r}") from error


def early_register(log: str) -> tuple[str, float] | None:
    """The register of which nextpnr's ``log`` says first that its input changes before it is taken,
    and by how many ns; None if there is none."""
    found = _TOO_EARLY.search(log)
    return None if found is None else (found[2], -float(found[1]))


def _critical_path(segments: list[dict[str, Any]]) -> CriticalPath:
    first, last = segments[0]["from"], segments[-1]["to"]
    return CriticalPath(
        start=f"{first['cell']}.{first['port']}",
        end=f"{last['cell']}.{last['port']}",
        nets=tuple(segment["net"] for segment in segments if "net" in segment),
        delay_ns=round(sum(segment["delay"] for segment in segments), 3),
        routing_ns=round(sum(s["delay"] for s in segments if s["type"] == "routing"), 3),
    )

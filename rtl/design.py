"""A generated design: a network, and how each population is built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import Any

from spikeloom.hls_model.network import Network
from spikeloom.rtl.estimate import estimate, link_estimate, total
from spikeloom.rtl.families import Family
from spikeloom.rtl.network import NetworkCores, input_layouts
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.timing import Events, token_cycles
from spikeloom.rtl.verilog import to_verilog

__all__ = ["Design"]


@dataclass(frozen=True)
class Design:
    """A network with a plan for each of its cores.

    Attributes
    ----------
    plans : by population, in the network's order
    target_mhz : the clock that pipelines are cut for
    """

    network: Network
    family: Family
    target_mhz: float
    plans: dict[str, CorePlan]

    def __post_init__(self) -> None:
        # Whoever finds out later has created hardware that is then left unused.
        input_layouts(self.network, self.plans)

    def cores(self) -> NetworkCores:
        """A fresh elaboratable of the network."""
        return NetworkCores(self.network, self.plans)

    def verilog(self, name: str = "spikeloom") -> str:
        """Verilog with event streams ``i_<input>`` and ``o`` as ports."""
        return to_verilog(self.cores(), name)

    def estimate(self, events: Iterable[Events] = ()) -> dict[str, float | None]:
        """What the cores and a host link are expected to take of a device, and the mean cycles of
        samples with such ``events`` (see :func:`.timing.token_cycles`); None without samples."""
        loads = any(plan.is_loadable for plan in self.plans.values())
        link = link_estimate(self.family, loads)
        needed = total([*map(estimate, self.plans.values()), link])
        cycles = [token_cycles(self.plans, sample) for sample in events]
        return {
            "lut4": needed.luts,
            "lutram": needed.lut_rams,
            "bram": needed.blocks,
            "spram": needed.sprams,
            "dsp": ceil(needed.multipliers),
            "cycles_per_sample": fmean(cycles) if cycles else None,
        }

    def as_dict(self) -> dict[str, Any]:
        return {
            "family": self.family.name,
            "target_mhz": self.target_mhz,
            "cores": [plan.as_dict() for plan in self.plans.values()],
        }

"""A generated design: a network, and how each population is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikeloom.hls_model.network import Network
from spikeloom.rtl.families import Family
from spikeloom.rtl.network import NetworkCores
from spikeloom.rtl.plan import CorePlan
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

    def cores(self) -> NetworkCores:
        """A fresh elaboratable of the network."""
        return NetworkCores(self.network, self.plans)

    def verilog(self, name: str = "spikeloom") -> str:
        """Verilog with event streams ``i_<input>`` and ``o`` as ports."""
        return to_verilog(self.cores(), name)

    def as_dict(self) -> dict[str, Any]:
        return {
            "family": self.family.name,
            "target_mhz": self.target_mhz,
            "cores": [plan.as_dict() for plan in self.plans.values()],
        }

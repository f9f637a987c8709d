"""The fewest cycles that a design's cores need for the events they process, and who sets them.

A core with L lanes takes ⌈N/L⌉ cycles per arriving event (its weight memory delivers one row part
per cycle), or per two of them where it takes two at a time, and ⌈N/U⌉ per step for its sweep. Cores
run concurrently, so the slowest of them bounds a sample. Where a core's sweeps run beside its
events, as with one slot, the larger of the two numbers bounds it; their sum is what a core needs
that does one after the other.

Where events come over the host link, its bytes bound the samples per second as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spikeloom.hls_model.network import EVENTS, Network
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.protocol import MAX_BODY, OVERHEAD
from spikeloom.rtl.tokens import TokenFormat

__all__ = ["CoreBound", "LinkBytes", "Roofline", "link_bytes", "roofline"]


@dataclass(frozen=True)
class CoreBound:
    """What one core cannot do without, in cycles per sample.

    Attributes
    ----------
    events : that arrive
    memory : cycles in which its weight memory is read
    sweep : cycles in which its neuron pipelines take neurons
    """

    population: str
    events: float
    memory: float
    sweep: float

    @property
    def overlapped(self) -> float:
        return max(self.memory, self.sweep)

    @property
    def serial(self) -> float:
        return self.memory + self.sweep


@dataclass(frozen=True)
class LinkBytes:
    """What a sample takes of the host link, which carries both directions at once.

    Attributes
    ----------
    received : bytes per sample from the host to the board, frames included
    sent : the same from the board to the host
    """

    received: float
    sent: float

    def seconds(self, baud: int) -> float:
        """Of the slower direction: a byte is ten bits long."""
        return 10 * max(self.received, self.sent) / baud


@dataclass(frozen=True)
class Roofline:
    """A design's bound and what it reached, per sample.

    Attributes
    ----------
    cycles : measured in the RTL, a sample alone
    operations : synaptic operations counted by event: one per event and target neuron
    dense_operations : the same if every source sent an event in every step
    link : None: several inputs or outputs, which no link carries
    """

    cores: tuple[CoreBound, ...]
    cycles: float
    operations: float
    dense_operations: float
    link: LinkBytes | None

    @property
    def slowest(self) -> CoreBound:
        return max(self.cores, key=lambda core: core.overlapped)

    @property
    def serial_cycles(self) -> float:
        """Bound of a design whose cores sweep when they have accumulated: the usual roofline."""
        return max(core.serial for core in self.cores)

    @property
    def limit(self) -> str:
        """Which part of which core sets the bound."""
        core = self.slowest
        part = "weight memory" if core.memory >= core.sweep else "sweep"
        return f"{part} of {core.population}"

    def as_dict(self) -> dict[str, Any]:
        """Plain Python values."""
        return {
            "cores": [
                asdict(c) | {"overlapped": c.overlapped, "serial": c.serial} for c in self.cores
            ],
            "cycles": self.cycles,
            "overlapped_cycles": self.slowest.overlapped,
            "serial_cycles": self.serial_cycles,
            "ratio": self.cycles / self.serial_cycles,
            "overlapped_ratio": self.cycles / self.slowest.overlapped,
            "limit": self.limit,
            "operations": self.operations,
            "dense_operations": self.dense_operations,
            "operations_per_cycle": self.operations / self.cycles,
            "link_bytes": self.link and asdict(self.link),
        }


def roofline(
    plans: Mapping[str, CorePlan], events: Mapping[str, Any], cycles: float
) -> Roofline:
    """The bound of a design on measured events.

    Parameters
    ----------
    events : mean events of each input and population, [steps]
    cycles : mean cycles of a sample that runs alone
    """
    steps = len(next(iter(events.values())))
    cores, operations, dense = [], 0.0, 0.0
    for name, plan in plans.items():
        # What is delayed past the sample's end never arrives.
        arriving = {
            (source, delay): sum(events[source][: max(steps - delay, 0)])
            for source, delay in plan.sources
        }
        total = float(sum(arriving.values()))
        read = total * plan.slots / plan.events_per_cycle
        cores.append(CoreBound(name, total, read, float(steps * plan.sweep)))
        for projection in plan.projections:
            sent = arriving[projection.source, projection.delay]
            operations += sent * plan.size
            dense += max(steps - projection.delay, 0) * projection.weights.size
    network = next(iter(plans.values())).network
    return Roofline(tuple(cores), cycles, operations, dense, link_bytes(network, events))


def link_bytes(network: Network, events: Mapping[str, Any]) -> LinkBytes | None:
    """The bytes that the host link carries per sample, at most; None if it takes no such network.

    Parameters
    ----------
    events : mean events of each input and population, [steps]
    """
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        return None
    (input,), (output,) = network.inputs, network.outputs
    population = network.population(output.population)
    if output.source == EVENTS:
        carried = TokenFormat(population.size, network.event_range(population.name))
        leaving = events[population.name]
    else:
        carried = TokenFormat(population.size, population.neuron.states()[output.source])
        leaving = [0.0] * (len(events[population.name]) - 1) + [float(population.size)]
    arriving = TokenFormat(input.size, network.event_range(input.name))
    return LinkBytes(_framed(arriving, events[input.name]), _framed(carried, leaving))


def _framed(format: TokenFormat, events: Iterable[float]) -> float:
    return sum(map(format.step_bytes, events)) * (1 + OVERHEAD / MAX_BODY)

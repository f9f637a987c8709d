"""A population as its network defines it: what it hears, and what it emits."""

from dataclasses import dataclass
from functools import cached_property

from spikeloom.hls_model.network import EVENTS, Network, Output, Projection
from spikeloom.hls_model.ranges import BOOL, Range

__all__ = ["PopulationInNetwork"]


@dataclass(frozen=True)
class PopulationInNetwork:
    """All that follows for a population's core from the network, whatever its knobs."""

    network: Network
    population: str

    @property
    def size(self) -> int:
        return self.network.population(self.population).size

    @property
    def projections(self) -> tuple[Projection, ...]:
        return self.network.into(self.population)

    @property
    def ports(self) -> tuple[str, ...]:
        return self.network.population(self.population).neuron.ports

    @cached_property
    def sources(self) -> tuple[tuple[str, int], ...]:
        """Name and delay of the streams that arrive, in the order of their weight rows: first
        those of held inputs."""
        streams = dict.fromkeys((p.source, p.delay) for p in self.projections)
        return tuple(sorted(streams, key=lambda stream: not self.is_held(stream[0])))

    def is_held(self, source: str) -> bool:
        """Whether a source is an input that sends its events once per sample."""
        return any(i.held and i.name == source for i in self.network.inputs)

    @cached_property
    def held_count(self) -> int:
        """Addresses of held inputs, which come before all others."""
        return sum(self.network.node(name).size for name, _ in self.sources if self.is_held(name))

    @property
    def keeps_sums(self) -> bool:
        """Whether what held inputs contribute is kept beside the sums of each step: other sources
        add to these. Without others, the sums themselves stay."""
        return 0 < self.held_count < self.source_count

    @property
    def marker(self) -> str | None:
        """Where every projection has a delay, the input whose ends of steps, but no events, come
        without: they say where a sample ends."""
        return self.network.inputs[0].name if all(p.delay for p in self.projections) else None

    @property
    def shares_a_source(self) -> bool:
        """Whether others, too, wait for events that this one must take first."""
        return any(
            len({(p.target, p.delay) for p in self.network.out_of(name)}) > 1
            for name, _ in self.sources
        )

    def offset(self, source: str, delay: int) -> int:
        """Index of a stream's first row among the rows of all streams."""
        before = self.sources[: self.sources.index((source, delay))]
        return sum(self.network.node(name).size for name, _ in before)

    @cached_property
    def source_count(self) -> int:
        return sum(self.network.node(name).size for name, _ in self.sources)

    @cached_property
    def weight_bits(self) -> int:
        return max(p.bits for p in self.projections)

    @cached_property
    def source_range(self) -> Range:
        """Values that arriving events carry."""
        ranges = [self.network.event_range(name) for name, _ in self.sources]
        result = BOOL
        for range in ranges:
            result |= range
        return result

    @property
    def is_graded(self) -> bool:
        """Whether weights are multiplied by event values."""
        return self.source_range != BOOL

    @cached_property
    def event_range(self) -> Range:
        return self.network.event_range(self.population)

    @property
    def emits_events(self) -> bool:
        """Whether anything listens to this population's events."""
        is_output = Output(self.population) in self.network.outputs
        return is_output or bool(self.network.out_of(self.population))

    @property
    def readout(self) -> str | None:
        """The state word that leaves at a sample's last step, if it is one of the outputs."""
        outputs = (o for o in self.network.outputs if o.population == self.population)
        return next((o.source for o in outputs if o.source != EVENTS), None)

    @property
    def emitted(self) -> dict[str, Range]:
        """What leaves the core, ``events`` or a state word, with its values' range."""
        emitted = {EVENTS: self.event_range} if self.emits_events else {}
        if self.readout is not None:
            states = self.network.population(self.population).neuron.states()
            emitted[self.readout] = states[self.readout]
        return emitted

"""A whole network in hardware: a core per population, joined by event streams."""

from collections.abc import Mapping

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.hls_model.errors import FitError
from spikeloom.hls_model.network import EVENTS, Network, Output
from spikeloom.rtl.core import Core
from spikeloom.rtl.events import EventLayout, PairLayout, token_layout
from spikeloom.rtl.loading import ImageLayout
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.streams import EventQueue, Fork, Merge, Source

__all__ = ["NetworkCores", "input_layouts"]


def input_layouts(
    network: Network, plans: Mapping[str, CorePlan]
) -> dict[str, EventLayout | PairLayout]:
    """The tokens of each input.

    Raises
    ------
    FitError
        If some of an input's populations take two events per cycle and others do not.
    """
    layouts = {}
    for i in network.inputs:
        found = {plans[p.target].events_per_cycle for p in network.out_of(i.name)}
        if len(found) > 1:
            raise FitError(
                f"all populations that hear input {i.name!r} must take as many events per cycle, "
                f"not {' and '.join(map(str, sorted(found)))}; give them the same events_per_cycle"
            )
        per_cycle = max(found, default=1)
        layouts[i.name] = token_layout(i.size, network.event_range(i.name), per_cycle)
    return layouts


class NetworkCores(wiring.Component):
    """The cores of a network, running concurrently on different steps.

    A population's queue holds ``plan.input_queue`` tokens, or all events of a step for each step
    of a projection's delay: recurrent loops never deadlock.

    Members
    -------
    i_<input> : In, events of each input, in pairs where its populations take two per cycle
    o : Out, the output population's events, or its readout at a sample's last step; a token ends
        each step
    o_<population>, o_<population>_<state> : Out, the same for each of the network's taps
    load : In, words for the cores' weight memories; only if some are loadable
    """

    def __init__(self, network: Network, plans: dict[str, CorePlan]):
        self._network = network
        self._plans = plans
        self.cores = {name: Core(plan) for name, plan in plans.items()}
        self.image = ImageLayout(plans)
        super().__init__(
            {f"i_{name}": In(stream.Signature(layout))
             for name, layout in input_layouts(network, plans).items()}
            | {name: Out(stream.Signature(self._layout(output)))
               for name, output in self.outputs.items()}
            | ({"load": In(self.image)} if self.image.plans else {})
        )

    @property
    def outputs(self) -> dict[str, Output]:
        """The outputs by the names of their streams."""
        taps = {
            f"o_{t.population}" + (f"_{t.source}" if t.source != EVENTS else ""): t
            for t in self._network.taps
        }
        return {"o": self._network.output} | taps

    @property
    def output_layout(self) -> EventLayout:
        return self._layout(self._network.output)

    def _layout(self, output: Output) -> EventLayout:
        population = self._network.population(output.population)
        if output.source == EVENTS:
            return EventLayout(population.size, self._network.event_range(population.name))
        return EventLayout(population.size, population.neuron.states()[output.source])

    def elaborate(self, platform):
        m = Module()
        for name, core in self.cores.items():
            m.submodules[name] = core
            if name in self.image.plans:
                m.d.comb += core.load.eq(self.load[name])
        taps = self._fork_all(m)
        for name, plan in self._plans.items():
            self._feed(m, plan, taps[name])
        return m

    def _fork_all(self, m: Module) -> dict[str, dict[tuple[str, int], stream.Interface]]:
        """Per population, its incoming streams by source and delay."""
        taps: dict[str, dict] = {name: {} for name in self._plans}
        delivered = {}
        for name, output in self.outputs.items():
            if output.source == EVENTS:
                delivered[output.population] = getattr(self, name)
            else:
                readout = self.cores[output.population].readout
                wiring.connect(m, readout, wiring.flipped(getattr(self, name)))
        streams = {i.name: getattr(self, f"i_{i.name}") for i in self._network.inputs}
        streams |= {n: core.o for n, core in self.cores.items() if self._plans[n].emits_events}
        for name, source in streams.items():
            arrivals = {(p.target, p.delay) for p in self._network.out_of(name)}
            arrivals |= {(n, 0) for n, plan in self._plans.items() if plan.marker == name}
            consumers = sorted(arrivals)
            is_output = name in delivered
            layout = source.payload.shape()
            fork = Fork(layout, len(consumers) + is_output)
            m.submodules[f"fork_{name}"] = fork
            _pass(m, source, fork.i)
            for index, (target, delay) in enumerate(consumers):
                taps[target][name, delay] = getattr(fork, f"o{index}")
            if is_output:
                _pass(m, getattr(fork, f"o{len(consumers)}"), delivered[name])
        return taps

    def _feed(self, m: Module, plan: CorePlan, taps: dict) -> None:
        """Queue a population's incoming streams and join them at its core."""
        core = self.cores[plan.population]
        queues = []
        markers = ((plan.marker, 0),) if plan.marker else ()
        for name, delay in (*plan.sources, *markers):
            tap = taps[name, delay]
            layout = tap.payload.shape()
            depth = plan.input_queue if not delay else delay * (layout.addresses + 1) + 1
            queue = EventQueue(layout, depth, leading=delay)
            m.submodules[f"queue_{name}_{delay}_to_{plan.population}"] = queue
            _pass(m, tap, queue.i)
            if (name, delay) in markers:
                source = Source(layout, 0, delay, marks=True)
            else:
                source = Source(layout, plan.offset(name, delay), delay, plan.is_held(name))
            queues.append((source, queue))
        if len(queues) == 1 and not queues[0][0].delay:
            _pass(m, queues[0][1].o, core.i)
            return
        merge = Merge([source for source, _ in queues], core.i.payload.shape())
        m.submodules[f"merge_to_{plan.population}"] = merge
        for index, (_, queue) in enumerate(queues):
            _pass(m, queue.o, getattr(merge, f"i{index}"))
        _pass(m, merge.o, core.i)


def _pass(m: Module, source, target) -> None:
    """Connect a stream's producer to its consumer, whichever side of a boundary each is on."""
    m.d.comb += [
        Value.cast(target.payload).eq(Value.cast(source.payload)),
        target.valid.eq(source.valid),
        source.ready.eq(target.ready),
    ]

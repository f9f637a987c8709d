"""A core: one population in hardware."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.bank import Bank, sums_layout
from spikeloom.rtl.emitter import Emitter
from spikeloom.rtl.events import event_signature, shape_of
from spikeloom.rtl.handover import Handover
from spikeloom.rtl.loading import LoadLayout
from spikeloom.rtl.memory import RowMemory, TwoPortMemory
from spikeloom.rtl.pipeline import NeuronPipeline, member_name, output_name
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.sequencer import Sequencer
from spikeloom.rtl.serial_emitter import ReadoutEmitter, SerialEmitter
from spikeloom.rtl.weights import (
    bank_rows,
    parameter_layout,
    parameter_rows,
    parameters_take_blocks,
)
from spikeloom.rtl.writable import WritableMemory

__all__ = ["Core", "ProbeLayout"]


class ProbeLayout(data.StructLayout):
    """One sweep entry as it leaves the neuron pipeline, for cosimulation; unused in a bitstream.

    Members
    -------
    valid : an entry leaves
    event : value per unit; 0 is no event
    state : words at the step's end per unit
    """

    def __init__(self, plan: CorePlan):
        states = plan.network.population(plan.population).neuron.states()
        words = data.StructLayout({word: shape_of(range) for word, range in states.items()})
        super().__init__({
            "valid": 1,
            "event": data.ArrayLayout(shape_of(plan.event_range), plan.units),
            "state": data.ArrayLayout(words, plan.units),
        })


class Core(wiring.Component):
    """Accumulates a step's events, then sweeps its neurons.

    Throughput: ``plan.slots`` cycles per event, or pair of events, and ``plan.issue_cycles`` per
    step, as long as sweeps are ``plan.sweep_interval`` cycles apart. Latency from an end-of-step
    token to the step's first event: ``1 + plan.accumulate_latency + plan.handover_latency +
    plan.schedule.latency + 5`` cycles.

    Members
    -------
    i : In, events of all sources, addresses counted over them
    o : Out, the population's events; only if something listens to them
    readout : Out, a state word of every neuron at a sample's last step; only for such an output
    load : In, words for its memories; only if the plan is loadable
    probe : Out
    """

    def __init__(self, plan: CorePlan):
        self.plan = plan
        self._states = plan.network.population(plan.population).neuron.states()
        members = {
            "i":     In(event_signature(
                plan.source_count, plan.source_range, plan.events_per_cycle)),
            "probe": Out(ProbeLayout(plan)),
        }
        if plan.is_loadable:
            members["load"] = In(LoadLayout(plan))
        if plan.emits_events:
            members["o"] = Out(event_signature(plan.size, plan.event_range))
        if plan.readout is not None:
            members["readout"] = Out(event_signature(plan.size, self._states[plan.readout]))
        super().__init__(members)
        self._following = Signal(range(plan.sweep))
        """Index of the entry of the next cycle."""

    def elaborate(self, platform):
        m = Module()
        plan = self.plan
        m.submodules.sequencer = sequencer = Sequencer(plan)
        wiring.connect(m, wiring.flipped(self.i), sequencer.i)
        sums = self._banks(m, sequencer)
        done = self._count_entries(m, sequencer)
        self._neurons(m, done, sums)
        self._emit(m, sequencer, done)
        return m

    def _banks(self, m: Module, sequencer: Sequencer) -> data.View:
        """The banks, each ``parts`` cycles behind the one before it; the sums they hand over."""
        plan = self.plan
        operation = sequencer.operation
        m.submodules.handover = handover = Handover(
            sums_layout(plan), plan.banks * plan.parts, plan.family.has_spare_registers
        )
        for index, rows in enumerate(bank_rows(plan)):
            bank = Bank(plan, rows, index)
            m.submodules[f"bank{index}"] = bank
            if plan.is_loadable:
                m.d.comb += bank.load.eq(self.load)
            m.d.comb += bank.operation.eq(operation)
            for part in range(plan.parts):
                source = index * plan.parts + part
                m.d.comb += [
                    handover.i[source].eq(bank.sums[part]),
                    handover.enabled[source].eq(bank.enabled[part]),
                ]
            operation = _registers(m, operation, plan.parts, f"operation_{index + 1}")
        return handover.o

    def _count_entries(self, m: Module, sequencer: Sequencer) -> data.View:
        """Count which entry of the sweep comes to the neuron units; the one that leaves them."""
        plan = self.plan
        starts = Cat(sequencer.start, sequencer.last)
        starts = _registers(
            m, starts, plan.accumulate_latency + plan.handover_latency - 2, "start"
        )
        entry = self._count(m, starts, self._following, "entry")
        cycles = 1 + plan.schedule.latency
        if plan.family.has_spare_registers:
            return _registers(m, entry, cycles, "entry")
        # Where registers take tables, a second counter is smaller than the first one's delay.
        following = Signal(range(plan.sweep), name="following_done")
        return self._count(m, _registers(m, starts, cycles, "ran"), following, "done")

    def _count(self, m: Module, starts: Value, following: Signal, name: str) -> data.View:
        """The entries one after the other from a sweep's start on."""
        plan = self.plan
        layout = data.StructLayout({"valid": 1, "index": range(plan.sweep), "last": 1})
        entry = Signal(layout, name=name)
        m.d.comb += following.eq(entry.index + 1)
        with m.If(starts[0]):
            m.d.comb += following.eq(0)
            m.d.sync += [entry.valid.eq(1), entry.last.eq(starts[1])]
        with m.Elif(entry.index == plan.sweep - 1):
            m.d.comb += following.eq(entry.index)
            m.d.sync += entry.valid.eq(0)
        m.d.sync += entry.index.eq(following)
        return entry

    def _neurons(self, m: Module, done: data.View, sums: data.View) -> None:
        """State memory and neuron units."""
        plan = self.plan
        words = self._state_layout
        initial = words.const([dict(plan.network.population(plan.population).initial)] * plan.units)
        m.submodules.states = states = TwoPortMemory([initial.as_bits()] * plan.sweep, words.size)
        constants = self._parameters(m)
        before, after = words(states.data), Signal(words)
        m.d.comb += [
            states.address.eq(self._following),
            states.word.eq(after),
            self.probe.valid.eq(done.valid),
        ]
        m.d.sync += [states.write.eq(done.valid), states.target.eq(done.index)]
        for unit in range(plan.units):
            neuron = NeuronPipeline(self.plan.dataflow, plan.schedule)
            m.submodules[f"unit{unit}"] = neuron
            self._connect_inputs(m, neuron, unit, sums, before, constants)
            self._connect_outputs(m, neuron, unit, done, after)

    def _connect_inputs(self, m, neuron, unit, sums, before, constants) -> None:
        for name in self.plan.dataflow.inputs:
            kind, _, word = name.rpartition(".")
            if kind == "state":
                value = before[unit][word]
            elif kind == "":
                value = sums[unit][name]
            else:
                value = constants[unit][member_name(name)]
            m.d.comb += getattr(neuron, member_name(name)).eq(value)

    def _connect_outputs(self, m, neuron, unit, done, after) -> None:
        population = self.plan.network.population(self.plan.population)
        for word in self._states:
            value = getattr(neuron, output_name(f"state.{word}"))
            exists = self._exists(done.index, unit)
            m.d.comb += self.probe.state[unit][word].eq(Mux(exists, value, 0))
            # The next sample starts from the initial state.
            m.d.sync += after[unit][word].eq(
                Mux(done.last, population.initial.get(word, 0), value)
            )
        exists = self._exists(done.index, unit)
        m.d.comb += self.probe.event[unit].eq(Mux(exists, neuron.event, 0))

    def _exists(self, index: Value, unit: int) -> Value | int:
        """Whether a sweep entry's unit holds a neuron: the last entries may be padded."""
        entries = -(-(self.plan.size - unit) // self.plan.units)
        return 1 if entries >= self.plan.sweep else index < entries

    @property
    def _state_layout(self) -> data.ArrayLayout:
        words = data.StructLayout({word: shape_of(range) for word, range in self._states.items()})
        return data.ArrayLayout(words, self.plan.units)

    def _parameters(self, m: Module) -> data.View | None:
        """What differs between the neurons of an entry, one cycle after its index; None if nothing
        does. It lies in a memory like the weights, and is loaded like these."""
        layout = parameter_layout(self.plan)
        if not layout.size:
            return None
        rows = parameter_rows(self.plan)
        if self.plan.is_loadable:
            kind = "block" if parameters_take_blocks(self.plan) else "distributed"
            first = self.plan.load_columns
            memory = WritableMemory(self.plan, rows, layout.size, first, kind)
            m.d.comb += memory.load.eq(self.load)
        else:
            memory = RowMemory(rows, layout.size)
        m.submodules.parameters = memory
        m.d.comb += memory.address.eq(self._following)
        return layout(memory.data)

    def _emit(self, m: Module, sequencer: Sequencer, done: data.View) -> None:
        plan = self.plan
        rooms = []
        if plan.emits_events:
            kind = SerialEmitter if plan.units == 1 else Emitter
            emitter = kind(plan, plan.event_range)
            self._feed(m, "emitter_queue", emitter, sequencer, done)
            for unit in range(plan.units):
                m.d.comb += [
                    emitter.entry.fired[unit].eq(self.probe.event[unit] != 0),
                    emitter.entry.value[unit].eq(self.probe.event[unit]),
                ]
            wiring.connect(m, emitter.o, wiring.flipped(self.o))
            rooms.append(emitter.room)
        if plan.readout is not None:
            kind = ReadoutEmitter if plan.units == 1 else Emitter
            emitter = kind(plan, self._states[plan.readout])
            self._feed(m, "readout_queue", emitter, sequencer, done)
            for unit in range(plan.units):
                m.d.comb += [
                    emitter.entry.fired[unit].eq(done.last & self._exists(done.index, unit)),
                    emitter.entry.value[unit].eq(self.probe.state[unit][plan.readout]),
                ]
            wiring.connect(m, emitter.o, wiring.flipped(self.readout))
            rooms.append(emitter.room)
        m.d.comb += sequencer.room.eq(Cat(rooms, 1).all())

    def _feed(self, m: Module, name: str, emitter: Emitter, sequencer: Sequencer, done) -> None:
        m.submodules[name] = emitter
        m.d.comb += [
            emitter.valid.eq(done.valid),
            emitter.entry.index.eq(done.index),
            emitter.entry.last.eq(done.last),
            emitter.reserve.eq(sequencer.start),
        ]


def _registers(m: Module, signal, cycles: int, name: str):
    """``signal`` some cycles later."""
    for cycle in range(cycles):
        register = Signal.like(signal, name=f"{name}_{cycle}")
        m.d.sync += register.eq(signal)
        signal = register
    return signal

"""A bank: the accumulators of some lanes beside the memories that hold their weights."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.accumulators import AccumulatorMemory, totals_layout
from spikeloom.rtl.events import shape_of
from spikeloom.rtl.loading import LoadLayout
from spikeloom.rtl.memory import RowMemory
from spikeloom.rtl.plan import CorePlan
from spikeloom.rtl.writable import WritableMemory

__all__ = ["Bank", "OperationLayout", "sums_layout"]


class OperationLayout(data.StructLayout):
    """What a core's sequencer asks of its banks in one cycle.

    Members
    -------
    accumulate : add row ``row`` times ``value`` to the accumulators of ``slot``; where two events
        come in a cycle, both have two elements, for the two weight memories
    sweep : hand the accumulators of ``slot`` and ``part`` to the neuron pipeline, and set them to
        what held inputs have contributed, or to 0 if it is the sample's ``last`` sweep
    held : with ``accumulate``, the row is a held input's
    """

    def __init__(self, plan: CorePlan):
        super().__init__({
            "accumulate": 1,
            "sweep":      1,
            "row":        _by_event(plan, range(max(plan.rows, 2))),
            "slot":       range(plan.slots),
            "part":       range(plan.parts),
            "value":      _by_event(plan, shape_of(plan.source_range) if plan.is_graded else 0),
            "last":       int(plan.held_count > 0),
            "held":       int(plan.keeps_sums),
        })


def _by_event(plan: CorePlan, shape):
    """``shape``, or as many as events come in a cycle."""
    events = plan.events_per_cycle
    return shape if events == 1 else data.ArrayLayout(shape, events)


def _each(plan: CorePlan, field) -> list:
    """The elements of a field of :func:`_by_event`."""
    events = plan.events_per_cycle
    return [field] if events == 1 else [field[event] for event in range(events)]


def sums_layout(plan: CorePlan) -> data.ArrayLayout:
    """Weighted sums of the ``units`` neurons of one sweep entry, by port."""
    ports = {port: shape_of(plan.accumulator_range(port)) for port in plan.ports}
    return data.ArrayLayout(data.StructLayout(ports), plan.units)


class Bank(wiring.Component):
    """Σ w·e of ``plan.bank_lanes`` lanes in every slot.

    Latency: ``plan.accumulate_latency`` cycles from an operation to its effect; the sums that a
    sweep operation hands over are there in that cycle, with all earlier operations in them.
    Throughput: one operation per cycle without hazards: registers have a single-cycle loop, and of
    a memory (see :mod:`.accumulators`) the slots are visited in turn.

    Parameters
    ----------
    rows : packed weights of these lanes, by memory (see :mod:`.weights`)
    index : of the bank in its core

    Members
    -------
    operation : In
    sums : Out, of the operation's slot, by part
    enabled : Out, one bit per part: it is handed over
    load : In, words for the weight memories; only if the plan is loadable
    """

    def __init__(self, plan: CorePlan, rows: list[list[int]], index: int = 0):
        self._plan = plan
        self._rows = rows
        self._index = index
        members = {
            "operation": In(OperationLayout(plan)),
            "sums":      Out(data.ArrayLayout(sums_layout(plan), plan.parts)),
            "enabled":   Out(plan.parts),
        }
        if plan.is_loadable:
            members["load"] = In(LoadLayout(plan))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        plan = self._plan
        rows = self._fetched(m)
        before = _delayed(m, self.operation, plan.accumulate_latency - 1)
        operation = _delayed(m, before, 1)
        m.d.sync += self.enabled.eq(
            Cat(before.sweep & (before.part == part) for part in range(plan.parts))
        )
        addends = self._addends(m, rows)
        if plan.accumulators == "registers":
            totals = self._registers(m, operation, addends)
        else:
            ahead = _delayed(m, self.operation, plan.accumulate_latency - plan.slot_lead)
            totals = self._memory(m, ahead, operation, addends)
        for lane in range(plan.bank_lanes):
            part, unit = divmod(lane, plan.units)
            for port in plan.ports:
                m.d.comb += self.sums[part][unit][port].eq(totals[lane][port])
        return m

    def _fetched(self, m: Module) -> list[data.View]:
        """The operation's row of each weight memory, by lane and port."""
        plan, views = self._plan, []
        for event, address in enumerate(_each(plan, self.operation.row)):
            name = "weights" if plan.events_per_cycle == 1 else f"weights{event}"
            m.submodules[name] = memory = self._weights(m, event)
            m.d.comb += memory.address.eq(address)
            views.append(_lanes_of(plan, signed(plan.weight_bits))(memory.data))
        return views

    def _addends(self, m: Module, rows: list[data.View]) -> data.View:
        """Weights times values, and the sum of two where two events come in a cycle."""
        plan = self._plan
        values = _each(plan, _delayed(m, self.operation, 2).value)
        if plan.is_graded:
            rows = [self._products(m, *factors) for factors in zip(rows, values, strict=True)]
        if plan.events_per_cycle == 1:
            return rows[0]
        even, odd = rows
        pairs = Signal(_lanes_of(plan, signed(len(even[0][plan.ports[0]]) + 1)))
        for lane in range(plan.bank_lanes):
            m.d.sync += [
                pairs[lane][port].eq(even[lane][port] + odd[lane][port]) for port in plan.ports
            ]
        return pairs

    def _products(self, m: Module, row: data.View, value: Value) -> data.View:
        plan = self._plan
        addends = Signal(_lanes_of(plan, signed(plan.weight_bits + len(value))))
        for lane in range(plan.bank_lanes):
            m.d.sync += [addends[lane][port].eq(row[lane][port] * value) for port in plan.ports]
        return addends

    def _weights(self, m: Module, event: int) -> RowMemory | WritableMemory:
        plan, rows = self._plan, self._rows[event]
        if not plan.is_loadable:
            return RowMemory(rows, plan.row_bits)
        columns = plan.load_columns // plan.weight_memories
        first = (self._index * plan.events_per_cycle + event) * columns
        kind = "spram" if plan.weights == "spram" else "block"
        memory = WritableMemory(plan, rows, plan.row_bits, first, kind)
        m.d.comb += memory.load.eq(self.load)
        return memory

    def _memory(self, m: Module, ahead, operation, addends) -> data.View:
        plan = self._plan
        m.submodules.accumulators = memory = AccumulatorMemory(plan, addends.shape())
        m.d.comb += [
            memory.slot.eq(ahead.slot),
            memory.accumulate.eq(operation.accumulate),
            memory.held.eq(operation.held),
            # All parts of a slot have left when the last one does.
            memory.sweep.eq(self.enabled[-1]),
            memory.last.eq(operation.last),
            memory.addends.eq(addends),
        ]
        return memory.totals

    def _registers(self, m: Module, operation, addends) -> data.View:
        totals = Signal(totals_layout(self._plan))
        for lane in range(self._plan.bank_lanes):
            for port in self._plan.ports:
                total = self._accumulator(m, operation, addends[lane][port], lane, port)
                m.d.comb += totals[lane][port].eq(total)
        return totals

    def _accumulator(
        self, m: Module, operation: data.View, addend: Value, lane: int, port: str
    ) -> Value:
        """One lane's accumulators; the value of the operation's slot."""
        plan = self._plan
        shape = shape_of(plan.accumulator_range(port))
        label = f"{port}_{lane}"
        swept = self.enabled[lane // plan.units]
        cleared = swept & operation.last if plan.held_count else swept
        slots = Array(Signal(shape, name=f"{label}_{slot}") for slot in range(plan.slots))
        total = Signal(shape, name=f"{label}_sum")
        m.d.comb += total.eq(slots[operation.slot])
        for slot, accumulator in enumerate(slots):
            selected = operation.slot == slot
            with m.If(cleared & selected):
                m.d.sync += accumulator.eq(0)
            with m.Elif(operation.accumulate & selected):
                m.d.sync += accumulator.eq(total + addend)
            if plan.keeps_sums:
                kept = Signal.like(accumulator, name=f"{label}_{slot}_kept")
                with m.If(cleared & selected):
                    m.d.sync += kept.eq(0)
                with m.Elif(operation.accumulate & operation.held & selected):
                    # Events of held inputs come first, so there is nothing else in the sum.
                    m.d.sync += kept.eq(total + addend)
                with m.If(swept & ~operation.last & selected):
                    m.d.sync += accumulator.eq(kept)
        return total


def _lanes_of(plan: CorePlan, shape: Shape) -> data.ArrayLayout:
    """``shape`` for each port of each lane of a bank."""
    return data.ArrayLayout(
        data.StructLayout({port: shape for port in plan.ports}), plan.bank_lanes
    )


def _delayed(m: Module, signal: data.View, cycles: int) -> data.View:
    for cycle in range(cycles):
        register = Signal.like(signal, name=f"operation_{cycle + 1}")
        m.d.sync += register.eq(signal)
        signal = register
    return signal

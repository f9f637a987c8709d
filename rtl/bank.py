"""A bank: the accumulators of some lanes beside the memory that holds their weights."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.events import shape_of
from spikeloom.rtl.memory import RowMemory
from spikeloom.rtl.plan import CorePlan

__all__ = ["Bank", "OperationLayout", "sums_layout"]


class OperationLayout(data.StructLayout):
    """What a core's sequencer asks of its banks in one cycle.

    Members
    -------
    accumulate : add row ``row`` times ``value`` to the accumulators of ``slot``
    sweep : hand the accumulators of ``slot`` and ``part`` to the neuron pipeline and clear them
    """

    def __init__(self, plan: CorePlan):
        super().__init__({
            "accumulate": 1,
            "sweep":      1,
            "row":        range(max(plan.rows, 2)),
            "slot":       range(plan.slots),
            "part":       range(plan.parts),
            "value":      shape_of(plan.source_range) if plan.is_graded else 0,
        })


def sums_layout(plan: CorePlan) -> data.ArrayLayout:
    """Weighted sums of the ``units`` neurons of one sweep entry, by port."""
    ports = {port: shape_of(plan.accumulator_range(port)) for port in plan.ports}
    return data.ArrayLayout(data.StructLayout(ports), plan.units)


class Bank(wiring.Component):
    """Σ w·e of ``plan.bank_lanes`` lanes in every slot.

    Latency: ``plan.accumulate_latency`` cycles from an operation to its effect; the sums of a
    sweep operation are there in that cycle, with all earlier operations in them. Throughput: one
    operation per cycle without hazards: with one slot, accumulators are registers with a
    single-cycle loop.

    Parameters
    ----------
    rows : packed weights of these lanes (see :mod:`.weights`)

    Members
    -------
    operation : In
    sums : Out, valid with a sweep operation, 0 otherwise
    """

    def __init__(self, plan: CorePlan, rows: list[int]):
        self._plan = plan
        self._rows = rows
        super().__init__({
            "operation": In(OperationLayout(plan)),
            "sums":      Out(sums_layout(plan)),
        })

    def elaborate(self, platform):
        m = Module()
        plan = self._plan
        ports = data.StructLayout({port: signed(plan.weight_bits) for port in plan.ports})
        weights = data.ArrayLayout(ports, plan.bank_lanes)

        m.submodules.weights = memory = RowMemory(self._rows, weights.size, plan.family)
        m.d.comb += memory.address.eq(self.operation.row)
        operation = _delayed(m, self.operation, plan.accumulate_latency)
        row = weights(memory.data)
        value = _delayed(m, self.operation, 2).value

        for lane in range(plan.bank_lanes):
            for port in plan.ports:
                addend = row[lane][port]
                if plan.is_graded:
                    addend = Signal(signed(plan.weight_bits + len(value)), name=f"product_{lane}")
                    m.d.sync += addend.eq(row[lane][port] * value)
                part, unit = divmod(lane, plan.units)
                total = self._accumulator(m, operation, addend, lane, port)
                with m.If(operation.sweep & (operation.part == part)):
                    m.d.comb += self.sums[unit][port].eq(total)
        return m

    def _accumulator(
        self, m: Module, operation: data.View, addend: Value, lane: int, port: str
    ) -> Value:
        """One lane's accumulators; the value of the operation's slot."""
        plan = self._plan
        shape = shape_of(plan.accumulator_range(port))
        label = f"{port}_{lane}"
        cleared = operation.sweep & (operation.part == lane // plan.units)
        slots = Array(Signal(shape, name=f"{label}_{slot}") for slot in range(plan.slots))
        total = Signal(shape, name=f"{label}_sum")
        m.d.comb += total.eq(slots[operation.slot])
        for slot, accumulator in enumerate(slots):
            selected = operation.slot == slot
            with m.If(operation.accumulate & selected):
                m.d.sync += accumulator.eq(total + addend)
            with m.Elif(cleared & selected):
                m.d.sync += accumulator.eq(0)
        return total


def _delayed(m: Module, signal: data.View, cycles: int) -> data.View:
    for cycle in range(cycles):
        register = Signal.like(signal, name=f"operation_{cycle + 1}")
        m.d.sync += register.eq(signal)
        signal = register
    return signal

"""How a population becomes a core: its knobs, and everything that follows from them."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

from spikeloom.hls_model.dataflow import Dataflow
from spikeloom.hls_model.errors import FitError, RangeError
from spikeloom.hls_model.network import Network
from spikeloom.hls_model.neuron import trace
from spikeloom.hls_model.ranges import BOOL, Range
from spikeloom.rtl.families import Family
from spikeloom.rtl.handover import handover_latency
from spikeloom.rtl.memory import takes_blocks
from spikeloom.rtl.pairs import check_events_per_cycle
from spikeloom.rtl.pipeline import Schedule, schedule
from spikeloom.rtl.population import PopulationInNetwork
from spikeloom.rtl.queue import Queue

__all__ = ["WORD_BITS", "CorePlan"]

WORD_BITS = 16
"""Of a loaded weight memory's columns: the width of UP5K's SPRAM and of iCE40's block RAM."""

_EMITTER_LATENCY = 5
"""Cycles from an entry's way into the emitter's queue until its room is free again."""

_LEAST_QUEUE, _LARGE_QUEUE = 16, 64
"""Entries of an emitter's queue: what the smallest look-up-table RAM holds, and from where on block
RAM is better however many there are."""

_BLOCK_SLOTS = 4
"""Slots from which on a sum has been written to block RAM before it is read again."""

_WEIGHTS = ("bitstream", "loadable", "spram")


@dataclass(frozen=True)
class CorePlan(PopulationInNetwork):
    """One population's core.

    Neuron ``n`` has lane ``n % lanes`` and slot ``n // lanes``. Lanes are divided into ``banks``,
    each with its own weight memory; each bank's lanes into ``parts`` of ``units`` lanes. A sweep
    visits slots, in them banks, in them parts, so that its i-th entry holds the neurons
    ``i·units … i·units + units − 1``.

    Attributes
    ----------
    lanes : accumulators fed at once (L)
    units : neuron pipelines (U); divides ``lanes``
    banks : weight memories side by side; divides ``lanes / units``
    accumulators : ``registers``, or with several slots ``memory`` (look-up-table RAM where the
        family has it, block RAM elsewhere), or with at least four ``blocks``, which is block RAM
        behind its output register on a family with both
    weights : in block RAM that the ``bitstream`` fills; in one that is ``loadable`` besides; or in
        ``spram``, which is empty until it is loaded
    events_per_cycle : 1; or 2, of an even and of an odd address, whose weights lie in memories of
        their own (see :mod:`.pairs`)
    template : the network whose widths this core has; by default ``network`` itself
    """

    family: Family
    target_mhz: float
    lanes: int
    units: int
    banks: int
    accumulators: str = "registers"
    weights: str = "bitstream"
    events_per_cycle: int = 1
    template: Network | None = None

    def __post_init__(self) -> None:
        self._check_lanes()
        if self.accumulators not in self.accumulator_kinds:
            raise FitError(
                f"accumulators of {self.population!r} must be 'registers', with fewer than "
                f"{self.size} lanes 'memory', or on an ECP5 with "
                f"{ceil(self.size / (_BLOCK_SLOTS - 1)) - 1} or fewer 'blocks', not "
                f"{self.accumulators!r} with {self.lanes}"
            )
        self._check_weights()
        if not self.projections or not self.network.inputs:
            raise FitError(
                f"{self.population!r} must have a projection, and its network an input, which "
                "tell its core where a step ends"
            )
        check_events_per_cycle(self.network, self.population, self.events_per_cycle)

    def _check_lanes(self) -> None:
        if not 1 <= self.lanes <= self.size:
            raise FitError(
                f"{self.population!r} has {self.size} neurons, so lanes must lie in "
                f"[1, {self.size}], not {self.lanes}"
            )
        if self.units < 1 or self.lanes % self.units:
            useful = [u for u in range(1, self.lanes + 1) if self.lanes % u == 0]
            raise FitError(
                f"units must divide the {self.lanes} lanes of {self.population!r}, so be one of "
                f"{useful}, not {self.units}"
            )
        if self.banks < 1 or (self.lanes // self.units) % self.banks:
            raise FitError(
                f"banks must divide lanes / units = {self.lanes // self.units} in "
                f"{self.population!r}, not {self.banks}"
            )

    def _check_weights(self) -> None:
        if self.weights not in _WEIGHTS:
            raise FitError(
                f"weights of {self.population!r} must be one of {', '.join(_WEIGHTS)}, not "
                f"{self.weights!r}"
            )
        words = self.family.spram_words
        if self.weights == "spram" and self.rows > words:
            slots = max((words - self._zero_rows) // self._rows_per_slot, 1)
            needed = ceil(self.size / slots)
            raise FitError(
                f"weights of {self.population!r} have {self.rows} rows and SPRAM has {words}; "
                + (f"use at least {needed} lanes" if words else "keep them in the bitstream")
            )

    @property
    def accumulator_kinds(self) -> tuple[str, ...]:
        """What ``accumulators`` can be with so many lanes."""
        if self.slots == 1:
            return ("registers",)
        has_both = self.family.has_lut_ram and self.family.has_spare_registers
        blocks = ("blocks",) if has_both and self.slots >= _BLOCK_SLOTS else ()
        return ("registers", "memory", *blocks)

    @property
    def slot_lead(self) -> int:
        """Cycles from a slot's address to its sums in a memory."""
        return 2 if self.accumulators == "blocks" else 1

    @property
    def is_loadable(self) -> bool:
        """Whether the link can write the weights."""
        return self.weights != "bitstream"

    @property
    def load_columns(self) -> int:
        """Words of 16 bits in which a row of all weight memories is loaded."""
        return self.weight_memories * ceil(self.row_bits / WORD_BITS)

    @property
    def row_bits(self) -> int:
        """Of a weight memory."""
        return self.bank_lanes * len(self.ports) * self.weight_bits

    @property
    def weight_memories(self) -> int:
        """In each bank, one for each event that comes in a cycle."""
        return self.banks * self.events_per_cycle

    @property
    def slots(self) -> int:
        """Rows per event (R): cycles that an event takes."""
        return ceil(self.size / self.lanes)

    @property
    def parts(self) -> int:
        return self.lanes // self.units // self.banks

    @property
    def bank_lanes(self) -> int:
        return self.lanes // self.banks

    @property
    def sweep(self) -> int:
        """Entries of a sweep (S): cycles in which the neuron pipeline takes neurons."""
        return self.slots * self.banks * self.parts

    @property
    def issue_cycles(self) -> int:
        """Cycles for which a sweep keeps events of the next step waiting."""
        return (self.slots - 1) * self.banks * self.parts + self.parts

    @property
    def rows(self) -> int:
        """Of a weight memory."""
        return self._rows_per_slot * self.slots + self._zero_rows

    @property
    def _rows_per_slot(self) -> int:
        return ceil(self.source_count / self.events_per_cycle)

    @property
    def _zero_rows(self) -> int:
        """The last row, for events that are absent, where they can be."""
        return self.events_per_cycle - 1

    def accumulator_range(self, port: str) -> Range:
        return self._widths.accumulator_range(self.population, port) | BOOL

    @property
    def _widths(self) -> Network:
        return self.template or self.network

    @cached_property
    def dataflow(self) -> Dataflow:
        """The neuron's step for all sums and parameters of the same widths.

        It depends on no single weight, so that a bitstream takes those of another network. Where
        a neuron relies on narrower ranges, it is the step for exactly these.
        """
        population = self._widths.population(self.population)
        exact = self._widths.dataflow(self.population)
        try:
            dataflow = trace(
                population.neuron,
                {p: self.accumulator_range(p).whole_word for p in self.ports},
                {n: Range.of(v).whole_word for n, v in population.parameters.items()},
                {p: Range.of(v).whole_word for p, v in population.bias.items()},
            )
        except RangeError:
            return exact
        return dataflow if dataflow.outputs["event"].range in self.event_range else exact

    @cached_property
    def schedule(self) -> Schedule:
        return schedule(self.dataflow, self.family, self.target_mhz)

    @property
    def accumulate_latency(self) -> int:
        """Cycles from an operation's issue to its accumulators: memory, its output register, and
        the registers of products and of their sum."""
        return 2 + self.is_graded + (self.events_per_cycle > 1)

    @property
    def handover_latency(self) -> int:
        """Cycles from the accumulators to the neuron units."""
        return handover_latency(self.banks * self.parts, self.family.has_spare_registers)

    @property
    def sweep_interval(self) -> int:
        """Least cycles between the starts of two sweeps: the pipeline takes one entry per cycle,
        and a state must be written before it is read again, early enough for its memory."""
        return max(self.sweep, self.schedule.latency + 4)

    @property
    def is_paced(self) -> bool:
        """Whether sweeps must be kept apart; issuing one may take as long anyhow."""
        return self.sweep_interval > self.issue_cycles

    @property
    def input_queue(self) -> int:
        """Tokens that wait in front of the core, so that its source can run ahead: one in a
        register, the others in a memory whose pointers wrap by themselves."""
        # With several slots events are taken slowly. Where there is no look-up-table RAM, a queue
        # would take a block RAM. What a source sends ahead can wait in its emitter.
        is_joined = len(self.sources) > 1 or self.marker is not None
        is_cheap = self.family.has_lut_ram and (self.slots == 1 or is_joined)
        return 17 if is_cheap or self.shares_a_source else 1

    @property
    def queue_depth(self) -> int:
        """Entries between neuron pipeline and emitter: those of as many sweeps as can be on their
        way when nothing holds them up. One lies in a register, the others in a memory whose
        pointers wrap by themselves."""
        on_their_way = self.sweep + self.sweep_latency + _EMITTER_LATENCY
        sweeps = ceil(on_their_way / max(self.sweep_interval, self.issue_cycles))
        return max(1 << (sweeps * self.sweep - 1).bit_length(), _LEAST_QUEUE) + 1

    def is_queue_in_block(self, bits: int) -> bool:
        """Whether the emitter's queue, of entries of ``bits`` bits, lies in block RAM whose output
        register is used; elsewhere it is left to Yosys, or is the only memory there is."""
        words = self.queue_depth - 1
        if not self.family.has_spare_registers:
            return False
        is_small = self.slots > 1 and takes_blocks(words, bits, self.family.name)
        return words > _LARGE_QUEUE or is_small

    def emitter_queue(self, bits: int) -> Queue:
        """The queue of entries of ``bits`` bits between neuron pipeline and emitter."""
        return Queue(bits, self.queue_depth, self.is_queue_in_block(bits), is_reserved=True)

    @property
    def sweep_latency(self) -> int:
        """Cycles, at most, from an entry's issue to the emitter's queue: so many entries may still
        be on their way."""
        return self.accumulate_latency + self.handover_latency + self.schedule.latency + 5

    def as_dict(self) -> dict[str, Any]:
        return {
            "population": self.population,
            "neurons": self.size,
            "lanes": self.lanes,
            "units": self.units,
            "banks": self.banks,
            "accumulators": self.accumulators,
            "weights": self.weights,
            "events_per_cycle": self.events_per_cycle,
            "rows_per_event": self.slots,
            "sweep": self.sweep,
            "pipeline_latency": self.schedule.latency,
            "weight_bits": self.weight_bits,
            "weight_memory_bits": self.rows * self.row_bits * self.weight_memories,
        }

"""The link's counters."""

from amaranth.hdl import *
from amaranth.lib import data, memory, stream
from amaranth.lib.wiring import Component, In, Out

__all__ = ["Counters"]


class Counters(Component):
    """Four counters of 32 bits in a memory of bytes.

    One byte after the other gets what is due to it: the strobes of the last round, or the carry
    from the byte below. A round takes 48 cycles. When the counters are read, a byte stays until it
    has been taken, which must not make a round longer than 63 cycles.

    Members
    -------
    strobe : In(4)
        Of the counters, in the order of the body of a COUNTERS answer; at most one per 8 cycles
        for the last.
    read : In(1)
        Give the body at ``o``, from the beginning of the next round.
    o : Out(stream.Signature(StructLayout({"data": 8, "last": 1})))
    """

    strobe: In(4)
    read:   In(1)
    o:      Out(stream.Signature(data.StructLayout({"data": 8, "last": 1})))

    def elaborate(self, platform) -> Module:
        m = Module()
        # Where tables cannot be memories, Yosys would make registers of so few bits.
        is_ice40 = getattr(platform, "family", "").lower().startswith("ice40")
        m.submodules.cells = cells = memory.Memory(
            shape=8, depth=16, init=[], attrs={"ram_style": "block"} if is_ice40 else {})
        old   = cells.read_port(domain="comb")
        new   = cells.write_port()
        place = Signal(4)
        byte  = Signal(8, reset_less=True)
        total = Signal(9, reset_less=True)
        dues  = Array(Signal(bits, name=f"due_{index}") for index, bits in enumerate((6, 6, 6, 3)))
        giving = Signal()
        m.d.comb += [
            old.addr.eq(place),
            new.addr.eq(place),
            new.data.eq(total),
            self.o.payload.data.eq(total),
            self.o.payload.last.eq(place == 15),
        ]
        for due, strobe in zip(dues, self.strobe, strict=True):
            m.d.sync += due.eq(due + strobe)
        with m.FSM():
            with m.State("READ"):
                m.d.sync += byte.eq(old.data)
                m.next = "ADD"
            with m.State("ADD"):
                m.d.sync += total.eq(byte + Mux(place[:2] == 0, dues[place[2:]], total[8]))
                for index, (due, strobe) in enumerate(zip(dues, self.strobe, strict=True)):
                    with m.If(place == 4 * index):
                        m.d.sync += due.eq(strobe)
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [self.o.valid.eq(giving), new.en.eq(1)]
                with m.If(~giving | self.o.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == 15):
                        m.d.sync += giving.eq(self.read & ~giving)
                    m.next = "READ"
        return m

"""The simulated world around a network's cores: players of events, checkers of every result.

Stimulus and expectation come from tapes (files played by a simulation model), so the simulator runs
at its own speed and Python wakes rarely: to watch progress, and when all is done or something
differs.
"""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl.core import ProbeLayout
from spikeloom.rtl.network import NetworkCores
from spikeloom.rtl.plan import CorePlan

__all__ = ["Bench", "Checker", "Player", "Tape", "stream_key"]


def whole_bytes(bits: int) -> int:
    """Bits of a tape's word that holds ``bits`` bits."""
    return 8 * max(1, (bits + 7) // 8)


class Tape(wiring.Component):
    """Words from a file, one per ``next``; see ``models/tape.sv``.

    Members
    -------
    word, valid : Out
    next : In
    """

    def __init__(self, name: str, bits: int):
        self._name = name
        super().__init__({"word": Out(bits), "valid": Out(1), "next": In(1)})

    def elaborate(self, platform):
        m = Module()
        word = Signal(whole_bytes(len(self.word)))
        m.submodules.tape = Instance(
            "tape",
            p_BITS=len(word),
            p_NAME=self._name,
            i_clk=ClockSignal(),
            i_next=self.next,
            o_word=word,
            o_valid=self.valid,
        )
        m.d.comb += self.word.eq(word)
        return m


class Chance(wiring.Component):
    """A bit that is 1 with probability ``level / 256``, from a linear-feedback shift register.

    Members
    -------
    level : In
    hit : Out
    """

    def __init__(self, seed: int):
        self._seed = seed
        super().__init__({"level": In(9), "hit": Out(1)})

    def elaborate(self, platform):
        m = Module()
        state = Signal(32, init=(self._seed * 2654435761 + 1) & 0xFFFFFFFF | 1)
        # x³² + x³¹ + x³⁰ + x¹⁰ + 1, eight steps per cycle.
        new = Cat(state[31 - k] ^ state[30 - k] ^ state[29 - k] ^ state[9 - k] for k in range(8))
        m.d.sync += state.eq(Cat(new[::-1], state[:24]))
        m.d.comb += self.hit.eq(state[:8] < self.level)
        return m


class Player(wiring.Component):
    """Plays event tokens into an input, with random gaps, sample by sample if asked to.

    Members
    -------
    o : Out, event stream
    gaps : In, probability of a pause before a token, in 1/256
    isolate, samples : In, with ``isolate`` wait after each sample until as many ``samples`` have
        left the network
    valid : Out, tokens are left
    """

    def __init__(self, name: str, layout, seed: int):
        self._name, self._layout, self._seed = name, layout, seed
        super().__init__(
            {
                "o": Out(
                    wiring.Signature({"payload": Out(layout), "valid": Out(1), "ready": In(1)})
                ),
                "gaps": In(9),
                "isolate": In(1),
                "samples": In(32),
                "valid": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.tape = tape = Tape(self._name, self._layout.size)
        m.submodules.chance = chance = Chance(self._seed)
        holding, offered = Signal(), Signal()
        played = Signal(32)
        m.d.comb += [
            chance.level.eq(self.gaps),
            self.valid.eq(tape.valid),
            Value.cast(self.o.payload).eq(tape.word),
            # What has been offered stays offered.
            self.o.valid.eq(tape.valid & ~holding & (offered | ~chance.hit)),
            tape.next.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += offered.eq(self.o.valid & ~self.o.ready)
        # An input that the output does not wait for may still be behind it.
        m.d.comb += holding.eq(self.isolate & (played > self.samples))
        m.d.sync += played.eq(played + (tape.next & self.o.payload.last))
        return m


class Checker(wiring.Component):
    """Compares words with a tape and keeps the first that differs.

    Members
    -------
    word, strobe : In
    failed : Out, a word differed, or came after the tape's end
    expected, observed : Out, of the first difference
    count : Out, words compared
    valid : Out, words are expected still
    """

    def __init__(self, name: str, bits: int):
        self._name = name
        super().__init__(
            {
                "word": In(bits),
                "strobe": In(1),
                "failed": Out(1),
                "expected": Out(bits),
                "observed": Out(bits),
                "count": Out(48),
                "valid": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.tape = tape = Tape(self._name, len(self.word))
        m.d.comb += [tape.next.eq(self.strobe & ~self.failed), self.valid.eq(tape.valid)]
        with m.If(self.strobe & ~self.failed):
            with m.If(tape.valid & (tape.word == self.word)):
                m.d.sync += self.count.eq(self.count + 1)
            with m.Else():
                m.d.sync += [
                    self.failed.eq(1),
                    self.expected.eq(tape.word),
                    self.observed.eq(self.word),
                ]
        return m


class Bench(wiring.Component):
    """A network's cores with a player per input and a checker per population and output.

    Members
    -------
    clk : In
    gaps, stalls : In, probability of a pause before an input token and of back-pressure at the
        output, in 1/256
    isolate : In, start a sample only when the one before has left: gives latencies
    finished : Out, everything was compared, or something differed
    failed : Out, one bit per checker
    samples, cycles : Out, finished so far
    progress : Out, words compared by all checkers
    inspect : In, which checker the following show
    expected, observed, count : Out, see :class:`Checker`
    """

    def __init__(self, cores: NetworkCores, plans: dict[str, CorePlan], inputs: list[str]):
        self._cores = cores
        self._plans = plans
        self._inputs = inputs
        self.checkers = {n: Checker(f"expect_{n}", probe_bits(p)) for n, p in plans.items()}
        for name in cores.outputs:
            size = getattr(cores, name).payload.shape().size
            self.checkers[stream_key(name)] = Checker(f"expect_{stream_key(name)}", size)
        super().__init__(
            {
                "clk": In(1),
                "gaps": In(9),
                "stalls": In(9),
                "isolate": In(1),
                "finished": Out(1),
                "failed": Out(len(self.checkers)),
                "samples": Out(32),
                "cycles": Out(48),
                "progress": Out(48),
                "inspect": In(range(len(self.checkers))),
                "expected": Out(max(len(c.word) for c in self.checkers.values())),
                "observed": Out(max(len(c.word) for c in self.checkers.values())),
                "count": Out(48),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # No reset: memories and registers start from their initial values, and next-state logic
        # behind an input would be evaluated at both edges of the clock.
        m.domains.sync = ClockDomain(reset_less=True)
        m.d.comb += ClockSignal().eq(self.clk)
        m.submodules.network = cores = self._cores
        m.submodules.stall = stall = Chance(977)
        released = Signal()
        # Registered, for the same reason.
        gaps, isolate, inspect = Signal(9), Signal(), Signal.like(self.inspect)
        m.d.sync += [
            gaps.eq(self.gaps),
            stall.level.eq(self.stalls),
            isolate.eq(self.isolate),
            inspect.eq(self.inspect),
        ]
        players = []
        for index, name in enumerate(self._inputs):
            target = getattr(cores, f"i_{name}")
            player = Player(f"play_{name}", target.payload.shape(), seed=index)
            m.submodules[f"play_{name}"] = player
            players.append(player)
            m.d.comb += [
                Value.cast(target.payload).eq(Value.cast(player.o.payload)),
                target.valid.eq(player.o.valid),
                player.o.ready.eq(target.ready),
                player.gaps.eq(gaps),
                player.isolate.eq(isolate),
                player.samples.eq(self.samples),
            ]
        self._check(m, cores, stall, released)
        self._measure(m, players, released)

        checkers = list(self.checkers.values())
        m.d.comb += [
            self.failed.eq(Cat(c.failed for c in checkers)),
            self.finished.eq(self.failed.any() | ~Cat(c.valid for c in checkers).any()),
            self.progress.eq(sum(c.count for c in checkers)),
            self.expected.eq(Array(c.expected for c in checkers)[inspect]),
            self.observed.eq(Array(c.observed for c in checkers)[inspect]),
            self.count.eq(Array(c.count for c in checkers)[inspect]),
        ]
        return m

    def _check(self, m: Module, cores: NetworkCores, stall: Chance, released: Signal) -> None:
        for name, checker in self.checkers.items():
            m.submodules[f"check_{name}"] = checker
        for name in self._plans:
            probe = cores.cores[name].probe
            m.d.comb += [
                self.checkers[name].strobe.eq(probe.valid),
                self.checkers[name].word.eq(Value.cast(probe)[1:]),
            ]
        for name in cores.outputs:
            stream, checker = getattr(cores, name), self.checkers[stream_key(name)]
            m.d.comb += [
                stream.ready.eq(~stall.hit),
                checker.strobe.eq(stream.valid & stream.ready),
                # Address and value of an end-of-step token mean nothing.
                checker.word.eq(Value.cast(stream.payload) & Mux(stream.payload.end, 0b11, -1)),
            ]
        m.d.comb += released.eq(self.checkers[stream_key("o")].strobe & cores.o.payload.last)

    def _measure(self, m: Module, players: list[Player], released: Signal) -> None:
        """Cycles of each sample, from its first token to its last output."""
        begun, start = Signal(), Signal(32)
        offering = Cat(p.o.valid for p in players).any()
        m.d.sync += self.cycles.eq(self.cycles + 1)
        with m.If(released):
            m.d.sync += [begun.eq(0), self.samples.eq(self.samples + 1)]
        with m.Elif(offering & ~begun):
            m.d.sync += [begun.eq(1), start.eq(self.cycles)]
        m.submodules.recorder = Instance(
            "recorder",
            p_NAME="record_cycles",
            i_clk=ClockSignal(),
            i_write=released & begun,
            i_number=(self.cycles - start + 1)[:32],
        )


def stream_key(name: str) -> str:
    """What the checker of an output stream is called: no population can be."""
    return f"0{name}"


def probe_bits(plan: CorePlan) -> int:
    """Bits of one expected sweep entry: events, then states."""
    return ProbeLayout(plan).size - 1

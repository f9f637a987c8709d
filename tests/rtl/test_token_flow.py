"""The cycles in which tokens pass each block, against those of the blocks themselves."""

from __future__ import annotations

import pytest
from streams import end, event, transfer

from spikeloom.hls_model import BOOL
from spikeloom.rtl.events import EventLayout
from spikeloom.rtl.streams import EventQueue, Fork, Source
from spikeloom.rtl.streams import Merge as MergeBlock
from spikeloom.rtl.token_flow import Block, Delay, Memory, Register
from spikeloom.rtl.token_flow import Source as Offer
from spikeloom.rtl.token_turns import Agenda, EndsOnly, Merge, Process
from spikeloom.rtl.token_turns import Fork as ForkFlow

LAYOUT = EventLayout(8, BOOL)
STEPS = [event(0), event(1), end(), end(), event(2), event(3), event(4), end()]


class Watch(Process):
    """Takes a token at most every ``pause`` cycles, and notes when."""

    def __init__(self, agenda: Agenda, source: Block, pause: int = 1):
        super().__init__(agenda)
        self.source = source
        self.pause = pause
        self.taken: list[tuple[int, int]] = []
        source.target = self

    def run(self):
        while (shown := self.source.token) is not None:
            earliest = self.taken[-1][0] + self.pause if self.taken else 0
            self.taken.append((max(shown[0], earliest), int(shown[1])))
            self.source.take(self.taken[-1][0])


def offered(tokens):
    return Offer(bool(token.get("end")) for token in tokens)


def cycles(received):
    return [(cycle, token["end"]) for cycle, token in received]


def flow(agenda, *watches):
    for watch in watches:
        watch.fill()
    agenda.run()
    return [watch.taken for watch in watches]


@pytest.mark.parametrize("leading", [0, 1, 3])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_queues(depth, leading):
    block = EventQueue(LAYOUT, depth, leading)
    expected = cycles(transfer(block, {"i": STEPS}, ["o"])["o"])
    source = offered(STEPS)
    memory = Memory(depth - 1, source) if depth > 1 else source
    queue = Register(memory)
    agenda = Agenda()
    watch = Watch(agenda, Delay(queue, leading) if leading else queue)
    memory.fill() if depth > 1 else queue.fill()
    assert flow(agenda, watch) == [expected]


def test_room_comes_back_as_words_are_read():
    """Three words, one of them in the register; one is taken every ten cycles."""
    agenda, source = Agenda(), Offer([False] * 7)
    watch = Watch(agenda, Register(Memory(2, source)), pause=10)
    source.target.fill()
    [taken] = flow(agenda, watch)
    assert [cycle for cycle, _ in taken] == [2 + 10 * n for n in range(7)]
    single = Offer([False] * 4)
    watch = Watch(agenda, Register(single), pause=10)
    single.target.fill()
    assert flow(agenda, watch) == [[(1, 0), (11, 0), (21, 0), (31, 0)]]


def test_forks_wait_for_the_slowest():
    block = Fork(LAYOUT, 2)
    expected = transfer(block, {"i": STEPS}, ["o0", "o1"])
    agenda = Agenda()
    fork = ForkFlow(agenda, offered(STEPS))
    quick, slow = Watch(agenda, fork.branch()), Watch(agenda, fork.branch())
    fork.fill()
    assert flow(agenda, quick, slow) == [cycles(expected[name]) for name in ("o0", "o1")]
    fork = ForkFlow(agenda, offered(STEPS[:3]))
    quick, slow = Watch(agenda, fork.branch()), Watch(agenda, fork.branch(), pause=5)
    fork.fill()
    assert flow(agenda, quick, slow) == [[(0, 0), (1, 0), (6, 1)], [(0, 0), (5, 0), (10, 1)]]


@pytest.mark.parametrize(
    ("held", "marks"), [(0, 0), (1, 0), (0, 1)], ids=["", "held", "marks"]
)
def test_merges(held, marks):
    """Sources of different length, the second of them held, or dropped but for its ends."""
    other = [event(5), event(6), event(7), end(), event(5), end(), end()]
    sources = [Source(LAYOUT, 0, 0), Source(LAYOUT, 0, 0, bool(held), bool(marks))]
    block = MergeBlock(sources, EventLayout(8, BOOL))
    expected = cycles(transfer(block, {"i0": STEPS, "i1": other}, ["o"])["o"])
    agenda = Agenda()
    first, second = offered(STEPS), offered(other)
    if marks:
        second = EndsOnly(agenda, second)
        second.fill()
    merge = Merge(agenda, [(first, False), (second, bool(held))])
    assert flow(agenda, Watch(agenda, merge)) == [expected]
    assert len(expected) == len(STEPS) + (0 if marks else 4)

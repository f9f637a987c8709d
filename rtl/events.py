"""The event stream between blocks: spikes with an address and a value, closed step by step."""

from math import ceil

from amaranth.hdl import Shape, Value
from amaranth.lib import data, stream

from spikeloom.hls_model.ranges import Range

__all__ = ["EventLayout", "PairLayout", "event_signature", "shape_of", "times", "token_layout"]


def shape_of(range: Range) -> Shape:
    """The narrowest Amaranth shape that holds ``range``."""
    return Shape(range.width, signed=range.is_signed)


class EventLayout(data.StructLayout):
    """One token of an event stream.

    Parameters
    ----------
    size : int
        Number of addresses (neurons or inputs).
    value : Range
        Values an event may carry. ``[0, 1]`` (a spike without grade) takes no bits: an event's
        value is then 1.

    Members
    -------
    end : 1
        0: an event. 1: the end of a step; ``address`` and ``value`` mean nothing.
    last : 1
        With ``end``: the step was the last of its sample. 0 otherwise.
    address : unsigned
    value : signed or unsigned, by ``value``
    """

    def __init__(self, size: int, value: Range):
        self.addresses = size
        self.range = value
        super().__init__({
            "end":     1,
            "last":    1,
            "address": Shape((size - 1).bit_length()),
            "value":   _grade_of(value),
        })

    @property
    def is_graded(self) -> bool:
        """Whether tokens carry a value."""
        return self["value"].width > 0


class PairLayout(data.StructLayout):
    """One token of a stream that carries two events per cycle: of one step, and of an even and an
    odd address.

    Parameters
    ----------
    size, value
        As of :class:`EventLayout`.

    Members
    -------
    end, last
        As of :class:`EventLayout`; at the end of a step there are no events.
    even, odd
        ``valid``: there is such an event; ``address``: half of its address, rounded down;
        ``value``.
    """

    def __init__(self, size: int, value: Range):
        self.addresses = size
        self.range = value
        event = data.StructLayout({
            "valid":   1,
            "address": Shape((ceil(size / 2) - 1).bit_length()),
            "value":   _grade_of(value),
        })
        super().__init__({"end": 1, "last": 1, "even": event, "odd": event})


def _grade_of(value: Range) -> Shape:
    return shape_of(value) if value.lo < 0 or value.hi > 1 else Shape(0)


def token_layout(size: int, value: Range, per_cycle: int = 1) -> EventLayout | PairLayout:
    """Tokens with at most ``per_cycle`` events."""
    return PairLayout(size, value) if per_cycle == 2 else EventLayout(size, value)


def event_signature(size: int, value: Range, per_cycle: int = 1) -> stream.Signature:
    """A stream of :func:`token_layout` tokens with back-pressure."""
    return stream.Signature(token_layout(size, value, per_cycle))


def times(value: Value, constant: int) -> Value:
    """``value · constant`` as a sum of shifts, which never takes a multiplier."""
    terms = [value << bit for bit in range(constant.bit_length()) if constant >> bit & 1]
    return sum(terms[1:], terms[0])

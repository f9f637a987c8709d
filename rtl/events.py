"""The event stream between blocks: spikes with an address and a value, closed step by step."""

from amaranth.hdl import Shape, Value
from amaranth.lib import data, stream

from spikeloom.hls_model.ranges import Range

__all__ = ["EventLayout", "event_signature", "shape_of", "times"]


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
            "value":   shape_of(value) if self.is_graded else Shape(0),
        })

    @property
    def is_graded(self) -> bool:
        """Whether tokens carry a value."""
        return self.range.lo < 0 or self.range.hi > 1


def event_signature(size: int, value: Range) -> stream.Signature:
    """A stream of :class:`EventLayout` tokens with back-pressure."""
    return stream.Signature(EventLayout(size, value))


def times(value: Value, constant: int) -> Value:
    """``value · constant`` as a sum of shifts, which never takes a multiplier."""
    terms = [value << bit for bit in range(constant.bit_length()) if constant >> bit & 1]
    return sum(terms[1:], terms[0])

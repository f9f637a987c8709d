"""Exact integer ranges: every value of the language carries one, and widths follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloom.hls_model.errors import RangeError

__all__ = ["BOOL", "Range"]


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """All integers from ``lo`` to ``hi``, both included.

    Raises
    ------
    RangeError
        If ``lo > hi``.
    """

    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise RangeError(f"a range must satisfy lo <= hi, not [{self.lo}, {self.hi}]")

    @classmethod
    def unsigned(cls, bits: int) -> Range:
        """[0, 2**bits − 1]."""
        return cls(0, (1 << bits) - 1)

    @classmethod
    def signed(cls, bits: int) -> Range:
        """[−2**(bits−1), 2**(bits−1) − 1]."""
        return cls(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)

    @classmethod
    def of(cls, values: Any) -> Range:
        """The smallest range that holds every element of an integer scalar or array."""
        array = np.asarray(values)
        return cls(int(array.min()), int(array.max()))

    @property
    def is_signed(self) -> bool:
        return self.lo < 0

    @property
    def is_constant(self) -> bool:
        return self.lo == self.hi

    @property
    def width(self) -> int:
        """Bits of the narrowest two's-complement (if ``lo < 0``) or unsigned word; 0 for [0, 0]."""
        if self.is_signed:
            return max((-self.lo - 1).bit_length(), max(self.hi, 0).bit_length()) + 1
        return self.hi.bit_length()

    @property
    def whole_word(self) -> Range:
        """All values of the narrowest word that holds this range; a constant stays one."""
        if self.is_constant:
            return self
        return Range.signed(self.width) if self.is_signed else Range.unsigned(self.width)

    def __contains__(self, other: object) -> bool:
        if isinstance(other, Range):
            return self.lo <= other.lo and other.hi <= self.hi
        return isinstance(other, int) and self.lo <= other <= self.hi

    def __or__(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return Range(min(self.lo, other.lo), max(self.hi, other.hi))

    def __str__(self) -> str:
        return f"[{self.lo}, {self.hi}]"


BOOL = Range(0, 1)

"""Puts a decay on the hardware's grid: shifts, or a multiplication by B/2**F."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import NoLeak, ScaleLeak, ShiftLeak
from spikeloom.hls_model.errors import SemanticsError

__all__ = ["GridLeak", "choose_leak"]

Array = npt.NDArray[np.float64]

_EXACT = 1e-6
"""Difference at which a decay counts as lying on the grid: what float32 cannot tell apart."""

_MOST_BITS = 12
"""Bits of B: one DSP block multiplies an 18-bit membrane by it."""


@dataclass(frozen=True, eq=False)
class GridLeak:
    """A leak of the neuron library, its parameters, and the decay that it has [size]."""

    leak: NoLeak | ShiftLeak | ScaleLeak
    parameters: dict[str, npt.NDArray[np.int64]]
    beta: Array

    @property
    def roundings(self) -> int:
        """Roundings of a step."""
        match self.leak:
            case ShiftLeak(shifts=(0,)) | NoLeak():
                return 0
            case ShiftLeak(shifts=shifts):
                return len(shifts)
        return 1

    def __str__(self) -> str:
        match self.leak:
            case NoLeak():
                return "v"
            case ShiftLeak(shifts=shifts):
                return "v" + "".join(f" − (v≫{s})" for s in shifts)
        (values,) = self.parameters.values()
        b = values[0] if (values == values[0]).all() else f"[{values.min()} … {values.max()}]"
        return f"(v·{b})≫{self.leak.bits}"


def choose_leak(
    beta: Array,
    kind: Literal["auto", "shift", "scale"] = "auto",
    name: str = "neurons",
    parameter: str = "beta",
) -> GridLeak:
    """The leak of a population whose trained decay is ``beta`` [size], in [0, 1].

    ``shift`` takes the nearest 1 − 2⁻ᵃ [− 2⁻ᵇ], ``scale`` B/2**F with the fewest bits that come
    within 1/256 of 1 − beta. ``auto`` takes shifts where they are exact, otherwise a scale, whose
    parameter is called ``parameter``.

    Raises
    ------
    SemanticsError
        If ``shift`` is asked for and the neurons differ in their decay.
    """
    if kind not in ("auto", "shift", "scale"):
        raise SemanticsError(f"leak must be 'auto', 'shift' or 'scale', not {kind!r}")
    if (beta == 1).all():
        return GridLeak(NoLeak(), {}, beta)
    if (beta == 0).all():
        return GridLeak(ShiftLeak((0,)), {}, beta)
    is_shared = np.ptp(beta) <= _EXACT
    if is_shared and kind != "scale":
        shifted = _nearest_shift(float(beta.mean()))
        found = GridLeak(ShiftLeak(shifted), {}, np.full_like(beta, _decay(shifted)))
        if kind == "shift" or np.abs(found.beta - beta).max() <= _EXACT:
            return found
    if kind == "shift":
        raise SemanticsError(
            f"leak='shift' needs one decay for all neurons of {name!r}, not "
            f"[{beta.min():g} … {beta.max():g}]; use leak='scale'"
        )
    return _scale(beta, parameter)


def _scale(beta: Array, parameter: str) -> GridLeak:
    for bits in range(1, _MOST_BITS + 1):
        integers = np.rint(beta * 2**bits).astype(np.int64)
        actual = integers / 2**bits
        if (np.abs(actual - beta) <= np.maximum((1 - beta) / 256, _EXACT)).all():
            break
    return GridLeak(ScaleLeak(bits, parameter=parameter), {parameter: integers}, actual)


def _nearest_shift(beta: float) -> tuple[int, ...]:
    amounts = range(_MOST_BITS + 1)
    grid = [(a,) for a in amounts] + list(combinations(amounts[1:], 2))
    return min(grid, key=lambda shifts: (abs(_decay(shifts) - beta), len(shifts)))


def _decay(shifts: tuple[int, ...]) -> float:
    return float(1 - sum(2.0**-s for s in shifts))

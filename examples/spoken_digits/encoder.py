"""From sound to graded events, in integers throughout.

int16 samples → windowed frames → discrete Fourier transform → energies of bands that are equally
wide in mel → their logarithms → how far each band lies above the frame's mean → events.

Bands below a floor count as silence, in which nothing differs from the mean: silence sends no
events at all, and speaking louder changes only the last address, the mean itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["OCTAVE", "Encoder", "log2"]

Array = npt.NDArray[np.int64]

OCTAVE = 64
"""Units of a logarithm per factor of two in energy."""

LIMIT = 31
"""Largest value of an event, and smallest one negated."""

_LOWEST = 80.0
"""Where the first band begins, in Hz."""

_WINDOW_BITS, _SPARE_BITS, _WAVE_BITS, _BAND_BITS, _MANTISSA_BITS = 15, 7, 14, 8, 7
"""Binary places: of the window, of a windowed sample, of the waves, of a band's weights, and of
the table of logarithms."""


def _mel(hertz: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    """Source: O'Shaughnessy, Speech communication: human and machine, 1987."""
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def log2(values: npt.ArrayLike) -> Array:
    """log₂ of integers ≥ 1 in units of 1/64; 0 for smaller ones.

    The place of the leading one, and a table over the next seven bits.
    """
    values = np.maximum(np.asarray(values, dtype=np.int64), 1)
    place = np.zeros_like(values)
    for shift in (32, 16, 8, 4, 2, 1):
        place += np.where(values >> place >= 1 << shift, shift, 0)
    places = place - _MANTISSA_BITS
    mantissa = (values >> np.maximum(places, 0)) << np.maximum(-places, 0)
    size = 1 << _MANTISSA_BITS
    table = np.rint(OCTAVE * np.log2(1 + (np.arange(size) + 0.5) / size)).astype(np.int64)
    return place * OCTAVE + table[mantissa - size]


@dataclass(frozen=True)
class Encoder:
    """The settings of the front end, and what it computes from them.

    Attributes
    ----------
    rate : samples per second
    hop : samples from one frame to the next
    bands : energies per frame
    floor : energies below 2**floor are silence
    shift : an event of 1 stands for 2**shift units of 1/64 octave
    dead : largest absolute value that is not sent
    """

    rate: int = 8000
    hop: int = 200
    bands: int = 24
    floor: int = 22
    shift: int = 4
    dead: int = 3

    @classmethod
    def for_rate(cls, rate: int, hop_ms: float) -> Encoder:
        """The front end for recordings of ``rate`` samples/s, with a frame every ``hop_ms``."""
        return cls(rate=rate, hop=round(rate * hop_ms / 1000))

    @property
    def frame(self) -> int:
        """Samples of a frame: the power of two of 25 ms or more (32 ms at 8 and 16 kHz)."""
        return 1 << (self.rate // 40 - 1).bit_length()

    @property
    def size(self) -> int:
        """Addresses of events: the bands, and their mean."""
        return self.bands + 1

    @cached_property
    def window(self) -> Array:
        """A Hann window of ``frame`` integers, 2**15 at its top."""
        n = np.arange(self.frame) + 0.5
        return _rounded(2**_WINDOW_BITS * np.sin(np.pi * n / self.frame) ** 2)

    @cached_property
    def waves(self) -> Array:
        """Cosines, then sines, of all frequencies [frame, frame + 2], amplitude 2**14."""
        angle = 2 * np.pi / self.frame * np.outer(np.arange(self.frame), self._bins)
        waves = np.concatenate([np.cos(angle), np.sin(angle)], 1)
        return _rounded(2**_WAVE_BITS * waves)

    @cached_property
    def triangles(self) -> Array:
        """Weights of each frequency in each band [bands, frame / 2 + 1], at most 2**8."""
        edges = np.linspace(_mel(_LOWEST), _mel(self.rate / 2), self.bands + 2)
        at = _mel(self._bins * self.rate / self.frame)
        up = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
        down = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
        return _rounded(2**_BAND_BITS * np.maximum(0, np.minimum(up, down)))

    @property
    def _bins(self) -> Array:
        return np.arange(self.frame // 2 + 1)

    def log_energies(self, audio: npt.NDArray[np.int16]) -> Array:
        """Logarithms of the bands' energies in units of 1/64 octave [frames, bands], for int16
        samples [samples]; the last frame is filled up with zeros.

        Amplitudes are those of frames of 256 samples, however long a frame is.
        """
        frames = max(1, -(-(len(audio) - self.frame) // self.hop) + 1)
        padded = np.zeros((frames - 1) * self.hop + self.frame, dtype=np.int64)
        padded[: len(audio)] = audio[: len(padded)]
        cut = np.lib.stride_tricks.sliding_window_view(padded, self.frame)[:: self.hop]
        windowed = (cut * self.window) >> (_WINDOW_BITS - _SPARE_BITS)
        # Every sum is below 2**45: floating point is exact, and fast.
        sums = (windowed.astype(np.float64) @ self.waves.astype(np.float64)).astype(np.int64)
        length = self.frame.bit_length() - (256).bit_length()
        amplitudes = sums >> (_WAVE_BITS + _SPARE_BITS + length)
        real, imaginary = np.split(amplitudes, 2, axis=1)
        return log2((real * real + imaginary * imaginary) @ self.triangles.T)

    def events(self, log_energies: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
        """Event values in [−31, 31], and 0 for none [..., bands + 1], for logarithms of energies
        [..., bands]."""
        loud = np.maximum(log_energies.astype(np.int64), self.floor * OCTAVE)
        mean = loud.sum(-1, keepdims=True) // self.bands
        level = (mean - self.floor * OCTAVE) >> 1
        amounts = np.concatenate([loud - mean, level], -1)
        values = np.sign(amounts) * (np.abs(amounts) >> self.shift)
        values = np.clip(values, -LIMIT, LIMIT)
        return np.where(np.abs(values) > self.dead, values, 0).astype(np.int8)


def _rounded(values: npt.NDArray[np.float64]) -> Array:
    return np.rint(values).astype(np.int64)

"""Samples as the network's events: checked, flattened, and made integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import SampleError
from spikeloom.hls_model.network import Input, Network
from spikeloom.hls_model.ranges import Range

__all__ = ["InputEvents", "to_events"]


@dataclass(frozen=True)
class InputEvents:
    """One input's event values.

    Attributes
    ----------
    values : integers [samples, steps, size], or [samples, 1, size] if held over all steps
    steps : steps of each sample
    """

    values: npt.NDArray[np.integer[Any]]
    steps: int

    @property
    def is_held(self) -> bool:
        return bool(self.values.shape[1] != self.steps)

    @property
    def samples(self) -> int:
        return int(self.values.shape[0])

    def step(self, t: int) -> npt.NDArray[np.integer[Any]]:
        """Event values of step ``t``: [samples, size]."""
        return self.values[:, 0 if self.is_held else t]

    def __getitem__(self, samples: slice) -> InputEvents:
        return InputEvents(self.values[samples], self.steps)


def to_events(network: Network, samples: Any, steps: int | None = None) -> dict[str, InputEvents]:
    """Check samples against a network's inputs.

    Parameters
    ----------
    samples
        ``[samples, steps, *shape]``, or ``[samples, *shape]`` together with ``steps`` for an
        input held constant; a mapping from input names to such arrays if there are several
        inputs. Floats are divided by the input's unit and rounded to the nearest integer.
    steps
        Steps of each sample; required for held inputs, otherwise checked.

    Raises
    ------
    SampleError
        If a shape, type or value does not fit.
    """
    if steps is not None and steps < 1:
        raise SampleError(f"steps must be at least 1, not {steps}")
    if not isinstance(samples, Mapping):
        if len(network.inputs) != 1:
            raise SampleError(
                f"samples must map each of the inputs {[i.name for i in network.inputs]} to its "
                "array, since there are several"
            )
        samples = {network.inputs[0].name: samples}
    names = {i.name for i in network.inputs}
    if set(samples) != names:
        raise SampleError(
            f"samples must be given for exactly the inputs {sorted(names)}, not {sorted(samples)}"
        )
    events = {i.name: _events_of(i, np.asarray(samples[i.name]), steps) for i in network.inputs}
    if len({(e.samples, e.steps) for e in events.values()}) > 1:
        raise SampleError(
            "all inputs must have the same number of samples and steps, not "
            f"{ {n: (e.samples, e.steps) for n, e in events.items()} }"
        )
    return events


def _events_of(input: Input, array: npt.NDArray[Any], steps: int | None) -> InputEvents:
    if array.dtype.kind not in "biuf":
        raise SampleError(f"samples must be integers or floats, not {array.dtype}")
    is_held = array.ndim == 1 + len(input.shape) and array.shape[1:] == input.shape
    if is_held and steps is None:
        raise SampleError(
            f"samples of shape {array.shape} hold no step axis; state how many steps they are "
            "presented for (--steps T)"
        )
    if not is_held and (array.ndim != 2 + len(input.shape) or array.shape[2:] != input.shape):
        raise SampleError(
            f"samples for {input.name!r} must have the shape [samples, steps, "
            f"{', '.join(map(str, input.shape))}], or the same without steps, not {array.shape}"
        )
    if 0 in array.shape:
        raise SampleError(f"samples must not be empty, and these have the shape {array.shape}")
    if not is_held and steps not in (None, array.shape[1]):
        raise SampleError(f"samples have {array.shape[1]} steps, not the {steps} asked for")
    values = _to_integers(input, array)
    values = values.reshape(array.shape[0], 1 if is_held else array.shape[1], input.size)
    return InputEvents(values, steps if is_held and steps else array.shape[1])


def _to_integers(input: Input, array: npt.NDArray[Any]) -> npt.NDArray[np.integer[Any]]:
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise SampleError(f"samples for {input.name!r} must be finite, not NaN or infinite")
        array = np.rint(array / input.unit)
    lo, hi = array.min(), array.max()
    if lo < input.range.lo or hi > input.range.hi:
        raise SampleError(
            f"event values of {input.name!r} must lie in {input.range}, not "
            f"[{lo:g}, {hi:g}]" + (f" (samples / {input.unit:g})" if input.unit != 1 else "")
        )
    smallest = next(t for t in (np.int8, np.int32, np.int64) if _holds(t, input.range))
    return array.astype(smallest)


def _holds(dtype: type[np.signedinteger[Any]], range: Range) -> bool:
    info = np.iinfo(dtype)
    return range in Range(int(info.min), int(info.max))

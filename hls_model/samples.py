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
    values : integers [samples, steps, size], or [samples, 1, size] if the same in all steps
    steps : steps of each sample
    held : they are sent in the first step alone (see :class:`.Input`)
    """

    values: npt.NDArray[np.integer[Any]]
    steps: int
    held: bool = False

    @property
    def is_constant(self) -> bool:
        """Whether ``values`` has one step that stands for all."""
        return bool(self.values.shape[1] != self.steps)

    @property
    def samples(self) -> int:
        return int(self.values.shape[0])

    def step(self, t: int) -> npt.NDArray[np.integer[Any]]:
        """Event values that count in step ``t``: [samples, size]."""
        return self.values[:, 0 if self.is_constant else t]

    @property
    def sent(self) -> npt.NDArray[np.integer[Any]]:
        """Values of the events that are sent, [samples, steps, size]: those of a held input in the
        first step alone."""
        shape = (self.samples, self.steps, self.values.shape[2])
        if not self.held:
            return np.broadcast_to(self.values, shape)
        sent = np.zeros(shape, dtype=self.values.dtype)
        sent[:, 0] = self.values[:, 0]
        return sent

    @property
    def sent_per_step(self) -> npt.NDArray[np.float64]:
        """Mean number of events that a sample sends in each step: [steps]."""
        counts = (self.values != 0).sum(axis=(0, 2)) / self.samples
        if not self.held:
            return np.broadcast_to(counts, self.steps)
        return np.concatenate([counts[:1], np.zeros(self.steps - 1)])

    def __getitem__(self, samples: slice) -> InputEvents:
        return InputEvents(self.values[samples], self.steps, self.held)


def to_events(network: Network, samples: Any, steps: int | None = None) -> dict[str, InputEvents]:
    """Check samples against a network's inputs.

    Parameters
    ----------
    samples
        ``[samples, steps, *shape]``, or ``[samples, *shape]`` together with ``steps`` for
        samples that are the same in each step; a mapping from input names to such arrays if there
        are several inputs. Floats are divided by the input's unit and rounded to the nearest
        integer.
    steps
        Steps of each sample; required for samples without a step axis, otherwise checked.

    Raises
    ------
    SampleError
        If a shape, type or value does not fit, or samples of a held input are not the same in
        each step.
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
    is_constant = array.ndim == 1 + len(input.shape) and array.shape[1:] == input.shape
    if is_constant and steps is None:
        raise SampleError(
            f"samples of shape {array.shape} hold no step axis; state how many steps they are "
            "presented for (--steps T)"
        )
    if not is_constant and (array.ndim != 2 + len(input.shape) or array.shape[2:] != input.shape):
        raise SampleError(
            f"samples for {input.name!r} must have the shape [samples, steps, "
            f"{', '.join(map(str, input.shape))}], or the same without steps, not {array.shape}"
        )
    if 0 in array.shape:
        raise SampleError(f"samples must not be empty, and these have the shape {array.shape}")
    if not is_constant and steps not in (None, array.shape[1]):
        raise SampleError(f"samples have {array.shape[1]} steps, not the {steps} asked for")
    values = _to_integers(input, array)
    values = values.reshape(array.shape[0], 1 if is_constant else array.shape[1], input.size)
    length = steps if is_constant and steps else array.shape[1]
    if input.held:
        _require_constant(input, values)
        values = values[:, :1]
    return InputEvents(values, length, input.held)


def _require_constant(input: Input, values: npt.NDArray[np.integer[Any]]) -> None:
    differing = values != values[:, :1]
    if differing.any():
        sample, step, address = np.unravel_index(int(differing.argmax()), differing.shape)
        raise SampleError(
            f"samples for {input.name!r}, which is held, must be the same in each step, and sample "
            f"{sample} has {values[sample, 0, address]} at address {address} in step 0 and "
            f"{values[sample, step, address]} in step {step}; quantize for an input that changes "
            "(--no-held)"
        )


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
    return array.astype(smallest, copy=False)


def _holds(dtype: type[np.signedinteger[Any]], range: Range) -> bool:
    info = np.iinfo(dtype)
    return range in Range(int(info.min), int(info.max))

"""Discretizes NIR's continuous neurons the way a framework does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model import LIF, CubaLIF, Integrator, MultiSpikeLIF, Neuron, NoLeak, ScaleLeak
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.hls_model.neurons import Leak
from spikeloom.quant.graph import DECAY, REAL
from spikeloom.quant.nir_checks import require_known
from spikeloom.quant.nir_file import NirNode
from spikeloom.quant.presets import Semantics

__all__ = ["Discrete", "discretize"]

Array = npt.NDArray[np.float64]

_SHORT = 12
"""Bits of the mantissa of a number that is likelier meant than met by chance."""

_ROUNDINGS = 4
"""Units in the last place by which τ, dt and r, each rounded, may move what they give."""

_CURRENT_DECAY = ScaleLeak(0, parameter="alpha")


@dataclass(frozen=True, eq=False)
class Discrete:
    """A neuron and its numbers per step, float64 [size]; ``gain`` multiplies its weighted input.

    ``notes`` : for people: what was understood that the file does not say
    """

    neuron: Neuron
    parameters: dict[str, Array]
    gain: Array
    origins: dict[str, str]
    notes: tuple[str, ...] = ()


def discretize(
    node: NirNode,
    size: int,
    semantics: Semantics,
    dt: float,
    where: str,
    *,
    recurrent: bool = False,
) -> Discrete:
    """The numbers of ``size`` neurons of any type under a preset.

    NIR's τ·dv/dt = v_leak − v + R·I becomes v = beta·v + gain·I, with beta = 1 − dt/τ (Euler) or
    exp(−dt/τ), and a gain that each framework has of its own (see
    :attr:`.Semantics.gain`); its current τ_syn·dI/dt = −I + w_in·S becomes i = alpha·i + gain·S
    in the same way. Membranes are counted from ``v_leak``, where frameworks that support it start
    them. The gain of a current into its membrane is folded into the weights before it.

    Parameters
    ----------
    where : names the file in the numbers' origins
    recurrent : the neurons' spikes come back to them

    Raises
    ------
    CheckpointError
        If parameters are not finite, or not one or ``size`` numbers.
    SemanticsError
        If the preset's framework has no such neuron.
    """
    discretizer = _Discretizer(node, size, semantics, dt, recurrent)
    neuron, gain = discretizer.run()
    in_file = {key: f"{where}: {text}" for key, text in discretizer.origins.items()}
    return Discrete(
        neuron,
        discretizer.parameters,
        gain,
        in_file | discretizer.stated,
        tuple(discretizer.notes),
    )


class _Discretizer:
    def __init__(
        self, node: NirNode, size: int, semantics: Semantics, dt: float, recurrent: bool
    ) -> None:
        self.node = node
        self.size = size
        self.semantics = semantics
        self.dt = dt
        self.recurrent = recurrent
        self.numbers = {key: _each(node, key, size) for key in node.arrays}
        self.parameters: dict[str, Array] = {}
        self.origins: dict[str, str] = {}
        self.stated: dict[str, str] = {}
        self.notes: list[str] = []

    def run(self) -> tuple[Neuron, Array]:
        """The neuron, and the gain of its input; the numbers become attributes."""
        require_known(self.node, self.numbers, self.semantics)
        self.origins["bias"] = f"constants before {self.node.name}, times the gain"
        if self.node.type == "Threshold":
            return self._threshold(), np.ones(self.size)
        leak, gain = self._membrane()
        neuron = self._driven(leak)
        if not self.node.type.startswith("Cuba"):
            return neuron, gain
        synapse, through = self._synapse()
        return CubaLIF(REAL, synapse, neuron), gain * through

    def _threshold(self) -> LIF:
        """1 where the input lies above the threshold: a membrane that keeps nothing."""
        self.parameters = {
            "threshold": self.numbers["threshold"],
            "beta": np.zeros(self.size),
        }
        name = self.node.name
        self.origins["threshold"] = f"threshold of {name}"
        self.origins["beta"] = f"{name} is a Threshold: it keeps nothing"
        self.stated["reset"] = "NIR: a Threshold has none, and compares with >"
        return LIF(REAL, DECAY, "none", strict=True)

    def _membrane(self) -> tuple[Leak, Array]:
        """The leak, and the gain of what the membrane integrates."""
        if "tau" not in self.numbers and "tau_mem" not in self.numbers:
            return self._perfect_membrane()
        key = "tau" if "tau" in self.numbers else "tau_mem"
        ratio, endless = self._ratio(key, "r", scales=self.semantics.gain != "unit")
        beta = self._decay(ratio)
        self._require_rockpool_gain(ratio, beta)
        r = np.where(endless, 1.0, self.numbers["r"])
        of_readout = "v_threshold" not in self.numbers
        match self.semantics.gain:
            case "euler":
                gain = r * np.where(endless, 1.0, ratio)
            case "rockpool":
                gain = beta if of_readout else np.ones(self.size)
            case "normalized" if self.semantics.normalizes_readout or not of_readout:
                gain = r * np.where(endless, 1.0, 1 - beta)
            case _:
                gain = r
        return self._leak(beta, key, DECAY, "beta"), self._tidy(gain)

    def _perfect_membrane(self) -> tuple[Leak, Array]:
        gain = self.numbers["r"]
        unit = "1"
        if self.semantics.if_gain == "per dt":
            gain, unit = gain * self.dt, "1/dt"
        if not np.allclose(gain, 1, rtol=1e-6):
            raise SemanticsError(
                f"r of the {self.node.type} node {self.node.name!r} must be {unit} under preset "
                f"{self.semantics.name!r}, not {self.numbers['r'][0]:g}; multiply the weights "
                "before it instead"
            )
        self.origins["beta"] = f"{self.node.name} is an {self.node.type}: no decay"
        return NoLeak(), np.ones(self.size)

    def _synapse(self) -> tuple[Leak, Array]:
        """The current's leak, and the gain of what reaches it."""
        scales = self.semantics.current == "filtered"
        ratio, endless = self._ratio("tau_syn", "w_in", scales=scales)
        alpha = self._decay(ratio)
        gain = np.where(endless, 1.0, self.numbers.get("w_in", np.ones(self.size)))
        match self.semantics.current:
            case "filtered":
                gain = gain * np.where(endless, 1.0, ratio)
            case "decayed":
                gain = gain * alpha
            case None:
                raise SemanticsError(
                    f"preset {self.semantics.name!r} needs current, for {self.node.name!r}: state "
                    "current='jump' for its LIFCell, which adds its input to the current, or "
                    "'filtered' for what its from_nir builds"
                )
        return self._leak(alpha, "tau_syn", _CURRENT_DECAY, "alpha"), self._tidy(gain)

    def _leak(self, decay: Array, key: str, leak: ScaleLeak, parameter: str) -> Leak:
        name = self.node.name
        if (decay == 1).all():
            self.origins[parameter] = f"{key} of {name} is infinite: no decay"
            self.notes.append(f"{key} of {name!r} is infinite, so that it integrates without leak")
            return NoLeak()
        formula = "exp(−dt/{})" if self.semantics.decay == "exponential" else "1 − dt/{}"
        self.origins[parameter] = f"{parameter} = {formula.format(key)} of {name}"
        self.parameters[parameter] = decay
        return leak

    def _ratio(self, key: str, gain: str, *, scales: bool) -> tuple[Array, npt.NDArray[np.bool_]]:
        """dt/τ, and where τ is infinite: there a ``gain`` that it ``scales`` must be τ/dt."""
        tau, node = self.numbers[key], self.node
        bad = tau[~(tau > 0)]
        if bad.size:
            raise SemanticsError(
                f"{key} of node {node.name!r} must be positive and finite, not {bad[0]:g}; a "
                "neuron that never decays is an IF node"
            )
        endless = np.isinf(tau)
        factor = self.numbers.get(gain, np.ones(self.size))
        if scales and (endless & ~np.isinf(factor)).any():
            raise SemanticsError(
                f"{key} of node {node.name!r} must be positive and finite, not inf: its input "
                "would have no effect; a neuron that never decays is an IF node"
            )
        if (~endless & ~np.isfinite(factor)).any():
            raise CheckpointError(
                f"{gain} of node {node.name!r} must be finite, not "
                f"{factor[~endless & ~np.isfinite(factor)][0]}; go back to an earlier checkpoint"
            )
        ratio = self._tidy(self.dt / tau)
        if self.semantics.decay == "euler" and (ratio > 1 + 1e-6).any():
            raise SemanticsError(
                f"dt must be at most the {key} of node {node.name!r}, {tau.min():g} s, not "
                f"{self.dt:g} s: 1 − dt/{key} must lie in [0, 1]; is dt in seconds?"
            )
        return np.minimum(ratio, 1) if self.semantics.decay == "euler" else ratio, endless

    def _decay(self, ratio: Array) -> Array:
        return self._tidy(np.exp(-ratio)) if self.semantics.decay == "exponential" else 1 - ratio

    def _tidy(self, values: Array) -> Array:
        """Short binary numbers, such as 0.875, where the file's precision hides them.

        tau = dt/0.125 was rounded when it was computed, and once more when it was written.
        """
        precision = np.finfo(np.float32 if self.node.is_single else np.float64)
        mantissa, exponent = np.frexp(values)
        short = np.ldexp(np.rint(np.ldexp(mantissa, _SHORT)), exponent - _SHORT)
        near = np.abs(short - values) <= _ROUNDINGS * precision.eps * np.abs(values)
        return np.where(near, short, values)

    def _driven(self, leak: Leak) -> LIF | Integrator | MultiSpikeLIF:
        """The neuron without its current, and its parameters."""
        if "v_threshold" not in self.numbers:
            return Integrator(REAL, leak)
        s, name = self.semantics, self.node.name
        rest = self._rest()
        self.parameters["threshold"] = threshold = self.numbers["v_threshold"] - rest
        self.origins["threshold"] = f"v_threshold of {name}"
        self.stated["reset"] = f"preset {s.name}: .nir files do not hold it"
        if s.most is not None:
            if s.lowest is not None:
                lowest = -threshold if s.lowest == "threshold" else np.full(self.size, s.lowest)
                self.parameters["lowest"] = lowest
                self.stated["lowest"] = f"preset {s.name}: min_v={s.lowest}"
            return MultiSpikeLIF(REAL, s.most, leak, clamped=s.lowest is not None)
        reset = s.reset or "subtract"
        delayed = bool(s.delayed) and reset != "none"
        if reset == "value":
            value = self.numbers.get("v_reset", np.zeros(self.size)) - rest
            self.parameters["reset_value"] = value
            self.origins["reset_value"] = f"v_reset of {name}"
        has_current = self.node.type.startswith("Cuba")
        drops = reset == "value" and delayed and (has_current or self.recurrent)
        if drops and not has_current:
            self.notes.append(
                f"{name!r} is recurrent: its reset drops a step's input, as that of RLeaky"
            )
        lowered = s.name == "snntorch" and reset == "subtract" and not delayed
        return LIF(REAL, leak, reset, s.strict, delayed, drops, lowered=lowered)

    def _rest(self) -> Array:
        """What to subtract from membranes so that they start at 0 and decay to 0."""
        s = self.semantics
        if s.name == "spikingjelly" and s.reset == "value" and self.node.type == "IF":
            return self.numbers.get("v_reset", np.zeros(self.size))
        return self.numbers.get("v_leak", np.zeros(self.size))

    def _require_rockpool_gain(self, ratio: Array, beta: Array) -> None:
        if self.semantics.gain != "rockpool":
            return
        gain = self.numbers["r"] * ratio / beta
        if not np.allclose(gain, 1, rtol=1e-4):
            raise SemanticsError(
                f"r of node {self.node.name!r} must be tau·exp(−dt/tau)/dt under preset "
                f"'rockpool', {1 / (ratio[0] / beta[0]):g}, not {self.numbers['r'][0]:g}; is dt "
                "that of the training?"
            )


def _each(node: NirNode, key: str, size: int) -> Array:
    array = node[key].reshape(-1)
    if array.size not in (1, size):
        raise CheckpointError(
            f"{key} of node {node.name!r} must be one number or {size} numbers, not "
            f"{node[key].shape}; export the graph again"
        )
    # Infinite time constants come with infinite gains: both mean that nothing decays.
    may_be_infinite = key in ("tau", "tau_syn", "tau_mem", "r", "w_in")
    bad = np.isnan(array) if may_be_infinite else ~np.isfinite(array)
    if bad.any():
        raise CheckpointError(
            f"{key} of node {node.name!r} must be finite, not {array[bad][0]}; go back to an "
            "earlier checkpoint"
        )
    return np.broadcast_to(array, size).astype(np.float64)

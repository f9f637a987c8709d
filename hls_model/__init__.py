"""Number types, the neuron language, the integer network and its reference. Needs NumPy,
and numba for one loop."""

from spikeloom.hls_model.adaptive import AdaptiveLIF
from spikeloom.hls_model.gated import GatedUnit, SigmoidTable
from spikeloom.hls_model.graded import GradedLIF, Grading, MultiSpikeLIF
from spikeloom.hls_model.network import (
    CONTRACT,
    EVENTS,
    Input,
    Network,
    Output,
    Population,
    Projection,
)
from spikeloom.hls_model.neuron import Neuron, State
from spikeloom.hls_model.neurons import LIF, FineInput, Integrator, NoLeak, ScaleLeak, ShiftLeak
from spikeloom.hls_model.ranges import BOOL, Range
from spikeloom.hls_model.reference import Result, simulate
from spikeloom.hls_model.synaptic import CubaLIF
from spikeloom.hls_model.values import (
    Value,
    lookup,
    maximum,
    minimum,
    saturate,
    select,
    shift_left,
    shift_right,
    wrap,
)

__all__ = [
    "BOOL",
    "CONTRACT",
    "EVENTS",
    "LIF",
    "AdaptiveLIF",
    "CubaLIF",
    "FineInput",
    "GatedUnit",
    "GradedLIF",
    "Grading",
    "Input",
    "Integrator",
    "MultiSpikeLIF",
    "Network",
    "Neuron",
    "NoLeak",
    "Output",
    "Population",
    "Projection",
    "Range",
    "Result",
    "ScaleLeak",
    "ShiftLeak",
    "SigmoidTable",
    "State",
    "Value",
    "lookup",
    "maximum",
    "minimum",
    "saturate",
    "select",
    "shift_left",
    "shift_right",
    "simulate",
    "wrap",
]

"""From a trained spiking network to a running FPGA, bit for bit.

Attributes are imported on first use: ``import spikeloom`` costs nothing, and what needs PyTorch
or Amaranth is loaded only where it is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeloom.boards import BOARDS, find_board, synthesise
    from spikeloom.boards.design import generate
    from spikeloom.boards.flash import flash
    from spikeloom.flow import build
    from spikeloom.flow.board import connect
    from spikeloom.hls_model import (
        BOOL,
        CONTRACT,
        EVENTS,
        LIF,
        AdaptiveLIF,
        CubaLIF,
        FineInput,
        GatedUnit,
        GradedLIF,
        Grading,
        Input,
        Integrator,
        MultiSpikeLIF,
        Network,
        Neuron,
        NoLeak,
        Output,
        Population,
        Projection,
        Range,
        Result,
        ScaleLeak,
        ShiftLeak,
        SigmoidTable,
        State,
        errors,
        lookup,
        maximum,
        minimum,
        saturate,
        select,
        shift_left,
        shift_right,
        simulate,
        wrap,
    )
    from spikeloom.quant.fine_tuning import trainable
    from spikeloom.quant.load import load
    from spikeloom.quant.quantize import quantize
    from spikeloom.quant.torch_network import torch_simulate
    from spikeloom.quant.torch_operators import Surrogate
    from spikeloom.quant.trainable_parts import TrainablePopulation, TrainableProjection
    from spikeloom.quant.training import TrainableNetwork
    from spikeloom.sim.cosim import cosimulate

    __version__: str

_HOMES = {
    "boards": ("BOARDS", "find_board", "synthesise"),
    "boards.design": ("generate",),
    "boards.flash": ("flash",),
    "flow": ("build",),
    "flow.board": ("connect",),
    "hls_model": (
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
        "MultiSpikeLIF",
        "SigmoidTable",
        "Input",
        "Integrator",
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
        "State",
        "errors",
        "lookup",
        "maximum",
        "minimum",
        "saturate",
        "select",
        "shift_left",
        "shift_right",
        "simulate",
        "wrap",
    ),
    "quant": ("load", "quantize"),
    "quant.fine_tuning": ("trainable",),
    "quant.torch_network": ("torch_simulate",),
    "quant.torch_operators": ("Surrogate",),
    "quant.trainable_parts": ("TrainablePopulation", "TrainableProjection"),
    "quant.training": ("TrainableNetwork",),
    "sim.cosim": ("cosimulate",),
}
_PACKAGES = ("boards", "flow", "hls_model", "quant", "rtl", "sim")
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BOARDS",
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
    "Surrogate",
    "TrainableNetwork",
    "TrainablePopulation",
    "TrainableProjection",
    "__version__",
    "build",
    "connect",
    "cosimulate",
    "errors",
    "find_board",
    "flash",
    "generate",
    "load",
    "lookup",
    "maximum",
    "minimum",
    "quantize",
    "saturate",
    "select",
    "shift_left",
    "shift_right",
    "simulate",
    "synthesise",
    "torch_simulate",
    "trainable",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("spikeloom")
    if name == "errors":
        return importlib.import_module("spikeloom.hls_model.errors")
    if name in _HOME:
        value = getattr(importlib.import_module(f"spikeloom.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _PACKAGES:
        return importlib.import_module(f"spikeloom.{name}")
    raise AttributeError(f"module 'spikeloom' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})

"""Import of trained networks, calibration, and quantization to integer networks.

``load`` a checkpoint as a float :class:`Graph`, ``quantize`` it to an
:class:`~spikeloom.hls_model.Network`, ``compare`` the two.
"""

from spikeloom.quant.explain import explain
from spikeloom.quant.graph import DECAY, MEMBRANE, MOST, REAL, Graph, Input, Population, Projection
from spikeloom.quant.load import load
from spikeloom.quant.presets import PRESETS
from spikeloom.quant.quantize import (
    QuantizationWarning,
    Quantized,
    quantize,
    quantize_with_report,
)
from spikeloom.quant.report import Agreement, Comparison, Report, compare
from spikeloom.quant.room import Room
from spikeloom.quant.simulator import simulate

__all__ = [
    "DECAY",
    "MEMBRANE",
    "MOST",
    "PRESETS",
    "REAL",
    "Agreement",
    "Comparison",
    "Graph",
    "Input",
    "Population",
    "Projection",
    "QuantizationWarning",
    "Quantized",
    "Report",
    "Room",
    "compare",
    "explain",
    "load",
    "quantize",
    "quantize_with_report",
    "simulate",
]

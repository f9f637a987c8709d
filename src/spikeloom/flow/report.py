"""``report.json``: what the finished stages of a folder reached, in one object."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeloom.flow import artefacts
from spikeloom.flow.files import read_json, write_json
from spikeloom.flow.ledger import Record
from spikeloom.hls_model.errors import ArtefactError
from spikeloom.hls_model.network import Network

__all__ = ["read_report", "write_report"]

_FILE = "report.json"
_COSIM = (
    "samples",
    "spikes_compared",
    "states_compared",
    "mismatches",
    "cycles_per_sample",
    "simulated_cycles_per_second",
)
_TIMING = ("fmax_mhz", "target_mhz", "clock_mhz", "critical_path")
_KEYS = (
    "contract",
    "network",
    "quantization",
    "accuracy",
    "cosim",
    "roofline",
    "estimate",
    "resources",
    "timing",
    "latency_us",
    "seconds",
    "tools",
)
"""Always all of them; ``null`` where the stage that fills one has not run."""


def read_report(folder: Path | str) -> dict[str, Any]:
    """The report in ``folder``.

    Raises
    ------
    ArtefactError
        If there is none, or it is damaged.
    """
    return read_json(Path(folder) / _FILE, "build")


def write_report(folder: Path, current: Mapping[str, Record]) -> dict[str, Any]:
    """Collect ``report.json`` from the stages in ``current``; no file if there are none."""
    report: dict[str, Any] = dict.fromkeys(_KEYS)
    if "quantize" in current or "reference" in current:
        network = artefacts.load_network(folder)
        report |= {"contract": network.contract, "network": describe(network)}
    if "quantize" in current:
        report["quantization"] = read_json(folder / artefacts.QUANTIZATION, "quantize")
    if "reference" in current:
        result = read_json(folder / artefacts.REFERENCE, "reference")
        report["accuracy"] = {
            "float": _float_accuracy(report["quantization"]),
            "integer": result["accuracy"],
            "samples": result["samples"],
        }
    if "generate" in current:
        report["estimate"] = read_json(folder / artefacts.DESIGN, "generate")["estimate"]
    if "cosim" in current:
        cosim = read_json(folder / artefacts.COSIM, "cosim")
        report["cosim"] = {name: cosim[name] for name in _COSIM}
    if "synth" in current:
        build = read_json(folder / artefacts.SYNTH, "synth")
        report["resources"] = {"board": build["board"], "device": build["device"]}
        report["resources"] |= build["resources"]
        report["timing"] = {name: build[name] for name in _TIMING}
        if report["cosim"]:
            cycles = report["cosim"]["cycles_per_sample"]["mean"]
            report["latency_us"] = round(cycles / build["clock_mhz"], 3)
    if "cosim" in current:
        report["roofline"] = _roofline(folder, cosim["roofline"], report["timing"])
    report["seconds"] = {name: record.seconds for name, record in current.items()}
    report["tools"] = _tools(folder, current)
    if current:
        write_json(folder / _FILE, report)
    return report


def _roofline(
    folder: Path, roofline: dict[str, Any], timing: dict[str, Any] | None
) -> dict[str, Any]:
    """What the cosimulated cycles are worth beside the fewest possible, per second if known, and
    how many samples the link can carry in that time."""
    if timing is None:
        return roofline
    samples = timing["clock_mhz"] * 1e6 / roofline["cycles"]
    figures = roofline | {
        "samples_per_second": samples,
        "operations_per_second": roofline["operations"] * samples,
        "dense_operations_per_second": roofline["dense_operations"] * samples,
        "clock_path": timing["critical_path"],
    }
    baud = read_json(folder / artefacts.DESIGN, "generate")["baud"]
    if link := roofline["link_bytes"]:
        from spikeloom.rtl.roofline import LinkBytes

        figures["link"] = {"baud": baud} | {
            "samples_per_second": 1 / LinkBytes(**link).seconds(baud)
        }
    return figures


def _float_accuracy(quantization: dict[str, Any] | None) -> float | None:
    accuracy: float | None = (quantization or {}).get("calibration", {}).get("float_accuracy")
    return accuracy


def describe(network: Network) -> dict[str, Any]:
    """A network's populations and projections in words and numbers."""
    return {
        "inputs": [
            {"name": i.name, "shape": list(i.shape), "range": [i.range.lo, i.range.hi]}
            | {"held": i.held}
            for i in network.inputs
        ],
        "populations": [
            {
                "name": p.name,
                "size": p.size,
                "neuron": type(p.neuron).__name__,
                "state_bits": {word: r.width for word, r in p.neuron.states().items()},
            }
            for p in network.populations
        ],
        "projections": [
            {"source": p.source, "target": p.target, "delay": p.delay, "bits": p.bits}
            | {"synapses": p.weights.size}
            for p in network.projections
        ],
        "synapses": network.synapses,
        "hash": network.hash,
    }


def _tools(folder: Path, current: Mapping[str, Record]) -> dict[str, str]:
    from importlib.metadata import version

    tools = {"spikeloom": version("spikeloom")}
    for record in current.values():
        tools |= {n: v for n, v in record.key.versions.items() if not n.startswith("spikeloom.")}
    if "synth" in current:
        try:
            tools |= read_json(folder / artefacts.SYNTH, "synth")["tools"]
        except KeyError as error:
            raise ArtefactError(f"{folder / artefacts.SYNTH} names no tools") from error
    return tools

"""A command line in this process, and a chain whose slow parts are stand-ins."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny import tiny_graph

from spikeloom import flow
from spikeloom.cli.app import run
from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.quant import DECAY, REAL, Graph
from spikeloom.quant import Input as GraphInput
from spikeloom.quant import Population as GraphPopulation
from spikeloom.quant import Projection as GraphProjection


@dataclass(frozen=True)
class Outcome:
    """What a command line left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def spikeloom(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """``spikeloom("build", path, ...)`` runs a command line."""

    def command(*arguments: Any) -> Outcome:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return command


@pytest.fixture
def network() -> Network:
    """Four inputs, three LIF neurons."""
    weights = np.array([[1, 2, 3, -1], [0, 1, -2, 3], [3, 3, -4, 0]])
    neuron = LIF(v=Range.signed(8))
    return Network(
        inputs=(Input("input", (4,)),),
        populations=(Population("out", 3, neuron, {"threshold": 4}),),
        projections=(Projection("input", "out", weights),),
        output=Output("out"),
    )


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """Six samples of five steps, with labels."""
    random = np.random.default_rng(1)
    path = tmp_path / "samples.npz"
    np.savez(path, inputs=random.integers(0, 2, (6, 5, 4)), labels=np.arange(6) % 3)
    return path


@pytest.fixture(scope="session")
def built_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bitstream for an iCE40 in ``built``, two more checkpoints, and samples."""
    folder = tmp_path_factory.mktemp("tiny")
    for name, content in (("old", [1, 1.0, 3]), ("new", [2, 0.9, 3]), ("wide", [2, 1, 4])):
        (folder / name).write_text(json.dumps(content))
    random = np.random.default_rng(1)
    np.savez(folder / "samples.npz", inputs=random.integers(0, 2, (6, 5, 4)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spikeloom.quant.load", tiny_graph)
        flow.build(
            folder / "old",
            "hx8k-evn",
            folder / "built",
            to="generate",
            samples=folder / "samples.npz",
            target_mhz=24.0,
        )
        flow.run_stage("synth", folder / "built")
    return folder


@dataclass
class Chain:
    """Stand-ins for everything slow; ``calls`` lists the stages that ran."""

    network: Network
    calls: list[str] = field(default_factory=list)
    fail: dict[str, BaseException] = field(default_factory=dict)

    def called(self, stage: str) -> None:
        self.calls.append(stage)
        if stage in self.fail:
            raise self.fail[stage]

    @property
    def ran(self) -> list[str]:
        """The stages that ran; the reference is real and fast, and makes no call."""
        order = ("import", "quantize", "generate", "cosim", "synth")
        return [stage for stage in order if stage in self.calls]

    def load(self, path: Path, **options: Any) -> Any:
        self.called("import")
        weight = float(len(Path(path).read_bytes()))
        neurons = LIF(REAL, DECAY), {"beta": 0.5, "threshold": 1.0}
        return Graph(
            inputs=(GraphInput("input", (4,)),),
            populations=(GraphPopulation("out", 3, *neurons),),
            projections=(GraphProjection("input", "out", np.full((3, 4), weight)),),
            output=Output("out"),
            assumptions=(f"preset {options['preset']}",),
        )

    def quantize_with_report(self, graph: Graph, **options: Any) -> Any:
        self.called("quantize")
        report = {"calibration": {"float_accuracy": 0.5}, "bits": options.get("weight_bits", 8)}
        return SimpleNamespace(
            network=self.network,
            report=SimpleNamespace(to_json=lambda: report, warnings=("moved",)),
        )

    def generate(self, network: Network, **options: Any) -> Any:
        def verilog() -> str:
            self.called("generate")
            return f"// {options}\n"

        return SimpleNamespace(
            network=network,
            target_mhz=options["target_mhz"] or 40.0,
            verilog=verilog,
            plans={
                p.name: SimpleNamespace(
                    lanes=options["lanes"],
                    units=options["units"],
                    accumulators="registers",
                    weights=options["weights"],
                    events_per_cycle=options["events_per_cycle"],
                    template=None,
                )
                for p in network.populations
            },
            as_dict=lambda: {"cores": []},
            estimate=lambda events: {
                "lut4": 90,
                "bram": 3,
                "spram": 0,
                "cycles_per_sample": 19.6 if list(events) else None,
            },
        )

    def cosimulate(self, design: Any, samples: Any, steps: Any, **options: Any) -> Any:
        if options.get("progress"):
            self.called("cosim")
            options["progress"](1, 2)
        report = {
            "samples": len(samples),
            "spikes_compared": 90,
            "states_compared": 90,
            "mismatches": 0,
            "cycles_per_sample": {"min": 10, "mean": 20.0, "max": 30},
            "simulated_cycles_per_second": 1e6,
            "roofline": {
                "cycles": 20.0,
                "overlapped_cycles": 16.0,
                "serial_cycles": 25.0,
                "ratio": 0.8,
                "overlapped_ratio": 1.25,
                "limit": "sweep of out",
                "operations": 60.0,
                "dense_operations": 120.0,
                "operations_per_cycle": 3.0,
                "link_bytes": {"received": 50.0, "sent": 20.0},
            },
        }
        return SimpleNamespace(as_dict=lambda: report)

    def synthesise(self, top: Any, board: Any, out: Path, **options: Any) -> Any:
        from spikeloom.flow.files import write_json

        self.called("synth")
        options["progress"]("route")
        (out / "top.bin").parent.mkdir(parents=True, exist_ok=True)
        (out / "top.bin").write_bytes(b"bitstream")
        build = {
            "board": board.name,
            "device": board.device.name,
            "resources": {"lut4": {"used": 100, "available": 7680}},
            "fmax_mhz": 50.0,
            "target_mhz": options["target_mhz"],
            "clock_mhz": 40.0,
            "critical_path": {
                "start": "core.q",
                "end": "core.d",
                "nets": [],
                "delay_ns": 20.0,
                "routing_ns": 8.0,
            },
            "bitstream": "top.bin",
            "tools": {"yosys": "0.70"},
        }
        write_json(out / "build.json", build)
        return SimpleNamespace(bitstream="top.bin")


@pytest.fixture
def chain(network: Network, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """A chain that takes milliseconds; its checkpoint may be any file."""
    stand_in = Chain(network)
    for target in (
        "spikeloom.quant.load",
        "spikeloom.quant.quantize_with_report",
        "spikeloom.boards.design.generate",
        "spikeloom.sim.cosim.cosimulate",
        "spikeloom.boards.synthesise",
    ):
        monkeypatch.setattr(target, getattr(stand_in, target.rpartition(".")[2]))
    monkeypatch.setattr("spikeloom.boards.design.BoardTop", lambda *_: None)
    return stand_in


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.nir"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def build(chain: Chain, checkpoint: Path, samples: Path, tmp_path: Path) -> Callable[..., Any]:
    """Runs the whole chain; returns the report, and keeps the stages that ran in
    ``chain.calls``."""

    def run(**options: Any) -> Any:
        chain.calls.clear()
        options = {"samples": samples, "preset": "snntorch", **options}
        return flow.build(checkpoint, "hx8k-evn", tmp_path / "out", **options)

    return run

"""The report of a chain: as JSON, and as a table."""

from __future__ import annotations

import json

import pytest

from spikeloom import flow

STAGES = ["import", "quantize", "reference", "generate", "cosim", "synth"]


def test_the_report_drops_what_is_outdated(build, chain, tmp_path):
    build()
    report = flow.run_stage("generate", tmp_path / "out", lanes=1)
    assert report["accuracy"] is not None
    assert (report["cosim"], report["timing"]) == (None, None)


def test_report_keys(build, tmp_path):
    report = build()
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report) == [
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
    ]
    assert report["contract"] == 1
    assert report["network"]["synapses"] == 12
    assert report["accuracy"]["float"] == 0.5
    assert report["accuracy"]["samples"] == 6
    assert list(report["cosim"]) == [
        "samples",
        "spikes_compared",
        "states_compared",
        "mismatches",
        "cycles_per_sample",
        "simulated_cycles_per_second",
    ]
    assert report["resources"]["lut4"] == {"used": 100, "available": 7680}
    assert report["estimate"]["lut4"] == 90
    assert (report["timing"]["fmax_mhz"], report["timing"]["clock_mhz"]) == (50.0, 40.0)
    assert report["timing"]["critical_path"]["end"] == "core.d"
    assert report["roofline"]["operations_per_second"] == 60 * 40e6 / 20
    # 50 bytes of ten bits.
    baud = report["roofline"]["link"]["baud"]
    assert report["roofline"]["link"]["samples_per_second"] == pytest.approx(baud / 500)
    assert report["latency_us"] == 0.5
    assert list(report["seconds"]) == STAGES
    assert report["tools"]["yosys"] == "0.70"


def test_without_samples_random_ones_are_used(build):
    report = build(samples=None)
    assert report["accuracy"] == {"float": 0.5, "integer": None, "samples": 16}


def test_json_is_all_that_stdout_holds(spikeloom, chain, checkpoint, samples, tmp_path):
    common = ["build", checkpoint, "--board", "hx8k-evn", "--out", tmp_path / "out"]
    outcome = spikeloom(*common, "--samples", samples, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out) == flow.read_report(tmp_path / "out")
    assert "note: preset None" in outcome.err
    assert "note: moved" in outcome.err


def test_the_table_holds_the_figures(spikeloom, chain, checkpoint, samples, tmp_path):
    common = ["build", checkpoint, "--board", "hx8k-evn", "--out", tmp_path / "out"]
    out = spikeloom(*common, "--samples", samples).out
    for text in (
        "4-3, 12 synapses of 3 bits",
        "50.00% float (6 samples)",
        "0 mismatches in 6 samples",
        "20 per sample (10 to 30), 20 estimated",
        "100 of 7,680 (1%), 90 estimated",
        "40.00 MHz, Fmax 50.00 MHz (target 40 MHz)",
        "0.50 µs per sample",
        "0.80 × 25 cycles for events, then sweeps; 1.25 × 16 for both at once",
        "bound by the sweep of out",
        "60 by event (120 dense) per sample, 3.0 per cycle; 0.12 GSOP/s by event, 0.24 dense",
        "core.q → core.d",
        "20.00 ns, 8.00 of them in wires",
    ):
        assert text in out

"""Stages: what they leave behind, when they are skipped, and what the report holds."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from spikeloom import flow
from spikeloom.hls_model.errors import (
    ArtefactError,
    BoardError,
    FitError,
    SampleError,
    SpikeloomError,
)

STAGES = ["import", "quantize", "reference", "generate", "cosim", "synth"]


@pytest.fixture
def build(chain, checkpoint, samples, tmp_path):
    """Runs the whole chain; returns the report, and keeps the stages that ran in
    ``chain.calls``."""

    def run(**options):
        chain.calls.clear()
        options = {"samples": samples, "preset": "snntorch", **options}
        return flow.build(checkpoint, "hx8k-evn", tmp_path / "out", **options)

    return run


def ran(chain):
    """The stages that ran; the reference is real and fast, and makes no call."""
    return [stage for stage in STAGES if stage in chain.calls]


def test_artefacts_of_a_whole_chain(build, tmp_path):
    build()
    files = {
        str(path.relative_to(tmp_path / "out"))
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert files == {
        "cosim.json",
        "design.json",
        "events.npz",
        "graph.npz",
        "network.npz",
        "quantization.json",
        "reference.json",
        "reference.npz",
        "report.json",
        "rtl/spikeloom.v",
        "settings.json",
        "stages.json",
        "synth/build.json",
        "synth/top.bin",
    }


def test_a_rerun_skips_everything(build, chain, checkpoint):
    first = build()
    os.utime(checkpoint)
    assert build() == first
    assert ran(chain) == []


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("preset", "norse", ["import", "quantize"]),
        ("dt", 1e-3, ["import"]),
        ("weight_bits", 4, ["quantize"]),
        ("input_bits", 4, ["quantize"]),
        ("held", False, ["quantize"]),
        ("lanes", 2, ["generate", "cosim", "synth"]),
        ("target_mhz", 30.0, ["generate", "cosim", "synth"]),
        ("limit", 3, ["cosim"]),
        ("seed", 2, ["synth"]),
        ("force", True, ["import", "quantize", "generate", "cosim", "synth"]),
    ],
)
def test_an_option_runs_what_depends_on_it(build, chain, option, value, expected):
    # The stand-in quantizes every graph to the same network, so that the chain stops there.
    build()
    build(**{option: value})
    assert ran(chain) == expected


def test_contents_count_rather_than_names(build, chain, checkpoint, samples):
    build()
    checkpoint.write_bytes(b"longer weights")
    build()
    assert ran(chain) == ["import", "quantize"]
    np.savez(samples, inputs=np.ones((2, 5, 4), dtype=int))
    build()
    # Other samples have other activity, which weighs a design's knobs.
    assert ran(chain) == ["quantize", "generate", "cosim"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("graph.npz", ["import"]),
        ("network.npz", ["quantize"]),
        ("design.json", ["generate"]),
        ("rtl/spikeloom.v", ["generate"]),
        ("cosim.json", ["cosim"]),
        ("synth/top.bin", ["synth"]),
    ],
)
@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_damaged_artefacts_are_made_again(build, chain, tmp_path, name, expected, damage):
    report = build()
    path = tmp_path / "out" / name
    intact = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(intact[: len(intact) // 2])
    again = build()
    assert ran(chain) == expected
    assert path.read_bytes() == intact
    assert {**again, "seconds": None} == {**report, "seconds": None}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"import": 1}', '{"import": {"key": {}}}'])
def test_a_damaged_ledger_runs_everything_again(build, chain, tmp_path, content):
    build()
    (tmp_path / "out" / "stages.json").write_text(content)
    build()
    assert ran(chain) == ["import", "quantize", "generate", "cosim", "synth"]


def test_a_change_of_the_program_runs_its_stages_again(build, chain, monkeypatch):
    build()
    from spikeloom.flow import chain as module

    real = module.versions_of

    def newer(packages, distributions):
        return real(packages, distributions) | (
            {"cocotb": "9"} if "cocotb" in distributions else {}
        )

    monkeypatch.setattr(module, "versions_of", newer)
    build()
    assert ran(chain) == ["cosim"]


def test_to_stops_early(build, chain, tmp_path):
    report = build(to="generate")
    assert ran(chain) == ["import", "quantize", "generate"]
    assert (report["cosim"], report["timing"], report["latency_us"]) == (None, None, None)
    with pytest.raises(SpikeloomError, match=r"must be one of import, .*, not 'fly'"):
        build(to="fly")


def test_a_failing_stage_keeps_those_before_it(build, chain, tmp_path):
    chain.fail["generate"] = FitError("too large")
    with pytest.raises(FitError):
        build()
    report = flow.read_report(tmp_path / "out")
    assert list(report["seconds"]) == ["import", "quantize", "reference"]
    assert not (tmp_path / "out" / "rtl").exists()
    del chain.fail["generate"]
    build()
    assert ran(chain) == ["generate", "cosim", "synth"]


def test_a_failing_first_stage_leaves_nothing(build, chain, tmp_path):
    chain.fail["import"] = SpikeloomError("no")
    with pytest.raises(SpikeloomError):
        build()
    assert not (tmp_path / "out").exists()


def test_what_would_fail_late_fails_first(build, chain, tmp_path):
    with pytest.raises(SampleError, match=r"samples .*none\.npz do not exist"):
        build(samples=tmp_path / "none.npz")
    with pytest.raises(BoardError, match="hx8k-evn cannot run at 1 MHz"):
        build(target_mhz=1.0)
    assert chain.calls == []
    assert not (tmp_path / "out").exists()


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


def test_stages_one_by_one_equal_a_build(build, chain, checkpoint, samples, tmp_path):
    whole = build(weight_bits=4)
    folder = tmp_path / "single"
    flow.run_stage("import", folder, checkpoint=checkpoint, preset="snntorch")
    flow.run_stage("quantize", folder, samples=samples, weight_bits=4)
    flow.run_stage("reference", folder)
    flow.run_stage("generate", folder, board="hx8k-evn")
    flow.run_stage("cosim", folder)
    report = flow.run_stage("synth", folder)
    assert {**report, "seconds": None} == {**whole, "seconds": None}


def test_a_stage_remembers_options(chain, checkpoint, samples, tmp_path):
    folder = tmp_path / "out"
    flow.run_stage("import", folder, checkpoint=checkpoint, preset="snntorch")
    flow.run_stage("quantize", folder, samples=samples, weight_bits=4)
    chain.calls.clear()
    flow.run_stage("quantize", folder)
    assert ran(chain) == []


@pytest.mark.parametrize(
    ("stage", "missing", "maker"),
    [
        ("quantize", "graph.npz", "import"),
        ("reference", "network.npz", "quantize"),
        ("generate", "network.npz", "quantize"),
        ("cosim", "network.npz", "quantize"),
        ("synth", "network.npz", "quantize"),
    ],
)
def test_a_stage_names_what_comes_first(chain, tmp_path, stage, missing, maker):
    with pytest.raises(ArtefactError) as caught:
        flow.run_stage(stage, tmp_path)
    path = tmp_path / missing
    assert str(caught.value) == f"{path} does not exist; run `spikeloom {maker}` first"


def test_synth_needs_a_design_of_the_same_network(chain, network, tmp_path):
    network.save(tmp_path / "network.npz")
    with pytest.raises(
        ArtefactError, match=r"design\.json does not exist; run `spikeloom generate`"
    ):
        flow.run_stage("synth", tmp_path)
    flow.run_stage("generate", tmp_path, board="hx8k-evn")
    design = tmp_path / "design.json"
    design.write_text(design.read_text().replace(network.hash, "0" * 64))
    with pytest.raises(ArtefactError, match="belongs to another network; run `spikeloom generate`"):
        flow.run_stage("synth", tmp_path)
    design.write_text("{")
    with pytest.raises(ArtefactError, match=r"is damaged .*; run `spikeloom generate --force`"):
        flow.run_stage("synth", tmp_path)


def test_synth_needs_a_board(chain, network, tmp_path):
    network.save(tmp_path / "network.npz")
    flow.run_stage("generate", tmp_path)
    with pytest.raises(SpikeloomError, match="is for no board; run `spikeloom generate --board"):
        flow.run_stage("synth", tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY nonsense"])
def test_a_foreign_graph(chain, tmp_path, content):
    (tmp_path / "graph.npz").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"is no graph file, or is damaged .* import --force`"):
        flow.run_stage("quantize", tmp_path)


def test_damaged_settings(tmp_path):
    (tmp_path / "settings.json").write_text('{"unknown": 1}')
    with pytest.raises(ArtefactError, match=r"settings\.json is damaged .*; remove it"):
        flow.run_stage("reference", tmp_path)


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


def test_samples_of_the_wrong_kind(chain, network, tmp_path):
    network.save(tmp_path / "network.npz")
    path = tmp_path / "s.npz"

    def refused(pattern, **arrays):
        np.savez(path, **arrays)
        with pytest.raises(SampleError, match=pattern):
            flow.run_stage("reference", tmp_path, samples=path)

    spikes = np.zeros((2, 3, 4), dtype=int)
    refused("must hold an array 'inputs', and holds", x=spikes)
    refused("inputs in .* must have the shape", inputs=np.zeros(3))
    refused("with at least one sample", inputs=spikes[:0])
    refused("labels in .* must be 2 integers, one per sample, not", inputs=spikes, labels=[1.5, 2])
    refused("labels in .* must be 2 integers", inputs=spikes, labels=[1, 2, 3])
    refused("must have the shape", inputs=np.zeros((2, 3, 5), dtype=int))
    refused("must lie in", inputs=spikes + 7)
    refused("must be an .npz of plain arrays", inputs=np.array([{}, {}]))
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(SampleError, match=r"must be an \.npz of plain arrays \("):
        flow.run_stage("reference", tmp_path, samples=path)
    np.save(tmp_path / "s.npy", spikes)
    with pytest.raises(
        SampleError, match=r"must be an \.npz of plain arrays \(it holds a single array\)"
    ):
        flow.run_stage("reference", tmp_path, samples=tmp_path / "s.npy")
    with pytest.raises(SampleError, match="do not exist"):
        flow.run_stage("reference", tmp_path, samples=tmp_path / "none.npz")


def test_flash_refuses_an_outdated_bitstream(build, spikeloom, monkeypatch, tmp_path):
    flashed = []

    def flash(board, bitstream, *, persist, options):
        flashed.append((board.name, bitstream.name, persist))
        return "volatile"

    monkeypatch.setattr("spikeloom.boards.flash.flash", flash)
    build()
    folder = tmp_path / "out"
    assert spikeloom("flash", folder).out == f"hx8k-evn runs {folder} (volatile)\n"
    assert flashed == [("hx8k-evn", "top.bin", False)]
    flow.run_stage("generate", folder, lanes=1)
    outcome = spikeloom("flash", folder)
    assert outcome.code == 1
    assert outcome.err == (
        f"error: {folder / 'design.json'} has changed since the bitstream was built; run "
        "`spikeloom synth` first\n"
    )
    assert len(flashed) == 1


def test_damaged_events_name_the_stage_that_writes_them(build, tmp_path):
    build(to="reference")
    events = tmp_path / "out" / "events.npz"
    events.write_bytes(events.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=r"events\.npz is damaged .*reference --force"):
        flow.run_stage("generate", tmp_path / "out", board="hx8k-evn")


def test_kept_events_are_of_few_and_of_many():
    """As many samples below the median as above it, whatever their order."""
    from spikeloom.flow.stages import _representative

    events = np.random.default_rng(0).permutation(320)
    chosen = events[_representative(events)]
    assert chosen.tolist() == list(range(10, 320, 20))
    assert len(_representative(np.arange(5))) == 5

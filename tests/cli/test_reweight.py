"""Reweighting: other weights in a folder's bitstream, as a full build would have put them there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import tiny_graph

from spikeloom import flow
from spikeloom.hls_model import Network
from spikeloom.hls_model.errors import ArtefactError, FitError


@pytest.fixture
def folder(built_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("spikeloom.quant.load", tiny_graph)
    return built_folder


def test_the_bitstream_is_that_of_a_full_build(folder, spikeloom, tmp_path):
    outcome = spikeloom("reweight", folder / "built", folder / "new", "--out", tmp_path / "new")
    assert outcome.code == 0, outcome.err
    network = Network.load(tmp_path / "new" / "network.npz")
    assert network.hash != Network.load(folder / "built" / "network.npz").hash
    patched = (tmp_path / "new" / "synth" / "top.bin").read_bytes()
    assert patched != (folder / "built" / "synth" / "top.bin").read_bytes()

    # Everything counts as finished; a full build of the same design gives the same bytes.
    before = flow.read_report(tmp_path / "new")
    assert before["timing"]["clock_mhz"] == 24.0
    assert flow.run_stage("synth", tmp_path / "new") == before
    flow.run_stage("synth", tmp_path / "new", force=True)
    assert (tmp_path / "new" / "synth" / "top.bin").read_bytes() == patched


def test_in_place_and_back(folder, tmp_path):
    copy = tmp_path / "copy"
    for path in (p for p in (folder / "built").rglob("*") if p.is_file()):
        target = copy / path.relative_to(folder / "built")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    built = (copy / "synth" / "top.bin").read_bytes()
    flow.reweight_folder(copy, folder / "new")
    assert (copy / "synth" / "top.bin").read_bytes() != built
    assert not list(copy.glob(".reweight-*"))
    flow.reweight_folder(copy, folder / "old")
    assert (copy / "synth" / "top.bin").read_bytes() == built


def test_another_architecture_is_refused_and_changes_nothing(folder, spikeloom):
    def contents() -> dict[str, bytes]:
        files = (p for p in (folder / "built").rglob("*") if p.is_file())
        return {str(path): path.read_bytes() for path in files}

    before = contents()
    outcome = spikeloom("reweight", folder / "built", folder / "wide")
    assert outcome.code == 1
    assert outcome.err.endswith(
        "error: the populations must stay [('out', 3)], not become [('out', 4)], which is part of "
        "the logic; run `spikeloom build`\n"
    )
    assert contents() == before
    with pytest.raises(FitError):
        flow.reweight_folder(folder / "built", folder / "wide")


def test_there_must_be_a_bitstream(folder, tmp_path):
    with pytest.raises(ArtefactError) as error:
        flow.reweight_folder(tmp_path, folder / "new")
    assert str(error.value) == (
        f"{tmp_path / 'synth' / 'build.json'} does not exist; run `spikeloom synth` first"
    )

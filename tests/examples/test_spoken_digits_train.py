"""The recipe runs on each corpus, and its integer networks are what was trained."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import speech
import torch

from examples.spoken_digits import compare, samples, train
from examples.spoken_digits.compare import is_exact, measure, table
from examples.spoken_digits.corpus import Corpus, Recording, data_folder, open_corpus
from examples.spoken_digits.encoder import Encoder
from examples.spoken_digits.features import encode_part
from examples.spoken_digits.models import MODELS, Dense, Spiking, build
from examples.spoken_digits.train import Recipe, accuracy, encode, fit
from spikeloom.hls_model import Network, simulate

ROOT = Path(__file__).resolve().parents[2]
TINY = Recipe("gated", width=6, epochs=1, batch=4)


def tones(frequencies=(300, 900)):
    """A corpus whose two classes are two pitches."""

    def recording(label, number):
        t = np.arange(1500 + 40 * number) / 8000
        audio = np.rint(5000 * np.sin(2 * np.pi * frequencies[label] * t)).astype(np.int16)
        return Recording(f"{label}_{number}", "s", np.array(label), lambda: (audio, 8000))

    parts = [
        tuple(recording(k, n) for n in range(first, first + 4) for k in (0, 1))
        for first in (0, 4, 8)
    ]
    return Corpus("tones", "sequence", 8000, ("low", "high"), *parts)


@pytest.fixture(scope="module")
def tonal():
    return encode(tones(), Encoder())


@pytest.mark.parametrize("name", MODELS)
def test_every_network_trains_and_is_measured(tonal, name):
    recipe = replace(TINY, model=name, epochs=3)
    model = fit(tonal, recipe, seed=1, tell=lambda _: None)
    figures = measure(model, tonal, recipe)
    assert 0 <= figures["test"] <= 1
    assert figures["multiplies"] > 0
    if isinstance(model, Spiking):
        test = next(tonal.test.batches(8))
        network = model.network.export()
        assert is_exact(network, test.events)
        logits = model(torch.from_numpy(test.events).float()).logits
        readout = simulate(network, test.events).readout
        scale = float(model.network.readout_scale[0])
        np.testing.assert_allclose(logits.sum(1).detach(), readout * scale, rtol=1e-3, atol=1e-4)


def test_two_pitches_are_learned(tonal):
    recipe = replace(TINY, width=12, epochs=12, quiet=0.0)
    assert accuracy(fit(tonal, recipe, seed=2, tell=lambda _: None), tonal.test) == 1


def test_a_seed_decides_everything(tonal):
    once, again = (fit(tonal, TINY, seed=3, tell=lambda _: None).network.export() for _ in "ab")
    assert once.hash == again.hash
    assert once.hash != fit(tonal, TINY, seed=4, tell=lambda _: None).network.export().hash


def test_parameters_of_the_bodies():
    def body(kind, recurrent=True):
        model = build(kind, 25, 128, 10, bits=6, places=5, dropout=0.0)
        assert isinstance(model, Dense | Spiking)
        return model.body_parameters

    sources, width = 25 + 128, 128
    assert body("gated") == 2 * width * (sources + 2 * width + 2)
    assert body("input_gated") == 2 * width * (sources + 2)
    assert body("plain") == width * (sources + 2 * width + 2)
    assert body("lstm") >= 2 * body("gated")
    assert body("gru") == 3 * width * (sources + 2 * width + 4)


@pytest.mark.parametrize("corpus", ["timit", "librispeech"])
def test_the_recipe_runs_on_other_corpora(tmp_path, corpus):
    if corpus == "librispeech":
        pytest.importorskip("soundfile")
    opened = open_corpus(getattr(speech, corpus)(tmp_path), "takes")
    encoded = encode(opened, Encoder.for_rate(opened.rate, 10.0))
    model = fit(encoded, TINY, seed=1, tell=lambda _: None)
    assert -20 <= accuracy(model, encoded.test) <= 1
    assert len(model.network.export().population("readout").neuron.states()) == 1


def test_command_line(tmp_path, monkeypatch, capsys):
    speech.timit(tmp_path)
    out = tmp_path / "n.npz"
    options = ["--data", str(tmp_path), "--epochs", "1", "--width", "4", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["train", *options])
    train.main()
    assert "timit: test 0." in capsys.readouterr().out
    assert Network.load(out).population("first").size == 4
    monkeypatch.setattr(sys, "argv", ["train", "--data", "nowhere"])
    with pytest.raises(SystemExit, match=r"nowhere must hold recordings.tar.xz \(spoken digits\)"):
        train.main()


def test_samples(tmp_path, monkeypatch, capsys):
    speech.digits(tmp_path, ["7_theo_3", "5_theo_1", "7_theo_12"])
    out = tmp_path / "s.npz"
    monkeypatch.setattr(sys, "argv", ["samples", "--data", str(tmp_path), "--out", str(out)])
    samples.main()
    assert "2 samples" in capsys.readouterr().out
    with np.load(out) as file:
        assert file["inputs"].shape == (2, 40, 25)
        assert file["labels"].tolist() == [5, 7]


def test_runs_are_made_once(tmp_path, monkeypatch, capsys):
    speech.digits(tmp_path, ["7_theo_3", "7_theo_5", "5_theo_11", "7_theo_12"])
    readme = tmp_path / "README.md"
    readme.write_text(f"Above\n\n{compare._BEGIN}\n{compare._END}\n\nBelow\n")
    monkeypatch.setattr(compare, "README", readme)
    monkeypatch.setattr(compare, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(compare, "Recipe", lambda name: replace(TINY, model=name))
    options = ["--data", str(tmp_path), "--models", "plain", "gru", "--splits", "takes"]
    options += ["--seeds", "1", "--networks", str(tmp_path / "networks")]
    monkeypatch.setattr(sys, "argv", ["compare", *options])
    compare.main()
    assert "plain, takes, seed 1" in capsys.readouterr().out
    assert [r["model"] for r in compare._read()] == ["plain", "gru"]
    network = Network.load(tmp_path / "networks" / "plain_takes_1.npz")
    assert compare._read()[0]["network"] == network.hash
    above, text, below = readme.read_text().partition("| plain | ")
    assert above.startswith("Above")
    assert text
    assert below.endswith("Below\n")
    compare.main()
    assert "seed 1" not in capsys.readouterr().out


def test_scores_of_text():
    blank, a, b = 0, 3, 4
    logits = torch.nn.functional.one_hot(torch.tensor([[a, a, blank, a, b, b, b]]), 29).float()
    batch = train.Batch(np.zeros((1, 7, 25), np.int8), np.array([6]), np.array([[a, a, a, -1]]))
    # Said "a a b" instead of "a a a": one exchange of three. The padding is not heard.
    assert train._score("text", logits, batch) == (2, 3)


def test_a_table():
    run = {"body_parameters": 1000, "multiplies": 50.0, "seed": 1}
    runs = [
        run | {"model": "gated", "split": "takes", "test": 0.5},
        run | {"model": "gated", "split": "takes", "test": 0.7},
        run | {"model": "gru", "split": "speakers1", "test": 0.25, "multiplies": 500.0},
        run | {"model": "gru", "split": "takes", "test": 1.0, "multiplies": 500.0},
    ]
    assert table(runs).splitlines()[2:] == [
        "| gated | 60.00 ± 14.14 % | – | 1,000 | 50 | ÷ 10.0 |",
        "| gru | 100.00 % | 25.00 % | 1,000 | 500 | ÷ 1.0 |",
    ]


def test_the_checkpoint_in_the_repository():
    if not (data_folder() / "fsdd").is_dir():
        pytest.skip(f"no fsdd in {data_folder()}; set SPIKELOOM_DATA")
    path = ROOT / "examples" / "spoken_digits" / "spoken_digits.npz"
    assert path.stat().st_size < 300_000
    corpus = open_corpus(data_folder() / "fsdd", "takes")
    corpus = replace(corpus, test=corpus.test[::3])
    part = encode_part(corpus, "test", Encoder.for_rate(corpus.rate, 25.0), 40)
    test = next(part.batches(100))
    assert (simulate(Network.load(path), test.events).predictions == test.targets).mean() >= 0.97

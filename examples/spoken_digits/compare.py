"""Trains all networks on the same recordings and puts them into one table.

python -m examples.spoken_digits.compare        # what results.json lacks, then the table
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from examples.spoken_digits.corpus import data_folder, open_corpus
from examples.spoken_digits.encoder import Encoder
from examples.spoken_digits.models import MODELS, Dense, Spiking
from examples.spoken_digits.multiplies import Operations, dense, event_counted
from examples.spoken_digits.train import Recipe, Speech, accuracy, encode, fit
from spikeloom.hls_model import Network, simulate
from spikeloom.hls_model.errors import MismatchError, SpikeloomError
from spikeloom.hls_model.files import write_atomically
from spikeloom.quant.torch_network import torch_simulate

__all__ = ["RUNS", "is_exact", "measure", "table"]

RUNS = {
    "takes": (("takes", 1), ("takes", 2), ("takes", 3)),
    "speakers": (("speakers0", 1), ("speakers1", 2), ("speakers2", 3)),
}
"""By kind of split, the splits and the seed of each."""

HOP_MS = 25.0

RESULTS = Path(__file__).with_name("results.json")
README = Path(__file__).with_name("README.md")

_BEGIN, _END = "<!-- table: python -m examples.spoken_digits.compare -->", "<!-- end -->"


def measure(model: Dense | Spiking, speech: Speech, recipe: Recipe) -> dict[str, Any]:
    """A trained network's figures; those of the test set are of the integer reference, if it is an
    integer network."""
    figures: dict[str, Any] = {
        "validation": accuracy(model, speech.validation),
        "body_parameters": model.body_parameters,
    }
    if isinstance(model, Dense):
        inputs, classes = speech.test.encoder.size, len(speech.corpus.classes)
        counted = dense(recipe.model.upper(), inputs, recipe.width, 2, classes)
        return figures | {"test": accuracy(model, speech.test)} | _counted(counted, counted)
    network = model.network.export()
    test = next(speech.test.batches(len(speech.test)))
    result = simulate(network, test.events)
    reached = float((result.predictions == test.targets).mean())
    if not is_exact(network, test.events) or reached != accuracy(model, speech.test):
        raise MismatchError(f"{recipe.model}: level torch differs from the reference")
    every = np.ones_like(test.is_speech)
    return (
        figures
        | {"test": reached, "network": network.hash}
        | _counted(
            event_counted(network, test.events, result, test.is_speech),
            event_counted(network, test.events, result, every),
        )
    )


def is_exact(network: Network, inputs: Any) -> bool:
    """Whether the levels ``torch`` and ``reference`` agree on every event, state and readout."""
    a, b = simulate(network, inputs), torch_simulate(network, inputs)
    pairs = [(a.readout, b.readout), *((a.spikes[n], b.spikes[n]) for n in a.spikes)]
    pairs += [(s, b.states[n][w]) for n, words in a.states.items() for w, s in words.items()]
    return all(np.array_equal(x, y) for x, y in pairs)


def table(runs: Iterable[dict[str, Any]]) -> str:
    """The table in Markdown: mean ± standard deviation over the runs of each model."""
    runs = list(runs)
    lines = [
        "| network | takes | new speakers | parameters | multiplications per frame | of GRU's |",
        "|---|---|---|---|---|---|",
    ]
    gru = [r["multiplies"] for r in runs if r["model"] == "gru"]
    for model in MODELS:
        own = [r for r in runs if r["model"] == model]
        if not own:
            continue
        cells = [_mean([r["test"] for r in own if r["split"] in _splits(k)]) for k in RUNS]
        multiplies = statistics.mean(r["multiplies"] for r in own if r["split"] == "takes")
        ratio = f"÷ {statistics.mean(gru) / multiplies:.1f}" if gru else "–"
        body = f"{own[0]['body_parameters']:,}"
        lines.append(
            f"| {model.replace('_', ' ')} | {' | '.join(cells)} | {body} | {multiplies:,.0f} | "
            f"{ratio} |"
        )
    return "\n".join(lines)


def _splits(kind: str) -> set[str]:
    return {split for split, _ in RUNS[kind]}


def _mean(values: list[float]) -> str:
    if not values:
        return "–"
    mean = f"{100 * statistics.mean(values):.2f}"
    spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{mean}{spread} %"


def _counted(speech: Operations, every: Operations) -> dict[str, float]:
    return {
        "multiplies": speech.multiplies,
        "additions": speech.additions,
        "multiplies_with_padding": every.multiplies,
    }


def _versions() -> dict[str, str]:
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _read() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def _add(run: dict[str, Any]) -> None:
    """To what the file holds by now: several of these programs may share the work."""
    key = ("model", "split", "seed")
    runs = [r for r in _read() if any(r[k] != run[k] for k in key)] + [run]
    runs.sort(key=lambda r: (MODELS.index(r["model"]), r["split"], r["seed"]))
    with write_atomically(RESULTS) as file:
        file.write((json.dumps(runs, indent=1) + "\n").encode())


def _is_done(model: str, split: str, seed: int) -> bool:
    wanted = {"model": model, "split": split, "seed": seed, "recipe": asdict(Recipe(model))}
    return any(all(run[k] == v for k, v in wanted.items()) for run in _read())


def _run_all(data: Path, models: list[str], runs: list[tuple[str, int]], networks: Path) -> None:
    for split, seed in runs:
        missing = [m for m in models if not _is_done(m, split, seed)]
        if not missing:
            continue
        corpus = open_corpus(data, split)
        speech = encode(corpus, Encoder.for_rate(corpus.rate, HOP_MS))
        for name in missing:
            recipe = Recipe(name)
            print(f"{name}, {split}, seed {seed}", flush=True)
            model = fit(speech, recipe, seed)
            figures = measure(model, speech, recipe)
            if isinstance(model, Spiking):
                networks.mkdir(parents=True, exist_ok=True)
                model.network.export().save(networks / f"{name}_{split}_{seed}.npz")
            run = {"model": name, "split": split, "seed": seed} | figures
            _add(run | {"recipe": asdict(recipe), "versions": _versions()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=data_folder() / "fsdd")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--splits", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--networks", type=Path, default=Path("build/spoken_digits"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    runs = [run for kind in args.splits for run in RUNS[kind] if run[1] in args.seeds]
    try:
        _run_all(args.data, args.models, runs, args.networks)
    except SpikeloomError as error:
        raise SystemExit(f"{error}") from None
    text = table(_read())
    print(text)
    before, found, rest = README.read_text().partition(_BEGIN)
    if found:
        after = rest.partition(_END)[2]
        with write_atomically(README) as file:
            file.write(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}".encode())


if __name__ == "__main__":
    main()

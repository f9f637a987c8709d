"""The board of a folder: real, behind a serial port, or virtual."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from spikeloom.flow import artefacts
from spikeloom.flow.files import read_json
from spikeloom.flow.job import Job
from spikeloom.flow.settings import Settings
from spikeloom.hls_model.errors import BoardError
from spikeloom.hls_model.network import Network
from spikeloom.hls_model.samples import InputEvents, to_events

if TYPE_CHECKING:
    from spikeloom.boards import Board
    from spikeloom.boards.driver import Connection, Events
    from spikeloom.rtl.design import Design
    from spikeloom.sim.virtual import VirtualBoard

__all__ = ["ConnectedBoard", "Outputs", "connect", "connect_virtual", "folder_design"]

Array = npt.NDArray[np.int64]

_VIRTUAL_TIMEOUT = 20.0
"""Seconds without a sign of life that a simulator may need, on a busy machine."""


@dataclass(frozen=True)
class Outputs:
    """What a board has answered to samples.

    Attributes
    ----------
    events : values of the output's events, [samples, steps, size]; a state word comes at the last
        step
    readout : their sums over the steps, [samples, size]
    """

    events: Array
    readout: Array

    @property
    def predictions(self) -> Array:
        """The class with the largest readout, the lowest index on a tie: [samples]."""
        return np.asarray(self.readout.argmax(axis=1))


class ConnectedBoard:
    """A board that runs a network, for one user at a time. A context manager that closes it.

    Attributes
    ----------
    network : Network
    connection : Connection
        The driver.
    virtual : VirtualBoard or None
        What simulates the board.
    """

    def __init__(
        self, network: Network, connection: Connection, virtual: VirtualBoard | None = None
    ) -> None:
        self.network = network
        self.connection = connection
        self.virtual = virtual

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the port, and end a virtual board."""
        self.connection.close()
        if self.virtual is not None:
            self.virtual.close()

    def run(self, samples: Any, *, steps: int | None = None) -> Outputs:
        """Run samples.

        Parameters
        ----------
        samples, steps
            See :func:`spikeloom.hls_model.samples.to_events`.

        Raises
        ------
        SampleError
            If samples do not fit the network.
        BoardError
            If the board is gone, or fails again and again.
        """
        events = next(iter(to_events(self.network, samples, steps).values()))
        size = self.network.population(self.network.output.population).size
        values = np.zeros((events.samples, events.steps, size), dtype=np.int64)
        for number, sample in enumerate(self.stream(events)):
            for t, step in enumerate(sample):
                np.add.at(values[number, t], step.addresses, step.values)
        return Outputs(values, values.sum(axis=1))

    def stream(self, events: InputEvents) -> Iterator[list[Events]]:
        """Run samples, many at once; for each the events of its steps, in order."""
        return self.connection.run(_steps_of(events, self.connection.description.input.value_bytes))


def _steps_of(events: InputEvents, value_bytes: int) -> Iterator[list[Any]]:
    for number in range(events.samples):
        sample: list[Any] = []
        for step in events[number : number + 1].sent[0]:
            addresses = np.flatnonzero(step)
            sample.append((addresses, step[addresses] if value_bytes else None))
        yield sample


def folder_design(folder: Path, network: Network | None = None) -> tuple[Design, Board, int]:
    """The design in ``folder``, its board, and the bit rate of its link.

    Raises
    ------
    ArtefactError
        If there is none, or it belongs to another network.
    BoardError
        If it is for no board.
    """
    from spikeloom.boards import find_board

    job = Job(folder, Settings.load(folder), lambda *_: None, lambda _: None)
    recipe = read_json(folder / artefacts.DESIGN, "generate")
    name = recipe["options"]["board"]
    if name is None:
        raise BoardError(
            f"{folder / artefacts.DESIGN} is for no board; run `spikeloom generate --board BOARD` "
            "first"
        )
    board = find_board(name)
    design = job.design(network or job.network())
    return design, board, recipe.get("baud") or board.baud


def connect(
    folder: Path | str,
    port: str | None = None,
    *,
    virtual: bool = False,
    baud: int | None = None,
    timeout: float | None = None,
    waves: Path | None = None,
    load: Path | str | None = None,
) -> ConnectedBoard:
    """Connect to the board that runs the network in ``folder``.

    Loadable weights are sent to a real board at each connection: its hash names its bitstream, not
    what someone has loaded since.

    Parameters
    ----------
    folder : where the design was generated
    port : name of a serial port; found by the board's USB id if not given
    virtual : simulate the board: the whole design behind its UART pins
    baud : bits per second, if the bitstream was built for others than the folder says
    timeout : seconds without a sign of life before something is tried again
    waves : where to write a virtual board's waveform (FST)
    load : another network, as ``network.npz`` or a folder that holds one, whose weights replace
        those of ``folder``; the design must be built for it (``--loadable``)

    Raises
    ------
    BoardError
        If no port is found, or several; if it is absent or busy; if the board is silent or runs
        another network.
    ArtefactError
        If the folder holds no design, or ``load`` no network.
    FitError
        If more than loadable weights would have to differ from those of the folder.
    ToolError
        If a virtual board cannot be built.
    """
    design, board, usual = folder_design(Path(folder))
    loaded = None if load is None else _reloaded(design, Path(load))
    if virtual:
        if port is not None:
            raise BoardError(f"a virtual board has no port; leave {port!r} or --virtual out")
        simulated = _simulated(design, board, waves)
        return connect_virtual(design, simulated, timeout=timeout, loaded=loaded)

    from spikeloom.boards import driver

    connection = driver.connect(
        port,
        baud=baud or usual,
        network_hash=_hash(design),
        usb_ids=board.usb_ids,
        timeout=timeout or 0.5,
    )
    return _load(connection, loaded or design)


def connect_virtual(
    design: Design,
    virtual: VirtualBoard,
    *,
    timeout: float | None = None,
    loaded: Design | None = None,
) -> ConnectedBoard:
    """Connect to a virtual board, whatever it was compiled from; closing ends it.

    Parameters
    ----------
    loaded : ``design`` with other weights, which it is to hold

    Raises
    ------
    BoardError
        If it is silent or runs another network.
    """
    from spikeloom.boards import driver
    from spikeloom.rtl.loading import ImageLayout

    with contextlib.ExitStack() as undo:
        undo.callback(virtual.close)
        connection = driver.connect(
            virtual.port,
            baud=virtual.baud,
            network_hash=_hash(design),
            timeout=timeout or _VIRTUAL_TIMEOUT,
        )
        # What its bitstream holds is still there, unlike in a board that others have used.
        is_complete = loaded is None and ImageLayout(design.plans).is_in_bitstream
        board = _load(connection, loaded or design, virtual, is_complete=is_complete)
        undo.pop_all()
        return board


def _hash(design: Design) -> int:
    return int(design.network.hash[:16], 16)


def _reloaded(design: Design, path: Path) -> Design:
    from spikeloom.rtl.exchange import reload

    return reload(design, Network.load(path / artefacts.NETWORK if path.is_dir() else path))


def _load(
    connection: Connection,
    design: Design,
    virtual: VirtualBoard | None = None,
    *,
    is_complete: bool = False,
) -> ConnectedBoard:
    """The board behind ``connection``, with the loadable weights of ``design``."""
    from spikeloom.rtl.loading import ImageLayout, image_of

    if ImageLayout(design.plans).plans and not is_complete:
        try:
            connection.load(image_of(design.plans))
        except BaseException:
            connection.close()
            raise
    return ConnectedBoard(design.network, connection, virtual)


def _simulated(design: Design, board: Board, waves: Path | None) -> VirtualBoard:
    from spikeloom.boards.design import VIRTUAL_DIVISOR, VirtualTop, identity_of
    from spikeloom.rtl.verilog import to_verilog
    from spikeloom.sim.virtual import VirtualBoard, compile_virtual

    clock_hz = identity_of(design, board).clock_hz
    verilog = to_verilog(VirtualTop(design, board), "top")
    simulator = compile_virtual({"top.v": verilog}, "top", waves=waves is not None)
    return VirtualBoard(
        simulator, clock_hz=clock_hz, baud=round(clock_hz / VIRTUAL_DIVISOR), waves=waves
    )

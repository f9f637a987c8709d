"""Loading a folder's bitstream into its board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spikeloom.flow import artefacts
from spikeloom.flow.chain import STAGES
from spikeloom.flow.files import content_hash, read_json
from spikeloom.flow.ledger import Ledger
from spikeloom.hls_model.errors import ArtefactError

__all__ = ["flash_folder"]


def flash_folder(
    folder: Path, *, persist: bool = False, options: Sequence[str] = ()
) -> tuple[str, str]:
    """Load the bitstream of ``folder`` into the board that it was built for.

    Parameters
    ----------
    persist, options : see :func:`spikeloom.boards.flash.flash`

    Returns
    -------
    tuple of str
        The board's name, and ``volatile`` or ``persistent``.

    Raises
    ------
    ArtefactError
        If there is no bitstream, or it is older than the network in the folder.
    ToolError, BoardError
        If the programmer or the board is missing.
    """
    from spikeloom.boards import find_board
    from spikeloom.boards.flash import flash

    build = read_json(folder / artefacts.SYNTH, "synth")
    record = Ledger(folder).get("synth")
    if record is None:
        raise ArtefactError(
            f"the bitstream in {folder} is not finished; run `spikeloom synth` first"
        )
    expected = {**record.outputs, **{n: record.key.inputs.get(n) for n in STAGES["synth"].inputs}}
    for name, digest in expected.items():
        if content_hash(folder / name) != digest:
            raise ArtefactError(
                f"{folder / name} has changed since the bitstream was built; run "
                "`spikeloom synth` first"
            )
    board = find_board(build["board"])
    bitstream = folder / "synth" / build["bitstream"]
    return board.name, flash(board, bitstream, persist=persist, options=options)

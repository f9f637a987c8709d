"""The chain of stages from a checkpoint to a bitstream, in a folder of artefacts.

Each stage reads files of the folder and writes others, whole or not at all. A stage that is
finished is skipped for as long as what it was made from stays the same.
"""

from spikeloom.flow.chain import STAGES, build, run_stage, run_stages
from spikeloom.flow.listener import Listener
from spikeloom.flow.report import read_report
from spikeloom.flow.reweight import reweight_folder
from spikeloom.flow.settings import Settings

__all__ = [
    "STAGES",
    "Listener",
    "Settings",
    "build",
    "read_report",
    "reweight_folder",
    "run_stage",
    "run_stages",
]

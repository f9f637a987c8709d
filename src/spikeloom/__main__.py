"""``python -m spikeloom``."""

from spikeloom.cli.app import main

main()

"""What a run tells about its progress."""

from __future__ import annotations

__all__ = ["Listener"]


class Listener:
    """Ignores everything; subclass it to show progress."""

    def started(self, stage: str, reason: str) -> None:
        """``stage`` begins; ``reason`` says why it is not skipped."""

    def advanced(self, stage: str, text: str = "", done: int = 0, total: int = 0) -> None:
        """The running stage has reached ``text``, or ``done`` of ``total``."""

    def noted(self, stage: str, text: str) -> None:
        """The running stage has something to say that its user should know."""

    def finished(self, stage: str, seconds: float) -> None:
        """``stage`` has written its artefacts."""

    def skipped(self, stage: str) -> None:
        """``stage`` was finished already, and nothing that it depends on has changed."""

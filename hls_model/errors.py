"""Every error that Spikeloom raises on purpose.

::

    SpikeloomError
    ├── SemanticsError    a model's behaviour cannot be expressed exactly
    ├── CheckpointError   a checkpoint cannot be read or is not what it should be
    ├── SampleError       samples have the wrong shape, type or range
    ├── ArtefactError     a file of an earlier stage is missing, damaged or of another version
    ├── NetworkError      an integer network contradicts itself
    ├── RangeError        a value leaves, or may leave, its declared range
    ├── FitError          a network or its knobs do not fit a device
    ├── TimingError       a build misses its clock
    ├── BoardError        a board is unknown, absent or silent
    ├── ToolError         an external tool is missing or failed
    └── MismatchError     a lower level differs from the reference

The message is one line: the rule, the offending value, the likely fix.
"""

__all__ = [
    "ArtefactError",
    "BoardError",
    "CheckpointError",
    "FitError",
    "MismatchError",
    "NetworkError",
    "RangeError",
    "SampleError",
    "SemanticsError",
    "SpikeloomError",
    "TimingError",
    "ToolError",
]


class SpikeloomError(Exception):
    """Base of all errors that a user's input, files or machine can cause."""


class SemanticsError(SpikeloomError):
    """A model's behaviour cannot be expressed exactly by any neuron of the library."""


class CheckpointError(SpikeloomError):
    """A checkpoint cannot be read or is not what it should be."""


class SampleError(SpikeloomError):
    """Samples have the wrong shape, type or range."""


class ArtefactError(SpikeloomError):
    """A file of an earlier stage is missing, damaged or of another version."""


class NetworkError(SpikeloomError):
    """An integer network contradicts itself."""


class RangeError(SpikeloomError):
    """A value leaves, or may leave, its declared range."""


class FitError(SpikeloomError):
    """A network or its knobs do not fit a device."""


class TimingError(SpikeloomError):
    """A build misses its clock."""


class BoardError(SpikeloomError):
    """A board is unknown, absent or silent."""


class ToolError(SpikeloomError):
    """An external tool is missing or failed."""


class MismatchError(SpikeloomError):
    """A lower level differs from the reference."""

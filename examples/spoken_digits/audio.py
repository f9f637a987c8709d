"""Reads 16-bit audio of one channel: NIST SPHERE, RIFF and FLAC, told by their first bytes."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import SampleError

__all__ = ["Audio", "read_audio", "read_sphere", "read_wave"]

Audio = tuple[npt.NDArray[np.int16], int]
"""Samples [samples] and samples per second."""


def read_audio(path: Path) -> Audio:
    """The samples of an audio file, whatever its suffix is.

    Raises
    ------
    SampleError
        If the file is of another format, damaged, or not one channel of 16-bit samples.
    """
    raw = path.read_bytes()
    match raw[:4]:
        case b"NIST":
            return read_sphere(raw, str(path))
        case b"RIFF":
            return read_wave(raw, str(path))
        case b"fLaC":
            return _read_flac(raw, str(path))
    raise SampleError(f"{path} must be a NIST SPHERE, RIFF or FLAC file, not {raw[:4]!r}…")


def read_sphere(raw: bytes, name: str) -> Audio:
    """Decode a NIST SPHERE file, as the TIMIT corpus holds them.

    Its header is text: ``NIST_1A``, its own size in bytes, then lines ``field -type value`` up to
    ``end_head``. Source: NIST Speech Header Resources (SPHERE), release 2.6, ``doc/sphere.doc``.
    """
    try:
        size = int(raw[8:16])
        lines = raw[16:size].decode("ascii").partition("end_head")[0].splitlines()
        fields = {words[0]: words[2] for line in lines if len(words := line.split(None, 2)) == 3}
        channels, width = int(fields["channel_count"]), int(fields["sample_n_bytes"])
        count, rate = int(fields["sample_count"]), int(fields["sample_rate"])
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise SampleError(f"{name}: the SPHERE header is damaged ({error!r})") from None
    coding = fields.get("sample_coding", "pcm")
    if coding != "pcm":
        raise SampleError(
            f"{name}: the sample coding must be 'pcm', not {coding!r}; decompress the corpus with "
            "NIST's `w_decode -o pcm` or `sph2pipe -p`"
        )
    _require_mono(name, channels, width)
    order = {"01": "<i2", "10": ">i2"}.get(fields.get("sample_byte_format", "01"))
    if order is None:
        raise SampleError(
            f"{name}: the byte order must be '01' or '10', not {fields['sample_byte_format']!r}"
        )
    if len(raw) - size < 2 * count:
        raise SampleError(
            f"{name} must hold {count} samples, not {(len(raw) - size) // 2}; copy the file again"
        )
    return np.frombuffer(raw, order, count, offset=size).astype(np.int16), rate


def read_wave(raw: bytes, name: str) -> Audio:
    """Decode a RIFF file."""
    try:
        with wave.open(io.BytesIO(raw)) as file:
            _require_mono(name, file.getnchannels(), file.getsampwidth())
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            return samples.astype(np.int16), file.getframerate()
    except (wave.Error, EOFError, ValueError) as error:
        raise SampleError(f"{name} is no RIFF file of PCM samples ({error})") from None


def _read_flac(raw: bytes, name: str) -> Audio:
    try:
        import soundfile
    except ImportError:
        raise SampleError(
            f"{name} is FLAC, which needs the package soundfile; pip install 'spikeloom[speech]'"
        ) from None
    try:
        samples, rate = soundfile.read(io.BytesIO(raw), dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SampleError(f"{name} is a damaged FLAC file ({error})") from None
    _require_mono(name, samples.shape[1], 2)
    return samples[:, 0], int(rate)


def _require_mono(name: str, channels: int, width: int) -> None:
    if (channels, width) != (1, 2):
        raise SampleError(
            f"{name} must hold one channel of 2-byte samples, not {channels} of {width} bytes"
        )

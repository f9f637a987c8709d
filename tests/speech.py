"""Small corpora of speech in the layouts and formats of the real ones."""

from __future__ import annotations

import io
import tarfile
import wave

import numpy as np

TONE = np.rint(9000 * np.sin(np.arange(4000) / 5)).astype(np.int16)
"""Half a second at 8 kHz."""


def riff(samples, rate=8000, channels=1):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def sphere(samples, order="01", **changes):
    fields = {
        "channel_count": "-i 1",
        "sample_count": f"-i {len(samples)}",
        "sample_rate": "-i 16000",
        "sample_n_bytes": "-i 2",
        "sample_byte_format": f"-s2 {order}",
        "sample_sig_bits": "-i 16",
    } | changes
    lines = "".join(f"{name} {value}\n" for name, value in fields.items())
    header = f"NIST_1A\n   1024\n{lines}end_head\n".encode()
    kind = {"01": "<i2", "10": ">i2"}.get(order, "<i2")
    return header.ljust(1024, b" ") + samples.astype(kind).tobytes()


def write(path, raw):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw) if isinstance(raw, bytes) else path.write_text(raw)
    return path


def digits(folder, names):
    with tarfile.open(folder / "recordings.tar.xz", "w:xz") as archive:
        for number, name in enumerate(names):
            raw = riff(TONE + number)
            member = tarfile.TarInfo(f"recordings/{name}.wav")
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return folder


def timit(folder, lower=False):
    def case(name):
        return name.lower() if lower else name

    phones = "0 1000 h#\n1000 1500 ix\n1500 2000 q\n2000 4000 zh\n"
    for part, speakers in {"TRAIN": ["FCJF0", "MDAC0"], "TEST": ["FAKS0"]}.items():
        for speaker in speakers:
            for sentence in ("SA1", "SI1027"):
                stem = folder / case(part) / case("DR1") / case(speaker) / case(sentence)
                write(stem.with_suffix(case(".WAV")), sphere(TONE))
                write(stem.with_suffix(case(".PHN")), phones)
                write(stem.with_suffix(case(".TXT")), "0 4000 She had.\n")
    return folder


def librispeech(folder):
    import soundfile

    lines = {"0000": "CHAPTER ONE", "0001": "IT'S A"}
    for part in ("train-clean-100", "dev-clean", "test-clean"):
        chapter = folder / part / "103" / "1240"
        for number in lines:
            chapter.mkdir(parents=True, exist_ok=True)
            soundfile.write(chapter / f"103-1240-{number}.flac", TONE, 16000, subtype="PCM_16")
        transcript = "".join(f"103-1240-{n} {text}\n" for n, text in lines.items())
        write(chapter / "103-1240.trans.txt", transcript)
    return folder

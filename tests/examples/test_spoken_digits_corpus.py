"""The loaders of speech read the layouts and formats of the corpora, on small ones made here."""

import numpy as np
import pytest
from speech import TONE, digits, librispeech, riff, sphere, timit, write

from examples.spoken_digits import fsdd
from examples.spoken_digits.audio import read_audio
from examples.spoken_digits.corpus import open_corpus
from examples.spoken_digits.librispeech import spell
from examples.spoken_digits.timit import CLASSES, FOLDED
from spikeloom.hls_model.errors import SampleError


@pytest.mark.parametrize("order", ["01", "10"])
def test_sphere(tmp_path, order):
    samples, rate = read_audio(write(tmp_path / "SA1.WAV", sphere(TONE, order)))
    assert rate == 16000
    assert samples.dtype == np.int16
    assert (samples == TONE).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sample_coding": "-s26 pcm,embedded-shorten-v2.00"},
            "must be 'pcm', not 'pcm,embedded-shorten-v2.00'; decompress the corpus with NIST's",
        ),
        ({"channel_count": "-i 2"}, "must hold one channel of 2-byte samples, not 2 of 2 bytes"),
        ({"sample_n_bytes": "-i 1"}, "must hold one channel of 2-byte samples, not 1 of 1 bytes"),
        ({"sample_count": "-i 4001"}, "must hold 4001 samples, not 4000; copy the file again"),
        ({"sample_count": "-i many"}, "the SPHERE header is damaged"),
        ({"sample_byte_format": "-s2 11"}, "the byte order must be '01' or '10', not '11'"),
    ],
)
def test_sphere_files_that_are_refused(tmp_path, changes, message):
    path = write(tmp_path / "SA1.WAV", sphere(TONE, **changes))
    with pytest.raises(SampleError, match=message):
        read_audio(path)


def test_riff_and_what_is_none(tmp_path):
    samples, rate = read_audio(write(tmp_path / "a.wav", riff(TONE)))
    assert rate == 8000
    assert (samples == TONE).all()
    with pytest.raises(SampleError, match="one channel of 2-byte samples, not 2 of 2 bytes"):
        read_audio(write(tmp_path / "b.wav", riff(TONE, channels=2)))
    with pytest.raises(SampleError, match="is no RIFF file of PCM samples"):
        read_audio(write(tmp_path / "c.wav", b"RIFF0000WAVE"))
    with pytest.raises(SampleError, match="must be a NIST SPHERE, RIFF or FLAC file, not b'OggS'"):
        read_audio(write(tmp_path / "d.wav", b"OggS rest"))


def test_digits_by_takes(tmp_path):
    folder = digits(tmp_path, ["7_theo_3", "7_theo_12", "1_lucas_5", "0_lucas_4"])
    corpus = open_corpus(folder, "takes")
    assert corpus.task == "sequence"
    assert [r.name for r in corpus.test] == ["0_lucas_4", "7_theo_3"]
    assert [r.name for r in corpus.validation] == ["1_lucas_5"]
    assert [(int(r.label), r.speaker) for r in corpus.train] == [(7, "theo")]
    samples, rate = corpus.train[0].read()
    assert rate == corpus.rate == 8000
    assert (samples == TONE + 1).all()


def test_digits_by_speakers(tmp_path):
    folder = digits(tmp_path, ["7_theo_30", "7_george_3", "7_george_12", "1_george_5"])
    corpus = open_corpus(folder, "speakers2")
    assert [r.name for r in corpus.test] == ["7_theo_30"]
    assert [r.name for r in corpus.validation] == ["1_george_5"]
    assert [r.name for r in corpus.train] == ["7_george_12", "7_george_3"]
    assert len(fsdd.SPLITS) == 4
    assert len({s for pair in fsdd.HELD_OUT for s in pair}) == 6


def test_digits_that_are_refused(tmp_path):
    with pytest.raises(SampleError, match=r"must be one of takes, speakers0, .*, not 'a'"):
        open_corpus(digits(tmp_path, ["7_theo_30"]), "a")
    with pytest.raises(SampleError, match=r"named DIGIT_SPEAKER_TAKE.wav, not seven.wav"):
        open_corpus(digits(tmp_path, ["seven"]), "takes")
    with pytest.raises(SampleError, match="fsdd has no recordings for the part 'validation'"):
        open_corpus(digits(tmp_path, ["7_theo_30"]), "takes").part("validation")
    write(tmp_path / "recordings.tar.xz", b"no archive")
    with pytest.raises(SampleError, match=r"recordings.tar.xz cannot be read .*; copy it again"):
        open_corpus(tmp_path, "takes")


@pytest.mark.parametrize("lower", [False, True])
def test_timit(tmp_path, lower):
    corpus = open_corpus(timit(tmp_path, lower), "takes")
    assert (corpus.name, corpus.task, corpus.rate) == ("timit", "frames", 16000)
    assert len(corpus.classes) == 39
    # One of two speakers is for validation, and SA1 is in no part.
    assert [len(p) for p in (corpus.train, corpus.validation, corpus.test)] == [1, 1, 1]
    assert [r.speaker.upper() for r in corpus.validation] == ["FCJF0"]
    recording = corpus.test[0]
    named = [(a, b, corpus.classes[c] if c >= 0 else None) for a, b, c in recording.label]
    assert named == [(0, 1000, "sil"), (1000, 1500, "ih"), (1500, 2000, None), (2000, 4000, "sh")]
    samples, rate = recording.read()
    assert rate == 16000
    assert (samples == TONE).all()


def test_timits_phones_fold_into_39():
    assert set(FOLDED.values()) == set(CLASSES)
    # All 61 but q.
    assert len(FOLDED) == 60


def test_timit_that_is_refused(tmp_path):
    timit(tmp_path)
    phones = tmp_path / "TEST/DR1/FAKS0/SI1027.PHN"
    phones.write_text("0 1000 h#\n1000 xx\n")
    with pytest.raises(SampleError, match=r"line 2, must be FIRST END PHONE .*, not '1000 xx'"):
        open_corpus(tmp_path, "takes")
    phones.write_text("0 1000 hash\n")
    with pytest.raises(SampleError, match=r"line 1, must be .* one of TIMIT's 61 phones"):
        open_corpus(tmp_path, "takes")
    phones.unlink()
    with pytest.raises(SampleError, match=r"must have its phones beside it, in SI1027.PHN"):
        open_corpus(tmp_path, "takes")


def test_librispeech(tmp_path):
    pytest.importorskip("soundfile")
    corpus = open_corpus(librispeech(tmp_path), "takes")
    assert (corpus.name, corpus.task, corpus.rate) == ("librispeech", "text", 16000)
    assert len(corpus.classes) == 29
    assert [r.name for r in corpus.test] == ["103-1240-0000", "103-1240-0001"]
    assert "".join(corpus.classes[c] for c in corpus.train[1].label) == "IT'S A"
    assert corpus.train[0].speaker == "103"
    samples, rate = corpus.train[0].read()
    assert rate == 16000
    assert (samples == TONE).all()


def test_librispeech_that_is_refused(tmp_path):
    transcript = tmp_path / "train-clean-100/103/1240/103-1240.trans.txt"
    write(transcript, "103-1240-0000 ONE\n")
    with pytest.raises(SampleError, match=r"names 103-1240-0000.flac, which must lie beside it"):
        open_corpus(tmp_path, "takes")
    flac = write(transcript.with_name("103-1240-0000.flac"), b"fLaC, but no more")
    with pytest.raises(SampleError, match="capital letters, spaces and apostrophes, not 'né'"):
        spell("né")
    pytest.importorskip("soundfile")
    recording = open_corpus(tmp_path, "takes").train[0]
    with pytest.raises(SampleError, match=rf"{flac.name} is a damaged FLAC file"):
        recording.read()


def test_no_corpus(tmp_path):
    with pytest.raises(SampleError, match=r"must hold recordings.tar.xz .*; state the .* --data"):
        open_corpus(tmp_path, "takes")

"""The integer front end against its formulas in floating point."""

import numpy as np
import pytest

from examples.spoken_digits.encoder import OCTAVE, Encoder, log2
from examples.spoken_digits.features import frame_classes


def voice(rate, seconds=0.5, seed=3):
    """A buzz at 120 Hz whose loudness swells, and noise: something in every band."""
    t = np.arange(int(rate * seconds)) / rate
    buzz = np.sign(np.sin(2 * np.pi * 120 * t)) * 100 * np.sin(np.pi * t / seconds)
    noise = np.random.default_rng(seed).normal(0, 2, len(t))
    return np.rint(buzz + noise).astype(np.int16)


def real_log_energies(audio, encoder):
    """The same as a formula: Hann window, FFT, triangles in mel, log₂; in units of 1/64."""
    frame, hop = encoder.frame, encoder.hop
    frames = -(-(len(audio) - frame) // hop) + 1
    padded = np.zeros((frames - 1) * hop + frame)
    padded[: len(audio)] = audio
    window = np.sin(np.pi * (np.arange(frame) + 0.5) / frame) ** 2
    cut = np.stack([padded[f * hop : f * hop + frame] * window for f in range(frames)])
    powers = np.abs(np.fft.rfft(cut) * 256 / frame) ** 2

    def mel(hertz):
        return 2595 * np.log10(1 + hertz / 700)

    edges = np.linspace(mel(80), mel(encoder.rate / 2), encoder.bands + 2)
    at = mel(np.fft.rfftfreq(frame, 1 / encoder.rate))
    weights = [np.interp(at, edges[b : b + 3], [0, 256, 0]) for b in range(encoder.bands)]
    return 64 * np.log2(np.maximum(powers @ np.array(weights).T, 1))


@pytest.mark.parametrize(("rate", "frame"), [(8000, 256), (16000, 512)])
def test_energies_are_those_of_the_formula(rate, frame):
    """Within a sixteenth of an octave (0.19 dB), wherever a band is above the floor."""
    encoder = Encoder(rate=rate, hop=rate // 40)
    assert encoder.frame == frame
    audio = voice(rate)
    found, real = encoder.log_energies(audio), real_log_energies(audio, encoder)
    assert found.shape == real.shape == (len(found), 24)
    loud = real > encoder.floor * OCTAVE
    assert 0.2 < loud.mean() < 1
    assert np.abs(found - real)[loud].max() <= 4


def test_logarithms():
    assert [int(log2(2**k)) for k in (0, 1, 7, 40, 62)] == [64 * k for k in (0, 1, 7, 40, 62)]
    assert log2([0, -5]).tolist() == [0, 0]
    values = np.arange(1, 50_000)
    assert np.abs(log2(values) - 64 * np.log2(values)).max() < 0.9


def test_tables_are_integers():
    encoder = Encoder()
    for table in (encoder.window, encoder.waves, encoder.triangles):
        assert table.dtype == np.int64
    assert encoder.window.max() == 2**15 - 1 or encoder.window.max() == 2**15
    assert encoder.triangles.max() <= 2**8


def test_events_worked_by_hand():
    encoder = Encoder(bands=4, floor=10, shift=4, dead=3)
    # In units of 1/64 octave; the floor is 640. The mean of the row's loud values is 768.
    energies = np.array([[100, 640 + 64, 640 + 128, 640 + 320]])
    # 640, 704, 768, 960 less 768 → −128, −64, 0, 192 → −8, −4, 0, 12; the mean: 128 / 2 → 4.
    assert encoder.events(energies).tolist() == [[-8, -4, 0, 12, 4]]
    # ±3 and less are not sent; towards zero on both sides.
    shifted = np.array([[1000 - 63, 1000 + 63, 1000, 1000]])
    assert encoder.events(shifted).tolist() == [[0, 0, 0, 0, 11]]
    huge = np.array([[640, 640, 640, 640 + 64 * 60]])
    assert encoder.events(huge).tolist() == [[-31, -31, -31, 31, 30]]


def test_silence_sends_nothing_and_loudness_moves_only_the_mean():
    encoder = Encoder()
    assert not encoder.events(encoder.log_energies(np.zeros(4000, np.int16))).any()
    energies = np.maximum(encoder.log_energies(voice(8000)), 25 * OCTAVE)
    events, louder = encoder.events(energies), encoder.events(energies + 2 * OCTAVE)
    assert (events[:, :-1] == louder[:, :-1]).all()
    assert (events[:, -1] != louder[:, -1]).any()
    assert np.abs(events).max() <= 31


def test_recordings_shorter_than_a_frame():
    assert Encoder().log_energies(np.ones(10, np.int16)).shape == (1, 24)


def test_classes_of_frames():
    segments = np.array([[0, 300, 5], [300, 500, 7], [700, 900, 2]])
    # Frames of 256 samples every 200: middles at 128, 328, 528, 728.
    assert frame_classes(segments, 4, Encoder()).tolist() == [5, 7, -1, 2]

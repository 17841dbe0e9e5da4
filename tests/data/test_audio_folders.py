"""Folders of sounds as datasets."""

import wave

import numpy as np
import pytest

from lamina.data import audio_dataset_from_directory
from lamina.errors import ArgumentError, FileFormatError, ShapeError


def write(path, samples, width=2, rate=8000):
    """Writes samples (steps, channels) from -1 to 1 as a .wav file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scaled = np.round(np.asarray(samples) * (2 ** (8 * width - 1) - 1)).astype("<i8")
    scaled = scaled + 128 if width == 1 else scaled
    raw = scaled[..., None].view(np.uint8).reshape(*scaled.shape, 8)[..., :width]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(scaled.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw.tobytes())


@pytest.fixture
def words(tmp_path):
    """Two classes of two sounds each, of 3 to 6 steps."""
    for number in range(4):
        samples = np.full((3 + number, 1), (number + 1) / 8)
        write(tmp_path / "words" / "ab"[number % 2] / f"{number}.wav", samples)
    return tmp_path / "words"


def read(directory, **options):
    return audio_dataset_from_directory(directory, **{"verbose": False, **options})


def test_sounds_of_a_batch_are_filled_with_zeros_to_the_longest(words):
    data = read(words, shuffle=False, batch_size=4)
    (sounds, labels) = next(iter(data))
    assert data.class_names == ["a", "b"] and labels.tolist() == [0, 0, 1, 1]
    assert sounds.shape == (4, 6, 1) and sounds.dtype == "float32"
    lengths = [(row[:, 0] != 0).sum() for row in sounds.numpy()]
    assert lengths == [3, 5, 4, 6]
    np.testing.assert_allclose(sounds.numpy()[:, 0, 0], [1 / 8, 3 / 8, 2 / 8, 4 / 8], atol=1e-4)


def test_length_modes_and_single_samples(words):
    sounds = next(iter(read(words, label_mode=None, output_sequence_length=4)))
    assert sounds.shape == (4, 4, 1)
    sound, label = next(iter(read(words, batch_size=None, label_mode="binary", shuffle=False)))
    assert sound.shape == (3, 1) and label.shape == (1,)
    training, held_out = read(words, validation_split=0.5, subset="both", seed=1)
    assert len(training.file_paths) == len(held_out.file_paths) == 2


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_samples_of_each_width_are_numbers_from_minus_one_to_one(tmp_path, width):
    samples = np.array([[-1.0, 1.0], [0.25, -0.5], [0.0, 0.75]])
    write(tmp_path / "all" / "a" / "x.wav", samples, width)
    found = next(iter(read(tmp_path / "all", label_mode=None))).numpy()[0]
    np.testing.assert_allclose(found, samples, atol=2.0 ** (2 - 8 * width) + 1e-6)


def test_unreadable_audio_raises_an_error_with_the_file(words, tmp_path):
    with pytest.raises(ArgumentError, match="ragged"):
        read(words, ragged=True)
    with pytest.raises(FileFormatError, match=r"0\.wav: has 8000 .* expected sampling_rate 16000"):
        read(words, sampling_rate=16000, shuffle=False).arrays()
    write(words / "a" / "9.wav", np.zeros((3, 2)))
    with pytest.raises(ShapeError, match=r"\[1, 2\] channels"):
        read(words, shuffle=False).arrays()
    (words / "a" / "9.wav").write_bytes(b"RIFF")
    with pytest.raises(FileFormatError, match=r"9\.wav: cannot be read"):
        read(words, shuffle=False).arrays()

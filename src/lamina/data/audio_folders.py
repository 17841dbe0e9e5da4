"""Folders of sounds (.wav) as datasets: decoded in the background, when they are needed."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.annotations import PathLike
from lamina.arguments import integer
from lamina.data.background import default_workers
from lamina.data.dataset import Dataset
from lamina.data.folders import UNREADABLE, Index, index, open_folder
from lamina.data.labeled_folders import (
    LabeledFiles,
    check_arguments,
    check_labels,
    divided,
)
from lamina.errors import ArgumentError, FileFormatError, ShapeError

OWNER = "audio_dataset_from_directory"


def audio_dataset_from_directory(
    directory: PathLike,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
    *,
    workers: int | None = None,
) -> Any:
    """Return a Dataset of the .wav files in a folder with one folder for each class.

    Batches are (sounds, labels), or sounds alone without labels: sounds float32 (batch, steps,
    channels) from -1 to 1, shorter ones followed by zeros; labels int32 (batch,), float32 (batch,
    classes) with label_mode "categorical", or float32 (batch, 1) with "binary". The dataset has
    `class_names` and `file_paths` (in order, not shuffled). Names and defaults are those of Keras;
    `workers` is Lamina's.

    Args:
        directory: folder, .zip file of one, or folder in a .zip file ("sounds.zip/train").
        labels: "inferred" from the folders; None; or the class number of each file, in the order of
            the sorted paths.
        label_mode: "int", "categorical", "binary", or None for sounds alone.
        class_names: folders in the order of their numbers; None sorts them by name.
        batch_size: samples in a batch; None gives single samples.
        sampling_rate: samples per second that every file must have; None accepts all.
        output_sequence_length: steps of each sound, which is cut or followed by zeros; None is the
            longest of its batch.
        ragged: only False; sounds of a batch have one length.
        shuffle: use another order in each pass; validation data stay in order.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.
        validation_split: fraction held out for validation, of each class its share; None for none.
        subset: "training", "validation", or "both" as a pair, with `validation_split`.
        follow_links: follow symbolic links to folders.
        verbose: print how many files and classes were found.
        workers: number of threads that load data; None is one for each processor.

    Raises:
        DataError: if the folder does not exist, or has no sound or no class folder.
        FileFormatError: for a file that is not a .wav file of integers, or has another
            `sampling_rate`.
        ShapeError: if sounds in a batch have several numbers of channels.
        ArgumentError, UnknownNameError: for arguments that are impossible, or impossible together.

    Example:
        >>> import lamina as lm
        >>> train = lm.data.audio_dataset_from_directory(  # doctest: +SKIP
        ...     "words", output_sequence_length=16000)
    """
    check_arguments(label_mode, validation_split, subset)
    if ragged:
        raise ArgumentError(
            f"{OWNER}: ragged is True, and tensors have one length in each axis",
            hint="leave ragged out: shorter sounds are followed by zeros",
        )
    length = integer(OWNER, "output_sequence_length", output_sequence_length, 1, optional=True)
    rate = integer(OWNER, "sampling_rate", sampling_rate, 1, optional=True)
    labels = None if label_mode is None else labels
    files = index(open_folder(directory, follow_links), is_sound, "sounds (.wav)", labels,
                  class_names)  # fmt: skip
    check_labels(files, label_mode)
    sounds = Sounds(files, label_mode, rate, length)
    threads = default_workers() if workers is None else workers

    def dataset(rows: np.ndarray, order: int | None) -> Dataset:
        return sounds.dataset(rows, batch_size, order, threads)

    return divided(files, dataset, shuffle, seed, validation_split, subset, verbose)


def is_sound(path: str) -> bool:
    """Whether a file is called like a sound."""
    name = path.rpartition("/")[2].lower()
    return name.endswith(".wav") and not name.startswith(".")


class Sounds(LabeledFiles):
    """Sounds by their number in the index."""

    def __init__(
        self, files: Index, label_mode: str | None, rate: int | None, length: int | None
    ) -> None:
        super().__init__(files, label_mode)
        self.rate, self.length = rate, length

    def batch(self, rows: np.ndarray) -> Any:
        read = [self._read(int(row)) for row in rows]
        steps = self.length or max(len(sound) for sound in read)
        channels = {sound.shape[1] for sound in read}
        if len(channels) > 1:
            raise ShapeError(
                f"{OWNER}: sounds of one batch have {sorted(channels)} channels",
                hint="take batch_size=1, or convert the files to one number of channels",
            )
        sounds = np.stack([_fitted(sound, steps) for sound in read])
        return sounds if self.labels is None else (sounds, self.labels[rows])

    def sample(self, row: int) -> Any:
        sound = self._read(row)
        sound = _fitted(sound, self.length or len(sound))
        return sound if self.labels is None else (sound, self.labels[row])

    def _read(self, row: int) -> np.ndarray:
        path = self.files.paths[row]
        name = self.files.folder.name(path)
        try:
            samples, rate = decoded(self.files.folder.read(path))
        except (*UNREADABLE, wave.Error, EOFError) as error:
            raise FileFormatError(
                f"{name}: cannot be read: {error}",
                hint="convert it to a .wav file of 8, 16, 24 or 32 bits",
            ) from error
        if self.rate is not None and rate != self.rate:
            raise FileFormatError(
                f"{name}: has {rate} samples per second, expected sampling_rate {self.rate}",
                hint="convert the files to one rate before training",
            )
        return samples


def decoded(content: bytes) -> tuple[np.ndarray, int]:
    """Return the samples of a .wav file, float32 (steps, channels) from -1 to 1, and its rate."""
    with wave.open(io.BytesIO(content)) as file:
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    raw = raw[: len(raw) // (width * channels) * width * channels]
    if width == 1:  # the only width without a sign
        samples = raw.astype(np.float32) / 128 - 1
    else:
        wide = np.zeros((len(raw) // width, 4), np.uint8)
        wide[:, 4 - width :] = raw.reshape(-1, width)  # the high bytes, so that the sign is kept
        samples = (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    return samples.reshape(-1, channels), rate


def _fitted(sound: np.ndarray, steps: int) -> np.ndarray:
    fitted = np.zeros((steps, sound.shape[1]), np.float32)
    fitted[: len(sound)] = sound[:steps]
    return fitted

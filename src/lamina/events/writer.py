"""EventWriter: values by tag and step, appended to one file of a folder."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from lamina import protobuf
from lamina.annotations import ArrayLike
from lamina.arguments import integer
from lamina.events import records, summaries
from lamina.files import checked_name, make_folder

VERSION = "brain.Event:2"
MOST = 1 << 20  # bytes that wait to be appended
SECONDS = 10.0  # that a value waits at most, if others follow


class EventWriter:
    """A writer of one event file in a folder. Values are appended by `flush`, and at times.

    TensorBoard shows each folder as a run: `tensorboard --logdir` takes the folder above.

    Args:
        folder: folder of the run, made if it does not exist.
        name: name of the file; None makes one of time, host and process. An existing file is
            continued.

    Example:
        >>> import tempfile
        >>> import lamina as lm
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with lm.events.EventWriter(folder) as writer:
        ...         writer.scalar("loss", 0.5, step=1)
    """

    def __init__(self, folder: str | os.PathLike[str], name: str | None = None) -> None:
        self.folder = Path(checked_name(folder))
        self.name = name or new_name()
        self._pending = bytearray()
        self._length: int | None = None  # of the file, as far as it was written completely
        self._flushed = time.monotonic()

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.folder / self.name

    # ---- values --------------------------------------------------------------------------------
    def scalar(self, tag: str, value: float, step: int) -> None:
        """Write a number.

        Args:
            tag: name of the curve, such as "loss"; "a/b" groups curves.
            value: number.
            step: position on the horizontal axis.
        """
        self.write(summaries.scalar(tag, float(value)), step)

    def histogram(self, tag: str, values: ArrayLike, step: int, buckets: int = 30) -> None:
        """Write a histogram of values.

        Args:
            tag: name of the histogram.
            values: array of any shape; NaN and infinity are left out.
            step: position on the axis of steps.
            buckets: number of buckets of equal width.
        """
        self.write(
            summaries.histogram(tag, values, integer("histogram", "buckets", buckets, 1)), step
        )

    def image(self, tag: str, pixels: ArrayLike, step: int) -> None:
        """Write an image.

        Args:
            tag: name of the image.
            pixels: array (height, width) or (height, width, 1, 3 or 4), uint8, or floats from 0 to
                1.
            step: position on the axis of steps.

        Raises:
            ShapeError: for another shape.
            MissingExtraError: if Pillow is not installed.
        """
        self.write(summaries.image(tag, pixels), step)

    def text(self, tag: str, words: str, step: int) -> None:
        """Write a text in Markdown.

        Args:
            tag: name of the text.
            words: text.
            step: position on the axis of steps.
        """
        self.write(summaries.text(tag, words), step)

    def hyperparameters(
        self, values: Mapping[str, Any], metrics: Sequence[str] = (), group: str = ""
    ) -> None:
        """Write the hyperparameters of this run, which TensorBoard lists in a table.

        Args:
            values: dictionary from name to number, string or boolean.
            metrics: tags of the numbers in the table, such as "epoch_loss".
            group: name that repeated runs of one setting share.
        """
        now = time.time()
        self.write(summaries.experiment(values, metrics), 0)
        self.write(summaries.hyperparameters(values, group or self.folder.name, now), 0)
        self.write(summaries.ended(now), 0)

    def graph(self, nodes: Sequence[tuple[str, str, Sequence[str], Mapping[str, str]]]) -> None:
        """Write a graph.

        Args:
            nodes: tuples (name, operation, names of inputs, attributes); "a/b" groups nodes.
        """
        self._append(protobuf.message(4, summaries.graph(nodes)))

    def write(self, summary: bytes, step: int) -> None:
        """Write an encoded summary.

        Args:
            summary: values as `lamina.events.summaries` encodes them.
            step: position on the axis of steps.
        """
        self._append(protobuf.integer(2, int(step)) + protobuf.message(5, summary))

    def _append(self, event: bytes) -> None:
        self._pending += records.framed(_now() + event)
        if len(self._pending) > MOST or time.monotonic() - self._flushed > SECONDS:
            self.flush()

    # ---- the file ------------------------------------------------------------------------------
    def flush(self, sync: bool = False) -> int:
        """Append all values to the file; return its length.

        Args:
            sync: wait until the values are on the disk.

        Raises:
            OSError: if the file cannot be written. The values are kept for the next call.
        """
        self._flushed = time.monotonic()
        if not self._pending and not (sync and self.path.exists()):
            return self._whole()
        make_folder(self.folder)
        with open(self.path, "r+b" if self.path.exists() else "xb") as file:
            end = file.seek(0, os.SEEK_END)
            self._length = length = end if self._length is None else min(end, self._length)
            if length < end:  # an error cut something off
                file.truncate(length)
                file.seek(length)
            if not length:
                file.write(records.framed(_now() + protobuf.message(3, VERSION)))
            file.write(self._pending)
            file.flush()
            if sync:
                os.fsync(file.fileno())
            length = file.tell()
        self._length = length
        self._pending.clear()
        return length

    def _whole(self) -> int:
        """The length of the file so far, 0 if it does not exist."""
        if self._length is None:
            self._length = self.path.stat().st_size if self.path.exists() else 0
        return self._length

    def truncate(self, length: int) -> None:
        """Remove what was written after the file had this length.

        Args:
            length: bytes, as `flush` returned them.
        """
        self._pending.clear()
        self._length = None
        if self.path.exists():
            self._length = records.whole(self.path, length)
            os.truncate(self.path, self._length)

    def close(self) -> None:
        """Append all values to the file."""
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def new_name() -> str:
    """A name for an event file, of time, host and process."""
    host = platform.node() or "localhost"
    return f"events.out.tfevents.{time.time():.0f}.{host}.{os.getpid()}.0.v2"


def _now() -> bytes:
    return protobuf.double(1, time.time())

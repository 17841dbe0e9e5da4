"""Values of a Summary as fields of protocol buffers (tensorboard/compat/proto/summary.proto)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina import protobuf
from lamina.errors import ShapeError, need_extra

STRING = 7  # DT_STRING
SCALARS, TENSORS, BLOBS = 1, 2, 3  # classes of data
BUCKETS = 30  # of a histogram


def value(tag: str, content: bytes, plugin: str = "", data: bytes = b"", kind: int = 0) -> bytes:
    """A value under a tag; `plugin` is the part of TensorBoard that shows it."""
    found = protobuf.message(1, tag) + content
    if plugin:
        found += protobuf.message(9, _metadata(plugin, data, kind))
    return protobuf.message(1, found)


def _metadata(plugin: str, data: bytes, kind: int) -> bytes:
    named = protobuf.message(1, plugin) + (protobuf.message(2, data) if data else b"")
    return protobuf.message(1, named) + (protobuf.integer(4, kind) if kind else b"")


def scalar(tag: str, number: float) -> bytes:
    """A number."""
    return value(tag, protobuf.single(2, number), "scalars", kind=SCALARS)


def histogram(tag: str, values: Any, buckets: int = BUCKETS) -> bytes:
    """Counts of values in buckets of equal width; NaN and infinity are left out."""
    x = np.asarray(values, np.float64).ravel()
    x = x[np.isfinite(x)]
    counts, edges = np.histogram(x, buckets) if x.size else (np.zeros(1), np.array([0.0, 0.0]))
    low, high = (x.min(), x.max()) if x.size else (0.0, 0.0)
    fields = (low, high, x.size, x.sum(), (x * x).sum())
    content = b"".join(protobuf.double(k, float(v)) for k, v in enumerate(fields, 1))
    content += protobuf.doubles(6, edges[1:].tolist()) + protobuf.doubles(7, counts.tolist())
    return value(tag, protobuf.message(5, content), "histograms", kind=TENSORS)


def image(tag: str, pixels: Any) -> bytes:
    """An image (height, width) or (height, width, 1, 3 or 4): uint8, or floats from 0 to 1."""
    x = np.asarray(pixels)
    if x.ndim == 2:
        x = x[:, :, None]
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4) or not x.size:
        raise ShapeError(
            f"image {tag!r}: expected shape (height, width) or (height, width, 1, 3 or 4), got "
            f"{np.shape(pixels)}"
        )
    if x.dtype != np.uint8:
        x = (np.clip(np.nan_to_num(np.asarray(x, np.float64)), 0, 1) * 255 + 0.5).astype(np.uint8)
    height, width, depth = x.shape
    content = protobuf.integer(1, height) + protobuf.integer(2, width) + protobuf.integer(3, depth)
    content += protobuf.message(4, _png(x))
    return value(tag, protobuf.message(4, content), "images", kind=BLOBS)


def _png(x: np.ndarray) -> bytes:
    pil = need_extra("PIL.Image", "images", "writing an image into an event file")
    buffer = io.BytesIO()
    pil.fromarray(x[:, :, 0] if x.shape[2] == 1 else x).save(buffer, "png")
    return buffer.getvalue()


def text(tag: str, words: str) -> bytes:
    """A text in Markdown."""
    tensor = protobuf.integer(1, STRING) + protobuf.message(2, b"") + protobuf.message(8, words)
    return value(tag, protobuf.message(8, tensor), "text", kind=TENSORS)


# ---- hyperparameters ---------------------------------------------------------------------------
def hyperparameters(values: Mapping[str, Any], group: str, started: float) -> bytes:
    """The hyperparameters of a run: numbers, strings and booleans."""
    named = {str(name): _protobuf_value(each) for name, each in values.items()}
    start = protobuf.mapping(1, named) + protobuf.message(4, group) + protobuf.double(5, started)
    return _of_hparams("_hparams_/session_start_info", protobuf.message(3, start))


def experiment(values: Mapping[str, Any], metrics: Sequence[str]) -> bytes:
    """The names of hyperparameters, and the tags of the numbers that runs are compared by."""
    content = b"".join(
        protobuf.message(4, protobuf.message(1, str(name)) + protobuf.integer(4, _kind(each)))
        for name, each in values.items()
    )
    for tag in metrics:
        content += protobuf.message(5, protobuf.message(1, protobuf.message(2, tag)))
    return _of_hparams("_hparams_/experiment", protobuf.message(2, content))


def ended(at: float) -> bytes:
    """The end of a run that succeeded."""
    content = protobuf.integer(1, 1) + protobuf.double(2, at)
    return _of_hparams("_hparams_/session_end_info", protobuf.message(4, content))


def _of_hparams(tag: str, content: bytes) -> bytes:
    empty = protobuf.message(8, protobuf.integer(1, 1) + protobuf.message(2, b""))  # a float tensor
    return value(tag, empty, "hparams", content, TENSORS)


def _kind(given: Any) -> int:
    """string 1, bool 2, float64 3."""
    return 2 if isinstance(given, (bool, np.bool_)) else 3 if _is_number(given) else 1


def _is_number(given: Any) -> bool:
    return isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, bool)


def _protobuf_value(given: Any) -> bytes:
    """google.protobuf.Value: number 2, string 3, bool 4."""
    if isinstance(given, (bool, np.bool_)):
        return protobuf.integer(4, bool(given))
    return (
        protobuf.double(2, float(given)) if _is_number(given) else protobuf.message(3, str(given))
    )


# ---- graphs ------------------------------------------------------------------------------------
def graph(nodes: Sequence[tuple[str, str, Sequence[str], Mapping[str, str]]]) -> bytes:
    """A graph of nodes (name, operation, names of inputs, attributes)."""
    found = b""
    for name, operation, inputs, attributes in nodes:
        node = protobuf.message(1, name) + protobuf.message(2, operation)
        node += b"".join(protobuf.message(3, each) for each in inputs)
        node += protobuf.mapping(5, {k: protobuf.message(2, v) for k, v in attributes.items()})
        found += protobuf.message(1, node)
    return found + protobuf.message(4, protobuf.integer(1, 22))  # versions

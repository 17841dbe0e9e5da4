"""Reading of ONNX files."""

from __future__ import annotations

import os
from pathlib import Path

from lamina.errors import DTypeError, FileFormatError, UnknownNameError
from lamina.onnx.messages import ModelProto
from lamina.onnx.model import OnnxModel

LARGEST = 1 << 31
"""Bytes of a file: larger models have their values in other files."""


def load(path: str | os.PathLike[str], name: str | None = None) -> OnnxModel:
    """Return the model of an ONNX file.

    Values in other files are read from the folder of the file only. Nothing in the file is executed
    but the graph.

    Args:
        path: path of the file.
        name: name of the model; by default that of the file.

    Raises:
        FileFormatError: the file is damaged, or not an ONNX file.
        UnknownNameError: the graph has operators that Lamina lacks; the message lists all.

    Example:
        >>> import lamina as lm
        >>> lm.onnx.load("missing.onnx")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'missing.onnx'

    Source: Open Neural Network Exchange, onnx.ai.
    """
    place = Path(path)
    size = place.stat().st_size
    if size > LARGEST:
        raise FileFormatError(f"{path}: {size:,} bytes (expected at most {LARGEST:,})")
    try:
        proto = ModelProto.read(place.read_bytes())
    except FileFormatError as error:
        raise FileFormatError(f"{path}: not an ONNX file, or damaged: {error}") from None
    if proto.graph is None:
        raise FileFormatError(f"{path}: not an ONNX file, or damaged")
    try:
        return OnnxModel(proto, place.parent, name or _name(place))
    except (FileFormatError, UnknownNameError, DTypeError) as error:
        raise type(error)(f"{path}: {error.message}", hint=error.hint) from error


def _name(path: Path) -> str:
    return "".join(c if c.isalnum() or c == "_" else "_" for c in path.stem) or "model"

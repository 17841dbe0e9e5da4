"""`tf.io`: files as bytes, and tensors in them."""

from __future__ import annotations

import csv
import glob
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import DataError
from lamina.string_tensor import StringTensor, text_of
from lamina.tensor import Tensor
from lamina.tf import gfile
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor
from lamina.tf.naming import public

__all__ = ["gfile"]


def _path(name: Any) -> str:
    return StringTensor(name).item() if isinstance(name, StringTensor) else text_of(os.fspath(name))


def read_file(filename: Any, name: Any = None) -> StringTensor:
    """Return the bytes of a file."""
    return StringTensor(Path(_path(filename)).read_bytes())


def write_file(filename: Any, contents: Any, name: Any = None) -> None:
    """Write bytes or a text to a file."""
    Path(_path(filename)).write_bytes(StringTensor(contents).numpy())


def matching_files(pattern: Any, name: Any = None) -> StringTensor:
    """Return the paths that a pattern matches."""
    return StringTensor(np.asarray(sorted(glob.glob(_path(pattern))), object))


def serialize_tensor(tensor: Any, name: Any = None) -> StringTensor:
    """Return a tensor as bytes, which `parse_tensor` reads."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(tensor), allow_pickle=False)
    return StringTensor(out.getvalue())


def parse_tensor(serialized: Any, out_type: Any, name: Any = None) -> Tensor:
    """Return the tensor of bytes that `serialize_tensor` made."""
    data = io.BytesIO(StringTensor(serialized).numpy())
    try:
        array = np.lib.format.read_array(data, allow_pickle=False)
    except ValueError as error:
        raise DataError(f"tf.io.parse_tensor: not a serialized tensor: {error}") from error
    return lm.asarray(array, dtype=lm.dtype(out_type))


def decode_raw(
    input_bytes: Any, out_type: Any, little_endian: bool = True, name: Any = None
) -> Tensor:
    """Return the numbers that bytes hold."""
    kind = lm.dtype(out_type).storage.newbyteorder("<" if little_endian else ">")
    return lm.asarray(
        np.frombuffer(StringTensor(input_bytes).numpy(), kind).astype(kind.newbyteorder("="))
    )


def decode_csv(
    records: Any,
    record_defaults: Any,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    name: Any = None,
    **_: Any,
) -> list[Any]:
    """Return the columns of lines of CSV, in the dtypes of their defaults."""
    texts = StringTensor(records)
    lines = [texts.item()] if texts.ndim == 0 else texts.tolist()
    rows = list(csv.reader(lines, delimiter=field_delim))
    columns = zip(*rows, strict=True)
    found = [_column(c, d) for c, d in zip(columns, record_defaults, strict=True)]
    return [column[0] for column in found] if texts.ndim == 0 else found


def _column(values: Any, default: Any) -> Any:
    spec = convert_to_tensor(default) if not isinstance(default, lm.DType) else None
    if isinstance(spec, StringTensor):
        return StringTensor(list(values))
    kind = spec.dtype if spec is not None else default
    empty = None if spec is None or not spec.size else spec.numpy().reshape(-1)[0]
    if empty is None and "" in values:
        raise DataError(
            "tf.io.decode_csv: a field is empty and has no default",
            hint="record_defaults=[[0.0]] has one, tf.constant([], dtype=tf.float32) has none",
        )
    return lm.asarray(np.asarray([empty if v == "" else float(v) for v in values]), dtype=kind)


public(
    __name__,
    None,
    {
        "lamina.tf.image_files": "decode_image decode_jpeg decode_png decode_bmp decode_gif "
        "encode_jpeg encode_png",
        "lamina.tf.records": "FixedLenFeature VarLenFeature TFRecordWriter TFRecordOptions "
        "parse_example parse_single_example",
    },
    {
        "decode_proto": "tf.io.parse_single_example reads tf.train.Example",
        "parse_single_sequence_example": "tf.io.parse_single_example",
        "serialize_sparse": "tf.io.serialize_tensor(tf.sparse.to_dense(x))",
        "RaggedFeature": "tf.io.VarLenFeature",
    },
)

"""Files of states: nested plain values and arrays, in one safetensors file with a checksum.

    array values     tensors of the file, named by their place: "weights/dense/kernel"
    everything else  JSON in the metadata, where an array is {"$array": name}

Tuples, dictionaries with keys that JSON lacks and floats that are not finite are written as
{"$tuple": [...]}, {"$dict": [[key, value], ...]} and {"$float": "inf"}; a number of NumPy is an
array without axes. Floats keep all bits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.errors import FileFormatError, StateError, describe
from lamina.saving import json_data, safetensors
from lamina.saving.container import damaged

KIND, VERSION = "lamina state", 1
FORMAT = f"{KIND} {VERSION}"
MARKS = ("$array", "$tuple", "$dict", "$float")


def pack(state: Mapping[str, Any]) -> bytes:
    """Return the content of a file. Equal states give equal bytes.

    Raises:
        StateError: for a value that is not plain (numbers, strings, None, arrays, and lists, tuples
            and dictionaries of them).
    """
    arrays: dict[str, np.ndarray] = {}
    written = _written(state, (), arrays)
    try:
        text = json_data.to_json(written).decode()
    except ValueError as error:
        raise StateError(f"the state of this training is too large for a file: {error}") from error
    return safetensors.write_with_checksum(arrays, {"kind": FORMAT, "state": text})


def unpack(path: Any, content: bytes) -> dict[str, Any]:
    """Return the state in the content of a file; errors name the path.

    Raises:
        FileFormatError: if the file is truncated, damaged or something else.
    """
    try:
        arrays, metadata = safetensors.read(content)
        kind = metadata.get("kind", "")
        if kind != FORMAT and kind.startswith(KIND):
            raise FileFormatError(
                f"{path}: is a {kind!r} (this version of Lamina reads {FORMAT!r})",
                hint="continue it with the version of Lamina that wrote it, or a newer one",
            )
        if kind != FORMAT or safetensors.CHECKSUM not in metadata:
            raise FileFormatError(f"{path}: is not the state of a training that fit wrote")
        state = _read(json_data.from_json(metadata["state"].encode()), dict(arrays))
        if not isinstance(state, dict):
            raise ValueError("the state is not a dictionary")
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise damaged(path, str(error)) from error
    return state


# ---- values as JSON ----------------------------------------------------------------------------
def _written(value: Any, place: tuple[str, ...], arrays: dict[str, np.ndarray]) -> Any:
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, (np.ndarray, np.generic)):
        name = "/".join(place)
        while name in arrays:
            name += "'"
        arrays[name] = np.asarray(value)
        return {"$array": name}
    if isinstance(value, list):
        return [_written(v, (*place, str(k)), arrays) for k, v in enumerate(value)]
    if isinstance(value, tuple):
        return {"$tuple": [_written(v, (*place, str(k)), arrays) for k, v in enumerate(value)]}
    if isinstance(value, Mapping):
        pairs = [(k, _written(v, (*place, str(k)), arrays)) for k, v in value.items()]
        if all(isinstance(k, str) and not k.startswith("$") for k, _ in pairs):
            return dict(pairs)
        return {"$dict": [[_written(k, (*place, "key"), arrays), v] for k, v in pairs]}
    raise StateError(
        f"the state of this training holds {describe(value)} at {'/'.join(place)!r} (expected "
        "numbers, strings, None, arrays, and lists, tuples and dictionaries of them)",
        hint="let get_state of the callback return such values",
    )


def _read(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The value, each of whose arrays is in one place: none is copied more often than it is
    stored."""
    if isinstance(value, list):
        return [_read(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    mark = next(iter(value), "")
    if mark not in MARKS:
        return {name: _read(each, arrays) for name, each in value.items()}
    content = value[mark]
    if mark == "$array":
        return np.array(arrays.pop(content))
    if mark == "$tuple":
        return tuple(_read(each, arrays) for each in content)
    if mark == "$dict":
        return {_read(k, arrays): _read(v, arrays) for k, v in content}
    return float(content)


def digest(value: Any) -> str:
    """Return the SHA-256 of a plain value: of its JSON with sorted keys, as 16 digits."""
    import hashlib

    text = json.dumps(value, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

"""JSON of a bounded size: checked before it is parsed, and the same bounds when it is written."""

from __future__ import annotations

import json
from typing import Any

MOST_BYTES = 16 << 20
MOST_VALUES = 1_000_000
MOST_OBJECTS = 4_000  # layers, initializers, metrics, and calls of layers
DEEPEST = 100  # lists and objects within one another


POLICIES = "lamina.dtype_policies"  # small, one for each layer: they do not count


def count_objects(value: Any) -> int:
    """Return the number of objects with a class and of calls of layers in a description. Raises
    ValueError for too many."""
    count, stack = 0, [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            is_object = "class_name" in each or "kwargs" in each
            count += is_object and each.get("module") != POLICIES
            stack += each.values()
        elif isinstance(each, list):
            stack += each
    if count > MOST_OBJECTS:
        raise ValueError(f"{count:,} layers, calls and the like, expected at most {MOST_OBJECTS:,}")
    return count


def to_json(value: Any) -> bytes:
    """A value as JSON. Raises ValueError if `from_json` would refuse it."""
    content = json.dumps(value, indent=1).encode()
    _check_size(content)
    _check_depth(value)
    return content


def from_json(content: Any) -> Any:
    """The value that JSON in UTF-8 describes. Raises ValueError for everything else, for a key that
    an object holds twice, and for more than the bounds allow."""
    content = bytes(content)
    _check_size(content)
    try:
        value = json.loads(content.decode(), object_pairs_hook=_unique)
        _check_depth(value)
    except RecursionError as error:
        raise ValueError(f"nested more than {DEEPEST} deep") from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object holds a key twice")
    return found


def _check_size(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise ValueError(f"{len(content):,} bytes of JSON, expected at most {MOST_BYTES:,}")
    separators = content.count(b",") + content.count(b"[") + content.count(b"{")
    if separators > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError(f"nested more than {DEEPEST} deep")

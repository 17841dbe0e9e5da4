"""Checks of the shapes of queries, values, keys and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.errors import ShapeError
from lamina.ir.types import Dim, is_static, same
from lamina.layers._base.spec import shape_text
from lamina.tensor import Tensor, as_tensor


def check_parts(label: str, query: Tensor, value: Tensor, key: Tensor, compared: bool) -> None:
    """Raise ShapeError unless the batches agree and each value has a key; `compared`: queries and
    keys also need the same number of features."""
    came = f"query {shape_text(query.shape)}, value {shape_text(value.shape)}"
    came += f", key {shape_text(key.shape)}" if key is not value else ""
    for other in (value, key):
        if _differ(query.shape[0], other.shape[0]):
            raise ShapeError(
                f"{label}: {came}: not of one batch",
                hint="query, value and key are (batch, steps, features), the same batch for all",
            )
    if compared and _differ(query.shape[-1], key.shape[-1]):
        raise ShapeError(
            f"{label}: {came}: query and key differ in features",
            hint="a Dense layer in front of one of them makes them alike, as those inside "
            "MultiHeadAttention do",
        )
    if _differ(key.shape[-2], value.shape[-2]):
        raise ShapeError(f"{label}: {came}: each value needs one key")


def check_masks(label: str, query: Tensor, key: Tensor, **masks: Any) -> None:
    """Raise ShapeError unless the masks, by name, have the shapes that go with query and key."""
    batch, queries, keys = query.shape[0], query.shape[-2], key.shape[-2]
    of_pairs = {2: (queries, keys), 4: (batch, 1, queries, keys)}
    wanted = {
        "query_mask": ((batch, queries), "(batch, queries)"),
        "value_mask": ((batch, keys), "(batch, keys)"),
        "key_mask": ((batch, keys), "(batch, keys)"),
        "attention_mask": ((batch, queries, keys), "(batch, queries, keys)"),
    }
    for name, mask in masks.items():
        if mask is None:
            continue
        shape, (expected, words) = as_tensor(mask).shape, wanted[name]
        allowed = of_pairs.get(len(shape), expected) if name == "attention_mask" else expected
        if not _may_be(shape, allowed, heads=len(allowed) == 4):
            raise ShapeError(
                f"{label}: {name} has shape {shape_text(shape)}, expected {words}, here "
                f"{shape_text(expected)}",
                hint="a mask is True where something is there",
            )


def _differ(a: Dim, b: Dim) -> bool:
    return is_static(a) and is_static(b) and a != b


def _may_be(shape: Sequence[Dim], wanted: Sequence[Dim], heads: bool) -> bool:
    pairs = zip(shape, wanted, strict=True) if len(shape) == len(wanted) else None
    return pairs is not None and all(
        same(m, 1) or not _differ(m, n) or (heads and axis == 1)
        for axis, (m, n) in enumerate(pairs)
    )

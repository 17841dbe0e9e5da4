"""Files of weights with and without low-rank adaptation.

A file of an adapted layer holds the weight and the two narrow ones, and in its metadata the factor
of their product. A layer without adaptation adds the product to its weight; an adapted layer that
reads a file without begins with a product of 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina.errors import FileFormatError
from lamina.layers import Layer
from lamina.layers._base.low_rank import LowRank
from lamina.layers._base.saved_names import saved_weights
from lamina.saving.container import Arrays, Stored
from lamina.variables import Variable, holder_of

FACTORS = "low_rank_factors"
_NARROW = re.compile(r"(?P<place>(?:.*/)?)lora_(?P<weight>\w+)_(?P<part>[ab])")


class Product(NamedTuple):
    """A product of two narrow weights that a layer adds to its weight."""

    layer: LowRank
    a: np.ndarray
    b: np.ndarray
    factor: float


def metadata(model: Layer) -> dict[str, str]:
    """Return the factors of adapted layers, for the metadata of a file of the model's weights."""
    found = {}
    for name, variable in saved_weights(model).items():
        match, layer = _NARROW.fullmatch(name), holder_of(variable)
        if match and match["part"] == "a" and isinstance(layer, LowRank):
            found[name] = layer.lora_alpha / layer.lora_rank  # type: ignore[operator]
    return {FACTORS: json.dumps(found)} if found else {}


def reconciled(
    variables: Mapping[str, Variable], stored: Stored, where: str
) -> tuple[Arrays, list[Product]]:
    """Return the arrays for these variables, and the products that the file has for layers without
    adaptation."""
    arrays, products = dict(stored.arrays), []
    for name in [name for name in arrays if name not in variables]:
        match = _NARROW.fullmatch(name)
        if match is None or match["part"] != "a":
            continue
        layer = holder_of(variables.get(match["place"] + match["weight"]))
        other = f"{match['place']}lora_{match['weight']}_b"
        if isinstance(layer, LowRank) and not layer.lora_enabled and other in arrays:
            factor = _factors(stored, where).get(name, 1.0)
            products.append(Product(layer, arrays.pop(name), arrays.pop(other), float(factor)))
    for name, variable in variables.items():
        match = _NARROW.fullmatch(name)
        is_missing = match is not None and name not in arrays
        if is_missing and match["place"] + match["weight"] in arrays:  # type: ignore[index]
            before = variable.numpy()
            arrays[name] = before if name.endswith("_a") else np.zeros_like(before)
    return arrays, products


def _factors(stored: Stored, where: str) -> dict[str, Any]:
    try:
        found = json.loads(stored.metadata.get(FACTORS, "{}"))
    except ValueError as error:
        raise FileFormatError(f"{where}: its {FACTORS} cannot be read as JSON: {error}") from error
    return found if isinstance(found, dict) else {}

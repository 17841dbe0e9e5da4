"""Lamina's own names, for the modules of this package, which are below `lamina` itself."""

from typing import TYPE_CHECKING

from lamina import linalg, namespaces, random, tensor
from lamina.ir.types import DType, dtype
from lamina.operations import *  # noqa: F403
from lamina.operations import __all__ as _operations  # type: ignore[attr-defined]
from lamina.operations.random_keys import set_seed
from lamina.tensor import Tensor
from lamina.transforms import compile, cond, custom_gradient, scan, stop_gradient, while_loop
from lamina.variables import Variable

# isort: off
if TYPE_CHECKING:
    from lamina import keras as keras, optimizers as optimizers
    from lamina.layers import Layer as Layer
# isort: on

_LAZY = {
    "Layer": "lamina.layers:Layer",
    "keras": "lamina.keras",
    "optimizers": "lamina.optimizers",
}
if not TYPE_CHECKING:  # mypy cannot follow the sum
    # fmt: off
    __all__ = [
        "DType", "Tensor", "Variable", "compile", "cond", "custom_gradient", "dtype", "linalg",
        "random", "scan", "set_seed", "stop_gradient", "tensor", "while_loop", *_LAZY,
    ]
    # fmt: on
    __all__ += _operations

namespaces.declare(__name__, _LAZY)

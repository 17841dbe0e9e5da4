"""Lamina: deep learning in Python, compiled on the machine you own.

The functions here are those of NumPy and the Array API standard, on tensors; beside them stand the
transforms (`compile`, `grad`, `scan`), and, loaded when first asked for, networks and their
training: `lm.layers`, `lm.Sequential`, `lm.optimizers`, `lm.keras`, ...
"""

import importlib
from math import e, inf, nan, pi
from typing import Any

from lamina import operations
from lamina.errors import LaminaError
from lamina.ir.types import (
    DType,
    bfloat16,
    bool_,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from lamina.operations import *  # noqa: F403
from lamina.operations.namespace import array_namespace_info as __array_namespace_info__
from lamina.settings import settings
from lamina.tensor import Tensor, Variable, as_tensor
from lamina.transforms import (
    Compiled,
    Spec,
    associative_scan,
    compile,
    compile_stats,
    cond,
    custom_gradient,
    grad,
    scan,
    stop_gradient,
    switch,
    value_and_grad,
    while_loop,
)
from lamina.version import __version__

# fmt: off
__all__ = [
    "Compiled", "DType", "LaminaError", "Spec", "Tensor", "Variable", "__array_namespace_info__",
    "__version__", "as_tensor", "associative_scan",
    "bfloat16", "bool", "bool_", "compile", "compile_stats", "cond", "custom_gradient",
    "dtype", "e",
    "float16", "float32", "float64", "grad", "inf", "int8", "int16", "int32", "int64",
    "nan", "newaxis", "pi", "scan", "settings", "stop_gradient", "switch", "uint8", "uint16",
    "uint32", "uint64", "value_and_grad", "while_loop",
]
# fmt: on
__all__ += operations.__all__

bool = bool_
newaxis = None
__array_api_version__ = "2024.12"

# Loaded when first asked for: a module, or a name in one.
_LAZY = {
    "activations": "lamina.activations",
    "callbacks": "lamina.callbacks",
    "constraints": "lamina.constraints",
    "data": "lamina.data",
    "datasets": "lamina.data.datasets",
    "errors": "lamina.errors",
    "initializers": "lamina.initializers",
    "inspect": "lamina.inspect",
    "keras": "lamina.keras",
    "layers": "lamina.layers",
    "linalg": "lamina.operations.linalg",
    "losses": "lamina.losses",
    "metrics": "lamina.metrics",
    "models": "lamina.models",
    "nn": "lamina.nn",
    "optimizers": "lamina.optimizers",
    "plot": "lamina.plot",
    "random": "lamina.operations.random",
    "regularizers": "lamina.regularizers",
    "saving": "lamina.saving",
    "schedules": "lamina.schedules",
    "Input": "lamina.layers:Input",
    "Model": "lamina.models:Model",
    "Sequential": "lamina.models:Sequential",
    "Layer": "lamina.layers:Layer",
    "load_model": "lamina.models:load_model",
    "save_model": "lamina.models:save_model",
    "set_seed": "lamina.operations.random:set_seed",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'lamina' has no attribute {name!r}{_nearest(name)}")
    module, _, attribute = _LAZY[name].partition(":")
    found = importlib.import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def _nearest(name: str) -> str:
    import difflib

    from lamina.elsewhere import ELSEWHERE

    if name in ELSEWHERE:
        return f"; instead: {ELSEWHERE[name]}"
    near = difflib.get_close_matches(name, [*globals(), *_LAZY], n=1, cutoff=0.7)
    return f"; did you mean {near[0]!r}?" if near else ""


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})

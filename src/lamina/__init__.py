"""Lamina: deep learning in Python, compiled on the machine you own.

The functions here are those of NumPy and the Array API standard, on tensors; in addition there are
the transforms (`compile`, `grad`, `scan`), and, loaded when first asked for, networks and their
training: `lm.layers`, `lm.Sequential`, `lm.optimizers`, `lm.keras`, ...
"""

from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from lamina import einops_backend, namespaces, operations
from lamina.elsewhere import ELSEWHERE
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
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import (
    Compiled,
    GradientTape,
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
from lamina.variables import Variable
from lamina.version import __version__

# isort: off
if TYPE_CHECKING:
    from lamina import (
        activations as activations,
        boxes as boxes,
        callbacks as callbacks,
        constraints as constraints,
        data as data,
        datasets as datasets,
        distribution as distribution,
        events as events,
        errors as errors,
        initializers as initializers,
        inspect as inspect,
        interchange as interchange,
        keras as keras,
        layers as layers,
        linalg as linalg,
        losses as losses,
        metrics as metrics,
        models as models,
        nn as nn,
        onnx as onnx,
        optimizers as optimizers,
        plot as plot,
        quantizers as quantizers,
        random as random,
        regularizers as regularizers,
        saving as saving,
        schedules as schedules,
        tune as tune,
        zoo as zoo,
    )
    from lamina.distribution import device as device, devices as devices
    from lamina.layers import Input as Input, Layer as Layer
    from lamina.models import Model as Model, Sequential as Sequential
    from lamina.models.resuming import resume as resume
    from lamina.operations.random_keys import set_seed as set_seed
    from lamina.saving import load_model as load_model, save_model as save_model
# isort: on


# Loaded when first used: a module, or a name in one; type checkers read the imports above.
_LAZY = {
    "activations": "lamina.activations",
    "boxes": "lamina.boxes",
    "callbacks": "lamina.callbacks",
    "constraints": "lamina.constraints",
    "data": "lamina.data",
    "datasets": "lamina.datasets",
    "distribution": "lamina.distribution",
    "errors": "lamina.errors",
    "events": "lamina.events",
    "initializers": "lamina.initializers",
    "inspect": "lamina.inspect",
    "interchange": "lamina.interchange",
    "keras": "lamina.keras",
    "layers": "lamina.layers",
    "linalg": "lamina.linalg",
    "losses": "lamina.losses",
    "metrics": "lamina.metrics",
    "models": "lamina.models",
    "nn": "lamina.nn",
    "onnx": "lamina.onnx",
    "optimizers": "lamina.optimizers",
    "plot": "lamina.plot",
    "quantizers": "lamina.quantizers",
    "random": "lamina.random",
    "regularizers": "lamina.regularizers",
    "saving": "lamina.saving",
    "schedules": "lamina.schedules",
    "tune": "lamina.tune",
    "zoo": "lamina.zoo",
    "device": "lamina.distribution:device",
    "devices": "lamina.distribution:devices",
    "Input": "lamina.layers:Input",
    "Model": "lamina.models:Model",
    "Sequential": "lamina.models:Sequential",
    "Layer": "lamina.layers:Layer",
    "load_model": "lamina.saving:load_model",
    "resume": "lamina.models.resuming:resume",
    "save_model": "lamina.saving:save_model",
    "set_seed": "lamina.operations.random_keys:set_seed",
}

# Names of TensorFlow for programs that say `import lamina as tf`; `lamina.tf` has all of them.
# fmt: off
_OF_TENSORFLOW = [
    "add_n", "boolean_mask", "clip_by_global_norm", "clip_by_norm", "clip_by_value", "config",
    "convert_to_tensor", "debugging", "ensure_shape", "executing_eagerly", "fill", "foldl",
    "function", "gather", "gather_nd", "image", "io", "math", "map_fn", "py_function",
    "numpy_function", "ragged", "range", "rank", "reduce_all", "reduce_any", "reduce_logsumexp",
    "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "reverse",
    "scatter_nd", "sequence_mask", "shape", "size", "sparse", "string", "strings",
    "tensor_scatter_nd_add", "tensor_scatter_nd_update", "train", "truediv", "Module",
    "RaggedTensor", "SparseTensor", "TensorArray", "TensorShape", "TensorSpec",
]
# fmt: on

bool = bool_
newaxis = None
__array_api_version__ = "2024.12"

if not TYPE_CHECKING:  # mypy cannot follow the sums, and would export the first list only
    # fmt: off
    __all__ = [
        "Compiled", "DType", "GradientTape", "LaminaError", "Spec", "Tensor", "Variable",
        "__array_namespace_info__", "__version__", "as_tensor", "associative_scan",
        "bfloat16", "bool", "bool_", "compile", "compile_stats", "cond", "custom_gradient",
        "dtype", "e",
        "float16", "float32", "float64", "grad", "inf", "int8", "int16", "int32", "int64",
        "nan", "newaxis", "pi", "scan", "settings", "stop_gradient", "switch", "uint8", "uint16",
        "uint32", "uint64", "value_and_grad", "while_loop",
    ]
    # fmt: on
    __all__ += operations.__all__
    __all__ += _LAZY

einops_backend.announce()
namespaces.declare(
    __name__, {**{name: f"lamina.tf:{name}" for name in _OF_TENSORFLOW}, **_LAZY}, ELSEWHERE
)

"""`lm.keras`: Lamina's parts under the names of Keras, for programs written for it.

    import lamina as tf
    model = tf.keras.models.Sequential([...])

Each part is loaded when it is first asked for.
"""

import importlib
import sys
from typing import Any

# a module below this one, or a name in a module
_LAZY = {
    "activations": "lamina.keras.activations",
    "backend": "lamina.keras.backend",
    "callbacks": "lamina.keras.callbacks",
    "constraints": "lamina.keras.constraints",
    "datasets": "lamina.keras.datasets",
    "initializers": "lamina.keras.initializers",
    "layers": "lamina.keras.layers",
    "losses": "lamina.keras.losses",
    "metrics": "lamina.keras.metrics",
    "models": "lamina.keras.models",
    "ops": "lamina.keras.ops",
    "optimizers": "lamina.keras.optimizers",
    "preprocessing": "lamina.keras.preprocessing",
    "random": "lamina.keras.random",
    "saving": "lamina.keras.saving",
    "regularizers": "lamina.keras.regularizers",
    "utils": "lamina.keras.utils",
    "tree": "lamina.keras.tree",
    "Initializer": "lamina.initializers:Initializer",
    "Input": "lamina.layers:Input",
    "InputSpec": "lamina.layers:InputSpec",
    "Layer": "lamina.layers:Layer",
    "Loss": "lamina.losses:Loss",
    "Metric": "lamina.metrics:Metric",
    "Model": "lamina.models:Model",
    "Optimizer": "lamina.optimizers:Optimizer",
    "Regularizer": "lamina.regularizers:Regularizer",
    "Sequential": "lamina.models:Sequential",
    "Variable": "lamina.tensor:Variable",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        own = sys.modules[__name__]
        message = f"module 'lamina.keras' has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=own)
    module, _, attribute = _LAZY[name].partition(":")
    found = importlib.import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})

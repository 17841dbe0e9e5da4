"""`lm.keras`: Lamina's parts under the names of Keras, for programs written for it.

    import lamina as tf
    model = tf.keras.models.Sequential([...])

Each part is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING

from lamina import namespaces
from lamina.elsewhere import OF_KERAS
from lamina.version import KERAS

# isort: off
if TYPE_CHECKING:
    from lamina.dtype_policies import (
        DTypePolicy as DTypePolicy,
        FloatDTypePolicy as FloatDTypePolicy,
    )
    from lamina.initializers import Initializer as Initializer
    from lamina.keras import (
        activations as activations,
        backend as backend,
        callbacks as callbacks,
        config as config,
        constraints as constraints,
        applications as applications,
        datasets as datasets,
        distillation as distillation,
        distribution as distribution,
        dtype_policies as dtype_policies,
        initializers as initializers,
        layers as layers,
        losses as losses,
        metrics as metrics,
        mixed_precision as mixed_precision,
        models as models,
        ops as ops,
        optimizers as optimizers,
        preprocessing as preprocessing,
        quantizers as quantizers,
        random as random,
        regularizers as regularizers,
        saving as saving,
        tree as tree,
        utils as utils,
        visualization as visualization,
        wrappers as wrappers,
    )
    from lamina.keras.scopes import (
        RematScope as RematScope,
        device as device,
        name_scope as name_scope,
        remat as remat,
    )
    from lamina.keras.symbolic import (
        Function as Function,
        KerasTensor as KerasTensor,
        Operation as Operation,
    )
    from lamina.layers import Input as Input, InputSpec as InputSpec, Layer as Layer
    from lamina.losses import Loss as Loss
    from lamina.metrics import Metric as Metric
    from lamina.models import Model as Model, Sequential as Sequential
    from lamina.optimizers import Optimizer as Optimizer
    from lamina.quantizers import Quantizer as Quantizer
    from lamina.regularizers import Regularizer as Regularizer
    from lamina.stateless import StatelessScope as StatelessScope
    from lamina.variables import Variable as Variable
# isort: on

# Loaded when first used: a module below this one, or a name in a module.
_LAZY = {
    "activations": "lamina.keras.activations",
    "backend": "lamina.keras.backend",
    "callbacks": "lamina.keras.callbacks",
    "config": "lamina.keras.config",
    "constraints": "lamina.keras.constraints",
    "applications": "lamina.keras.applications",
    "datasets": "lamina.keras.datasets",
    "distillation": "lamina.keras.distillation",
    "distribution": "lamina.keras.distribution",
    "dtype_policies": "lamina.keras.dtype_policies",
    "initializers": "lamina.keras.initializers",
    "layers": "lamina.keras.layers",
    "losses": "lamina.keras.losses",
    "metrics": "lamina.keras.metrics",
    "mixed_precision": "lamina.keras.mixed_precision",
    "models": "lamina.keras.models",
    "ops": "lamina.keras.ops",
    "optimizers": "lamina.keras.optimizers",
    "preprocessing": "lamina.keras.preprocessing",
    "quantizers": "lamina.keras.quantizers",
    "random": "lamina.keras.random",
    "regularizers": "lamina.keras.regularizers",
    "saving": "lamina.keras.saving",
    "tree": "lamina.keras.tree",
    "utils": "lamina.keras.utils",
    "visualization": "lamina.keras.visualization",
    "wrappers": "lamina.keras.wrappers",
    "DTypePolicy": "lamina.dtype_policies:DTypePolicy",
    "FloatDTypePolicy": "lamina.dtype_policies:FloatDTypePolicy",
    "Function": "lamina.keras.symbolic:Function",
    "Initializer": "lamina.initializers:Initializer",
    "Input": "lamina.layers:Input",
    "InputSpec": "lamina.layers:InputSpec",
    "KerasTensor": "lamina.keras.symbolic:KerasTensor",
    "Layer": "lamina.layers:Layer",
    "Loss": "lamina.losses:Loss",
    "Metric": "lamina.metrics:Metric",
    "Model": "lamina.models:Model",
    "Operation": "lamina.keras.symbolic:Operation",
    "Optimizer": "lamina.optimizers:Optimizer",
    "Quantizer": "lamina.quantizers:Quantizer",
    "Regularizer": "lamina.regularizers:Regularizer",
    "RematScope": "lamina.keras.scopes:RematScope",
    "Sequential": "lamina.models:Sequential",
    "StatelessScope": "lamina.stateless:StatelessScope",
    "Variable": "lamina.variables:Variable",
    "device": "lamina.keras.scopes:device",
    "name_scope": "lamina.keras.scopes:name_scope",
    "remat": "lamina.keras.scopes:remat",
}

__all__ = [*_LAZY]
__version__ = KERAS  # programs choose between names by it

namespaces.declare(__name__, _LAZY, OF_KERAS)

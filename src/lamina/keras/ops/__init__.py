"""`keras.ops`: Lamina's operations by Keras' names, arguments and defaults, a file a family.

Each function states Keras' signature once and calls the operation of `lamina` that computes it. Two
rules are those of Keras and not of NumPy: an array of float64 that is not a tensor becomes float32
(`arguments`), and sums of small integers are int32 or uint32.
"""

from lamina import namespaces
from lamina.keras.ops import (
    activations,
    arithmetic,
    classes,
    comparison,
    control,
    creation,
    decompositions,
    fourier,
    indexing,
    mapping,
    neural,
    products,
    reductions,
    shaping,
    skipping_nan,
    statistics,
    transcendental,
    updates,
)
from lamina.keras.ops.activations import *  # noqa: F403
from lamina.keras.ops.arithmetic import *  # noqa: F403
from lamina.keras.ops.classes import *  # noqa: F403
from lamina.keras.ops.comparison import *  # noqa: F403
from lamina.keras.ops.control import *  # noqa: F403
from lamina.keras.ops.creation import *  # noqa: F403
from lamina.keras.ops.decompositions import *  # noqa: F403
from lamina.keras.ops.fourier import *  # noqa: F403
from lamina.keras.ops.indexing import *  # noqa: F403
from lamina.keras.ops.mapping import *  # noqa: F403
from lamina.keras.ops.neural import *  # noqa: F403
from lamina.keras.ops.products import *  # noqa: F403
from lamina.keras.ops.reductions import *  # noqa: F403
from lamina.keras.ops.shaping import *  # noqa: F403
from lamina.keras.ops.skipping_nan import *  # noqa: F403
from lamina.keras.ops.statistics import *  # noqa: F403
from lamina.keras.ops.transcendental import *  # noqa: F403
from lamina.keras.ops.updates import *  # noqa: F403

__all__: list[str] = []
__all__ += activations.__all__
__all__ += arithmetic.__all__
__all__ += classes.__all__
__all__ += comparison.__all__
__all__ += control.__all__
__all__ += creation.__all__
__all__ += decompositions.__all__
__all__ += fourier.__all__
__all__ += indexing.__all__
__all__ += mapping.__all__
__all__ += neural.__all__
__all__ += products.__all__
__all__ += reductions.__all__
__all__ += shaping.__all__
__all__ += skipping_nan.__all__
__all__ += statistics.__all__
__all__ += transcendental.__all__
__all__ += updates.__all__

_MODULES = ("image", "linalg", "nn", "numpy")

namespaces.declare(__name__, {name: f"lamina.keras.ops.{name}" for name in _MODULES})

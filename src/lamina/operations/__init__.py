"""Operations: NumPy-shaped functions of tensors, written in primitives, one file per family.

Importing this package gives tensors their operators and methods. `__all__` is what goes into
`lamina` itself; activations and convolutions are in `lamina.nn`, random numbers in
`lamina.random`.
"""

from typing import TYPE_CHECKING

from lamina.operations import (
    arithmetic,
    comparison,
    creation,
    cumulative,
    division,
    dtypes,
    einstein_sums,
    extending,
    gathering,
    indexing,
    joining,
    linear_algebra,
    matrices,
    neural,
    probabilities,
    reductions,
    shaping,
    sorting,
    transcendental,
    trigonometry,
)
from lamina.operations.arithmetic import *  # noqa: F403
from lamina.operations.attach import attach
from lamina.operations.comparison import *  # noqa: F403
from lamina.operations.convolution import *  # noqa: F403
from lamina.operations.creation import *  # noqa: F403
from lamina.operations.cumulative import *  # noqa: F403
from lamina.operations.division import *  # noqa: F403
from lamina.operations.dtypes import *  # noqa: F403
from lamina.operations.einstein_sums import *  # noqa: F403
from lamina.operations.extending import *  # noqa: F403
from lamina.operations.gathering import *  # noqa: F403
from lamina.operations.images import *  # noqa: F403
from lamina.operations.indexing import *  # noqa: F403
from lamina.operations.joining import *  # noqa: F403
from lamina.operations.linear_algebra import *  # noqa: F403
from lamina.operations.logits import logits_of
from lamina.operations.matrices import *  # noqa: F403
from lamina.operations.neural import *  # noqa: F403
from lamina.operations.pooling import *  # noqa: F403
from lamina.operations.probabilities import *  # noqa: F403
from lamina.operations.probabilities import log_sigmoid, log_softmax, softplus
from lamina.operations.random import erfinv
from lamina.operations.reductions import *  # noqa: F403
from lamina.operations.shaping import *  # noqa: F403
from lamina.operations.sorting import *  # noqa: F403
from lamina.operations.transcendental import *  # noqa: F403
from lamina.operations.trigonometry import *  # noqa: F403

attach()

if not TYPE_CHECKING:  # mypy cannot follow these sums, and would export the first list only
    __all__ = ["erfinv", "log_sigmoid", "log_softmax", "logits_of", "softplus"]
    __all__ += arithmetic.__all__
    __all__ += comparison.__all__
    __all__ += creation.__all__
    __all__ += cumulative.__all__
    __all__ += einstein_sums.__all__
    __all__ += extending.__all__
    __all__ += indexing.__all__
    __all__ += linear_algebra.__all__
    __all__ += neural.__all__
    __all__ += reductions.__all__
    __all__ += shaping.__all__
    __all__ += sorting.__all__
    __all__ += transcendental.__all__
    __all__ += trigonometry.__all__
    __all__ += probabilities.__all__
    __all__ += matrices.__all__
    __all__ += joining.__all__
    __all__ += gathering.__all__
    __all__ += dtypes.__all__
    __all__ += division.__all__

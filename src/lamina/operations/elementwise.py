"""Every elementwise function by one name: comparison, arithmetic and transcendental functions.

Each takes tensors and anything `as_tensor` takes, promotes their dtypes (`promote`) and
broadcasts as NumPy does; 16-bit floats are computed in float32. Names and meanings are those of the
Array API standard.
"""

from lamina.operations import arithmetic, comparison, division, transcendental, trigonometry
from lamina.operations.applying import aligned as aligned
from lamina.operations.arithmetic import *  # noqa: F403
from lamina.operations.comparison import *  # noqa: F403
from lamina.operations.division import *  # noqa: F403
from lamina.operations.transcendental import *  # noqa: F403
from lamina.operations.trigonometry import *  # noqa: F403

__all__: list[str] = []
__all__ += comparison.__all__
__all__ += arithmetic.__all__
__all__ += division.__all__
__all__ += transcendental.__all__
__all__ += trigonometry.__all__

"""`lm.linalg`: products, norms and singular values by the names of `numpy.linalg`."""

from lamina import namespaces
from lamina.operations import linear_algebra, norms
from lamina.operations.einstein_sums import einsum
from lamina.operations.linear_algebra import *  # noqa: F403
from lamina.operations.linear_algebra import matrix_power
from lamina.operations.matrix_diagonals import diagonal, trace
from lamina.operations.norms import *  # noqa: F403
from lamina.operations.singular import svdvals

__all__ = ["diagonal", "einsum", "matrix_power", "svdvals", "trace"]
__all__ += [name for name in linear_algebra.__all__ if name not in __all__]
__all__ += norms.__all__

namespaces.declare(__name__)

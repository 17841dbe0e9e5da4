"""`lm.linalg`: products, norms and singular values by the names of `numpy.linalg`."""

from lamina import namespaces
from lamina.operations.einstein_sums import einsum
from lamina.operations.linear_algebra import (
    cross,
    diag,
    dot,
    inner,
    matmul,
    matrix_power,
    outer,
    tensordot,
    vecdot,
)
from lamina.operations.matrix_diagonals import diagonal, trace
from lamina.operations.norms import matrix_norm, norm, vector_norm
from lamina.operations.singular import svdvals

# fmt: off
__all__ = [
    "cross", "diag", "diagonal", "dot", "einsum", "inner", "matmul", "matrix_norm", "matrix_power",
    "norm", "outer", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]
# fmt: on

namespaces.declare(__name__)

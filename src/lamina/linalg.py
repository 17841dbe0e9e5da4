"""`lm.linalg`: products, decompositions, systems of equations and norms, as in `numpy.linalg`."""

from lamina import namespaces
from lamina.operations.decompositions.least_squares import cond, lstsq, matrix_rank, pinv
from lamina.operations.decompositions.lower_upper import (
    det,
    inv,
    logdet,
    lu_factor,
    slogdet,
    solve,
)
from lamina.operations.decompositions.orthogonal import qr
from lamina.operations.decompositions.powers import matrix_power, multi_dot
from lamina.operations.decompositions.spectral import eigh, eigvalsh, svd, svdvals
from lamina.operations.decompositions.triangular import (
    cholesky,
    cholesky_inverse,
    solve_triangular,
)
from lamina.operations.einstein_sums import einsum
from lamina.operations.linear_algebra import (
    cross,
    diag,
    dot,
    inner,
    matmul,
    outer,
    tensordot,
    vecdot,
)
from lamina.operations.matrix_diagonals import diagonal, trace
from lamina.operations.norms import matrix_norm, norm, vector_norm
from lamina.operations.shaping import matrix_transpose

# fmt: off
__all__ = [
    "cholesky", "cholesky_inverse", "cond", "cross", "det", "diag", "diagonal", "dot", "eigh",
    "eigvalsh", "einsum", "inner", "inv", "logdet", "lstsq", "lu_factor", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr",
    "slogdet", "solve", "solve_triangular", "svd", "svdvals", "tensordot", "trace", "vecdot",
    "vector_norm",
]
# fmt: on

namespaces.declare(
    __name__,
    instead={
        "eig": "lamina.linalg.eigh, of symmetric matrices; others have complex eigenvalues",
        "eigvals": "lamina.linalg.eigvalsh, of symmetric matrices",
        "lu": "lamina.linalg.lu_factor",
        "triangular_solve": "lamina.linalg.solve_triangular",
    },
)

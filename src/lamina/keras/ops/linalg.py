"""`keras.ops.linalg`: decompositions of matrices, and systems of equations, by themselves."""

from lamina import namespaces

_NAMES = """
    cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr
    solve solve_triangular svd
"""

__all__ = _NAMES.split()

namespaces.declare(__name__, {name: f"lamina.keras.ops:{name}" for name in __all__})

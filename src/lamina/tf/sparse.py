"""`tf.sparse`: matrices of few values, made and made dense."""

from lamina.tf.naming import public
from lamina.tf.ragged import SparseTensor, from_dense, reorder, sparse_dense_matmul, to_dense

public(
    __name__,
    {
        "SparseTensor": SparseTensor,
        "from_dense": from_dense,
        "reorder": reorder,
        "sparse_dense_matmul": sparse_dense_matmul,
        "to_dense": to_dense,
    },
    None,
    {"add": "tf.sparse.to_dense, then +", "reduce_sum": "tf.reduce_sum(tf.sparse.to_dense(x))"},
)

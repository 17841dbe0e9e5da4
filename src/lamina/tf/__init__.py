"""`lamina.tf`: programs for TensorFlow 2, with the import line changed.

    import lamina.tf as tf
    from lamina.tf import keras

A thin layer over Lamina: each module here is a namespace of TensorFlow (`tf.math`, `tf.nn`, ...),
and names that mean the same are Lamina's own functions. A missing name raises an error with today's
or Lamina's form. `lamina` itself has NumPy's names and defaults where the two differ (`tf.argmax`
takes the first axis, `lamina.argmax` all elements).
"""

from lamina.ir.types import (
    DType,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from lamina.specs import TensorShape, TensorSpec
from lamina.string_tensor import string
from lamina.tensor import Tensor
from lamina.tf import naming
from lamina.tf.version import VERSION as __version__
from lamina.transforms.tape import GradientTape

half, double, newaxis = float16, float64, None
bool = bool_

# module -> names at the root, loaded when first used
_NAMES = {
    "lamina.tf.arrays": """
        constant cast identity fill zeros ones zeros_like ones_like
        range linspace eye one_hot meshgrid bitcast stop_gradient is_tensor
    """,
    "lamina.tf.converting": """
        convert_to_tensor
    """,
    "lamina.tf.shapes": """
        shape shape_n size rank reshape expand_dims squeeze transpose broadcast_to
        ensure_shape concat stack unstack split tile repeat pad reverse roll
    """,
    "lamina.tf.indexing": """
        gather gather_nd scatter_nd tensor_scatter_nd_update tensor_scatter_nd_add
        tensor_scatter_nd_sub tensor_scatter_nd_max tensor_scatter_nd_min boolean_mask
        where strided_slice sequence_mask sort argsort unique unique_with_counts
    """,
    "lamina.tf.math": """
        abs acos acosh add add_n argmax argmin asin asinh atan atan2 atanh clip_by_global_norm
        clip_by_norm clip_by_value cos cosh cumsum divide equal exp floor greater greater_equal
        less less_equal logical_and logical_not logical_or maximum minimum multiply negative
        norm not_equal pow reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean
        reduce_min reduce_prod reduce_sum round sigmoid sign sin sinh sqrt square subtract tan
        tanh truediv
    """,
    "lamina.tf.linalg": """
        matmul tensordot einsum
    """,
    "lamina.tf.control": """
        while_loop cond case switch_case map_fn vectorized_map scan foldl foldr TensorArray
        py_function numpy_function executing_eagerly no_op custom_gradient timestamp
    """,
    "lamina.tf.function": """
        function
    """,
    "lamina.tf.variables": """
        Variable Module IndexedSlices
    """,
    "lamina.tf.ragged": """
        RaggedTensor SparseTensor
    """,
    "lamina.tf.root": """
        UnconnectedGradients AggregationMethod get_logger get_static_value
        broadcast_static_shape make_ndarray grad_pass_through
    """,
    "lamina.tf.debugging": """
        Assert
    """,
    "lamina.operations": """
        searchsorted
    """,
    "lamina.keras": """
        initializers losses metrics optimizers
    """,
}
_MODULES = """
    autograph compat config data debugging distribute errors experimental image io keras linalg
    lookup math nest nn random saved_model sets sparse strings summary train version
"""
_ALIASES = {
    "Assert": "lamina.tf.debugging:Assert",
    "control_dependencies": "lamina.tf.control:nothing",
    "device": "lamina.tf.control:nothing",
    "group": "lamina.tf.control:no_op",
    "init_scope": "lamina.tf.control:nothing",
    "name_scope": "lamina.tf.control:nothing",
    "print": "lamina.tf.control:print_",
    "ragged": "lamina.tf.ragged_names",
    "recompute_grad": "lamina.tf.control:same",
    "slice": "lamina.tf.indexing:slice_",
    "test": "lamina.tf.testing",
    "dtypes": "lamina.tf.dtypes",
}
_INSTEAD = {
    "Session": "functions run when they are called; tf.function compiles them",
    "placeholder": "arguments of a function, or keras.Input",
    "global_variables_initializer": "Variables have their values from the beginning",
    "layers": "tf.keras.layers",
    "gradients": "tf.GradientTape",
    "hessians": "tf.GradientTape, and tape.jacobian of its gradient",
    "contrib": "tf.keras",
    "get_variable": "tf.Variable",
    "lite": "model.save('model.lamina'); lamina.inspect shows the compiled program",
    "feature_column": "keras.utils.FeatureSpace, or preprocessing layers",
    "estimator": "keras.Model",
    "tpu": "the xla engine of lamina on a TPU",
    "queue": "tf.data.Dataset",
    "signal": "keras.ops.stft, keras.ops.fft and their family",
    "audio": "Python's wave module, then tf.constant",
    "complex64": "keras.ops.fft takes pairs of real and imaginary part",
    "complex128": "keras.ops.fft takes pairs of real and imaginary part",
    "Graph": "tf.function",
    "vectorize": "tf.map_fn",
}
# fmt: off
__all__ = [
    "DType", "GradientTape", "Tensor", "TensorShape", "TensorSpec", "__version__", "bfloat16",
    "bool", "double", "float16", "float32", "float64", "half", "int16", "int32", "int64", "int8",
    "newaxis", "string", "uint16", "uint32", "uint64", "uint8",
]
# fmt: on
naming.root(__name__, _NAMES, _MODULES, _ALIASES, _INSTEAD)

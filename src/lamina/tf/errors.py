"""`tf.errors`: Lamina's errors under TensorFlow's names, for `except` clauses."""

from lamina.errors import LaminaError, StateError
from lamina.tf.naming import public

public(
    __name__,
    {
        "OpError": LaminaError,
        "InvalidArgumentError": LaminaError,
        "FailedPreconditionError": StateError,
        "NotFoundError": FileNotFoundError,
        "AlreadyExistsError": FileExistsError,
        "OutOfRangeError": StopIteration,
        "PermissionDeniedError": PermissionError,
        "ResourceExhaustedError": MemoryError,
        "UnimplementedError": NotImplementedError,
        "CancelledError": KeyboardInterrupt,
        "DataLossError": LaminaError,
        "InternalError": LaminaError,
        "UnknownError": LaminaError,
    },
)

"""Random operands, and comparison with NumPy, for tests of operations."""

import numpy as np

RNG = np.random.default_rng(0)


def of(shape, dtype="float32", low=-3.0, high=3.0):
    """Numbers of a shape: away from whole ones, so that rounding is not a matter of luck."""
    if dtype == "bool":
        return RNG.random(shape) < 0.5
    values = RNG.uniform(low, high, shape)
    return np.asarray(values.astype(dtype) if "float" in dtype else np.rint(values).astype(dtype))


def close(ours, theirs, rtol=2e-6, atol=2e-6):
    """Compare two arrays or tensors."""
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=rtol, atol=atol)

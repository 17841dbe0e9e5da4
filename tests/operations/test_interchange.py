"""Arrays of others: NumPy, buffers, DLPack, anything with `__array__`, the Array API; and Keras."""

import numpy as np
import pytest

import lamina as lm
from engine_names import needs_jax

X = np.arange(6.0, dtype="float32").reshape(2, 3)


def shares(tensor, array):
    return np.shares_memory(np.asarray(tensor), array)


def test_numpy_without_copies():
    x = lm.asarray(X)
    assert shares(x, X)
    assert not shares(lm.array(X), X)
    assert not shares(lm.asarray(X, copy=True), X)
    assert not x.numpy().flags.writeable
    assert np.array(x).flags.writeable
    assert np.asarray(x, dtype="float64").dtype == "float64"
    assert memoryview(np.asarray(x)).shape == (2, 3)


def test_kinds_of_arrays():
    for dtype in ("bool", "int8", "uint64", "float16", "float64"):
        assert lm.asarray(np.ones(2, dtype)).dtype == dtype
    assert lm.asarray(np.ones(2, ">f4")).dtype == "float32"
    assert lm.asarray(np.float64(2)).dtype == "float64"
    assert lm.asarray(X[:, ::-1]).tolist() == X[:, ::-1].tolist()
    assert lm.asarray(X.T).tolist() == X.T.tolist()
    for bad in (np.array(["a"]), np.array([None]), np.array([1j]), "text", [[1], [1, 2]]):
        with pytest.raises((TypeError, ValueError)):
            lm.asarray(bad)


def test_nests_of_tensors():
    x = lm.asarray([[lm.asarray(1.0), 2], [3, lm.Variable(4.0)]])
    assert x.dtype == "float32"
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_dlpack_both_ways():
    x = lm.asarray(X)
    assert shares(np.from_dlpack(x), X)
    assert x.__dlpack_device__() == (1, 0)

    class Foreign:
        def __dlpack__(self, **options):
            return X.__dlpack__(**options)

        def __dlpack_device__(self):
            return (1, 0)

    assert lm.from_dlpack(Foreign()).tolist() == X.tolist()
    assert lm.asarray(Foreign()).tolist() == X.tolist()


class Consumer:
    """The methods that a library that imports DLPack calls."""

    def __init__(self, tensor, **options):
        self.tensor, self.options = tensor, options

    def __dlpack__(self, **_):
        return self.tensor.__dlpack__(**self.options)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool", "float16"])
def test_dlpack_never_gives_away_memory_of_a_tensor_that_can_be_written_to(dtype):
    x = lm.asarray(X).astype(dtype)
    before = x.tolist()
    shared = np.from_dlpack(x)
    assert not shared.flags.writeable and np.shares_memory(shared, x.numpy())
    for options in ({}, {"max_version": None}, {"max_version": (0, 8)}):
        copied = np.from_dlpack(Consumer(x, **options))
        assert not np.shares_memory(copied, x.numpy())
    copied = np.from_dlpack(Consumer(x, max_version=(1, 0), copy=True))
    copied[...] = 0
    assert x.tolist() == before and copied.shape == x.shape
    with pytest.raises(BufferError, match="copy"):
        x.__dlpack__(copy=False)
    for options in ({"stream": 1}, {"dl_device": (2, 0)}):
        with pytest.raises(BufferError, match="CPU"):
            x.__dlpack__(**options)


@pytest.mark.parametrize("options", [{}, {"max_version": (1, 0)}])
def test_dlpack_of_bfloat16_round_trips_and_is_not_an_integer(options):
    x = lm.asarray([1.0, -2.5, 3e38], dtype="bfloat16")
    back = lm.from_dlpack(Consumer(x, **options))
    assert back.dtype == "bfloat16" and back.tolist() == x.tolist()
    assert lm.asarray(Consumer(x, **options)).dtype == "bfloat16"
    with pytest.raises((RuntimeError, BufferError)):  # NumPy has no such type
        np.from_dlpack(Consumer(x, **options))
    assert lm.from_dlpack(Consumer(lm.asarray([7], dtype="uint16"))).dtype == "uint16"


def test_numpy_copies_a_tensor_only_where_it_may():
    x = lm.asarray(X)
    assert shares(np.asarray(x, copy=False), X) and shares(np.asarray(x), X)
    assert not np.asarray(x).flags.writeable
    for copied in (np.array(x, copy=True), np.array(x), np.asarray(x, copy=True)):
        assert copied.flags.writeable and not np.shares_memory(copied, X)
    assert np.asarray(x, dtype="float64").dtype == "float64"
    assert shares(np.asarray(x, dtype="float32", copy=False), X)
    half = lm.asarray([1.0], dtype="bfloat16")
    for make in (
        lambda: np.asarray(x, dtype="float64", copy=False),
        lambda: np.asarray(half, copy=False),
        lambda: np.asarray(lm.Variable(X), copy=False),
    ):
        with pytest.raises(ValueError, match="copy"):
            make()
    assert np.asarray(half).tolist() == [1.0] and np.array(lm.Variable(X)).flags.writeable


def test_anything_with_an_array():
    class Column:
        """The interface of a pandas column."""

        dtype, shape = np.dtype("int64"), (3,)

        def __array__(self, dtype=None, copy=None):
            return np.array([1, 2, 3], dtype=dtype)

    assert lm.asarray(Column()).tolist() == [1, 2, 3]
    assert (lm.asarray([1.0, 1.0, 1.0]) + Column()).tolist() == [2.0, 3.0, 4.0]
    with lm.settings(engine="numpy"):
        assert lm.compile(lambda x: x * 2)(Column()).tolist() == [2, 4, 6]


def test_ufuncs_and_functions_of_numpy():
    x = lm.asarray(X)
    assert isinstance(np.exp(x), lm.Tensor)
    assert isinstance(X * x, lm.Tensor)
    assert isinstance(np.mean(x, axis=0), lm.Tensor)
    np.testing.assert_array_equal(np.stack([x, x]), np.stack([X, X]))
    np.testing.assert_array_equal(np.add.reduce(x), X.sum(0))
    np.testing.assert_allclose(np.linalg.svd(x)[1], np.linalg.svd(X)[1])
    np.testing.assert_array_equal(np.percentile(x, 50), np.percentile(X, 50))
    out = np.zeros((2, 3), "float32")
    assert np.add(x, 1, out=out) is out
    np.testing.assert_array_equal(out, X + 1)
    out += x
    np.testing.assert_array_equal(out, 2 * X + 1)
    assert isinstance(np.add(lm.Variable(X), 1), lm.Tensor)


class TestArgumentsOfUfuncs:
    x, mask = lm.asarray(X), X > X.mean()

    @pytest.mark.parametrize("wrap", [np.asarray, lm.asarray])
    def test_where_with_out_leaves_the_other_elements_as_they_are(self, wrap):
        out, expected = np.full(X.shape, 7.0, np.float32), np.full(X.shape, 7.0, np.float32)
        assert np.square(self.x, out=out, where=wrap(self.mask)) is out
        np.testing.assert_array_equal(out, np.square(X, out=expected, where=self.mask))

    def test_where_without_out_raises_as_the_other_elements_would_be_undefined(self):
        with pytest.raises(lm.errors.ArgumentError, match="where= without out="):
            np.sqrt(self.x, where=self.mask)
        with pytest.raises(lm.errors.ArgumentError, match="where= without out="):
            np.divmod(self.x, 2.0, out=(np.zeros_like(X), None), where=lm.asarray(self.mask))

    @pytest.mark.parametrize(
        ("call", "dtype"),
        [
            (lambda x, m: np.add.reduce(x, axis=1, where=m, initial=1.0), "float32"),
            (lambda x, m: np.add.reduce(x, keepdims=True), "float32"),
            (lambda x, m: np.multiply.outer(x, x), "float32"),
            (lambda x, m: np.add.accumulate(x, axis=1), "float32"),
            (lambda x, m: np.add.reduceat(x, [0, 1], axis=1), "float32"),
            (lambda x, m: np.sqrt(x, dtype=np.float64), "float64"),
            (lambda x, m: np.add(x, 1, dtype="float64"), "float64"),
            (lambda x, m: np.add(x, 1, casting="unsafe", order="C", subok=False), "float32"),
            (lambda x, m: np.modf(x)[0], "float32"),
            (lambda x, m: np.frexp(x)[1], "int32"),
            (lambda x, m: np.divmod(x, 2.0)[1], "float32"),
        ],
    )
    def test_methods_and_other_arguments_give_what_numpy_gives(self, call, dtype):
        expected = call(X, self.mask)
        for mask in (self.mask, lm.asarray(self.mask)):
            result = np.asarray(call(self.x, mask))
            np.testing.assert_array_equal(result, expected)
            assert result.dtype == dtype

    def test_several_outputs_go_where_each_is_asked_to(self):
        out = np.zeros_like(X)
        fraction, whole = np.modf(self.x, out=(None, out))
        assert whole is out
        np.testing.assert_array_equal(fraction, np.modf(X)[0])
        np.testing.assert_array_equal(out, np.modf(X)[1])

    def test_out_and_at_change_variables_and_refuse_tensors(self):
        v = lm.Variable(np.zeros_like(X))
        assert np.square(self.x, out=v) is v
        np.testing.assert_array_equal(v.numpy(), X**2)
        np.add.at(v, [0, 0], 1.0)
        np.testing.assert_array_equal(v.numpy()[0], X[0] ** 2 + 2)
        for change in (lambda: np.square(X, out=self.x), lambda: np.add.at(self.x, 0, 1.0)):
            with pytest.raises(lm.errors.ArgumentError, match="a Tensor cannot be changed"):
                change()
        np.testing.assert_array_equal(self.x, X)


STANDARD = [
    "abs",
    "acos",
    "acosh",
    "add",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "asarray",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "broadcast_arrays",
    "broadcast_to",
    "can_cast",
    "ceil",
    "clip",
    "concat",
    "copysign",
    "cos",
    "cosh",
    "count_nonzero",
    "cumulative_prod",
    "cumulative_sum",
    "divide",
    "e",
    "empty",
    "empty_like",
    "equal",
    "exp",
    "expand_dims",
    "expm1",
    "eye",
    "finfo",
    "flip",
    "floor",
    "floor_divide",
    "from_dlpack",
    "full",
    "full_like",
    "greater",
    "greater_equal",
    "hypot",
    "iinfo",
    "inf",
    "isdtype",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "linspace",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "matmul",
    "matrix_transpose",
    "max",
    "maximum",
    "mean",
    "meshgrid",
    "min",
    "minimum",
    "moveaxis",
    "multiply",
    "nan",
    "negative",
    "newaxis",
    "nextafter",
    "nonzero",
    "not_equal",
    "ones",
    "ones_like",
    "permute_dims",
    "pi",
    "positive",
    "pow",
    "prod",
    "reciprocal",
    "remainder",
    "repeat",
    "reshape",
    "result_type",
    "roll",
    "round",
    "searchsorted",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sort",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "tril",
    "triu",
    "trunc",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
    "unstack",
    "var",
    "vecdot",
    "where",
    "zeros",
    "zeros_like",
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "broadcast_shapes",
    "__array_namespace_info__",
]


def test_the_names_of_the_array_api_standard():
    """Complex numbers are not there: conj, imag, real, complex64, complex128."""
    missing = [name for name in STANDARD if not hasattr(lm, name)]
    assert missing == []
    assert lm.asarray(X).__array_namespace__() is lm
    assert lm.asarray(X).__array_namespace__(api_version="2024.12") is lm
    info = lm.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] == lm.float32 != {"a": 1}
    assert info.capabilities()["boolean indexing"]
    assert lm.int8 in info.dtypes(kind="signed integer").values()
    with pytest.raises(ValueError, match=r"1999\.1"):
        lm.asarray(X).__array_namespace__(api_version="1999.1")


def test_arguments_and_dtypes_are_those_of_the_array_api_standard():
    assert lm.zeros(shape=(2,)).shape == lm.full(shape=(2,), fill_value=1.0).shape == (2,)
    assert lm.isdtype(dtype=lm.int8, kind="signed integer")
    assert "bfloat16" not in lm.__array_namespace_info__().dtypes()
    matrices = np.float64([[[2.0, 0.0], [0.0, 0.5]]] * 2)
    found = lm.linalg.pinv(matrices, rtol=lm.asarray([0.1, 0.3], dtype="float64"))
    np.testing.assert_allclose(found, [[[0.5, 0], [0, 2]], [[0.5, 0], [0, 0]]], atol=1e-12)


def test_star_imports_and_listing():
    assert set(lm.__all__) <= set(dir(lm))
    assert len(lm.__all__) == len(set(lm.__all__))
    assert {"layers", "keras", "random"} <= set(dir(lm))


# ---- the names of Keras ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "layers.Dense",
        "layers.Flatten",
        "models.Sequential",
        "Model",
        "Sequential",
        "Input",
        "datasets.mnist.load_data",
        "utils.to_categorical",
        "optimizers.Adam",
        "losses.SparseCategoricalCrossentropy",
        "metrics.SparseCategoricalAccuracy",
        "callbacks.EarlyStopping",
        "initializers.GlorotUniform",
        "regularizers.L2",
        "activations.relu",
        "constraints.MaxNorm",
        "backend.clear_session",
        "ops.matmul",
    ],
)
def test_the_names_of_keras(name):
    found = lm.keras
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)


def test_imports_from_keras():
    from lamina.keras.layers import Dense
    from lamina.keras.models import Sequential
    from lamina.keras.utils import to_categorical

    assert Dense is lm.layers.Dense
    assert Sequential is lm.Sequential
    assert to_categorical([[1], [0]], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    with pytest.raises(lm.errors.RangeError, match=r"from 0 to 3.*within 0 and 2"):
        to_categorical([0, 3], 3)
    with pytest.raises(lm.errors.DTypeError, match="whole numbers"):
        to_categorical([0.5])


def test_set_random_seed_seeds_all_three():
    import random

    def draw():
        lm.keras.utils.set_random_seed(5)
        return random.random(), np.random.random(), lm.random.uniform().item()  # noqa: NPY002

    assert draw() == draw()


def test_normalize():
    assert lm.keras.utils.normalize([[3.0, 4.0], [0.0, 0.0]]).tolist() == [[0.6, 0.8], [0.0, 0.0]]


def test_every_name_that_is_loaded_late_is_there():
    assert [n for n in lm._LAZY if not hasattr(lm, n)] == []
    assert [n for n in lm.keras._LAZY if not hasattr(lm.keras, n)] == []
    with pytest.raises(AttributeError, match="no attribute 'layer_s'"):
        lm.keras.layer_s  # noqa: B018


@needs_jax
def test_arrays_of_jax_on_the_cpu_without_copies():
    import jax
    import jax.numpy as jnp

    theirs = jax.device_put(jnp.arange(6.0).reshape(2, 3), jax.devices("cpu")[0])
    address = theirs.unsafe_buffer_pointer()
    for ours in (lm.from_dlpack(theirs), lm.asarray(theirs)):
        assert ours.numpy().ctypes.data == address
        assert ours.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert lm.from_dlpack(jnp.ones(3, jnp.bfloat16)).dtype == "bfloat16"


@needs_jax
def test_tensors_in_jax_share_memory_through_numpy():
    """JAX copies what does not begin at a multiple of 64 bytes, and what it reads by DLPack, since
    it does not ask for the version that knows read-only memory."""
    import jax
    import jax.numpy as jnp

    memory = np.ones(80, "f")
    first = -memory.ctypes.data % 64 // 4
    ours = lm.asarray(memory[first : first + 64].reshape(8, 8))
    theirs = jax.device_put(ours.numpy(), jax.devices("cpu")[0], may_alias=True)
    assert theirs.unsafe_buffer_pointer() == ours.numpy().ctypes.data
    np.testing.assert_array_equal(np.asarray(jnp.from_dlpack(ours)), ours.numpy())

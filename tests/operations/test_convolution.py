"""Convolutions and pooling: by hand, compiled against the reference, their gradients, errors."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import lamina as lm
from lamina.autodiff import gradients
from lamina.errors import DTypeError, LaminaError, RangeError, ShapeError, UnknownNameError
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, float32, int32
from lamina.ir.verify import verify
from lamina.reference.interpreter import run
from lamina.settings import settings

IMAGE = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [5, 4, 3, 2, 1], [10, 9, 8, 7, 6]], np.float32)
KERNEL = np.array([[1, 0, -1], [0, 1, -1], [2, 0, 1]], np.float32)


# ---- by hand -----------------------------------------------------------------------------------
def conv(image, kernel, **how):
    return lm.nn.conv(image[None, ..., None], kernel[..., None, None], **how).numpy()[0, ..., 0]


def test_the_lectures_convolution():
    assert conv(IMAGE, KERNEL).tolist() == [[10, 7, 4], [27, 24, 21]]


def test_stride_and_padding_by_hand():
    assert conv(IMAGE, KERNEL, strides=2).tolist() == [[10, 4]]
    same = conv(IMAGE, KERNEL, padding="same")
    assert same.shape == IMAGE.shape
    assert same[1:3, 1:4].tolist() == [[10, 7, 4], [27, 24, 21]]
    assert same[0, 0] == 0 * 1 + 1 - 2 + 2 * 0 + 7  # zeros above and to the left
    np.testing.assert_array_equal(conv(IMAGE, KERNEL, padding=1), same)
    np.testing.assert_array_equal(conv(IMAGE, KERNEL, padding=((1, 1), (1, 1))), same)


def test_dilation_by_hand():
    kernel = np.array([[1, 0], [0, -1]], np.float32)
    found = conv(IMAGE, kernel, dilation_rate=(2, 3))
    np.testing.assert_array_equal(found, IMAGE[:2, :2] - IMAGE[2:, 3:])


def test_channels_are_summed_and_filters_are_outputs():
    x = np.stack([IMAGE, 2 * IMAGE], -1)[None]
    kernel = np.stack([np.stack([KERNEL, KERNEL], -1), np.stack([KERNEL, -KERNEL], -1)], -1)
    found = lm.nn.conv(x, kernel).numpy()
    one = conv(IMAGE, KERNEL)
    np.testing.assert_array_equal(found[0, ..., 0], 3 * one)
    np.testing.assert_array_equal(found[0, ..., 1], -one)


def test_groups_are_convolutions_side_by_side():
    x, kernel = np.arange(96.0).reshape(1, 4, 4, 6), np.arange(72.0).reshape(2, 2, 3, 6)
    parts = [lm.nn.conv(x[..., 3 * k : 3 * k + 3], kernel[..., 3 * k : 3 * k + 3]) for k in (0, 1)]
    expected = np.concatenate([p.numpy() for p in parts], -1)
    np.testing.assert_allclose(lm.nn.conv(x, kernel).numpy(), expected)


def test_depthwise_is_a_convolution_for_each_channel():
    x, kernel = np.arange(32.0).reshape(1, 4, 4, 2), np.arange(32.0).reshape(2, 2, 2, 4)
    found = lm.nn.depthwise_conv(x, kernel).numpy()
    for channel in range(2):
        alone = lm.nn.conv(x[..., channel, None], kernel[:, :, channel, None]).numpy()
        np.testing.assert_array_equal(found[..., 4 * channel : 4 * channel + 4], alone)


def test_a_transposed_convolution_is_the_gradient():
    x, kernel = np.arange(9.0).reshape(1, 3, 3, 1), np.arange(4.0).reshape(2, 2, 1, 1)
    large = np.zeros((1, 6, 6, 1))

    def product(inputs):
        return lm.sum(lm.nn.conv(inputs, kernel, strides=2) * x)

    expected = lm.grad(product)(large).numpy()
    np.testing.assert_array_equal(lm.nn.conv_transpose(x, kernel, strides=2).numpy(), expected)


def test_sixteen_bit_floats_are_computed_in_float32():
    x = lm.asarray(IMAGE[None, ..., None], dtype="bfloat16")
    found = lm.nn.conv(x, lm.asarray(KERNEL[..., None, None], dtype="bfloat16"))
    assert found.dtype.name == "bfloat16"
    assert lm.astype(found, "float32").numpy()[0, ..., 0].tolist() == [[10, 7, 4], [27, 24, 21]]


def test_pooling_by_hand():
    x = IMAGE[None, ..., None]
    assert lm.nn.max_pool(x, 2).numpy().ravel().tolist() == [7, 9, 10, 8]
    assert lm.nn.average_pool(x, 2).numpy().ravel().tolist() == [4, 6, 7, 5]
    same = lm.nn.average_pool(x, 2, padding="same").numpy()[0, ..., 0]
    assert same.tolist() == [[4, 6, 7.5], [7, 5, 3.5]]  # the last column by itself
    assert lm.nn.max_pool(np.full((1, 2, 2, 1), -5.0), 2, padding=1).numpy().max() == -5


def test_ties_give_the_gradient_to_the_first_and_nan_counts_as_the_largest():
    def pooled(x):
        return lm.sum(lm.nn.max_pool(x, 2))

    ties = lm.grad(pooled)(np.ones((1, 2, 4, 1)))
    assert ties.numpy().ravel().tolist() == [1, 0, 1, 0, 0, 0, 0, 0]
    odd = lm.grad(pooled)(np.array([1.0, 2.0, np.nan, 3.0]).reshape(1, 2, 2, 1))
    assert odd.numpy().ravel().tolist() == [0, 0, 1, 0]


def test_padding_never_is_the_maximum():
    low = np.full((1, 2, 2, 1), -np.inf)
    found = lm.grad(lambda x: lm.sum(lm.nn.max_pool(x, 2, padding=1)))(low)
    np.testing.assert_array_equal(found.numpy(), np.ones((1, 2, 2, 1)))


# ---- compiled, against the reference -----------------------------------------------------------
EXTENT, WINDOW, SMALL = st.integers(1, 8), st.integers(1, 3), st.integers(1, 2)


@st.composite
def convolutions(draw):
    """x, kernel, and how to convolve them: anything that fits."""
    rank = draw(st.integers(1, 3))
    window = [draw(WINDOW) for _ in range(rank)]
    gaps = [draw(SMALL) for _ in range(rank)]
    pairs = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank)]
    reach = [(w - 1) * d + 1 for w, d in zip(window, gaps, strict=True)]
    least = [max(r - low - high, 1) for r, (low, high) in zip(reach, pairs, strict=True)]
    extents = [n + draw(st.integers(0, 4)) for n in least]
    groups, inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(SMALL)
    how = {
        "strides": tuple(draw(st.integers(1, 3)) for _ in range(rank)),
        "dilation_rate": tuple(gaps),
        "padding": tuple(pairs),
    }
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    x = rng.normal(size=(draw(SMALL), *extents, groups * inputs)).astype("float32")
    kernel = rng.normal(size=(*window, inputs, groups * outputs)).astype("float32")
    return x, kernel, how


@st.composite
def transposed(draw):
    """x, kernel, and how to convolve them the other way round."""
    rank = draw(st.integers(1, 2))
    window = [draw(WINDOW) for _ in range(rank)]
    how = {
        "strides": tuple(draw(st.integers(1, 3)) for _ in range(rank)),
        "dilation_rate": tuple(draw(SMALL) for _ in range(rank)),
        "padding": draw(st.sampled_from(["valid", "same"])),
    }
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    inputs, outputs = draw(st.integers(1, 18)), draw(st.integers(1, 18))
    extents = [draw(st.integers(1, 5)) for _ in range(rank)]
    x = rng.normal(size=(draw(SMALL), *extents, inputs)).astype("float32")
    kernel = rng.normal(size=(*window, outputs, inputs)).astype("float32")
    return x, kernel, how


@st.composite
def depthwise(draw):
    """x with many channels, a kernel for each, and how to convolve them."""
    x, kernel, how = draw(convolutions())
    channels, multiplier = draw(st.integers(1, 20)), draw(SMALL)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(*x.shape[:-1], channels)).astype("float32")
    kernel = rng.normal(size=(*kernel.shape[:-2], channels, multiplier)).astype("float32")
    return x, kernel, how


@st.composite
def pools(draw):
    """A function of one array, and the array: pooling of any kind that fits."""
    rank, padding = draw(st.integers(1, 3)), draw(st.sampled_from(["valid", "same"]))
    pool = draw(st.sampled_from([lm.nn.max_pool, lm.nn.average_pool]))
    size = tuple(draw(WINDOW) for _ in range(rank))
    strides = tuple(draw(WINDOW) for _ in range(rank))
    shape = [draw(SMALL), *(n + draw(st.integers(0, 5)) for n in size), draw(st.integers(1, 18))]
    x = np.random.default_rng(2).normal(size=shape).astype("float32")
    return lambda x: pool(x, size, strides, padding), (x,)


def same_as_the_reference(f, *arrays):
    """f and its gradient, compiled, are what the reference computes."""

    def loss(*arrays):
        y = f(*arrays)
        return lm.sum(y * y), y

    both = lm.value_and_grad(loss, argnums=tuple(range(len(arrays))), has_aux=True)
    tensors = [lm.asarray(a) for a in arrays]
    (_, y), found = lm.compile(both)(*tensors)
    (_, expected_y), expected = both(*tensors)
    close(y, expected_y)
    for one, other in zip(found, expected, strict=True):
        close(one, other)


def applied(function, case):
    """A function of arrays, and the arrays."""
    x, kernel, how = case
    return lambda x, kernel: function(x, kernel, **how), (x, kernel)


PLAIN_ONES = convolutions().map(partial(applied, lm.nn.conv))
OTHERS = st.one_of(
    transposed().map(partial(applied, lm.nn.conv_transpose)),
    depthwise().map(partial(applied, lm.nn.depthwise_conv)),
    pools(),
)


@given(PLAIN_ONES)
@examples(max_examples=12, deadline=None)
def test_compiled_convolutions_are_those_of_the_reference(case):
    same_as_the_reference(case[0], *case[1])


@given(OTHERS)
@examples(max_examples=12, deadline=None)
def test_compiled_relatives_of_convolutions_are_those_of_the_reference(case):
    same_as_the_reference(case[0], *case[1])


@pytest.mark.slow
@given(st.one_of(PLAIN_ONES, OTHERS))
@examples(max_examples=500, deadline=None)
def test_many_more_configurations(case):
    same_as_the_reference(case[0], *case[1])


def close(found, expected):
    expected = expected.numpy()
    scale = float(np.abs(expected).max(initial=1e-3))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5 * scale)


POOLS = [
    (2, None, "valid"), (3, 2, "same"), ((3, 2), 1, "same"), ((1, 4), (2, 3), "valid"), (3, 3, 1),
]  # fmt: skip


@pytest.mark.parametrize("pool", [lm.nn.max_pool, lm.nn.average_pool])
@pytest.mark.parametrize(("size", "strides", "padding"), POOLS)
def test_compiled_pooling_is_that_of_the_reference(pool, size, strides, padding):
    x = np.random.default_rng(0).normal(size=(2, 7, 9, 5)).astype("float32")

    def loss(x):
        y = pool(x, size, strides, padding)
        return lm.sum(y * y)

    close(lm.compile(lm.grad(loss))(lm.asarray(x)), lm.grad(loss)(x))


SECOND = [
    (lambda x, k: lm.nn.conv(x, k, 2, "same"), [(2, 5, 6, 4), (3, 2, 2, 6)]),
    (lambda x, k: lm.nn.conv_transpose(x, k, 2, "same"), [(2, 3, 4, 3), (3, 3, 5, 3)]),
    (lambda x: lm.nn.max_pool(x, 2), [(2, 4, 6, 3)]),
    (lambda x: lm.nn.max_pool(x, 3, 2, "same"), [(2, 5, 6, 3)]),
    (lambda x: lm.nn.average_pool(x, 3, 1, "same"), [(2, 5, 6, 3)]),
]


@pytest.mark.parametrize(("f", "shapes"), SECOND)
def test_compiled_second_derivatives_are_those_of_the_reference(f, shapes):
    rng = np.random.default_rng(5)
    arrays = [lm.asarray(rng.normal(size=s).astype("float32")) for s in shapes]
    which = tuple(range(len(arrays)))
    first = lm.grad(lambda *xs: lm.sum(lm.tanh(f(*xs))), argnums=which)
    second = lm.grad(lambda *xs: sum(lm.sum(lm.sin(g)) for g in first(*xs)), argnums=which)
    for one, other in zip(lm.compile(second)(*arrays), second(*arrays), strict=True):
        close(one, other)


def test_a_batch_of_any_size_is_one_program():
    kernel = lm.asarray(np.random.default_rng(1).normal(size=(3, 3, 2, 4)).astype("float32"))

    def loss(x, kernel):
        y = lm.nn.max_pool(lm.nn.relu(lm.nn.conv(x, kernel, padding="same")), 2)
        return lm.sum(lm.nn.average_pool(y, 2, 1) ** 2)

    gradient = lm.grad(loss, argnums=(0, 1))
    spec = [lm.Spec(("batch", 6, 8, 2)), lm.Spec((3, 3, 2, 4))]
    compiled = lm.compile(gradient, signature=spec)
    for batch in (1, 5, 0):
        x = lm.asarray(np.random.default_rng(batch).normal(size=(batch, 6, 8, 2)).astype("f4"))
        for one, other in zip(compiled(x, kernel), gradient(x, kernel), strict=True):
            close(one, other)


def test_the_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(2)
    x = lm.asarray(rng.normal(size=(4, 9, 9, 5)).astype("float32"))
    kernel = lm.asarray(rng.normal(size=(3, 3, 5, 7)).astype("float32"))

    def loss(x, kernel):
        return lm.sum(lm.nn.max_pool(lm.nn.conv(x, kernel, 2, "same"), 2) ** 2)

    found = []
    for count in (1, 2, 3):
        with settings(threads=count):
            compiled = lm.compile(lm.grad(loss, argnums=(0, 1)))
            found.append([g.numpy().tobytes() for g in compiled(x, kernel)])
    assert found[0] == found[1] == found[2]


# ---- the forms of gradients --------------------------------------------------------------------
def test_gradients_of_convolutions_are_convolutions_with_symbolic_batch():
    batch = Extent.symbol("batch")
    x = parameter(TensorType((batch, 6, 6, 4), float32), "x")
    kernel = parameter(TensorType((3, 3, 2, 6), float32), "kernel")
    y = ops.convolution(
        x,
        kernel,
        window_strides=(2, 2),
        padding=((1, 0), (0, 1)),
        lhs_dilation=(1, 1),
        rhs_dilation=(1, 1),
        lhs_spec=(0, 3, 1, 2),
        rhs_spec=(3, 2, 0, 1),
        out_spec=(0, 3, 1, 2),
        feature_group_count=2,
    )
    found = gradients([y], [ops.fill(1.0, y)], [x, kernel])
    graph = Graph([x, kernel], found)
    verify(graph)
    assert [n.op for n in graph.nodes()].count("convolution") == 2
    arrays = [np.ones((3, 6, 6, 4), np.float32), np.ones((3, 3, 2, 6), np.float32)]
    assert [a.shape for a in run(graph, arrays)] == [(3, 6, 6, 4), (3, 3, 2, 6)]


def test_the_gradient_of_side_by_side_windows_repeats_without_a_sum():
    x = parameter(TensorType((Extent.symbol("batch"), 6, 7, 2), float32), "x")
    y = ops.reduce_window(
        x,
        kind="sum",
        window_dimensions=(1, 2, 2, 1),
        window_strides=(1, 2, 2, 1),
        padding=((0, 0),) * 4,
        window_dilations=(1, 1, 1, 1),
    )
    (found,) = gradients([y], [ops.fill(1.0, y)], [x])
    names = {n.op for n in Graph([x], [found]).nodes()}
    assert names <= {"parameter", "constant", "broadcast_in_dim", "reshape", "pad"}


# ---- errors ------------------------------------------------------------------------------------
def images(*shape):
    return np.zeros(shape, np.float32)


ERRORS = [
    (lm.nn.conv, (images(1, 3, 3, 2), images(5, 5, 2, 4)), {}, ShapeError, "does not fit"),
    (lm.nn.conv, (images(1, 3, 3, 2), images(2, 2, 2, 4)), {"dilation_rate": 3}, ShapeError,
     r"window of \(4, 4\)"),
    (lm.nn.conv, (images(1, 3, 3, 4), images(2, 2, 3, 4)), {}, ShapeError, "takes 3"),
    (lm.nn.conv, (images(1, 3, 3, 4), images(2, 2, 2, 3)), {}, ShapeError, "in 2 groups"),
    (lm.nn.conv, (images(3, 3, 4), images(2, 2, 4, 3)), {}, ShapeError, "kernel of 3 axes"),
    (lm.nn.conv, (images(3, 3), images(3, 3)), {}, ShapeError, "spatial axes"),
    (lm.nn.conv, (images(1, 3, 3, 1), images(2, 2, 1, 1)), {"padding": "full"},
     UnknownNameError, "'valid', 'same'"),
    (lm.nn.conv, (images(1, 3, 3, 1), images(2, 2, 1, 1)), {"padding": "causal"},
     UnknownNameError, "got 'causal'"),
    (lm.nn.conv, (images(1, 3, 3, 1), images(2, 2, 1, 1)), {"strides": 0}, RangeError, "strides"),
    (lm.nn.conv, (images(1, 3, 3, 1), images(2, 2, 1, 1)), {"strides": (1, 2, 3)}, RangeError,
     "or 2 of them"),
    (lm.nn.conv, (images(1, 3, 3, 1), images(2, 2, 1, 1)), {"data_format": "NCHW"},
     UnknownNameError, "channels_first"),
    (lm.nn.depthwise_conv, (images(1, 3, 3, 2), images(2, 2, 3, 1)), {}, ShapeError, "takes 3"),
    (lm.nn.conv_transpose, (images(1, 3, 3, 2), images(2, 2, 2, 1)), {}, ShapeError, "takes 1"),
    (lm.nn.max_pool, (images(1, 3, 3, 2), 4), {}, ShapeError, "does not fit"),
    (lm.nn.max_pool, (images(1, 3, 3, 2) > 0, 2), {}, DTypeError, "numbers"),
    (lm.nn.depth_to_space, (images(1, 3, 3, 2), 2), {}, ShapeError, "do not divide"),
    (lm.nn.space_to_depth, (images(1, 3, 4, 2), 2), {}, ShapeError, "height 3"),
    (lm.nn.resize, (images(1, 3, 4, 2), (2, 2), "cubic"), {}, UnknownNameError, "bicubic"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "args", "how", "error", "match"), ERRORS)
def test_errors_name_shapes_and_hint(function, args, how, error, match):
    with pytest.raises(error, match=match):
        function(*args, **how)


PLAIN = {
    "window_strides": (1, 1), "padding": ((0, 0), (0, 0)), "lhs_dilation": (1, 1),
    "rhs_dilation": (1, 1), "lhs_spec": (0, 3, 1, 2), "rhs_spec": (3, 2, 0, 1),
    "out_spec": (0, 3, 1, 2),
}  # fmt: skip
WINDOWS = {
    "kind": "max", "window_dimensions": (2, 2), "window_strides": (1, 1),
    "padding": ((0, 0), (0, 0)), "window_dilations": (1, 1),
}  # fmt: skip
X, K = (2, 5, 5, 4), (3, 3, 4, 6)


@pytest.mark.parametrize(
    ("shapes", "changes", "constraint"),
    [
        (((2, 5, 5), K), {}, "C2"),
        ((X, K), {"lhs_spec": (0, 1, 1, 2)}, "C3"),
        ((X, K), {"padding": ((0, 0),)}, "C4"),
        ((X, K), {"rhs_dilation": (0, 1)}, "C5"),
        ((X, K), {"feature_group_count": 2, "batch_group_count": 2}, "C6"),
        ((X, K), {"feature_group_count": 2}, "C7"),
        ((X, (3, 3, 2, 3)), {"feature_group_count": 2}, "C8"),
        (((3, 5, 5, 4), K), {"batch_group_count": 2}, "C8"),
        ((X, K), {"padding": ((-2, -1), (0, 0))}, "C9"),
        (((2, 2, 5, 4), K), {}, "C9"),
    ],
)
def test_constraints_of_convolution(shapes, changes, constraint):
    operands = [parameter(TensorType(shape, float32)) for shape in shapes]
    with pytest.raises(LaminaError, match=rf"convolution: \({constraint}\)"):
        ops.convolution(*operands, **{**PLAIN, **changes})


@pytest.mark.parametrize(
    ("shape", "dtype", "changes", "constraint"),
    [
        ((3, 3), float32, {"kind": "product"}, "C1"),
        ((3, 3), lm.bool_, {}, "C2"),
        ((3, 3), lm.bfloat16, {}, "C2"),
        ((3, 3, 3), float32, {}, "C3"),
        ((3, 3), float32, {"window_dilations": (0, 1)}, "C4"),
        ((3, 1), int32, {}, "C5"),
        ((3, 3), float32, {"window_dilations": (3, 1)}, "C5"),
    ],
)
def test_constraints_of_reduce_window(shape, dtype, changes, constraint):
    with pytest.raises(LaminaError, match=rf"reduce_window: \({constraint}\)"):
        ops.reduce_window(parameter(TensorType(shape, dtype)), **{**WINDOWS, **changes})


def test_select_and_scatter_wants_one_source_for_each_window():
    words = {k: v for k, v in WINDOWS.items() if k != "window_dilations"}
    x, source = (parameter(TensorType(s, float32)) for s in ((3, 3), (3, 2)))
    with pytest.raises(ShapeError, match=r"\(C6\) source must be float32\[2, 2\]"):
        ops.select_and_scatter(x, source, **words)


# ---- padding by a separate layer ---------------------------------------------------------------
def padded(x, value):
    return lm.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=value)


def test_copies_with_different_borders_are_different():
    rng = np.random.default_rng(0)
    x = lm.asarray(rng.normal(size=(2, 8, 8, 16)).astype(np.float32))
    w = lm.asarray(rng.normal(size=(3, 3, 16, 16)).astype(np.float32))

    def f(x, w):
        return [
            lm.nn.conv(padded(x, 0), w, strides=2),
            lm.nn.conv(padded(x, 1), w, strides=2),
            lm.nn.conv(x, w, strides=2, padding=1),
        ]

    for found, expected in zip(lm.compile(f)(x, w), f(x, w), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-4)


def test_sums_do_not_ask_whether_they_are_inside_of_a_padding_layer():
    layers = lm.keras.layers
    model = lm.keras.Sequential(
        [
            lm.keras.Input((8, 8, 16)),
            layers.Conv2D(16, 3, padding="same"),
            layers.ZeroPadding2D(1),
            layers.Conv2D(32, 3, strides=2),
            layers.GlobalAveragePooling2D(),
        ]
    )
    model.compile(optimizer="sgd", loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 8, 8, 16)).astype("f"), rng.normal(size=(4, 32)).astype("f")
    model.fit(x, y, epochs=1, verbose=0)
    told = str(lm.inspect.kernels(model, x, y))
    sums = [line for line in told.splitlines() if "acc0 = sum" in line]
    assert any("multiply" in line for line in sums)
    assert not any("guard" in line for line in sums)

"""Convolutions and pooling against PyTorch's, compiled: values and gradients over a grid."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lamina as lm  # noqa: E402

pytestmark = pytest.mark.parity

KERNELS, STRIDES, PADDINGS, DILATIONS = (1, 2, 3, (3, 1)), (1, 2, (2, 3)), (0, 1), (1, 2)
CHANNELS = [(3, 5, 1), (4, 6, 2), (17, 17, 17), (16, 33, 1)]  # inputs, outputs, groups


def grid():
    """Every kernel, stride, padding and dilation; batch and channels alternate."""
    turns = itertools.product(KERNELS, STRIDES, PADDINGS, DILATIONS)
    for number, (kernel, stride, padding, dilation) in enumerate(turns):
        yield kernel, stride, padding, dilation, 1 + number % 2, CHANNELS[number % 4]


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def close(found, expected):
    expected = expected.detach().numpy()
    scale = float(np.abs(expected).max()) or 1.0
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * scale)


def compiled_gradients(f, *arrays):
    """f's value, and the gradients of the sum of its square, as one compiled program."""

    def loss(*inputs):
        y = f(*inputs)
        return lm.sum(y * y), y

    both = lm.value_and_grad(loss, argnums=tuple(range(len(arrays))), has_aux=True)
    (_, y), found = lm.compile(both)(*map(lm.asarray, arrays))
    return y.numpy(), [g.numpy() for g in found]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "batch", "channels"), list(grid())
)
def test_convolution(kernel, stride, padding, dilation, batch, channels):
    inputs, outputs, groups = channels
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 8, 7, inputs)).astype("float32")
    w = rng.normal(size=(*pair(kernel), inputs // groups, outputs)).astype("float32")
    y, found = compiled_gradients(
        lambda x, w: lm.nn.conv(x, w, stride, padding, dilation_rate=dilation), x, w
    )
    tx = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    tw = torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True)
    ty = torch.nn.functional.conv2d(tx, tw, None, stride, padding, dilation, groups)
    (ty**2).sum().backward()
    close(y.transpose(0, 3, 1, 2), ty)
    close(found[0].transpose(0, 3, 1, 2), tx.grad)
    close(found[1].transpose(3, 2, 0, 1), tw.grad)


LAYERS = [(32, 3, 32), (32, 32, 32), (16, 32, 64), (16, 64, 64), (9, 64, 65)]  # of ShallowVGGNet


@pytest.mark.parametrize(("size", "inputs", "outputs"), LAYERS)
def test_the_layers_of_a_real_network(size, inputs, outputs):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(3, size, size, inputs)).astype("float32")
    w = rng.normal(size=(3, 3, inputs, outputs)).astype("float32")
    y, found = compiled_gradients(lambda x, w: lm.nn.conv(x, w, padding="same"), x, w)
    tx = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    tw = torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True)
    ty = torch.nn.functional.conv2d(tx, tw, padding=1)
    (ty**2).sum().backward()
    close(y.transpose(0, 3, 1, 2), ty)
    close(found[0].transpose(0, 3, 1, 2), tx.grad)
    close(found[1].transpose(3, 2, 0, 1), tw.grad)


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize(
    ("stride", "dilation", "groups"), list(itertools.product((1, 2), (1, 2), (1, 3)))
)
def test_sequences_and_volumes(rank, stride, dilation, groups):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2, *(9, 6, 7)[:rank], 6)).astype("float32")
    w = rng.normal(size=(*(3, 2, 1)[:rank], 6 // groups, 9)).astype("float32")
    y, found = compiled_gradients(
        lambda x, w: lm.nn.conv(x, w, stride, 1, dilation_rate=dilation), x, w
    )
    tx = torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=True)
    tw = torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)).copy(), requires_grad=True)
    convolution = torch.nn.functional.conv1d if rank == 1 else torch.nn.functional.conv3d
    ty = convolution(tx, tw, None, stride, 1, dilation, groups)
    (ty**2).sum().backward()
    close(np.moveaxis(y, -1, 1), ty)
    close(np.moveaxis(found[0], -1, 1), tx.grad)
    close(np.moveaxis(found[1], (-1, -2), (0, 1)), tw.grad)


@pytest.mark.parametrize("size", [1, 2])
def test_images_of_few_pixels(size):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, size, size, 5)).astype("float32")
    w = rng.normal(size=(3, 3, 5, 7)).astype("float32")
    y, found = compiled_gradients(lambda x, w: lm.nn.conv(x, w, padding="same"), x, w)
    tx = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    tw = torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True)
    ty = torch.nn.functional.conv2d(tx, tw, padding=1)
    (ty**2).sum().backward()
    close(y.transpose(0, 3, 1, 2), ty)
    close(found[0].transpose(0, 3, 1, 2), tx.grad)
    close(found[1].transpose(3, 2, 0, 1), tw.grad)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), list(itertools.product((2, 3), (1, 2, 3), (1, 2)))
)
def test_transposed_convolution(kernel, stride, dilation):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 5, 4, 3)).astype("float32")
    w = rng.normal(size=(kernel, kernel, 6, 3)).astype("float32")
    extra = max(stride - dilation * (kernel - 1) - 1, 0)

    def f(x, w):
        return lm.nn.conv_transpose(x, w, stride, dilation_rate=dilation)

    y, found = compiled_gradients(f, x, w)
    tx = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    tw = torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True)
    ty = torch.nn.functional.conv_transpose2d(tx, tw, None, stride, 0, extra, 1, dilation)
    (ty**2).sum().backward()
    close(y.transpose(0, 3, 1, 2), ty)
    close(found[0].transpose(0, 3, 1, 2), tx.grad)
    close(found[1].transpose(3, 2, 0, 1), tw.grad)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0)]
)
def test_pooling(kind, size, stride, padding):
    x = np.random.default_rng(3).normal(size=(2, 8, 7, 5)).astype("float32")
    pool = lm.nn.max_pool if kind == "max" else lm.nn.average_pool
    y, (found,) = compiled_gradients(lambda x: pool(x, size, stride, padding), x)
    tx = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    if kind == "max":
        ty = torch.nn.functional.max_pool2d(tx, size, stride, padding)
    else:
        ty = torch.nn.functional.avg_pool2d(tx, size, stride, padding, count_include_pad=False)
    (ty**2).sum().backward()
    close(y.transpose(0, 3, 1, 2), ty)
    close(found.transpose(0, 3, 1, 2), tx.grad)


@pytest.mark.parametrize(
    ("output", "kind"), list(itertools.product((3, 4, (2, 5)), ("max", "average")))
)
def test_adaptive_pooling(output, kind):
    x = np.random.default_rng(4).normal(size=(2, 8, 7, 3)).astype("float32")
    pool = lm.nn.adaptive_max_pool if kind == "max" else lm.nn.adaptive_average_pool
    other = "adaptive_max_pool2d" if kind == "max" else "adaptive_avg_pool2d"
    expected = getattr(torch.nn.functional, other)(torch.tensor(x.transpose(0, 3, 1, 2)), output)
    close(pool(x, output).numpy().transpose(0, 3, 1, 2), expected)

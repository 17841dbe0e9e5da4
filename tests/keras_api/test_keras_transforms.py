"""Fourier transforms and transforms of images: compiled, with gradients, and mistakes."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DTypeError, RangeError, ShapeError
from lamina.keras import ops

RNG = np.random.default_rng(0)
SIGNAL = RNG.normal(size=(2, 48))
IMAGES = RNG.random((2, 6, 5, 3))
TURN = np.array([0.9, 0.2, -0.3, -0.1, 1.1, 0.4, 0, 0])
CORNERS = np.array([[0, 0], [4, 0], [0, 5], [4, 5]])

FUNCTIONS = {
    "fft": (SIGNAL, lambda x: ops.fft((x, x * x))),
    "fft2": (SIGNAL, lambda x: ops.fft2((x, x[::-1]))),
    "ifft2": (SIGNAL, lambda x: ops.ifft2((x, x[::-1]))),
    "rfft": (SIGNAL, ops.rfft),
    "irfft": (SIGNAL, lambda x: ops.irfft((x, x * x))),
    "stft": (SIGNAL, lambda x: ops.stft(x, 12, 6, 16)),
    "istft": (SIGNAL, lambda x: ops.istft(ops.stft(x, 12, 6, 16), 12, 6, 16)),
    "extract_sequences": (SIGNAL, lambda x: ops.extract_sequences(x, 5, 2)),
    "angle": (SIGNAL, lambda x: ops.angle((x, x * x))),
    "corrcoef": (SIGNAL, ops.corrcoef),
    "correlate": (SIGNAL, lambda x: ops.correlate(x[0], x[1, :5], "same")),
    "i0": (20 * SIGNAL, lambda x: ops.log(ops.i0(x))),
    "nanmedian": (SIGNAL, lambda x: ops.nanmedian(x, axis=1)),
    "unfold": (IMAGES, lambda x: ops.unfold(x, 2, padding=1)),
    "fold": (IMAGES, lambda x: ops.fold(ops.reshape(x, (5, 4, 9)), 4, 2)),
    "attention": (IMAGES, lambda x: ops.dot_product_attention(x, x, x * x, is_causal=True)),
    "map": (SIGNAL, lambda x: ops.vectorized_map(lambda row: ops.sin(row) * ops.sum(row), x)),
    "vectorize": (SIGNAL, lambda x: ops.vectorize(ops.dot, signature="(n),(n)->()")(x, x[0])),
    "rearrange": (IMAGES, lambda x: ops.rearrange(x, "b (h p) w c -> b h w (p c)", p=3)),
    "resize": (IMAGES, lambda x: ops.image.resize(x, (4, 7), "bicubic", antialias=True)),
    "affine": (IMAGES, lambda x: ops.image.affine_transform(x, lm.asarray(TURN))),
    "perspective": (
        IMAGES,
        lambda x: ops.image.perspective_transform(x, lm.asarray(CORNERS), 0.9 * CORNERS),
    ),
    "elastic": (IMAGES, lambda x: ops.image.elastic_transform(x, 2.0, 1.0, seed=1)),
    "map_coordinates": (SIGNAL, lambda x: ops.image.map_coordinates(x, x[:, :4], 1, "reflect")),
    "blur": (IMAGES, lambda x: ops.image.gaussian_blur(x, data_format="channels_last")),
    "sobel": (IMAGES, ops.image.sobel_edges),
    "ssim": (IMAGES, lambda x: ops.image.ssim(x, x * x, filter_size=3)),
    "patches": (IMAGES, lambda x: ops.image.extract_patches(x, 2, strides=1, padding="same")),
    "tiles": (IMAGES, lambda x: ops.image.extract_patches(x, (2, 5))),
    "gray": (IMAGES, ops.image.rgb_to_grayscale),
    "hsv": (IMAGES, ops.image.rgb_to_hsv),
    "rgb": (IMAGES, ops.image.hsv_to_rgb),
    "scale": (
        IMAGES,
        lambda x: ops.image.scale_and_translate(
            x, (2, 4, 9, 3), lm.asarray([0.6, 1.5]), lm.asarray([0.2, 1.0]), (1, 2), "cubic"
        ),
    ),
}


def leaves(x):
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_transform_compiles_and_has_the_gradient_of_differences(name):
    x, f = FUNCTIONS[name]

    def total(x):
        weights = np.random.default_rng(1)
        return sum(lm.sum(r * weights.normal(size=r.shape)) for r in leaves(f(x)))

    value, gradient = lm.compile(lm.value_and_grad(total))(lm.asarray(x))
    np.testing.assert_allclose(value, total(lm.asarray(x)), rtol=1e-5)
    step = 1e-6 * RNG.normal(size=x.shape)
    ahead, back = (total(lm.asarray(x + s)).item() for s in (step, -step))
    np.testing.assert_allclose(np.sum(gradient.numpy() * step), (ahead - back) / 2, rtol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 7, 36, 100, 101, 97 * 5, 1024])
def test_transforms_of_any_length_are_those_of_numpy(n):
    real, imaginary = RNG.normal(size=(2, 3, n))
    expected = np.fft.fft(real + 1j * imaginary)
    for tensors in (ops.fft, lm.compile(lambda x: ops.fft(x))):
        found = tensors((lm.asarray(real), lm.asarray(imaginary)))
        np.testing.assert_allclose(found[0], expected.real, atol=1e-11)
        np.testing.assert_allclose(found[1], expected.imag, atol=1e-11)
    half = ops.rfft(lm.asarray(real))
    np.testing.assert_allclose(ops.irfft(half, n), real, atol=1e-12)


def test_complex_values_are_pairs():
    real, imaginary = ops.polar([2.0, 3.0], [0.0, np.pi / 2])
    np.testing.assert_allclose(ops.view_as_real((real, imaginary)), [[2, 0], [0, 3]], atol=1e-6)
    np.testing.assert_allclose(ops.angle((real, imaginary)), [0, np.pi / 2], atol=1e-6)
    assert ops.view_as_complex(np.float32([[1, 2]]))[1].tolist() == [2.0]
    assert ops.imag(np.float32([1.0])).tolist() == [0.0]


def test_directional_derivatives_are_those_of_gradients():
    x, t = (lm.asarray(RNG.normal(size=(3,))) for _ in range(2))
    _, (slope, other), aux = ops.jvp(
        lambda x: ((ops.sum(x**3), 2 * x), "aux"), (x,), (t,), has_aux=True
    )
    np.testing.assert_allclose(slope, np.sum(3 * x.numpy() ** 2 * t.numpy()), rtol=1e-12)
    np.testing.assert_allclose(other, 2 * t.numpy(), rtol=1e-12)
    assert aux == "aux"


@pytest.mark.parametrize("compiled", [False, True])
def test_divisors_and_histograms_are_those_of_numpy(compiled):
    run = lm.compile if compiled else lambda f: f
    x, y = RNG.integers(-90, 90, (2, 50)).astype("int32")
    np.testing.assert_array_equal(run(ops.gcd)(lm.asarray(x), lm.asarray(y)), np.gcd(x, y))
    np.testing.assert_array_equal(run(ops.lcm)(lm.asarray(x), lm.asarray(y)), np.lcm(x, y))
    found = run(lambda x: ops.histogram(x, 7))(lm.asarray(SIGNAL))
    for a, b in zip(found, np.histogram(SIGNAL, 7), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


ERRORS = [
    (lambda: ops.fft(SIGNAL), ArgumentError, "pair"),
    (lambda: ops.view_as_real(SIGNAL), DTypeError, "pair"),
    (lambda: ops.stft(np.arange(9), 4, 2, 4), DTypeError, "float"),
    (lambda: ops.stft(SIGNAL, 4, 2, 3), ArgumentError, "at least"),
    (lambda: ops.stft(SIGNAL, 4, 2, 4, "flat"), ArgumentError, "'hamming'"),
    (lambda: ops.stft(SIGNAL, 4, 2, 4, np.ones(3)), ShapeError, r"\(4,\)"),
    (lambda: ops.image.crop_images(IMAGES, 1, 1, 1, 1, 4), ArgumentError, "two of three"),
    (lambda: ops.image.pad_images(IMAGES, 9, 0, None, 0, 8), ArgumentError, "does not allow"),
    (lambda: ops.image.rgb_to_hsv(np.ones((2, 2, 3), "uint8")), DTypeError, "floats"),
    (lambda: ops.image.map_coordinates(SIGNAL, SIGNAL, 3), ArgumentError, "order"),
    (lambda: ops.image.affine_transform(IMAGES, TURN, "cubic"), ArgumentError, "'bilinear'"),
    (lambda: ops.correlate(IMAGES, IMAGES), ShapeError, "vectors"),
    (lambda: ops.correlate(SIGNAL[0], SIGNAL[1], "all"), ArgumentError, "'same'"),
    (lambda: ops.gcd(SIGNAL, 2), DTypeError, "integers"),
    (lambda: ops.rearrange(SIGNAL, "a b -> a"), ArgumentError, "both sides"),
    (lambda: ops.rearrange(SIGNAL, "a (b c) -> a b c"), ShapeError, "not known"),
    (lambda: ops.vectorize(ops.dot, signature="n->n")(SIGNAL), ArgumentError, "signature"),
    (lambda: ops.dot_product_attention(SIGNAL, SIGNAL, SIGNAL), ShapeError, "heads"),
    (lambda: ops.histogram(SIGNAL, 0), RangeError, "one bin"),
    (lambda: ops.view(np.ones(4, bool), "int8"), DTypeError, "bool"),
    (lambda: ops.image.resize(SIGNAL, (2, 2)), ShapeError, "images"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=range(len(ERRORS)))
def test_mistakes_are_named(call, kind, text):
    with pytest.raises(kind, match=text):
        call()

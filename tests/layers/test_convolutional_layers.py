"""Layers of convolutional networks: values by hand, modes, shapes, files, what they refuse."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.configuration import deserialize, serialize
from lamina.errors import ArgumentError, LaminaError, RangeError, ShapeError

rng = np.random.default_rng(0)
PICTURE = rng.normal(size=(2, 6, 8, 4)).astype("float32")
STEPS = rng.normal(size=(2, 9, 4)).astype("float32")
VOLUME = rng.normal(size=(2, 4, 6, 4, 2)).astype("float32")

# layer, inputs, expected
ROWS = np.arange(24, dtype=np.float32).reshape(1, 4, 3, 2)
LINE = ROWS[:, :, 0]
PAIR, FOUR = np.float32([[1, 3], [7, 3]]), np.float32([[1, 3, 7, 3]])
VALUES = [
    (L.MaxPooling2D((2, 3)), ROWS, ROWS[:, 1::2, 2:]),
    (L.MaxPool2D(2, 1), ROWS, ROWS[:, 1:, 1:]),
    (L.AveragePooling1D(2), LINE, (LINE[:, ::2] + LINE[:, 1::2]) / 2),
    (L.AvgPool2D(2, 1, "same"), ROWS[:, :, :1],
     np.append(ROWS[:, :3, :1] + 3, ROWS[:, 3:, :1], 1)),
    (L.GlobalMaxPooling2D(), ROWS, ROWS[:, -1, -1]),
    (L.GlobalAveragePooling2D(keepdims=True), ROWS, ROWS.mean((1, 2), keepdims=True)),
    (L.GlobalAvgPool1D(data_format="channels_first"), LINE, LINE.mean(2)),
    (L.AdaptiveMaxPooling1D(3), LINE, LINE[:, 1:]),
    (L.AdaptiveAveragePooling2D((2, 1)), ROWS,
     ROWS.reshape(1, 2, 2, 3, 2).mean((2, 3))[:, :, None]),
    (L.ZeroPadding1D((0, 1)), LINE, np.pad(LINE, ((0, 0), (0, 1), (0, 0)))),
    (L.ZeroPadding2D(((1, 0), (0, 2))), ROWS, np.pad(ROWS, ((0, 0), (1, 0), (0, 2), (0, 0)))),
    (L.Cropping2D(((1, 2), (0, 1))), ROWS, ROWS[:, 1:2, :2]),
    (L.Cropping1D(1), LINE, LINE[:, 1:-1]),
    (L.UpSampling1D(2), LINE, LINE.repeat(2, 1)),
    (L.UpSampling2D((1, 3)), ROWS, ROWS.repeat(3, 2)),
    (L.UpSampling2D(2, interpolation="bilinear"), np.float32([[[[0]], [[4]]]]),
     np.float32([0, 0, 1, 1, 3, 3, 4, 4]).reshape(4, 2, 1)[None]),
    (L.PixelShuffle(2), np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4),
     np.float32([[0, 1, 4, 5], [2, 3, 6, 7]])[None, ..., None]),
    (L.UnitNormalization(), np.float32([[3, 4], [0, 0]]), np.float32([[0.6, 0.8], [0, 0]])),
    (L.RMSNormalization(epsilon=0.0), np.float32([[1, 7]]), np.float32([[0.2, 1.4]])),
    (L.LayerNormalization(epsilon=0.0), PAIR, np.float32([[-1, 1], [1, -1]])),
    (L.GroupNormalization(2, epsilon=0.0), FOUR, np.float32([[-1, 1, 1, -1]])),
    (L.Conv2D(1, 2, kernel_initializer="ones"), ROWS[..., :1],
     sum(ROWS[:, i : i + 3, j : j + 2, :1] for i in (0, 1) for j in (0, 1))),
    (L.Conv1D(1, 2, padding="causal", kernel_initializer="ones"), LINE[..., :1],
     LINE[..., :1] + np.pad(LINE[:, :-1, :1], ((0, 0), (1, 0), (0, 0)))),
    (L.Conv2D(2, 1, kernel_initializer="zeros", bias_initializer="ones", activation="tanh"), ROWS,
     np.full(ROWS.shape, np.tanh(1.0))),
    (L.DepthwiseConv1D(1, depthwise_initializer="ones"), LINE, LINE),
    (L.Conv1DTranspose(1, 2, 2, kernel_initializer="ones"), LINE[..., :1],
     LINE[..., :1].repeat(2, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "inputs", "expected"), VALUES, ids=lambda v: type(v).__name__)
def test_values(layer, inputs, expected):
    found = layer(inputs)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-6)
    assert layer.compute_output_shape((None, *inputs.shape[1:])) == (None, *found.shape[1:])


# ---- shapes, formats, files --------------------------------------------------------------------
CONVOLUTIONS = [
    (L.Conv1D, STEPS, {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same"}, (5, 6)),
    (L.Conv2D, PICTURE, {"filters": 6, "kernel_size": (3, 2), "groups": 2}, (4, 7, 6)),
    (L.Conv2D, PICTURE, {"filters": 5, "kernel_size": 3, "dilation_rate": 2}, (2, 4, 5)),
    (L.Conv3D, VOLUME, {"filters": 3, "kernel_size": 2, "strides": (1, 2, 3)}, (3, 3, 1, 3)),
    (L.Conv1DTranspose, STEPS, {"filters": 3, "kernel_size": 4, "strides": 3}, (28, 3)),
    (L.Conv2DTranspose, PICTURE,
     {"filters": 3, "kernel_size": 3, "strides": (2, 3), "padding": "same"}, (12, 24, 3)),
    (L.Conv3DTranspose, VOLUME, {"filters": 1, "kernel_size": 2}, (5, 7, 5, 1)),
    (L.DepthwiseConv1D, STEPS, {"kernel_size": 3, "depth_multiplier": 2}, (7, 8)),
    (L.DepthwiseConv2D, PICTURE, {"kernel_size": 3, "padding": "same", "strides": 2}, (3, 4, 4)),
    (L.SeparableConv1D, STEPS, {"filters": 5, "kernel_size": 2}, (8, 5)),
    (L.SeparableConv2D, PICTURE,
     {"filters": 5, "kernel_size": 3, "depth_multiplier": 3}, (4, 6, 5)),
]  # fmt: skip
IDS = [f"{cls.__name__}-{k}" for k, (cls, *_) in enumerate(CONVOLUTIONS)]


@pytest.mark.parametrize(("cls", "inputs", "arguments", "shape"), CONVOLUTIONS, ids=IDS)
def test_shapes_and_channels_first(cls, inputs, arguments, shape):
    last, first = cls(**arguments), cls(**arguments, data_format="channels_first")
    expected = last(inputs).numpy()
    assert expected.shape == (2, *shape)
    moved = np.moveaxis(inputs, -1, 1)
    first(moved)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(np.moveaxis(first(moved).numpy(), 1, -1), expected, atol=1e-5)


@pytest.mark.parametrize(("cls", "inputs", "arguments", "shape"), CONVOLUTIONS, ids=IDS)
def test_configurations_make_equal_layers(cls, inputs, arguments, shape):
    layer = cls(**arguments, activation="relu", bias_regularizer="l2")
    copy = deserialize(serialize(layer))
    copy.build(inputs.shape)
    expected = layer(inputs).numpy()
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(inputs).numpy(), expected)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("kind", ["average", "max"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pooling_of_each_rank_in_both_formats(kind, rank):
    x = {1: STEPS, 2: PICTURE, 3: VOLUME}[rank]
    moved = np.moveaxis(x, -1, 1)
    name = "MaxPooling" if kind == "max" else "AveragePooling"
    for prefix, argument in (("", 2), ("Adaptive", 3)):
        cls = getattr(L, f"{prefix}{name}{rank}D")
        expected = cls(argument)(x).numpy()
        found = cls(argument, data_format="channels_first")(moved).numpy()
        np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, rtol=1e-5, atol=1e-6)
    whole = getattr(L, f"Global{name}{rank}D")
    combine = np.max if kind == "max" else np.mean
    expected = combine(x, axis=tuple(range(1, rank + 1)))
    np.testing.assert_allclose(whole()(x).numpy(), expected, rtol=1e-5, atol=1e-6)


# ---- batch normalization -----------------------------------------------------------------------
def moments(x):
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes), x.var(axes)


def test_training_normalizes_by_the_batch_and_moves_the_statistics():
    layer = L.BatchNormalization(momentum=0.9, epsilon=1e-5)
    mean, variance = moments(PICTURE)
    found = layer(PICTURE, training=True).numpy()
    np.testing.assert_allclose(found, (PICTURE - mean) / np.sqrt(variance + 1e-5), atol=1e-5)
    gamma, beta, moving_mean, moving_variance = layer.get_weights()
    assert (gamma.tolist(), beta.tolist()) == ([1] * 4, [0] * 4)
    np.testing.assert_allclose(moving_mean, 0.1 * mean, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(moving_variance, 0.9 + 0.1 * variance, rtol=1e-5)


def test_inference_uses_the_moving_statistics_and_leaves_them():
    layer = L.BatchNormalization(axis=1, epsilon=0.0)
    layer.build(PICTURE.shape)
    weights = [rng.uniform(0.5, 2, size=6).astype("f4") for _ in range(4)]
    layer.set_weights(weights)
    gamma, beta, mean, variance = (w[:, None, None] for w in weights)
    expected = (PICTURE - mean) / np.sqrt(variance) * gamma + beta
    np.testing.assert_allclose(layer(PICTURE).numpy(), expected, rtol=1e-4, atol=1e-5)
    for before, after in zip(weights, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)


def test_frozen_means_inference():
    layer = L.BatchNormalization()
    inference = layer(PICTURE).numpy()
    layer.trainable = False
    np.testing.assert_array_equal(layer(PICTURE, training=True).numpy(), inference)
    assert layer.get_weights()[2].tolist() == [0] * 4
    assert len(layer.non_trainable_weights) == 4


def test_center_and_scale_may_be_left_out():
    layer = L.BatchNormalization(center=False, scale=False)
    layer(PICTURE)
    assert [w.name for w in layer.weights] == ["moving_mean", "moving_variance"]


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
def test_the_gradient_goes_through_the_batchs_statistics(engine):
    layer = L.BatchNormalization()
    layer(PICTURE)

    def loss(x):
        return lm.sum(layer(x, training=True) * lm.as_tensor(PICTURE[::-1].copy()))

    with lm.settings(engine=engine):
        found = lm.compile(lm.grad(loss))(lm.asarray(PICTURE)).numpy()
    assert np.abs(found.sum((0, 1, 2))).max() < 1e-4  # a shift of all changes nothing
    assert np.abs(found).max() > 1e-2


@pytest.mark.parametrize(("center", "scale"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("axis", [-1, 1])
def test_the_closed_gradient_is_that_of_the_formula_to_the_second_order(center, scale, axis):
    layer = L.BatchNormalization(axis, center=center, scale=scale, dtype="float64")
    x = lm.asarray(PICTURE.astype(np.float64))
    layer(x)
    shape = [n if d == axis % 4 else 1 for d, n in enumerate(x.shape)]
    axes = tuple(d for d in range(4) if d != axis % 4)
    own = [lm.linspace(0.5, 2.0, shape[axis], dtype="float64") for _ in range(center + scale)]
    layer.set_weights([w.numpy() for w in own] + layer.get_weights()[len(own) :])

    def formula(x):
        mean = lm.mean(x, axis=axes, keepdims=True)
        variance = lm.mean((x - mean) ** 2, axis=axes, keepdims=True)
        y = (x - mean) / lm.sqrt(variance + layer.epsilon)
        y = y * lm.reshape(own[0], shape) if scale else y
        return y + lm.reshape(own[-1], shape) if center else y

    def first(f):
        return lm.grad(lambda x: lm.sum(lm.tanh(f(x)) * lm.sin(x)))

    def second(f):
        return lm.grad(lambda x: lm.sum(lm.cos(first(f)(x) * 10.0)))

    def trained(x):
        return layer(x, training=True)

    for order in (first, second):
        expected = order(formula)(x).numpy()
        np.testing.assert_allclose(order(trained)(x).numpy(), expected, rtol=1e-9, atol=1e-12)
        assert np.abs(expected).max() > 1e-3


def test_gradients_of_gamma_and_beta_are_sums_over_the_batch():
    layer = L.BatchNormalization(name="norm")
    model = lm.Sequential([lm.Input(PICTURE.shape[1:]), layer])
    target = np.sin(PICTURE)
    model.compile(lm.optimizers.SGD(1.0), "mse")
    mean, deviation = PICTURE.mean((0, 1, 2)), np.sqrt(PICTURE.var((0, 1, 2)) + layer.epsilon)
    normal = (PICTURE - mean) / deviation
    g = 2 * (normal - target) / PICTURE.size
    model.train_on_batch(PICTURE, target)
    gamma, beta = layer.get_weights()[:2]
    np.testing.assert_allclose(1 - gamma, (g * normal).sum((0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(-beta, g.sum((0, 1, 2)), rtol=1e-4, atol=1e-6)


def test_fit_moves_the_statistics_once_a_step():
    model = lm.Sequential([lm.Input((4,)), L.BatchNormalization(momentum=0.5), L.Dense(1)])
    model.compile("sgd", "mse")
    x = np.full((8, 4), 2.0, np.float32)
    model.fit(x, np.zeros((8, 1)), batch_size=4, epochs=1, verbose=0)
    np.testing.assert_allclose(model.layers[0].get_weights()[2], [1.5] * 4)  # 0, 1, 1.5


def test_a_mask_leaves_entries_out():
    layer = L.BatchNormalization(momentum=0.0)
    x = np.array([[[1.0], [3.0], [100.0]]], np.float32)
    layer(x, training=True, mask=np.array([[True, True, False]]))
    np.testing.assert_allclose(layer.get_weights()[2:], [[2], [1]], rtol=1e-5)


# ---- networks ----------------------------------------------------------------------------------
def network():
    return lm.Sequential(
        [
            lm.Input((8, 8, 2)),
            L.Conv2D(6, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(2),
            L.SeparableConv2D(5, 2, activation="relu"),
            L.Conv2DTranspose(4, 3, strides=2, padding="same"),
            L.GlobalAveragePooling2D(),
            L.Dense(3, activation="softmax"),
        ]
    )


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
def test_a_network_learns(engine):
    lm.set_seed(0)
    x = rng.normal(size=(24, 8, 8, 2)).astype("float32")
    y = (x.mean((1, 2, 3)) > 0).astype(int)
    x += y[:, None, None, None]
    with lm.settings(engine=engine):
        model = network()
        model.compile(lm.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
        losses = model.fit(x, y, batch_size=8, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]


def test_a_saved_network_is_the_same(tmp_path):
    model = network()
    x = PICTURE[:, :, :, :2].repeat(2, 1)[:, :8]
    model.save(tmp_path / "model.lamina")
    again = lm.load_model(tmp_path / "model.lamina")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_rows_and_columns_may_be_open():
    x = lm.Input((None, None, 3))
    h = L.MaxPooling2D(2)(L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(x)))
    model = lm.Model(x, L.GlobalAveragePooling2D()(L.Conv2D(5, 3)(h)))
    for shape in ((1, 9, 12, 3), (2, 6, 7, 3)):
        assert model.predict(np.ones(shape, np.float32), verbose=0).shape == (shape[0], 5)


# ---- errors ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "inputs", "error", "match"),
    [
        (lambda: L.Conv2D(4, 7), PICTURE, ShapeError, r"Conv2D 'conv2d'.*\(7, 7\).*\(6, 8\)"),
        (lambda: L.Conv2D(6, 3, groups=3), PICTURE, ShapeError, "4 channels.*3 groups"),
        (lambda: L.Conv2D(5, 3, groups=2), PICTURE, ArgumentError, "5 filters"),
        (lambda: L.Conv2D(4, 3), STEPS, ShapeError, "input of 4 axes"),
        (lambda: L.Conv2D(0, 3), PICTURE, RangeError, "filters"),
        (lambda: L.Conv2D(4, 0), PICTURE, RangeError, "kernel_size"),
        (lambda: L.Conv2D(4, (3, 3, 3)), PICTURE, RangeError, "or 2 of them"),
        (lambda: L.Conv2D(4, 3, padding="causal"), PICTURE, ArgumentError, "padding"),
        (lambda: L.Conv2D(4, 3, data_format="NHWC"), PICTURE, LaminaError, "channels_last"),
        (lambda: L.Conv2DTranspose(4, 3, 2, output_padding=2), PICTURE, ArgumentError, "below"),
        (lambda: L.MaxPooling2D(9), PICTURE, ShapeError, "MaxPooling2D.*does not fit"),
        (lambda: L.Cropping2D(4), PICTURE, ShapeError, "leaves nothing"),
        (lambda: L.Cropping1D(-1), STEPS, RangeError, "cropping"),
        (lambda: L.ZeroPadding2D((1, 2, 3)), PICTURE, ArgumentError, "2 spatial axes"),
        (lambda: L.UpSampling2D(2, interpolation="cubic"), PICTURE, ArgumentError, "bicubic"),
        (lambda: L.GroupNormalization(3), PICTURE, ShapeError, "do not divide into 3"),
        (lambda: L.GroupNormalization(0), PICTURE, ArgumentError, "positive"),
        (lambda: L.BatchNormalization(axis=4), PICTURE, LaminaError, "axis 4"),
        (lambda: L.PixelShuffle(3), PICTURE, ShapeError, "4 channels"),
        (lambda: L.Conv2D(6, 3, groups=3), PICTURE, ShapeError, "hint.*that divides 4"),
        (lambda: L.Conv2D(4, 3), PICTURE[0], ShapeError, r"hint: x\[None\] makes a batch"),
        (lambda: L.Cropping2D(4), PICTURE, ShapeError, "hint: crop fewer than the 6 places"),
        (lambda: L.AveragePooling1D(10), STEPS, ShapeError, "AveragePooling1D.*does not fit"),
        (lambda: L.DepthwiseConv2D(7), PICTURE, ShapeError, "DepthwiseConv2D.*does not fit"),
        (lambda: L.SeparableConv2D(3, 7), PICTURE, ShapeError, "SeparableConv2D.*does not fit"),
        (lambda: L.Conv2D(4, 3, dilation_rate=3), PICTURE, ShapeError, "dilation included"),
    ],
)
def test_errors_name_layer_shapes_and_hint(make, inputs, error, match):
    with pytest.raises(error, match=match):
        make()(inputs)


def test_a_network_that_shrinks_images_to_nothing_raises_when_the_layer_is_added():
    model = lm.Sequential([lm.Input((8, 8, 3)), *(L.MaxPooling2D() for _ in range(3))])
    with pytest.raises(ShapeError, match=r"MaxPooling2D 'sequential/last'.*\(1, 1\)\n  hint"):
        model.add(L.MaxPooling2D(name="last"))


def test_data_that_are_not_batches_of_images_raise_a_specific_hint():
    model = lm.Sequential([lm.Input((8, 8, 1)), L.Conv2D(4, 3)])
    for shape, hint in [((8, 8, 1), r"x\[None\]"), ((5, 1, 8, 8), r"moveaxis\(x, 1, -1\)")]:
        with pytest.raises(ShapeError, match=hint):
            model.predict(np.zeros(shape, np.float32), verbose=0)
    images = [np.zeros((8, 8, 1), np.float32), np.zeros((9, 9, 1), np.float32)]
    with pytest.raises(LaminaError, match=r"x\[0\] has 8, x\[1\] has 9\n.*one size: .*Resizing"):
        model.predict(images, verbose=0)
    held = np.empty(2, object)
    held[:] = images
    with pytest.raises(ShapeError, match=r"row 0 has \(8, 8, 1\), row 1 has \(9, 9, 1\)"):
        model.predict(held, verbose=0)
    with pytest.raises(ShapeError, match="their shapes differ"):
        lm.asarray(images)


def test_a_layer_built_for_other_channels_refuses():
    layer = L.Conv2D(4, 3)
    layer(PICTURE)
    with pytest.raises(ShapeError, match="4 features in the last axis"):
        layer(PICTURE[..., :3])


def test_channels_must_be_known():
    with pytest.raises(ShapeError, match="number of channels"):
        L.Conv2D(4, 3)(lm.Input((8, 8, None)))

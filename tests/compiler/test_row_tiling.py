"""Row tiling: several kernels over the same rows run over a few rows at a time."""

from dataclasses import replace

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.engines.llvm import pipeline
from lamina.engines.llvm.program.row_tiling import tile_rows
from lamina.engines.llvm.program.statements import RowTile, leaves
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.target import Target, host, target, using
from lamina.fuzz.check import everything_threaded
from lamina.ir.types import Extent, TensorType, float32
from lamina.rewrite import simplify
from lamina.settings import settings
from lamina.transforms.compiling import build
from lamina.transforms.tracing import record

BATCHES = [1, 2, 3, 5, 8, 16, 17]
SIZE, FEATURES = 20, 40
FIRST = lm.asarray([0])
rng = np.random.default_rng(1)
KERNELS = [lm.asarray(rng.normal(size=(3, 3, FEATURES, FEATURES)) / 19, "float32") for _ in "abc"]


@pytest.fixture(autouse=True)
def _on_all_threads():
    """And on a machine of whose caches the thresholds are known."""
    roomy = replace(host().machine, l1=48 << 10, l2=2 << 20)
    with settings(cache=False), using(Target(roomy, Costs.of(roomy))), everything_threaded(True):
        yield


def conv(x, k=1, **options):
    return lm.nn.conv(x, KERNELS[k], padding="same", **options)


# What follows a convolution; whether each image needs itself alone.
BODIES = {
    "one after another": (lambda h: conv(lm.nn.relu(h)), True),
    "half the size": (lambda h: conv(conv(h, 2, strides=2)), True),
    "next to it": (lambda h: conv(lm.nn.relu(h)) + h, True),
    "two ways": (lambda h: lm.concatenate([conv(h), conv(lm.sin(h), 2)], axis=-1), True),
    "centred": (lambda h: conv(h - lm.mean(h, axis=0)), False),
    "upside down": (lambda h: conv(lm.flip(h, axis=0)), False),
    "first image": (lambda h: conv(h * lm.take(h, FIRST, axis=0)), False),
}


def recorded(body):
    return record(
        lambda x: body(conv(x, 0)),
        [TensorType((Extent.symbol("batch"), SIZE, SIZE, FEATURES), float32)],
        "f",
    )


def images(batch, shape=(SIZE, SIZE, FEATURES)):
    return np.random.default_rng(batch).normal(size=(batch, *shape)).astype(np.float32)


@pytest.mark.parametrize("winograd", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_only_kernels_with_independent_rows_are_tiled(name, winograd):
    body, alone = BODIES[name]
    with settings(winograd=winograd):
        program = pipeline.run_passes(recorded(body).graph, {}, passes=pipeline.until("schedule"))
        before = list(leaves(program.statements))
        items = tile_rows(program, target()).statements
    assert sorted(map(id, leaves(items))) == sorted(map(id, before))
    found = [item for item in items if isinstance(item, RowTile)]
    whole = [item for item in found if item.rows == Extent.symbol("batch")]
    assert (max(map(_convolutions, whole), default=0) > 1) is alone


def _convolutions(strip):
    return sum(k.nest.kind.is_contraction for k in leaves([strip]))


@pytest.mark.parametrize("name", BODIES)
def test_row_tiles_give_equal_bits_on_any_number_of_threads_and_images(name):
    body, _ = BODIES[name]
    made = recorded(body)
    f = build(made, "")
    for batch in BATCHES:
        found = []
        for threads in (1, 2, 3, 5):
            with settings(threads=threads):
                for _ in range(2):
                    (result,) = f([images(batch), *made.captured])
                    found.append(result.copy())
        with settings(engine="numpy"):
            right = np.asarray(body(conv(lm.asarray(images(batch)), 0)))
        np.testing.assert_allclose(found[0], right, rtol=2e-4, atol=2e-5)
        for other in found[1:]:
            np.testing.assert_array_equal(found[0], other)


def test_each_thread_has_a_private_copy_of_winograd_transformed_kernels():
    made = recorded(BODIES["one after another"][0])
    program = pipeline.stages_of(simplify(made.graph), {}).program
    assert [s.shape for s in program.private] == [(16, FEATURES, FEATURES)] * 2


def network(shape):
    x = keras.Input(shape)
    y = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.Conv2D(40, 3, padding="same", activation="relu")(y)
    z = keras.layers.Conv2D(40, 3, padding="same")(keras.layers.BatchNormalization()(y))
    y = keras.layers.MaxPooling2D()(keras.layers.Add()([y, z]))
    y = keras.layers.Conv2D(48, 3, strides=2)(keras.layers.ZeroPadding2D(1)(y))
    y = keras.layers.Dropout(0.3)(keras.layers.Activation("gelu")(y))
    y = keras.layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, keras.layers.Dense(3, activation="softmax")(y))


@pytest.mark.parametrize("shape", [(18, 18, 3), (13, 22, 5)])
def test_a_tiled_network_trains_and_predicts_equal_bits_on_any_number_of_threads(shape):
    x, y = images(35, shape), np.random.default_rng(0).integers(0, 3, 35)
    kept = []
    for threads in (1, 2, 3):
        with settings(threads=threads):
            keras.utils.set_random_seed(3)
            model = network(shape)
            model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=16, epochs=2, verbose=0, seed=1)  # 16, 16 and 3 images
            several = [model.predict(x[:n], verbose=0) for n in (1, 2, 7, 35)]
            kept.append([*model.get_weights(), *several])
    for one, two, three in zip(*kept, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    for few in several[:-1]:
        np.testing.assert_allclose(few, several[-1][: len(few)], rtol=1e-5, atol=1e-6)

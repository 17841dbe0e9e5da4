"""CTC against the sum over every path, written out; its gradient, lengths, masks and refusals."""

import itertools

import numpy as np
import pytest

import lamina as lm
from lamina import keras, losses
from lamina.errors import ArgumentError, DataError, RangeError, ShapeError
from lamina.operations import masks

rng = np.random.default_rng(3)


def reading(path, blank=0):
    """The labels that a path reads as: repetitions made one, then blanks left out."""
    return [c for c, _ in itertools.groupby(path) if c != blank]


def by_hand(labels, logits, blank=0):
    """-log of the sum over all paths of `steps` classes that read as the labels."""
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    steps, classes = logits.shape
    total = sum(
        np.prod(p[np.arange(steps), list(path)])
        for path in itertools.product(range(classes), repeat=steps)
        if reading(path, blank) == list(labels)
    )
    return -np.log(total) if total else np.inf


ROWS = [[1, 2, 1], [2, 2, 0], [1, 0, 0], [0, 0, 0], [3, 1, 2]]
LOGITS = rng.normal(size=(5, 5, 4)) * 2


def trimmed(row):
    return [c for c in row if c]


def test_the_sum_over_all_paths():
    expected = [by_hand(trimmed(row), z) for row, z in zip(ROWS, LOGITS, strict=True)]
    np.testing.assert_allclose(losses.ctc(ROWS, lm.asarray(LOGITS)).numpy(), expected, rtol=1e-9)
    found = losses.CTC()(ROWS, LOGITS.astype("float32"))
    np.testing.assert_allclose(found.numpy(), np.mean(expected), rtol=1e-5)
    compiled = lm.compile(lambda y, z: losses.ctc(y, z))(ROWS, LOGITS.astype("float32"))
    np.testing.assert_allclose(compiled.numpy(), expected, rtol=1e-5)


def test_the_gradient():
    def loss(z):
        return lm.sum(losses.ctc(ROWS, z))

    found = lm.grad(loss)(lm.asarray(LOGITS)).numpy()
    step = 1e-5
    for index in [(0, 0, 0), (0, 3, 1), (1, 2, 2), (2, 4, 3), (3, 1, 0), (4, 0, 3)]:
        change = np.zeros_like(LOGITS)
        change[index] = step
        above, below = (
            sum(by_hand(trimmed(r), z) for r, z in zip(ROWS, LOGITS + sign * change, strict=True))
            for sign in (1, -1)
        )
        assert found[index] == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-8)


def test_lengths_and_another_blank():
    logits, counts, steps = LOGITS[:3], [2, 1, 0], [5, 3, 2]
    rows = [[0, 2, -1], [2, 99, 0], [1, 1, 1]]  # what is behind the lengths says nothing
    expected = [
        by_hand(row[:n], z[:t], blank=3)
        for row, z, n, t in zip(rows, logits, counts, steps, strict=True)
    ]
    found = keras.ops.ctc_loss(rows, lm.asarray(logits), counts, steps, mask_index=3)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_steps_that_are_not_there_are_passed_over():
    there = np.array(
        [[1, 1, 0, 1, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool
    )
    expected = [by_hand(trimmed(r), z[m]) for r, z, m in zip(ROWS, LOGITS, there, strict=True)]

    def loss(z):
        return losses.CTC(reduction="none")(ROWS, masks.attach(z, there))

    z = lm.asarray(LOGITS)
    np.testing.assert_allclose(loss(z).numpy(), expected, rtol=1e-9, atol=1e-12)
    gradient = lm.grad(lambda z: lm.sum(loss(z)))(z).numpy()
    assert not gradient[~there].any()
    assert np.isfinite(gradient).all()


def test_too_few_steps_give_infinite_loss_and_zero_gradient():
    def loss(z):
        return keras.ops.ctc_loss([[1, 1], [1, 2]], z, [2, 2], [2, 2])

    z = lm.asarray(LOGITS[:2, :2])
    values = loss(z).numpy()
    assert values[0] == np.inf
    np.testing.assert_allclose(values[1], by_hand([1, 2], LOGITS[1, :2]), rtol=1e-9)
    gradient = lm.grad(lambda z: lm.sum(loss(z)))(z).numpy()
    assert not gradient[0].any()
    assert gradient[1].any()


def test_unlikely_labels_over_many_steps():
    """Probabilities far below what a float holds, and a class that cannot be."""
    z = np.zeros((1, 300, 3), "float32")
    z[..., 1] = -50.0
    found = lm.value_and_grad(lambda z: losses.CTC()([[1, 1, 1]], z))(lm.asarray(z))
    assert 140 < found[0].item() < 360
    assert np.isfinite(found[1].numpy()).all()


def test_a_network_learns_where_the_labels_are():
    """Each label is seen at one of its steps only, which the targets do not name."""
    y = np.array([rng.permutation([1, 2, 3])[:2] for _ in range(64)])
    x = np.zeros((64, 8, 4), "float32")
    for row, labels in enumerate(y):
        for label, place in zip(labels, sorted(rng.choice(8, 2, replace=False)), strict=True):
            x[row, place, label] = 1.0
    lm.set_seed(0)
    model = lm.Sequential([lm.Input((None, 4)), lm.layers.Dense(4)])
    model.compile(lm.optimizers.Adam(0.1), "ctc")
    history = model.fit(x, y, epochs=60, verbose=0, seed=1).history["loss"]
    assert history[-1] < 0.3 < 2.0 < history[0]
    read, scores = keras.ops.ctc_decode(model.predict(x), [8] * 64)
    assert (read.numpy()[0, :, :2] == y).mean() > 0.9
    assert scores.shape == (64, 1)


def test_decoding_as_keras_does():
    best = np.array([[1, 1, 0, 1, 2, 2], [0, 0, 3, 3, 3, 1]])
    z = np.eye(4)[best] * 5.0
    read, scores = keras.ops.ctc_decode(z, [6, 5])
    assert read.numpy().tolist() == [[[1, 1, 2, -1, -1, -1], [3, -1, -1, -1, -1, -1]]]
    assert scores.numpy().tolist() == [[-30.0], [-25.0]]
    read, _ = keras.ops.ctc_decode(z, [6, 5], merge_repeated=False)
    assert read.numpy().tolist() == [[[1, 1, 1, 2, 2, -1], [3, 3, 3, -1, -1, -1]]]


Z = lm.zeros((2, 3, 4))
MISTAKES = {
    "labels of other axes": (lambda: losses.ctc([1, 2], Z), ShapeError, "(2,)"),
    "a label of no class": (
        lambda: losses.ctc([[1, 2], [4, 0]], Z),
        RangeError,
        "label 4 at [1, 0]",
    ),
    "the padding of another framework": (
        lambda: losses.ctc([[1, -1], [4, 0]], Z),
        RangeError,
        "label -1 at [0, 1]",
    ),
    "a label behind a blank": (
        lambda: losses.ctc([[1, 0, 2], [1, 1, 0]], Z),
        DataError,
        "row 0 has a label behind the 0 at [0, 1]",
    ),
    "more labels than steps": (
        lambda: losses.ctc([[1, 0, 0], [1, 1, 2]], Z),
        DataError,
        "row 1 has 3 labels, which take 4 steps, and the predictions have 3",
    ),
    "probabilities": (lambda: losses.ctc([[1], [1]], lm.softmax(Z)), ArgumentError, "softmax"),
    "a softmax in the model": (
        lambda: fitted(np.ones((2, 2), int), "softmax"),
        ArgumentError,
        "takes logits",
    ),
    "one output too few": (lambda: fitted([[1, 3], [1, 2]]), RangeError, "label 3 at [0, 1]"),
    "labels with fractions": (
        lambda: fitted([[1.0, 1.5], [1, 2]]),
        DataError,
        "1.5 at [0, 1]",
    ),
    "one label for each row": (lambda: fitted([1, 2]), ShapeError, "(2,)"),
    "beams": (
        lambda: keras.ops.ctc_decode(Z, [3, 3], strategy="beam_search"),
        ArgumentError,
        "'greedy'",
    ),
}


def fitted(y, activation=None):
    model = lm.Sequential([lm.Input((5, 2)), lm.layers.Dense(3, activation)])
    model.compile("sgd", "ctc")
    model.fit(np.zeros((2, 5, 2), "float32"), np.asarray(y), verbose=0)


@pytest.mark.parametrize(("mistake", "error", "text"), MISTAKES.values(), ids=MISTAKES)
def test_message(mistake, error, text):
    with pytest.raises(error) as caught:
        mistake()
    assert text in str(caught.value)

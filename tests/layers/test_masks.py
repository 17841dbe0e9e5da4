"""Masks reach everything behind them: what is not there counts nowhere, and has no gradient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina as lm
from lamina import layers as L
from lamina import metrics as M
from lamina.operations import masks

RNG = np.random.default_rng(3)
THERE = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool)


# ---- metrics -----------------------------------------------------------------------------------
def probabilities():
    return RNG.uniform(size=(4, 4)).astype("float32")


def yes_or_no():
    return RNG.integers(0, 2, (4, 4)).astype("float32")


def classes():
    return RNG.integers(0, 3, (4, 4))


def rows():
    return RNG.normal(size=(4, 4, 3)).astype("float32")


BINARY = [
    *(getattr(M, name) for name in ("Precision", "Recall", "TruePositives", "FalsePositives")),
    *(getattr(M, name) for name in ("TrueNegatives", "FalseNegatives", "AUC", "BinaryAccuracy")),
    lambda: M.Precision(thresholds=[0.2, 0.7]),
    lambda: M.AUC(curve="PR"),
    lambda: M.PrecisionAtRecall(0.5),
    lambda: M.SensitivityAtSpecificity(0.5),
    M.RootMeanSquaredError,
    M.BinaryIoU,
]
CASES = [
    *((make, yes_or_no, probabilities) for make in BINARY),
    (lambda: M.ConfusionMatrix(3), classes, rows),
    (lambda: M.MeanIoU(3, sparse_y_pred=False), classes, rows),
    (M.SparseCategoricalAccuracy, classes, rows),
    (lambda: M.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1), classes, rows),
    (lambda: M.SparseTopKCategoricalAccuracy(2), classes, rows),
]


@pytest.mark.parametrize(("make", "targets", "predictions"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_metric_counts_what_is_there(make, targets, predictions, weighted):
    y, p = targets(), predictions()
    w = RNG.uniform(size=y.shape).astype("float32") if weighted else None
    masked, alone = make(), make()
    masked.update_state(y, masks.attach(lm.asarray(p), THERE), w)
    alone.update_state(y[THERE], p[THERE], None if w is None else w[THERE])
    np.testing.assert_allclose(
        masked.result().numpy(), alone.result().numpy(), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("make", [lambda: M.F1Score("macro"), M.R2Score])
def test_masked_matrix_metrics_ignore_masked_rows(make):
    y, p = yes_or_no(), probabilities()
    there = np.array([True, False, True, True])
    masked, alone = make(), make()
    masked.update_state(y, masks.attach(lm.asarray(p), there))
    alone.update_state(y[there], p[there])
    assert masked.result().item() == pytest.approx(alone.result().item(), rel=1e-5)


def test_metrics_of_a_model_that_masks():
    x = np.where(THERE, RNG.integers(1, 9, THERE.shape), 0)
    y = yes_or_no()[..., None]
    inputs = L.Input((None,), dtype="int32")
    h = L.LSTM(3, return_sequences=True)(L.Embedding(9, 4, mask_zero=True)(inputs))
    model = lm.Model(inputs, L.Dense(1, "sigmoid")(h))
    model.compile("sgd", "binary_crossentropy", metrics=["AUC", "Precision", "Recall"])
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    p = model.predict(x, verbose=0)
    for name, metric in (("AUC", M.AUC()), ("Precision", M.Precision()), ("Recall", M.Recall())):
        metric.update_state(y[THERE], p[THERE])
        assert found[name] == pytest.approx(metric.result().item(), rel=1e-5)


# ---- layers ------------------------------------------------------------------------------------
X = RNG.normal(size=(4, 4, 3)).astype("float32")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("layer", "of"), [(L.GlobalMaxPooling1D, np.max), (L.GlobalAveragePooling1D, np.mean)]
)
def test_pooling_over_the_steps_that_are_there(layer, of, data_format):
    expected = [of(x[m], axis=0) if m.any() else np.zeros(3) for x, m in zip(X, THERE, strict=True)]
    first = data_format == "channels_first"
    x = X.swapaxes(1, 2) if first else X
    pool = layer(data_format=data_format)
    np.testing.assert_allclose(pool(x, mask=THERE).numpy(), expected, rtol=1e-5)
    kept = layer(data_format=data_format, keepdims=True)(x, mask=THERE)
    assert kept.shape == ((4, 3, 1) if first else (4, 1, 3))
    gradient = lm.grad(lambda x: lm.sum(pool(x, mask=THERE)))(lm.asarray(x)).numpy()
    gradient = gradient.swapaxes(1, 2) if first else gradient
    assert not gradient[~THERE].any()
    np.testing.assert_allclose(gradient.sum(1), np.repeat(THERE.any(1), 3).reshape(4, 3), rtol=1e-5)


def test_batch_normalization_leaves_out_what_is_not_there():
    layer = L.BatchNormalization(momentum=0.0)
    found = layer(X, training=True, mask=THERE).numpy()
    mean, variance = X[THERE].mean(0), X[THERE].var(0)
    np.testing.assert_allclose(found, (X - mean) / np.sqrt(variance + 1e-3), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-4)


def test_attention_sees_what_is_there():
    for layer in (L.Attention(), L.AdditiveAttention()):
        found = layer([X, X], mask=[None, lm.asarray(THERE)]).numpy()
        for row in range(4):
            keys = X[row : row + 1, THERE[row]]
            wanted = layer([X[row : row + 1], keys]).numpy()[0] if keys.size else np.zeros((4, 3))
            np.testing.assert_allclose(found[row], wanted, rtol=1e-4, atol=1e-5)


def test_masks_go_through_to_pooling_in_a_compiled_model():
    x = np.where(THERE, RNG.integers(1, 9, THERE.shape), 0)
    table = L.Embedding(9, 3, mask_zero=True)
    for pool, of in ((L.GlobalMaxPooling1D(), np.max), (L.GlobalAveragePooling1D(), np.mean)):
        model = lm.Sequential([L.Input((None,), dtype="int32"), table, L.Dropout(0.5), pool])
        vectors = table.get_weights()[0]
        wanted = [of(vectors[r[r > 0]], axis=0) if r.any() else np.zeros(3) for r in x]
        np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-7)


# ---- recurrent layers: any pattern -------------------------------------------------------------
KINDS = {
    "simple": lambda **o: L.SimpleRNN(3, **o),
    "lstm": lambda **o: L.LSTM(3, **o),
    "gru": lambda **o: L.GRU(3, **o),
    "gru_before": lambda **o: L.GRU(3, reset_after=False, **o),
    "stack": lambda **o: L.RNN([L.LSTMCell(3), L.GRUCell(2)], **o),
    "both ways": lambda **o: L.Bidirectional(L.LSTM(3, **o)),
}
BUILT = {
    (kind, sequences): make(return_sequences=sequences)
    for kind, make in KINDS.items()
    for sequences in (False, True)
}


def padded(lengths, steps, side):
    places = np.arange(steps)
    counts = np.array(lengths)[:, None]
    return places < counts if side == "right" else places >= steps - counts


@st.composite
def patterns(draw):
    steps, count = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    side = draw(st.sampled_from(["right", "left", "holes"]))
    if side != "holes":
        lengths = draw(st.lists(st.integers(0, steps), min_size=count, max_size=count))
        return padded(lengths, steps, side)
    row = st.lists(st.booleans(), min_size=steps, max_size=steps)
    return np.array(draw(st.lists(row, min_size=count, max_size=count)))


@given(mask=patterns(), kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_row_of_a_batch_is_its_sequence_alone(mask, kind, seed):
    x = np.random.default_rng(seed).normal(size=(*mask.shape, 2)).astype("float32")
    last, every = BUILT[kind, False], BUILT[kind, True]
    last(x)
    every(x)
    found, steps = last(x, mask=mask).numpy(), every(x, mask=mask).numpy()
    for row, there in enumerate(mask):
        if not there.any():
            assert not found[row].any()
            assert not steps[row].any()
            continue
        alone = x[row : row + 1, there]
        np.testing.assert_allclose(found[row], last(alone).numpy()[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(steps[row, there], every(alone).numpy()[0], rtol=1e-4, atol=1e-5)


@given(mask=patterns(), kind=st.sampled_from(sorted(KINDS)))
@settings(max_examples=15, deadline=None)
def test_masked_steps_have_no_gradient_and_make_no_nan(mask, kind):
    x = np.where(mask[..., None], RNG.normal(size=(*mask.shape, 2)), np.nan).astype("float32")
    layer = BUILT[kind, False]
    layer(np.zeros((1, 1, 2), "float32"))
    weights = layer.trainable_weights

    def loss(arguments):
        return lm.sum(lm.square(layer(arguments["x"], mask=mask)))

    found = lm.grad(loss)({"x": lm.asarray(x)})["x"].numpy()
    assert not found[~mask].any()
    assert np.isfinite(found).all()
    gradients = lm.grad(lambda _: loss({"x": lm.asarray(x)}))(weights)
    assert all(np.isfinite(g.numpy()).all() for g in gradients)
    if not mask.any():
        assert not any(g.numpy().any() for g in gradients)

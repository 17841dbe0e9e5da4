"""Every metric compared with Keras's, over weighted batches of different sizes."""

import inspect
import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from lamina import metrics  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]

rng = np.random.default_rng(1)
N, C = 30, 4
LABELS = rng.permutation(np.arange(N) % C)
HOT = np.eye(C, dtype="float32")[LABELS]
LOGITS = (rng.normal(size=(N, C)) + HOT).astype("float32")
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
NUMBERS = rng.normal(size=(N, C)).astype("float32")
POSITIVE = rng.uniform(0.1, 3, size=(N, C)).astype("float32")
YES_NO = rng.integers(0, 2, size=(N, C)).astype("float32")
ONE, CHANCE = YES_NO[:, :1], SHARES[:, :1]

CASES = [
    ("Accuracy", {}, LABELS, SHARES.argmax(1)),
    ("BinaryAccuracy", {}, YES_NO, SHARES),
    ("BinaryAccuracy", {"threshold": 0.2}, ONE, CHANCE),
    ("CategoricalAccuracy", {}, HOT, SHARES),
    ("SparseCategoricalAccuracy", {}, LABELS, SHARES),
    ("SparseCategoricalAccuracy", {}, LABELS[:, None], SHARES),
    ("TopKCategoricalAccuracy", {"k": 2}, HOT, SHARES),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, LABELS, SHARES),
    ("MeanSquaredError", {}, NUMBERS, LOGITS),
    ("RootMeanSquaredError", {}, NUMBERS, LOGITS),
    ("MeanAbsoluteError", {}, NUMBERS, LOGITS),
    ("MeanAbsolutePercentageError", {}, NUMBERS, LOGITS),
    ("MeanSquaredLogarithmicError", {}, NUMBERS, POSITIVE),
    ("LogCoshError", {}, NUMBERS, LOGITS),
    ("CosineSimilarity", {}, NUMBERS, LOGITS),
    ("PearsonCorrelation", {}, NUMBERS, LOGITS),
    ("ConcordanceCorrelation", {}, NUMBERS, LOGITS),
    ("R2Score", {}, NUMBERS, LOGITS),
    ("R2Score", {"class_aggregation": None}, NUMBERS, LOGITS),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, NUMBERS, LOGITS),
    ("R2Score", {"num_regressors": 2}, NUMBERS, LOGITS),
    ("BinaryCrossentropy", {}, YES_NO, SHARES),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, HOT, SHARES),
    ("SparseCategoricalCrossentropy", {}, LABELS, SHARES),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABELS, LOGITS),
    ("KLDivergence", {}, HOT, SHARES),
    ("Poisson", {}, POSITIVE, SHARES),
    ("Hinge", {}, YES_NO, LOGITS),
    ("SquaredHinge", {}, YES_NO, LOGITS),
    ("CategoricalHinge", {}, HOT, LOGITS),
    ("TruePositives", {}, ONE, CHANCE),
    ("FalsePositives", {"thresholds": [0.1, 0.5]}, YES_NO, SHARES),
    ("TrueNegatives", {"thresholds": 0.3}, ONE, CHANCE),
    ("FalseNegatives", {}, ONE, CHANCE),
    ("Precision", {}, ONE, CHANCE),
    ("Precision", {"thresholds": [0.1, 0.6]}, YES_NO, SHARES),
    ("Precision", {"top_k": 2}, HOT, SHARES),
    ("Recall", {}, YES_NO, SHARES),
    ("Recall", {"top_k": 2, "class_id": 1}, HOT, SHARES),
    ("Recall", {"class_id": 2}, HOT, SHARES),
    ("PrecisionAtRecall", {"recall": 0.6}, ONE, CHANCE),
    ("RecallAtPrecision", {"precision": 0.5}, ONE, CHANCE),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, ONE, CHANCE),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5, "num_thresholds": 1}, ONE, CHANCE),
    ("AUC", {}, ONE, CHANCE),
    ("AUC", {"curve": "PR"}, ONE, CHANCE),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, ONE, CHANCE),
    ("AUC", {"curve": "PRGAIN"}, ONE, CHANCE),
    ("AUC", {"summation_method": "minoring", "num_thresholds": 31}, ONE, CHANCE),
    ("AUC", {"thresholds": [0.1, 0.3, 0.7]}, ONE, CHANCE),
    ("AUC", {"multi_label": True, "num_labels": C}, YES_NO, SHARES),
    ("AUC", {"from_logits": True}, ONE, LOGITS[:, :1]),
    ("F1Score", {}, HOT, SHARES),
    ("F1Score", {"average": "macro", "threshold": 0.4}, YES_NO, SHARES),
    ("F1Score", {"average": "micro"}, HOT, SHARES),
    ("FBetaScore", {"average": "weighted", "beta": 2.0}, HOT, SHARES),
    ("IoU", {"num_classes": C, "target_class_ids": [0, 2]}, LABELS, SHARES.argmax(1)),
    ("BinaryIoU", {"threshold": 0.3}, ONE, CHANCE),
    ("MeanIoU", {"num_classes": C}, LABELS, SHARES.argmax(1)),
    ("MeanIoU", {"num_classes": C, "ignore_class": 1}, LABELS, SHARES.argmax(1)),
    ("OneHotIoU", {"num_classes": C, "target_class_ids": [1]}, HOT, SHARES),
    ("OneHotMeanIoU", {"num_classes": C}, HOT, SHARES),
]
IDS = [f"{name}{list(arguments.values()) or ''}" for name, arguments, _, _ in CASES]
WHOLE_WEIGHTS = {"IoU", "BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "arguments", "y", "p"), CASES, ids=IDS)
def test_same_metric(name, arguments, y, p, weighted):
    ours, theirs = (getattr(module, name)(**arguments) for module in (metrics, keras.metrics))
    weights = np.linspace(0.5, 2.0, N).astype("float32") if weighted else np.ones(N, "float32")
    if name in WHOLE_WEIGHTS:  # Keras counts these in integers
        weights = np.ceil(weights).astype("int32")
    for part in (slice(0, 7), slice(7, 8), slice(8, N)):
        given = weights[part] if weighted else None
        ours.update_state(y[part], p[part], sample_weight=given)
        theirs.update_state(y[part], p[part], sample_weight=given)
    np.testing.assert_allclose(
        ours.result().numpy(), np.asarray(theirs.result()), rtol=5e-5, atol=1e-5
    )


def test_mean_and_sum():
    values, weights = NUMBERS, np.linspace(0.5, 2.0, N).astype("float32")
    for name in ("Mean", "Sum"):
        ours, theirs = (getattr(module, name)() for module in (metrics, keras.metrics))
        for metric in (ours, theirs):
            metric.update_state(values[:, 0], sample_weight=weights)
            metric.update_state(values[:, 1])
        np.testing.assert_allclose(ours.result().numpy(), np.asarray(theirs.result()), rtol=1e-5)


def test_every_keras_metric_is_here_and_compared():
    bases = {"Metric", "Mean", "Sum", "MeanMetricWrapper"}
    theirs = {name for name in dir(keras.metrics) if name[0].isupper()}
    assert not theirs - set(metrics.__all__)
    assert not theirs - bases - {name for name, *_ in CASES}


@pytest.mark.parametrize("name", sorted({name for name, *_ in CASES}))
def test_same_defaults(name):
    ours = inspect.signature(getattr(metrics, name).__init__).parameters
    theirs = inspect.signature(getattr(keras.metrics, name).__init__).parameters
    assert list(ours) == list(theirs)
    assert {k: v.default for k, v in ours.items()} == {k: v.default for k, v in theirs.items()}

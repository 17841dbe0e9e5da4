"""Metrics against their definitions in NumPy, over several weighted batches, eager and compiled."""

import json

import numpy as np
import pytest

import lamina as lm
from lamina import losses, metrics
from lamina.errors import ArgumentError, RangeError, ShapeError, UnknownNameError

rng = np.random.default_rng(11)
N, C = 12, 5
LABELS = rng.permutation(np.arange(N) % C)
HOT = np.eye(C)[LABELS]
SCORES = rng.uniform(size=(N, C)) + 0.3 * HOT
SHARES = SCORES / SCORES.sum(1, keepdims=True)
YES_NO = rng.integers(0, 2, size=(N, 1)).astype(float)
CHANCE = np.clip(0.4 * YES_NO + rng.uniform(0, 0.6, size=(N, 1)), 0, 1)
NUMBERS = rng.normal(size=(N, C)), rng.normal(size=(N, C))
POSITIVE = rng.uniform(0.1, 3, size=(N, C)), rng.uniform(0.1, 3, size=(N, C))
WEIGHTS = rng.uniform(0.1, 2.0, size=N)


def over(values, weights):
    return (values * weights).sum() / weights.sum()


def top(k):
    order = np.argsort(-SCORES, axis=1)[:, :k]
    return (order == LABELS[:, None]).any(1)


def pearson(y, p):
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(y, p)])


def concordance(y, p):
    cov = ((y - y.mean(1, keepdims=True)) * (p - p.mean(1, keepdims=True))).mean(1)
    return 2 * cov / (y.var(1) + p.var(1) + (y.mean(1) - p.mean(1)) ** 2)


def r2(y, p, w):
    mean = (w[:, None] * y).sum(0) / w.sum()
    return np.mean(1 - (w[:, None] * (y - p) ** 2).sum(0) / (w[:, None] * (y - mean) ** 2).sum(0))


def counts(y, p, w, threshold=0.5):
    """tp, fp, tn, fn"""
    yes = p > threshold
    return [
        (w * (yes == said) * (y == truth)).sum() for said, truth in ((1, 1), (1, 0), (0, 0), (0, 1))
    ]


def f_beta(average, beta=1.0, w=WEIGHTS):
    yes = np.eye(C)[SHARES.argmax(1)]
    parts = [(w[:, None] * x) for x in (yes * HOT, yes * (1 - HOT), (1 - yes) * HOT)]
    axis = None if average == "micro" else 0
    tp, fp, fn = (part.sum(axis) for part in parts)
    score = (1 + beta**2) * tp / np.maximum((1 + beta**2) * tp + beta**2 * fn + fp, 1e-12)
    if average == "weighted":
        support = (w[:, None] * HOT).sum(0)
        return (score * support).sum() / support.sum()
    return score if average is None else np.mean(score)


def iou(classes):
    predicted, found = SHARES.argmax(1), []
    for c in classes:
        both = (WEIGHTS * ((LABELS == c) & (predicted == c))).sum()
        either = (WEIGHTS * ((LABELS == c) | (predicted == c))).sum()
        found += [both / either] if either else []
    return np.mean(found)


# metric, targets, predictions, the value for all samples with their weights
Y, P = YES_NO[:, 0], CHANCE[:, 0]
DEFINITIONS = [
    (metrics.Accuracy, {}, (LABELS, SHARES.argmax(1)), over(LABELS == SHARES.argmax(1), WEIGHTS)),
    (metrics.BinaryAccuracy, {}, (YES_NO, CHANCE), over((P > 0.5) == Y, WEIGHTS)),
    (
        metrics.BinaryAccuracy,
        {"threshold": 0.3},
        (YES_NO, CHANCE),
        over((P > 0.3) == Y, WEIGHTS),
    ),
    (metrics.CategoricalAccuracy, {}, (HOT, SHARES), over(SHARES.argmax(1) == LABELS, WEIGHTS)),
    (
        metrics.SparseCategoricalAccuracy,
        {},
        (LABELS, SHARES),
        over(SHARES.argmax(1) == LABELS, WEIGHTS),
    ),
    (
        metrics.SparseCategoricalAccuracy,
        {},
        (LABELS[:, None], SHARES),
        over(SHARES.argmax(1) == LABELS, WEIGHTS),
    ),
    (metrics.TopKCategoricalAccuracy, {"k": 2}, (HOT, SCORES), over(top(2), WEIGHTS)),
    (metrics.SparseTopKCategoricalAccuracy, {"k": 3}, (LABELS, SCORES), over(top(3), WEIGHTS)),
    (
        metrics.SparseTopKCategoricalAccuracy,
        {"k": 2, "from_sorted_ids": True},
        (LABELS, np.argsort(-SCORES, axis=1)),
        over(top(2), WEIGHTS),
    ),
    (
        metrics.MeanSquaredError,
        {},
        NUMBERS,
        over(((NUMBERS[0] - NUMBERS[1]) ** 2).mean(1), WEIGHTS),
    ),
    (
        metrics.RootMeanSquaredError,
        {},
        NUMBERS,
        np.sqrt(over(((NUMBERS[0] - NUMBERS[1]) ** 2).mean(1), WEIGHTS)),
    ),
    (
        metrics.MeanAbsoluteError,
        {},
        NUMBERS,
        over(np.abs(NUMBERS[0] - NUMBERS[1]).mean(1), WEIGHTS),
    ),
    (
        metrics.MeanAbsolutePercentageError,
        {},
        POSITIVE,
        over(100 * np.abs((POSITIVE[0] - POSITIVE[1]) / POSITIVE[0]).mean(1), WEIGHTS),
    ),
    (
        metrics.MeanSquaredLogarithmicError,
        {},
        POSITIVE,
        over(((np.log1p(POSITIVE[0]) - np.log1p(POSITIVE[1])) ** 2).mean(1), WEIGHTS),
    ),
    (
        metrics.LogCoshError,
        {},
        NUMBERS,
        over(np.log(np.cosh(NUMBERS[0] - NUMBERS[1])).mean(1), WEIGHTS),
    ),
    (
        metrics.CosineSimilarity,
        {},
        NUMBERS,
        over(
            (NUMBERS[0] * NUMBERS[1]).sum(1)
            / np.linalg.norm(NUMBERS[0], axis=1)
            / np.linalg.norm(NUMBERS[1], axis=1),
            WEIGHTS,
        ),
    ),
    (metrics.PearsonCorrelation, {}, NUMBERS, over(pearson(*NUMBERS), WEIGHTS)),
    (metrics.ConcordanceCorrelation, {}, NUMBERS, over(concordance(*NUMBERS), WEIGHTS)),
    (metrics.R2Score, {}, NUMBERS, r2(*NUMBERS, WEIGHTS)),
    (
        metrics.BinaryCrossentropy,
        {},
        (YES_NO, CHANCE),
        over(-np.log(np.clip(np.where(Y == 1, P, 1 - P), 1e-7, 1)), WEIGHTS),
    ),
    (
        metrics.CategoricalCrossentropy,
        {},
        (HOT, SHARES),
        over(-np.log((HOT * SHARES).sum(1)), WEIGHTS),
    ),
    (
        metrics.SparseCategoricalCrossentropy,
        {},
        (LABELS, SHARES),
        over(-np.log((HOT * SHARES).sum(1)), WEIGHTS),
    ),
    (
        metrics.SparseCategoricalCrossentropy,
        {"ignore_class": 0},
        (LABELS, SHARES),
        over(-np.log((HOT * SHARES).sum(1)), WEIGHTS * (LABELS != 0)),
    ),
    (
        metrics.KLDivergence,
        {},
        (SHARES, SHARES[::-1]),
        over((SHARES * np.log(SHARES / SHARES[::-1])).sum(1), WEIGHTS),
    ),
    (
        metrics.Poisson,
        {},
        POSITIVE,
        over((POSITIVE[1] - POSITIVE[0] * np.log(POSITIVE[1])).mean(1), WEIGHTS),
    ),
    (
        metrics.Hinge,
        {},
        (2 * HOT - 1, NUMBERS[1]),
        over(np.maximum(1 - (2 * HOT - 1) * NUMBERS[1], 0).mean(1), WEIGHTS),
    ),
    (
        metrics.SquaredHinge,
        {},
        (2 * HOT - 1, NUMBERS[1]),
        over((np.maximum(1 - (2 * HOT - 1) * NUMBERS[1], 0) ** 2).mean(1), WEIGHTS),
    ),
    (
        metrics.CategoricalHinge,
        {},
        (HOT, SHARES),
        over(
            np.maximum(np.where(HOT == 1, 0, SHARES).max(1) - (HOT * SHARES).sum(1) + 1, 0),
            WEIGHTS,
        ),
    ),
    (metrics.TruePositives, {}, (YES_NO, CHANCE), counts(Y, P, WEIGHTS)[0]),
    (metrics.FalsePositives, {}, (YES_NO, CHANCE), counts(Y, P, WEIGHTS)[1]),
    (metrics.TrueNegatives, {}, (YES_NO, CHANCE), counts(Y, P, WEIGHTS)[2]),
    (
        metrics.FalseNegatives,
        {"thresholds": [0.2, 0.7]},
        (YES_NO, CHANCE),
        [counts(Y, P, WEIGHTS, t)[3] for t in (0.2, 0.7)],
    ),
    (
        metrics.Precision,
        {},
        (YES_NO, CHANCE),
        counts(Y, P, WEIGHTS)[0] / sum(counts(Y, P, WEIGHTS)[:2]),
    ),
    (
        metrics.Recall,
        {"thresholds": 0.6},
        (YES_NO, CHANCE),
        counts(Y, P, WEIGHTS, 0.6)[0]
        / (counts(Y, P, WEIGHTS, 0.6)[0] + counts(Y, P, WEIGHTS, 0.6)[3]),
    ),
    (
        metrics.Precision,
        {"top_k": 2},
        (HOT, SCORES),
        (WEIGHTS * top(2)).sum() / (2 * WEIGHTS.sum()),
    ),
    (metrics.Recall, {"top_k": 2}, (HOT, SCORES), (WEIGHTS * top(2)).sum() / WEIGHTS.sum()),
    (
        metrics.Recall,
        {"class_id": 1, "thresholds": 0.25},
        (HOT, SHARES),
        (WEIGHTS * (HOT[:, 1] == 1) * (SHARES[:, 1] > 0.25)).sum() / (WEIGHTS * HOT[:, 1]).sum(),
    ),
    (metrics.F1Score, {}, (HOT, SHARES), f_beta(None)),
    (metrics.F1Score, {"average": "micro"}, (HOT, SHARES), f_beta("micro")),
    (metrics.F1Score, {"average": "macro"}, (HOT, SHARES), f_beta("macro")),
    (
        metrics.FBetaScore,
        {"average": "weighted", "beta": 2.0},
        (HOT, SHARES),
        f_beta("weighted", 2.0),
    ),
    (
        metrics.MeanIoU,
        {"num_classes": C},
        (LABELS, SHARES.argmax(1)),
        iou(range(C)),
    ),
    (
        metrics.OneHotIoU,
        {"num_classes": C, "target_class_ids": [1, 3]},
        (HOT, SHARES),
        iou([1, 3]),
    ),
    (
        metrics.ConfusionMatrix,
        {"num_classes": C},
        (LABELS, SHARES),
        [
            [WEIGHTS[(LABELS == i) & (SHARES.argmax(1) == j)].sum() for j in range(C)]
            for i in range(C)
        ],
    ),
]
NAMES = [f"{cls.__name__}{list(arguments.values()) or ''}" for cls, arguments, _, _ in DEFINITIONS]


@pytest.mark.parametrize(("cls", "arguments", "data", "expected"), DEFINITIONS, ids=NAMES)
def test_definition(cls, arguments, data, expected):
    """Over three batches of different sizes; reset forgets all of it."""
    metric = cls(**arguments)
    for _ in range(2):
        for part in (slice(0, 5), slice(5, 6), slice(6, N)):
            y, p = (np.asarray(each)[part] for each in data)
            metric.update_state(y, p, sample_weight=WEIGHTS[part])
        result = metric.result()
        assert result.dtype == "float32"
        np.testing.assert_allclose(result.numpy(), expected, rtol=2e-5, atol=1e-6)
        metric.reset_state()
    assert not any(v.numpy().any() for v in metric.variables)


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
@pytest.mark.parametrize(("cls", "arguments", "data", "expected"), DEFINITIONS, ids=NAMES)
def test_in_a_compiled_program(cls, arguments, data, expected, engine):
    metric = cls(**arguments)
    y, p = (np.asarray(each) for each in data)
    # a first batch makes the state of those metrics that wait for the number of outputs
    metric.update_state(y[:2], p[:2], WEIGHTS[:2])
    metric.reset_state()
    specs = [lm.Spec(("n", *x.shape[1:]), x.dtype) for x in (y, p, WEIGHTS)]
    with lm.settings(engine=engine):
        update = lm.compile(lambda y, p, w: metric.update_state(y, p, w), signature=specs)
        before = lm.compile_stats().count
        for part in (slice(0, 5), slice(5, 6), slice(6, N)):
            update(y[part], p[part], WEIGHTS[part])
        assert lm.compile_stats().count == before + 1
    np.testing.assert_allclose(metric.result().numpy(), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("cls", "arguments", "data", "expected"), DEFINITIONS, ids=NAMES)
def test_configurations_go_there_and_back(cls, arguments, data, expected):
    metric = cls(name="mine", **arguments)
    again = metrics.deserialize(json.loads(json.dumps(metrics.serialize(metric))))
    assert type(again) is cls
    assert again.name == "mine"
    assert again.get_config() == metric.get_config()


# ---- curves ------------------------------------------------------------------------------------
def exact_roc(y, p, w):
    """The area as the weighted share of pairs (positive, negative) in the right order."""
    pairs = w[y == 1][:, None] * w[y == 0][None]
    ahead = np.sign(p[y == 1][:, None] - p[y == 0][None])
    return ((ahead + 1) / 2 * pairs).sum() / pairs.sum()


def test_area_under_the_roc_curve():
    y = rng.integers(0, 2, size=400).astype(float)
    p = np.clip(rng.normal(0.4 + 0.2 * y, 0.15), 0, 1)
    w = rng.uniform(0.5, 1.5, size=400)
    metric = metrics.AUC(num_thresholds=2000)
    metric.update_state(y, p, w)
    assert metric.result().item() == pytest.approx(exact_roc(y, p, w), abs=1e-3)
    below, above = (
        metrics.AUC(summation_method="minoring"),
        metrics.AUC(summation_method="majoring"),
    )
    for each in (below, above):
        each.update_state(y, p, w)
    assert below.result().item() <= metric.result().item() <= above.result().item()


def test_area_under_the_precision_recall_curve():
    y = rng.integers(0, 2, size=400).astype(float)
    p = np.clip(rng.normal(0.4 + 0.2 * y, 0.15), 0, 1)
    order = np.argsort(-p)
    found = np.cumsum(y[order])
    average_precision = (found / np.arange(1, 401) * y[order]).sum() / y.sum()
    metric = metrics.AUC(num_thresholds=2000, curve="PR")
    metric.update_state(y, p)
    assert metric.result().item() == pytest.approx(average_precision, abs=5e-3)


def test_areas_of_several_labels():
    y = rng.integers(0, 2, size=(200, 3)).astype(float)
    p = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1)
    metric = metrics.AUC(num_thresholds=1000, multi_label=True, label_weights=[1.0, 2.0, 3.0])
    metric.update_state(y, p)
    exact = [exact_roc(y[:, k], p[:, k], np.ones(200)) for k in range(3)]
    assert metric.result().item() == pytest.approx(np.average(exact, weights=[1, 2, 3]), abs=2e-3)


def test_logits_in_an_area():
    y = rng.integers(0, 2, size=100).astype(float)
    z = rng.normal(2 * y - 1)
    of_logits, of_shares = metrics.AUC(from_logits=True), metrics.AUC()
    of_logits.update_state(y, z)
    of_shares.update_state(y, 1 / (1 + np.exp(-z)))
    assert of_logits.result().item() == of_shares.result().item()


@pytest.mark.parametrize(
    ("cls", "best", "constrained"),
    [
        (metrics.PrecisionAtRecall, "precision", "recall"),
        (metrics.RecallAtPrecision, "recall", "precision"),
        (metrics.SensitivityAtSpecificity, "recall", "specificity"),
        (metrics.SpecificityAtSensitivity, "specificity", "recall"),
    ],
)
def test_the_best_of_one_at_another(cls, best, constrained):
    shares = []
    for threshold in np.linspace(0, 1, 50):
        tp, fp, tn, fn = counts(Y, P, WEIGHTS, threshold)
        shares.append(
            {
                "precision": tp / (tp + fp) if tp + fp else 0.0,
                "recall": tp / (tp + fn),
                "specificity": tn / (tn + fp),
            }
        )
    expected = max(s[best] for s in shares if s[constrained] >= 0.6)
    metric = cls(0.6, num_thresholds=50)
    metric.update_state(Y, P, WEIGHTS)
    assert metric.result().item() == pytest.approx(expected, abs=1e-6)
    assert type(metric).from_config(metric.get_config()).target == 0.6


# ---- sums and means ----------------------------------------------------------------------------
def test_mean_and_sum():
    values, weights = rng.normal(size=(6, 3)), rng.uniform(size=6)
    mean, total = metrics.Mean(), metrics.Sum()
    assert mean.result().item() == 0.0
    assert mean(values).item() == pytest.approx(values.mean(), rel=1e-6)
    mean.reset_state()
    mean.update_state(values, sample_weight=weights)
    total.update_state(values, sample_weight=weights)
    assert mean.result().item() == pytest.approx(
        (values * weights[:, None]).sum() / weights.sum() / 3
    )
    assert total.result().item() == pytest.approx((values * weights[:, None]).sum())
    scalars = metrics.Mean()
    scalars.update_state(2.0)
    scalars.update_state(4.0, sample_weight=3.0)
    assert scalars.result().item() == pytest.approx(3.5)


def test_a_mean_over_very_many_samples_stays_right():
    """float32 counts stop at 2^24: one more is lost."""
    mean = metrics.Mean()
    mean.count.assign(2.0**24)
    mean.total.assign(2.0**24)
    for _ in range(3):
        mean.update_state([1.0])
    assert mean.count.numpy() == 2**24 + 3


def test_adjusted_r2():
    y, p = NUMBERS
    plain, adjusted = metrics.R2Score(), metrics.R2Score(num_regressors=3)
    for metric in (plain, adjusted):
        metric.update_state(y, p)
    n = y.size
    expected = 1 - (1 - plain.result().item()) * (n - 1) / (n - 4)
    assert adjusted.result().item() == pytest.approx(expected, rel=1e-5)


def test_a_function_is_a_metric():
    metric = metrics.as_metric(lambda y, p: lm.max(lm.abs(y - p), axis=-1))
    metric.update_state(*NUMBERS)
    expected = np.abs(NUMBERS[0] - NUMBERS[1]).max(1).mean()
    assert metric.result().item() == pytest.approx(expected, rel=1e-6)


# ---- which accuracy ----------------------------------------------------------------------------
RESOLVED = [
    (losses.SparseCategoricalCrossentropy(), (None,), (None, 10), "sparse_categorical_accuracy"),
    (losses.SparseCategoricalCrossentropy(), (None, 1), (None, 1), "sparse_categorical_accuracy"),
    (losses.CategoricalCrossentropy(), (None, 10), (None, 10), "categorical_accuracy"),
    (losses.KLDivergence(), (None, 10), (None, 10), "categorical_accuracy"),
    (losses.CategoricalHinge(), (None, 10), (None, 10), "categorical_accuracy"),
    (losses.BinaryCrossentropy(), (None,), (None, 1), "binary_accuracy"),
    (losses.BinaryCrossentropy(), (None,), (None,), "binary_accuracy"),
]


@pytest.mark.parametrize(("loss", "y", "outputs", "name"), RESOLVED)
def test_accuracy_is_resolved(loss, y, outputs, name):
    for identifier in ("accuracy", "acc"):
        assert metrics.as_metric(identifier, loss, y, outputs).name == name


def test_accuracy_of_logits_has_its_boundary_at_0():
    loss = losses.BinaryCrossentropy(from_logits=True)
    metric = metrics.resolve_accuracy(loss, (None, 1), (None, 1))
    metric.update_state([1.0, 0.0], [0.2, -0.2])
    assert metric.result().item() == 1.0


@pytest.mark.parametrize(
    ("loss", "y", "outputs", "candidates"),
    [
        (losses.MeanSquaredError(), (None, 1), (None, 1), ["mean_absolute_error", "r2_score"]),
        (losses.MeanSquaredError(), (None, 10), (None, 10), ["categorical_accuracy", "binary_"]),
        (losses.BinaryCrossentropy(), (None, 10), (None, 10), ["categorical_accuracy", "binary_"]),
        (losses.Hinge(), (None, 1), (None, 1), ["threshold"]),
        (losses.as_loss(lambda y, p: y), (None,), (None, 10), ["sparse_categorical_accuracy"]),
    ],
)
def test_accuracy_that_could_mean_several_things(loss, y, outputs, candidates):
    with pytest.raises(ArgumentError, match="'accuracy' is ambiguous") as error:
        metrics.as_metric("accuracy", loss, y, outputs)
    for candidate in candidates:
        assert candidate in str(error.value)


def test_crossentropy_is_resolved():
    found = metrics.as_metric("ce", losses.SparseCategoricalCrossentropy(), (None,), (None, 3))
    assert found.name == "sparse_categorical_crossentropy"
    with pytest.raises(ArgumentError, match="ambiguous"):
        metrics.as_metric("crossentropy", losses.MeanSquaredError(), (None, 3), (None, 3))


# ---- by name -----------------------------------------------------------------------------------
def test_names():
    assert isinstance(metrics.get("mae"), metrics.MeanAbsoluteError)
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert isinstance(metrics.get("f1_score"), metrics.F1Score)
    assert metrics.get(None) is None
    with pytest.raises(UnknownNameError, match="did you mean 'precision'"):
        metrics.get("precission")
    with pytest.raises(ArgumentError, match="depends on the loss"):
        metrics.as_metric("accuracy")


def test_refusals():
    with pytest.raises(ShapeError, match="sparse_categorical_accuracy"):
        metrics.CategoricalAccuracy().update_state(LABELS, SHARES)
    with pytest.raises(ShapeError, match="one-hot"):
        metrics.SparseCategoricalAccuracy().update_state(HOT, SHARES)
    with pytest.raises(ShapeError, match="never broadcasts"):
        metrics.MeanSquaredError().update_state(np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ShapeError, match="samples, outputs"):
        metrics.F1Score().update_state(np.zeros(3), np.zeros(3))
    with pytest.raises(RangeError, match="thresholds must be 0 to 1"):
        metrics.Precision(thresholds=1.5)
    with pytest.raises(RangeError, match="recall must be 0 to 1"):
        metrics.PrecisionAtRecall(2.0)
    with pytest.raises(ArgumentError, match="curve must be one of ROC, PR"):
        metrics.AUC(curve="roq")
    with pytest.raises(RangeError, match="invalid target_class_ids"):
        metrics.IoU(3, [4])

"""Plots of classifiers: ROC, precision and recall, decision regions, and what they accept."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

import lamina as lm
from lamina.errors import ArgumentError, DataError, DTypeError, ShapeError, UnknownNameError
from lamina.plot.ranking import precision_recall_curve, roc_curve

pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)
BOTH = [lm.plot.roc, lm.plot.precision_recall]


def with_ties(count=200):
    """Labels and scores of which many are equal."""
    y = RNG.integers(0, 2, count).astype(bool)
    return y, np.round(y * 0.3 + RNG.random(count), 1)


def labels(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().texts]


# ---- the curves --------------------------------------------------------------------------------
@pytest.mark.parametrize("ties", [False, True])
def test_the_roc_curve_and_its_area_are_those_of_scikit_learn(ties):
    y, scores = with_ties()
    scores = scores if ties else scores + RNG.random(len(y)) * 1e-3
    found = roc_curve(y, scores)
    x, expected, thresholds = sk.roc_curve(y, scores, drop_intermediate=False)
    np.testing.assert_allclose(found.x, x)
    np.testing.assert_allclose(found.y, expected)
    np.testing.assert_allclose(found.thresholds, thresholds)
    assert found.area == pytest.approx(sk.roc_auc_score(y, scores))


@pytest.mark.parametrize("ties", [False, True])
def test_precision_recall_and_its_average_are_those_of_scikit_learn(ties):
    y, scores = with_ties()
    scores = scores if ties else scores + RNG.random(len(y)) * 1e-3
    found = precision_recall_curve(y, scores)
    precision, recall, _ = sk.precision_recall_curve(y, scores)
    np.testing.assert_allclose(found.x[1:], recall[:-1][::-1])
    np.testing.assert_allclose(found.y[1:], precision[:-1][::-1])
    assert found.area == pytest.approx(sk.average_precision_score(y, scores))


def test_the_area_of_the_drawn_steps_is_the_average_precision():
    y, scores = with_ties()
    (line,) = lm.plot.precision_recall(y, scores).axes[0].lines[1:2]
    assert line.get_drawstyle() == "steps-pre"
    x, heights = line.get_data()
    area = float((np.diff(x) * heights[1:]).sum())
    assert area == pytest.approx(sk.average_precision_score(y, scores))


def test_each_class_has_a_curve_and_the_legend_their_mean():
    y = np.arange(90) % 3
    scores = np.eye(3)[y] + RNG.random((90, 3))
    figure = lm.plot.roc(y, scores, names=["a", "b", "c"])
    areas = [sk.roc_auc_score(y == k, scores[:, k]) for k in range(3)]
    assert labels(figure) == [f"{n}: AUC {a:.3f}" for n, a in zip("abc", areas, strict=True)]
    heading = figure.axes[0].get_legend().get_title().get_text()
    assert heading == f"mean AUC {np.mean(areas):.3f}"


def test_models_are_compared_by_name():
    y, scores = with_ties()
    figure = lm.plot.roc(y, {"one": scores, "two": scores[:, None] * -1})
    area = sk.roc_auc_score(y, scores)
    assert labels(figure) == [f"one: AUC {area:.3f}", f"two: AUC {1 - area:.3f}"]


def test_models_with_several_classes_are_compared_by_all_decisions():
    y = np.arange(60) % 3
    scores = np.eye(3)[y] + RNG.random((60, 3))
    figure = lm.plot.roc(y, {"one": scores, "two": scores / 2})
    area = sk.roc_auc_score(np.eye(3)[y].ravel(), scores.ravel())
    assert labels(figure) == [f"one: AUC {area:.3f}", f"two: AUC {area:.3f}"]


def test_a_dot_marks_the_threshold_of_one_half():
    y = np.array([0, 0, 1, 1, 0])
    scores = np.array([0.1, 0.6, 0.55, 0.9, 0.3])
    dot = lm.plot.roc(y, scores).axes[0].lines[-1]
    assert dot.get_marker() == "o"
    np.testing.assert_allclose(dot.get_data(), [[1 / 3], [1.0]])


@pytest.mark.parametrize("plot", BOTH)
@pytest.mark.parametrize(
    "form",
    [
        lambda y, p: (y.tolist(), p.tolist()),
        lambda y, p: (pd.Series(y, name="class"), pd.DataFrame({"p": p})),
        lambda y, p: (lm.asarray(y), lm.asarray(p[:, None])),
        lambda y, p: (y.astype(float), np.stack([1 - p, p], axis=1)),
        lambda y, p: (np.eye(2)[y], p.astype(np.float32)),
        lambda y, p: (y.astype(bool), p),
    ],
)
def test_labels_and_scores_of_any_form_give_the_same_area(plot, form):
    y = np.array([0, 0, 1, 1, 0, 1])
    p = np.array([0.125, 0.5, 0.375, 0.875, 0.25, 0.75])
    assert labels(plot(*form(y, p))) == labels(plot(y, p))


@pytest.mark.parametrize("plot", BOTH)
def test_names_of_classes_are_accepted_as_labels(plot):
    p = RNG.random((6, 3))
    y = ["cat", "dog", "cow", "cat", "dog", "cow"]
    named = plot(y, p, names=["cat", "cow", "dog"])
    assert labels(named) == labels(plot([0, 2, 1, 0, 2, 1], p, names=["cat", "cow", "dog"]))


def test_of_many_classes_the_best_and_the_worst_are_named():
    y = np.arange(2000) % 100
    scores = RNG.random((2000, 100))
    scores[np.arange(2000), y] += np.where(y == 7, 2, np.where(y == 8, -0.5, 0.3))
    shown = labels(lm.plot.roc(y, scores))
    assert shown[0] == "100 classes"
    assert shown[1].startswith("best, 7: AUC 1.000") and shown[2].startswith("worst, 8: AUC")


@pytest.mark.parametrize("plot", BOTH)
@pytest.mark.parametrize(
    ("true", "scores", "kind", "message"),
    [
        ([0, 1], [0.5], DataError, "2 true labels and 1 rows"),
        ([], [], ShapeError, "expected scores"),
        ([1, 1], [0.1, 0.5], DataError, "all 2 labels are 1"),
        ([0, 1], [0.1, np.nan], DataError, "row 1 is not finite"),
        ([0, 2], [0.1, 0.5], DataError, "labels go up to 2, but y_score has 1 column"),
        ([0, 1, 3], np.ones((3, 3)), DataError, "labels go up to 3, but y_score has 3 columns"),
        (["a", "b"], [0.1, 0.5], DTypeError, r"names=\[\.\.\.\]"),
        ([-1, 1], [0.1, 0.5], DTypeError, r"take \(y > 0\)"),
        ([0.3, 1], [0.1, 0.5], DTypeError, "class numbers"),
        ([[1, 1], [0, 1]], [0.1, 0.5], DataError, "row 0 has 2 classes"),
        ([0, 1], ["a", "b"], ShapeError, "expected scores"),
        ([0, 1], [[0.1], [0.2, 0.3]], ShapeError, "unequal lengths"),
        ([0, 1], {}, DataError, "y_score is empty"),
    ],
)
def test_errors_of_ranking_name_the_argument_and_the_fix(plot, true, scores, kind, message):
    with pytest.raises(kind, match=message):
        plot(true, scores)


def test_an_unknown_class_name_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'cat'"):
        lm.plot.roc(["cat", "ct"], [0.1, 0.2], names=["cat", "dog"])


def test_confusion_accepts_class_names_and_float_labels():
    named = lm.plot.confusion(["a", "b", "b"], ["a", "a", "b"], names=["a", "b"])
    numbers = lm.plot.confusion(pd.Series([0.0, 1.0, 1.0]), [0, 0, 1], names=["a", "b"])
    for figure in (named, numbers):
        assert figure.get_suptitle() == "accuracy 66.7% of 3 samples"
    with pytest.raises(DataError, match="row 0 is not finite"):
        lm.plot.confusion([0, 1], [[np.nan, 1], [0, 1]])


# ---- decision regions --------------------------------------------------------------------------
def sign(points):
    """Class 1 on the right, as a probability."""
    return (np.asarray(points)[:, :1] > 0) * 0.8 + 0.1


def test_the_boundary_is_at_the_change_of_class_and_wrong_samples_are_marked():
    x = np.array([[-1.0, 0], [1, 0], [0.5, 1], [-0.5, -1]])
    figure = lm.plot.decision_boundary(sign, x, [0, 1, 0, 0], resolution=101)
    (axes,) = figure.axes
    assert axes.get_title() == "75.0% of 4 samples on the right side"
    (boundary,) = [c for c in axes.collections if type(c).__name__ == "QuadContourSet"]
    along = np.concatenate([path.vertices for path in boundary.get_paths()])
    assert np.abs(along[:, 0]).max() < 0.03
    points = [c for c in axes.collections if type(c).__name__ == "PathCollection"]
    dark = (points[0].get_edgecolors()[:, :3] < 0.5).all(axis=1)
    assert dark.tolist() == [False, True, False]


def test_regions_have_the_colors_of_their_classes():
    figure = lm.plot.decision_boundary(sign, [[-1.0, -1], [1, 1]], [0, 1], resolution=20)
    image = np.asarray(figure.axes[0].images[0].get_array())
    left, right = image[10, 2], image[10, -3]
    assert left[2] > left[0] and right[0] > right[2]  # blue, orange


@pytest.mark.parametrize(
    "model",
    [
        lambda p: np.where(p[:, 0] > 0, 3.0, -3.0),  # logits
        lambda p: np.stack([p[:, 0] * 0, p[:, 0]], axis=1) * 5,  # logits of two classes
        lambda p: (p[:, 0] > 0).astype(int),  # classes
        lambda p: lm.asarray(sign(p)),
        LogisticRegression().fit([[-1.0, 0], [1, 0]], [0, 1]),
    ],
)
def test_probabilities_logits_classes_and_estimators_give_the_same_regions(model):
    x = [[-1.0, -1], [1, 1], [2, 0], [-2, 0]]
    (axes,) = lm.plot.decision_boundary(model, x, [-1, 1, 1, -1], resolution=41).axes
    assert axes.get_title().startswith("100.0%")


def test_the_regions_of_a_network_with_three_classes():
    x = RNG.random((30, 2))
    model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(3, "softmax")])
    figure = lm.plot.decision_boundary(model, pd.DataFrame(x), None, resolution=30)
    assert figure.axes[0].get_legend() is None
    named = lm.plot.decision_boundary(model, x, np.arange(30) % 3, ["a", "b", "c"], resolution=30)
    assert labels(named) == ["a", "b", "c"]


def test_axes_have_the_names_of_the_columns_of_a_frame():
    frame = pd.DataFrame({"size": [-1.0, 1], "weight": [1.0, 2]})
    (axes,) = lm.plot.decision_boundary(sign, frame, [0, 1], resolution=10).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("size", "weight")


def test_a_single_point_has_a_section_around_it():
    (axes,) = lm.plot.decision_boundary(sign, [[0.5, 0.5]], [1], resolution=10).axes
    assert axes.get_xlim() == (-0.5, 1.5)


@pytest.mark.parametrize(
    ("x", "y", "kind", "message"),
    [
        (np.ones((4, 3)), None, ShapeError, "expected two features"),
        (np.ones(4), None, ShapeError, "expected two features"),
        ([["a", "b"]], None, ShapeError, "expected two features"),
        ([[0, np.nan]], None, DataError, "row 0 is not finite"),
        (np.ones((4, 2)), [0, 1], DataError, "2 true labels and 4 samples"),
    ],
)
def test_errors_of_decision_boundary_name_the_argument(x, y, kind, message):
    with pytest.raises(kind, match=message):
        lm.plot.decision_boundary(sign, x, y)


def test_a_model_that_returns_something_else_is_named():
    with pytest.raises(ShapeError, match="the model returned"):
        lm.plot.decision_boundary(lambda p: np.ones(3), [[0.0, 1.0]], resolution=5)
    with pytest.raises(DataError, match="are its weights finite"):
        lm.plot.decision_boundary(lambda p: p * np.nan, [[0.0, 1.0]], resolution=5)
    with pytest.raises(ArgumentError, match="expected a model or a function"):
        lm.plot.decision_boundary(3, [[0.0, 1.0]])
    with pytest.raises(ValueError, match="resolution"):
        lm.plot.decision_boundary(sign, [[0.0, 1.0]], resolution=1)

"""Curves over all thresholds of a score: ROC, and precision against recall."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import DataError, ShapeError, describe
from lamina.plot import style
from lamina.plot.targets import as_array, class_numbers, need_finite, need_pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 10  # more classes than this are thin gray lines; the best and the worst are named
THRESHOLD = 0.5  # of probabilities, marked on the curve


@dataclass(frozen=True)
class Curve:
    """Points of a curve, the area under it, the threshold of each point, the share of class 1."""

    x: np.ndarray
    y: np.ndarray
    area: float
    thresholds: np.ndarray
    share: float


# ---- the curves --------------------------------------------------------------------------------
def roc_curve(positive: np.ndarray, scores: np.ndarray) -> Curve:
    """True positive rate against false positive rate, from (0, 0) to (1, 1); the area is exact, by
    trapezoids, so that equal scores count half."""
    true, false, thresholds = _counts(positive, scores)
    true, false = np.append(0, true), np.append(0, false)
    x, y = false / false[-1], true / true[-1]
    area = float(np.trapezoid(y, x))
    return Curve(x, y, area, np.append(np.inf, thresholds), float(positive.mean()))


def precision_recall_curve(positive: np.ndarray, scores: np.ndarray) -> Curve:
    """Precision against recall; the area is the average precision, the sum of precision times the
    increase of recall, without interpolation."""
    true, false, thresholds = _counts(positive, scores)
    precision, recall = true / (true + false), true / true[-1]
    area = float((np.diff(recall, prepend=0) * precision).sum())
    return Curve(
        np.append(0, recall),
        np.append(precision[0], precision),
        area,
        np.append(np.inf, thresholds),
        float(positive.mean()),
    )


def _counts(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True and false positives if all scores of at least a threshold count as positive, for each
    distinct score, the largest first."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # of each distinct score
    true = np.cumsum(hits)[last]
    return true, last + 1 - true, ordered[last]


# ---- the figures -------------------------------------------------------------------------------
def roc(
    y_true: ArrayLike,
    y_score: ArrayLike | Mapping[str, ArrayLike],
    names: Sequence[str] | None = None,
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw ROC curves: the true positive rate against the false positive rate at all thresholds.

    With two classes the curve is that of class 1; a dot marks the threshold 0.5 of probabilities.
    With several classes each has a curve, class k against all others, and their mean area (macro
    average) is given. The area under a curve (AUC) is the probability that a random sample of the
    class has a higher score than a random sample of another; 0.5 is guessing.

    Args:
        y_true: class numbers (n,), names that are in `names` (n,), or one-hot rows (n, classes).
        y_score: probabilities or other scores: (n,) or (n, 1) for class 1, or (n, classes); or a
            dictionary of such by name, to compare models.
        names: names of the classes, in order; None shows their numbers.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        DataError: if the numbers of rows differ, a score is NaN, or there is only one class.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> type(lm.plot.roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])).__name__
        'Figure'

    Source: Fawcett (2006), An introduction to ROC analysis.
    """
    found, called = _curves("plot.roc", roc_curve, y_true, y_score, names)
    drawn = style.figure("plot.roc", 4.8, 4.6)
    axes = drawn.subplots()
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, zorder=1)
    axes.text(0.62, 0.58, "guessing", color=style.SECONDARY, fontsize=style.SMALL, rotation=45,
              rotation_mode="anchor", ha="center", va="top")  # fmt: skip
    _draw(axes, found, "AUC", called, {"loc": "lower right"})
    _square(axes, "false positive rate", "true positive rate")
    style.title(drawn, title)
    return style.finished(drawn, path)


def precision_recall(
    y_true: ArrayLike,
    y_score: ArrayLike | Mapping[str, ArrayLike],
    names: Sequence[str] | None = None,
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw precision against recall at all thresholds.

    With two classes the curve is that of class 1; a dot marks the threshold 0.5 of probabilities,
    and a line the precision of guessing, which is the share of class 1. With several classes each
    has a curve, class k against all others. The average precision (AP) is the sum of precision
    times the increase of recall. For rare classes these curves say more than ROC curves, whose
    false positive rate stays small if there are many negatives.

    Args:
        y_true: class numbers (n,), names that are in `names` (n,), or one-hot rows (n, classes).
        y_score: probabilities or other scores: (n,) or (n, 1) for class 1, or (n, classes); or a
            dictionary of such by name, to compare models.
        names: names of the classes, in order; None shows their numbers.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        DataError: if the numbers of rows differ, a score is NaN, or there is only one class.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> type(lm.plot.precision_recall([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])).__name__
        'Figure'

    Source: Davis and Goadrich (2006), The relationship between precision-recall and ROC curves.
    """
    owner = "plot.precision_recall"
    found, called = _curves(owner, precision_recall_curve, y_true, y_score, names)
    drawn = style.figure(owner, 4.8, 4.6)
    axes = drawn.subplots()
    shares = {curve.share for curve in found.values()}
    if len(shares) == 1:
        (share,) = shares
        axes.axhline(share, color=style.GREY, linewidth=1, zorder=1)
        axes.text(0.0, share + 0.012, f"guessing: {share:.2f}", color=style.SECONDARY,
                  fontsize=style.SMALL, va="bottom")  # fmt: skip
    low = min(shares) + 0.04 if len(shares) == 1 and max(shares) < 0.4 else 0.0
    _draw(axes, found, "AP", called, {"loc": "lower left", "bbox_to_anchor": (0, low)},
          drawstyle="steps-pre")  # fmt: skip
    _square(axes, "recall", "precision")
    style.title(drawn, title)
    return style.finished(drawn, path)


def _curves(
    owner: str,
    curve: Callable[[np.ndarray, np.ndarray], Curve],
    y_true: Any,
    y_score: Any,
    names: Sequence[str] | None,
) -> tuple[dict[str, Curve], bool]:
    """The curves by name, and True if they are those of classes, False if those of models."""
    true = class_numbers(y_true, f"{owner}: y_true", names)
    several = isinstance(y_score, Mapping)
    given = dict(y_score) if several else {"": y_score}
    if not given:
        raise DataError(f"{owner}: y_score is empty, expected scores")
    found: dict[str, Curve] = {}
    for model, values in given.items():
        what = f"{owner}: y_score" + (f"[{model!r}]" if several else "")
        scores = _scores(values, true, owner, what)
        if len(np.unique(true)) == 1:
            raise DataError(
                f"{owner}: all {len(true)} labels are {int(true[0])}, expected two classes or more",
                hint="draw it on data with samples of both classes",
            )
        if scores.shape[1] == 1:
            found[str(model)] = curve(true == 1, scores[:, 0])
        elif several:  # one curve a model: all decisions on all classes together
            one_hot = true[:, None] == np.arange(scores.shape[1])
            found[str(model)] = curve(one_hot.ravel(), scores.ravel())
        else:
            called = style.class_names(np.arange(scores.shape[1]), names, owner)
            for k in np.unique(true):
                found[called[k]] = curve(true == k, scores[:, k])
    return found, not several


def _scores(values: Any, true: np.ndarray, owner: str, what: str) -> np.ndarray:
    """Scores (n, 1) of class 1, or (n, classes)."""
    scores = as_array(values, what)
    if scores.dtype.kind == "U" or scores.ndim not in (1, 2) or not scores.size:
        raise ShapeError(f"{what} is {describe(scores)}, expected scores (n,) or (n, classes)")
    scores = scores.reshape(len(scores), -1).astype(np.float64)
    need_pairs(true, scores, owner, "rows of scores")
    need_finite(scores, what)
    columns, largest = scores.shape[1], int(true.max())
    if columns == 2 and largest <= 1:
        return scores[:, 1:]
    if largest >= max(columns, 2):
        raise DataError(
            f"{owner}: labels go up to {largest}, but {what.partition(': ')[2]} has {columns} "
            + ("column" if columns == 1 else "columns"),
            hint="give one column of scores for each class; of two classes 1 and 2 take y - 1",
        )
    return scores


def _draw(
    axes: Any,
    found: dict[str, Curve],
    area: str,
    of_classes: bool,
    where: dict[str, Any],
    **how: Any,
) -> None:
    mean = float(np.mean([curve.area for curve in found.values()]))
    if len(found) > MANY:
        _draw_many(axes, found, area, how)
    else:
        colors = style.colors(len(found))
        for number, ((name, curve), color) in enumerate(zip(found.items(), colors, strict=True)):
            label = f"{name}: {area} {curve.area:.3f}" if name else f"{area} {curve.area:.3f}"
            line = style.line(number) if len(found) > 1 else "-"
            axes.plot(curve.x, curve.y, color=color, linestyle=line, linewidth=1.8, label=label,
                      **how)  # fmt: skip
            if len(found) <= 4:
                _mark_threshold(axes, curve, color)
    heading = f"mean {area} {mean:.3f}" if of_classes and len(found) > 1 else None
    legend = axes.legend(
        frameon=True, framealpha=0.85, edgecolor="none", fontsize=style.TEXT, title=heading,
        title_fontsize=style.TEXT, **where,
    )  # fmt: skip
    legend.set_zorder(5)


def _draw_many(axes: Any, found: dict[str, Curve], area: str, how: dict[str, Any]) -> None:
    """All curves in gray, the best and the worst in color."""
    areas = {name: curve.area for name, curve in found.items()}
    best, worst = max(areas, key=areas.__getitem__), min(areas, key=areas.__getitem__)
    for number, curve in enumerate(found.values()):
        axes.plot(curve.x, curve.y, color=style.GREY, linewidth=0.6, alpha=0.5,
                  label=f"{len(found)} classes" if not number else None, **how)  # fmt: skip
    named = {best: "best", worst: "worst"}
    for number, (name, rank) in enumerate(named.items()):
        curve = found[name]
        axes.plot(curve.x, curve.y, color=style.COLORS[number], linestyle=style.line(number),
                  linewidth=1.8, label=f"{rank}, {name}: {area} {curve.area:.3f}",
                  **how)  # fmt: skip


def _mark_threshold(axes: Any, curve: Curve, color: Any) -> None:
    """A dot where probabilities are divided at one half."""
    scores = curve.thresholds[1:]
    if scores.min() < 0 or scores.max() > 1 or len(scores) < 3:
        return
    place = int(np.flatnonzero(curve.thresholds >= THRESHOLD)[-1])
    axes.plot(curve.x[place], curve.y[place], "o", color=color, markersize=6,
              markeredgecolor="white", zorder=4)  # fmt: skip


def _square(axes: Any, x: str, y: str) -> None:
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), aspect="equal")
    axes.set_xlabel(x, fontsize=style.TEXT)
    axes.set_ylabel(y, fontsize=style.TEXT)
    style.plain_axes(axes, "both")

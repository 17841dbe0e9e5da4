"""Mean average precision of detected boxes, by the rules of Pascal VOC and of COCO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.arguments import integer, one_of
from lamina.errors import ArgumentError, ShapeError, describe
from lamina.operations.boxes import convert_format

RULES = ("voc2007", "voc2010", "coco")
_COCO_THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
_RECALLS = {
    "voc2007": np.linspace(0, 1, 11) - 1e-12,
    "coco": np.linspace(0, 1, 101),  # rounded as in the reference implementation
}


class MeanAveragePrecision:
    """Mean average precision (mAP): the area under the curve of precision over recall of each
    class, averaged over classes and thresholds.

    Detections of a class are taken from the highest score on, over all images. A detection is right
    if its intersection over union with an object of its class reaches a threshold, and no better
    detection was given that object. Precision at a recall is the largest that is reached at this
    recall or a higher one.

    The metric keeps the boxes of all images: it is updated outside of compiled programs, with what
    a detector found, not by `compile`.

    Args:
        num_classes: number of classes.
        rule: "voc2010" is the area under the curve; "voc2007" averages the precision at the recalls
            0, 0.1, ..., 1; "coco" averages it at 0, 0.01, ..., 1, with at most 100 detections of an
            image.
        iou_thresholds: least overlaps of right detections; None is 0.5 for VOC, and 0.5, 0.55, ...,
            0.95 for COCO.
        max_detections: number of detections of a class that count in an image, those with the
            highest scores; None is all for VOC, and 100 for COCO.
        bounding_box_format: format of the boxes, such as "xyxy".
        class_names: names of the classes, for `summary`; None numbers them.

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.MeanAveragePrecision(num_classes=1)
        >>> truth = {"boxes": [[[0, 0, 4, 4], [5, 5, 9, 9]]], "labels": [[0, 0]]}
        >>> found = {"boxes": [[[0, 0, 4, 4]]], "labels": [[0]], "scores": [[0.9]]}
        >>> m.update_state(truth, found)
        >>> m.result()
        0.5

    Source: Everingham et al. (2010), The Pascal visual object classes (VOC) challenge, section 4.2;
        Lin et al. (2014), Microsoft COCO: common objects in context.
    """

    def __init__(
        self,
        num_classes: int,
        rule: str = "voc2010",
        iou_thresholds: Sequence[float] | None = None,
        max_detections: int | None = None,
        bounding_box_format: str = "xyxy",
        class_names: Sequence[str] | None = None,
    ) -> None:
        own = type(self).__name__
        self.num_classes = integer(own, "num_classes", num_classes, 1)
        self.rule = one_of(own, "rule", rule, RULES)
        usual = _COCO_THRESHOLDS if rule == "coco" else (0.5,)
        self.iou_thresholds = usual if iou_thresholds is None else tuple(iou_thresholds)
        if not self.iou_thresholds or not all(0 < t <= 1 for t in self.iou_thresholds):
            raise ArgumentError(
                f"{own}: invalid iou_thresholds (expected numbers above 0, at most 1, got "
                f"{describe(iou_thresholds)})"
            )
        most = integer(own, "max_detections", max_detections, 1, optional=True)
        self.max_detections = 100 if most is None and rule == "coco" else most
        self.bounding_box_format = bounding_box_format
        self.class_names = [*map(str, range(num_classes))] if class_names is None else class_names
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all images."""
        # of each class, for each image: which detections count, and how they match
        self._found: list[list[_Matched]] = [[] for _ in range(self.num_classes)]

    def update_state(self, y_true: Any, y_pred: Any) -> None:
        """Add the images of a batch.

        Args:
            y_true: {"boxes": (batch, boxes, 4), "labels": (batch, boxes)}, or a list with such a
                dictionary, without the first axis, for each image. Boxes with the label -1 are left
                out. "difficult" (batch, boxes) are objects that neither count nor make a detection
                wrong; "crowd", groups of objects in which any number of detections may be.
            y_pred: the same with "scores" or "confidences" (batch, boxes); a list may also hold
                objects with attributes of these names, as detectors return.
        """
        truths, findings = _images("y_true", y_true), _images("y_pred", y_pred)
        if len(truths) != len(findings):
            raise ShapeError(
                f"MeanAveragePrecision: {len(truths)} images in y_true, {len(findings)} in y_pred"
            )
        for truth, found in zip(truths, findings, strict=True):
            self._add(
                _Boxes.of("y_true", truth, self.bounding_box_format),
                _Boxes.of("y_pred", found, self.bounding_box_format),
            )

    def _add(self, truth: _Boxes, found: _Boxes) -> None:
        for kind in range(self.num_classes):
            objects = truth.taken(truth.labels == kind)
            given = found.taken(found.labels == kind)
            given = given.taken(np.argsort(-given.scores, kind="stable")[: self.max_detections])
            if len(objects.labels) or len(given.labels):
                match = _matched_by_coco if self.rule == "coco" else _matched_by_voc
                right, ignored = match(given, objects, np.array(self.iou_thresholds))
                count = int((~objects.ignored).sum())
                self._found[kind].append(_Matched(given.scores, right, ignored, count))

    # ---- results -------------------------------------------------------------------------------
    def curve(self, label: int, threshold: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return recall and precision of a class after each detection, both (detections,).

        Args:
            label: number of the class.
            threshold: one of `iou_thresholds`; None is the first.
        """
        return self._curve(label, self._place(threshold))

    def _place(self, threshold: float | None) -> int:
        if threshold is None:
            return 0
        near = np.isclose(self.iou_thresholds, threshold)
        if not near.any():
            raise ArgumentError(
                f"MeanAveragePrecision: no IoU threshold {threshold} (expected one of "
                f"{', '.join(map(str, self.iou_thresholds))})"
            )
        return int(np.flatnonzero(near)[0])

    def _curve(self, label: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        found = self._found[label]
        count = sum(each.count for each in found)
        scores = np.concatenate([np.zeros(0), *(each.scores for each in found)])
        right = np.concatenate([np.zeros(0, bool), *(each.right[place] for each in found)])
        ignored = np.concatenate([np.zeros(0, bool), *(each.ignored[place] for each in found)])
        order = np.argsort(-scores, kind="stable")
        right = right[order][~ignored[order]]
        hits = np.cumsum(right)
        return hits / max(count, 1), hits / np.arange(1, len(hits) + 1)

    def per_class(self, threshold: float | None = None) -> np.ndarray:
        """Return the average precision of each class, (classes,), NaN for classes without objects.

        Args:
            threshold: one of `iou_thresholds`; None averages over all.
        """
        places = range(len(self.iou_thresholds)) if threshold is None else [self._place(threshold)]
        table = [[self._area(kind, k) for k in places] for kind in range(self.num_classes)]
        return np.array(table).mean(axis=1)

    def _area(self, label: int, place: int) -> float:
        if not sum(each.count for each in self._found[label]):
            return float("nan")
        recall, precision = self._curve(label, place)
        best = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or a higher one
        if self.rule == "voc2010":
            return float((np.diff(recall, prepend=0.0) * best).sum())
        places = np.searchsorted(recall, _RECALLS[self.rule])
        return float(np.append(best, 0.0)[places].mean())

    def at(self, threshold: float) -> float:
        """Return the mean over classes at one threshold.

        Args:
            threshold: one of `iou_thresholds`.
        """
        return _mean(self.per_class(threshold))

    def result(self) -> float:
        """Return the mean over the classes with objects, and over the thresholds; NaN without
        any."""
        return _mean(self.per_class())

    def summary(self) -> str:
        """Return a table: the average precision of each class, and the mean."""
        columns = [*self.iou_thresholds] if len(self.iou_thresholds) <= 3 else [0.5, 0.75]
        shown = [t for t in columns if np.isclose(self.iou_thresholds, t).any()]
        tables = {f"AP {t:g}": self.per_class(t) for t in shown}
        if len(self.iou_thresholds) > 1:
            tables["AP"] = self.per_class()
        width = max(map(len, (*self.class_names, "mean")))
        lines = [" " * width + "".join(f"{title:>9}" for title in tables)]
        for kind, name in enumerate(self.class_names):
            lines.append(
                f"{name:{width}}" + "".join(f"{table[kind]:9.3f}" for table in tables.values())
            )
        means = "".join(f"{_mean(table):9.3f}" for table in tables.values())
        return "\n".join([*lines, f"{'mean':{width}}{means}"])


def _mean(values: np.ndarray) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


# ---- the boxes of an image ---------------------------------------------------------------------
@dataclass(frozen=True)
class _Matched:
    """Detections of a class in an image: scores (n,); right and ignored (thresholds, n); count:
    number of the objects that are to be found."""

    scores: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    count: int


@dataclass(frozen=True)
class _Boxes:
    boxes: np.ndarray  # left, top, right, bottom
    labels: np.ndarray
    scores: np.ndarray
    crowd: np.ndarray
    ignored: np.ndarray  # difficult, or a crowd

    @staticmethod
    def of(argument: str, given: Any, form: str) -> _Boxes:
        boxes, labels = _part(given, "boxes"), _part(given, "labels")
        if boxes is None or labels is None:
            raise ArgumentError(
                f'MeanAveragePrecision: {argument} needs "boxes" and "labels", got '
                f"{describe(given)}"
            )
        labels = labels.reshape(-1).astype(np.int64)
        boxes = boxes.reshape(-1, 4)
        if form != "xyxy":
            boxes = convert_format(boxes, form, "xyxy", 1, 1).numpy()
        scores = _part(given, "scores")
        scores = _part(given, "confidences") if scores is None else scores
        if scores is None and argument == "y_pred":
            raise ArgumentError('MeanAveragePrecision: y_pred needs "scores" or "confidences"')
        flags = [_part(given, name) for name in ("crowd", "difficult")]
        crowd, difficult = (np.zeros(len(labels)) if f is None else f.reshape(-1) for f in flags)
        scores = np.zeros(len(labels)) if scores is None else scores.reshape(-1)
        parts = (boxes, labels, scores, crowd.astype(bool), (crowd + difficult).astype(bool))
        if len({len(part) for part in parts}) > 1:
            lengths = ", ".join(str(len(part)) for part in parts[:3])
            raise ShapeError(
                f"MeanAveragePrecision: {argument} has boxes, labels and scores of different "
                f"numbers: {lengths}"
            )
        return _Boxes(*parts).taken(labels >= 0)

    def taken(self, rows: np.ndarray) -> _Boxes:
        return _Boxes(
            self.boxes[rows],
            self.labels[rows],
            self.scores[rows],
            self.crowd[rows],
            self.ignored[rows],
        )


def _images(argument: str, given: Any) -> list[Any]:
    """Return the parts of each image."""
    if not isinstance(given, Mapping):
        if isinstance(given, (list, tuple)) and not hasattr(given, "boxes"):
            return list(given)
        raise ArgumentError(
            f'MeanAveragePrecision: {argument}: expected a dictionary with "boxes" and "labels", '
            f"or a list of them, got {describe(given)}"
        )
    parts = {name: _array(value) for name, value in given.items()}
    boxes = parts.get("boxes")
    if boxes is None or boxes.ndim != 3:
        raise ShapeError(
            f"MeanAveragePrecision: {argument} has boxes of shape "
            f"{None if boxes is None else boxes.shape} (expected (batch, boxes, 4))",
            hint="a list of dictionaries is for images with different numbers of boxes",
        )
    return [{name: part[k] for name, part in parts.items()} for k in range(len(boxes))]


def _part(given: Any, name: str) -> np.ndarray | None:
    found = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
    return None if found is None else _array(found)


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind in "biuf" else array


# ---- matching ----------------------------------------------------------------------------------
def _overlaps(found: _Boxes, objects: _Boxes) -> np.ndarray:
    """Return (detections, objects): intersection over union; over the detection for a crowd."""
    a, b = found.boxes[:, None], objects.boxes[None]
    extent = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.clip(extent, 0, None).prod(-1)
    area, other = (np.clip(x[..., 2:] - x[..., :2], 0, None).prod(-1) for x in (a, b))
    whole = np.where(objects.crowd[None], area, area + other - both)
    return np.asarray(both / np.maximum(whole, 1e-12))


def _matched_by_voc(
    found: _Boxes, objects: _Boxes, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which detections are right, and which do not count: each is compared with the object
    that it overlaps most."""
    shape = (len(thresholds), len(found.labels))
    right, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    if not len(objects.labels):
        return right, ignored
    overlaps = _overlaps(found, objects)
    best, largest = overlaps.argmax(axis=1), overlaps.max(axis=1, initial=0)
    for k, threshold in enumerate(thresholds):
        taken = np.zeros(len(objects.labels), bool)
        for n in np.flatnonzero(largest >= threshold):
            ignored[k, n] = objects.ignored[best[n]]
            right[k, n] = not (objects.ignored[best[n]] or taken[best[n]])
            taken[best[n]] = True
    return right, ignored


def _matched_by_coco(
    found: _Boxes, objects: _Boxes, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which detections are right, and which do not count: each gets the object that it
    overlaps most of those that are left; objects that do not count, only if no other is."""
    shape = (len(thresholds), len(found.labels))
    right, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    if not len(objects.labels):
        return right, ignored
    overlaps = _overlaps(found, objects)
    for k, threshold in enumerate(thresholds):
        least = min(threshold, 1 - 1e-10)
        left = np.ones(len(objects.labels), bool)
        for n in range(shape[1]):
            for kind in (~objects.ignored, objects.ignored):
                free = np.where(kind & (left | objects.crowd), overlaps[n], -1.0)
                # of equal ones the last, as the reference implementation
                place = len(free) - 1 - int(free[::-1].argmax())
                if free[place] >= least:
                    left[place] = False
                    right[k, n], ignored[k, n] = not objects.ignored[place], objects.ignored[place]
                    break
    return right, ignored

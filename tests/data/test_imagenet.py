"""ImageNet's folders: which image is of which class, crops, and the development kit."""

import numpy as np
import pytest

import lamina as lm
from lamina.data.crops import CropDecoder
from lamina.errors import DataError, FileFormatError, UnknownNameError

pytest.importorskip("PIL")
import vision_files as files

read = lm.data.imagenet_dataset_from_directory
VAL = "ILSVRC/Data/CLS-LOC/val/"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"


@pytest.fixture
def folder(tmp_path):
    return files.put(tmp_path, files.ilsvrc())


def arrays(data, epoch=0):
    """All batches of an epoch, joined."""
    return tuple(np.concatenate(part) for part in zip(*data.epoch(epoch), strict=True))


def test_classes_are_numbered_by_synset(folder, tmp_path):
    data = read(folder, image_size=(24, 24), batch_size=5, seed=0)
    assert data.class_names == ["crane (n00000002)", "red thing", "crane (n00000009)"]
    assert lm.data.imagenet_synsets(folder)[2] == ("n00000009", "crane")
    assert repr(data) == "<Dataset: 3 batches, 3 classes>"
    images, labels = arrays(data)
    assert images.shape == (12, 24, 24, 3)
    assert np.bincount(labels).tolist() == [4, 4, 4]
    np.testing.assert_array_equal(images.mean((1, 2)).argmax(-1), labels)
    path = files.zipped(
        tmp_path / "ilsvrc.zip", {f"data/{k}": v for k, v in files.ilsvrc().items()}
    )
    for one, two in zip(
        arrays(read(path, image_size=(24, 24), seed=0)), (images, labels), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_an_epoch_has_the_same_crops_with_any_number_of_threads(folder):
    one, two = (read(folder, image_size=(16, 16), batch_size=4, seed=7, workers=n) for n in (0, 3))
    for epoch in range(2):
        for a, b in zip(arrays(one, epoch), arrays(two, epoch), strict=True):
            np.testing.assert_array_equal(a, b)
    (first, a), (second, b) = arrays(one, 0), arrays(one, 1)
    assert not np.array_equal(first[np.argsort(a)], second[np.argsort(b)])


def test_training_resumes_with_the_batches_of_an_uninterrupted_run(folder):
    def trained(*epochs):
        lm.set_seed(3)
        model = lm.Sequential(
            [
                lm.Input((8, 8, 3)),
                lm.layers.Rescaling(1 / 255),
                lm.layers.Flatten(),
                lm.layers.Dense(3),
            ]
        )
        model.compile(
            lm.optimizers.SGD(0.01), lm.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        for first, last in zip((0, *epochs), epochs, strict=False):
            data = read(folder, image_size=(8, 8), batch_size=4, seed=7)
            model.fit(data, initial_epoch=first, epochs=last, verbose=0)
        return model.get_weights()

    whole, parts = trained(4), trained(2, 4)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a, b)


def test_validation_classes_from_each_kind_of_file(folder):
    expected = [2, 1, 0]  # the numbers of the names go down
    assert arrays(read(folder, "val", image_size=(16, 16)))[1].tolist() == expected
    (folder / "LOC_val_solution.csv").unlink()
    with pytest.raises(DataError, match="nothing says the classes"):
        read(folder, "val")
    (folder / TRUTH).write_text("3\n2\n1\n")
    assert arrays(read(folder, "val", image_size=(16, 16)))[1].tolist() == expected
    for k, synset in enumerate(files.SYNSETS):
        (folder / VAL / synset).mkdir()
        name = f"ILSVRC2012_val_{3 - k:08}.JPEG"
        (folder / VAL / name).rename(folder / VAL / synset / name)
    (folder / TRUTH).unlink()
    assert arrays(read(folder, "val", image_size=(16, 16)))[1].tolist() == [0, 1, 2]


def test_numbers_of_the_development_kit(folder):
    io = pytest.importorskip("scipy.io")
    kinds = [
        ("ILSVRC2012_ID", "f8"),
        ("WNID", "O"),
        ("words", "O"),
        ("gloss", "O"),
        ("num_children", "f8"),
    ]
    rows = [(3, "n00000002", "crane", "", 0), (1, "n00000005", "red thing, thing", "x", 0)]
    rows += [(2, "n00000009", "crane", "ä", 0), (4, "n00000011", "all things", "", 3)]
    table = np.array(rows, dtype=kinds).reshape(-1, 1)
    (folder / "data").mkdir()
    for compress in (True, False):
        io.savemat(folder / "data/meta.mat", {"synsets": table}, do_compression=compress)
        (folder / "LOC_val_solution.csv").unlink(missing_ok=True)
        (folder / "LOC_synset_mapping.txt").unlink(missing_ok=True)
        (folder / TRUTH).write_text("2\n1\n3\n")
        assert arrays(read(folder, "val", image_size=(16, 16)))[1].tolist() == [2, 1, 0]
        assert lm.data.imagenet_synsets(folder)[1][1] == "red thing, thing"
    content = (folder / "data/meta.mat").read_bytes()
    for damaged in (content[:300], content[:128] + b"\x0e" * 200, b""):
        (folder / "data/meta.mat").write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"meta\.mat: not the table"):
            read(folder, "val")


def test_central_and_random_parts():
    decode = CropDecoder((10, 20))
    left, top, right, bottom = decode.middle((400, 400))
    assert (right - left, bottom - top) == (350, 175)
    assert (left + right, top + bottom) == (400, 400)
    rng = np.random.default_rng(0)
    parts = np.array([decode.part((300, 200), rng) for _ in range(500)])
    width, height = parts[:, 2] - parts[:, 0], parts[:, 3] - parts[:, 1]
    assert (parts[:, :2] >= 0).all() and (parts[:, 2:] <= (300, 200)).all()
    area, ratio = width * height / 60_000, width / height
    assert 0.078 < area.min() < 0.12 and 0.8 < area.max() <= 1
    assert 0.73 < ratio.min() < 0.8 and 1.25 < ratio.max() < 1.36
    assert CropDecoder((8, 8), area=(1, 1)).part((1000, 10), rng)[1::2] == (0, 10)


def test_large_jpeg_files_are_decoded_at_a_fraction_of_their_size():
    y, x = np.mgrid[:600, :800]
    pixels = np.stack([x * 255 // 800, y * 255 // 600, x * 0], -1).astype(np.uint8)
    jpeg, png = (
        CropDecoder((30, 40), central=1.0)(files.image(pixels, form)) for form in ("JPEG", "PNG")
    )
    np.testing.assert_allclose(jpeg.astype(int), png.astype(int), atol=4)


def test_errors(folder, tmp_path):
    path = folder / VAL / "ILSVRC2012_val_00000002.JPEG"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileFormatError, match=r"val_00000002\.JPEG: cannot be read"):
        arrays(read(folder, "val"))
    with pytest.raises(UnknownNameError, match="subset"):
        read(folder, "test")
    with pytest.raises(DataError, match="min_area"):
        read(folder, min_area=0)
    (folder / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n")
    with pytest.raises(DataError, match="no row for"):
        read(folder, "val")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no folders train"):
        read(tmp_path / "empty")

"""Folders of images as datasets: what is found, how it is decoded, what becomes of bad files."""

import io
import os
import subprocess
import sys
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.data import image_dataset_from_directory
from lamina.data.images import Decoder
from lamina.errors import (
    ArgumentError,
    DataError,
    FileFormatError,
    RangeError,
    ShapeError,
    UnknownNameError,
)

Image = pytest.importorskip("PIL.Image")

COLORS = {"blue": (10, 20, 200), "green": (30, 180, 40), "red": (220, 30, 20)}


def image_file(color=(1, 2, 3), size=(12, 8), mode="RGB", form="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, form, **options)
    return buffer.getvalue()


def of_pixels(pixels: np.ndarray, form="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def small_files(count=6) -> dict[str, bytes]:
    """Images of three colors, whose first channel differs from image to image."""
    return {
        f"{name}/{k}.png": image_file((rgb[0] + k, *rgb[1:]))
        for name, rgb in COLORS.items()
        for k in range(count)
    }


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(path: Path, files: dict[str, bytes], prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(prefix + name, content)
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    return put(tmp_path / "photos", small_files())


def read(directory, **options):
    return image_dataset_from_directory(
        directory, **({"image_size": (8, 12), "verbose": False, "workers": 2} | options)
    )


def rows(dataset) -> list[list[int]]:
    """The first channel of each image, by batch: which images they are."""
    return [batch[0][:, 0, 0, 0].astype(int).tolist() for batch in dataset]


@pytest.fixture(autouse=True)
def no_threads_left():
    yield
    assert not [t for t in threading.enumerate() if t.name.startswith("lamina-data")]


class TestWhatComesBack:
    def test_batches_labels_and_names(self, photos, capsys):
        data = image_dataset_from_directory(photos, image_size=(4, 6), batch_size=8, shuffle=False)
        assert capsys.readouterr().out == "Found 18 files belonging to 3 classes.\n"
        assert data.class_names == ["blue", "green", "red"]
        assert [Path(p).relative_to(photos).as_posix() for p in data.file_paths[:2]] == [
            "blue/0.png",
            "blue/1.png",
        ]
        x, y = next(iter(data))
        assert (x.shape, x.dtype, y.shape, y.dtype) == ((8, 4, 6, 3), np.float32, (8,), np.int32)
        assert x[0, 0, 0].tolist() == [10, 20, 200] and y.tolist() == [0] * 6 + [1] * 2
        assert len(data) == 3 and [len(b[1]) for b in data] == [8, 8, 2]

    @pytest.mark.parametrize(
        ("mode", "shape", "dtype"),
        [("int", (18,), np.int32), ("categorical", (18, 3), np.float32)],
    )
    def test_label_modes(self, photos, mode, shape, dtype):
        _, y = read(photos, label_mode=mode, shuffle=False).arrays()
        assert (y.shape, y.dtype) == (shape, dtype)
        assert (y if mode == "int" else y.argmax(1)).tolist() == [0] * 6 + [1] * 6 + [2] * 6

    def test_two_classes_may_be_binary(self, tmp_path, photos):
        files = {name: data for name, data in small_files().items() if "red" not in name}
        _, y = read(put(tmp_path / "two", files), label_mode="binary", shuffle=False).arrays()
        assert (
            y.shape == (12, 1) and y.dtype == np.float32 and y[:, 0].tolist() == [0] * 6 + [1] * 6
        )
        with pytest.raises(ArgumentError, match="needs two classes, and there are 3"):
            read(photos, label_mode="binary")

    @pytest.mark.parametrize("options", [{"label_mode": None}, {"labels": None}])
    def test_without_labels_all_files_count(self, photos, options):
        put(photos, {"loose.png": image_file()})
        data = read(photos, **options)
        assert data.class_names is None
        assert data.arrays().shape == (19, 8, 12, 3)

    def test_labels_may_be_given_as_a_list(self, photos):
        data = read(photos, labels=[5, 7] * 9, shuffle=False)
        assert data.arrays()[1].tolist() == [5, 7] * 9 and data.class_names == ["5", "7"]
        with pytest.raises(ArgumentError, match="for each of the 18 files"):
            read(photos, labels=[1, 2])

    def test_class_names_give_the_order(self, photos):
        data = read(photos, class_names=["red", "blue", "green"], shuffle=False)
        assert data.arrays()[1].tolist() == [1] * 6 + [2] * 6 + [0] * 6
        with pytest.raises(ArgumentError, match=r"no folders for \['pink'\], no names for \['red'"):
            read(photos, class_names=["blue", "green", "pink"])

    def test_single_samples(self, photos):
        data = read(photos, batch_size=None, shuffle=False)
        x, y = next(iter(data))
        assert x.shape == (8, 12, 3) and y == 0 and len(data) == 18
        assert next(iter(data.batch(5)))[0].shape == (5, 8, 12, 3)

    def test_channels_first(self, photos):
        assert read(photos, data_format="channels_first").arrays()[0].shape == (18, 3, 8, 12)

    def test_keras_utils_has_image_dataset_from_directory(self):
        assert lm.keras.utils.image_dataset_from_directory is image_dataset_from_directory
        assert lm.keras.preprocessing.image_dataset_from_directory is image_dataset_from_directory


class TestOrder:
    @pytest.mark.parametrize("workers", [0, 1, 5])
    def test_follows_from_the_seed_whatever_the_workers(self, photos, workers):
        data = read(photos, batch_size=4, seed=3, workers=workers)
        passes = [rows(data), rows(data)]
        reference = read(photos, batch_size=4, seed=3, workers=2)
        assert passes == [rows(reference), rows(reference)]
        assert passes[0] != passes[1]
        assert passes[0] != rows(read(photos, batch_size=4, seed=4))
        for each in passes:
            everything = sorted(n for batch in each for n in batch)
            assert everything == sorted(c[0] + k for c in COLORS.values() for k in range(6))

    def test_without_a_seed_it_follows_from_set_seed(self, photos):
        def order():
            lm.set_seed(8)
            return rows(read(photos))

        assert order() == order()

    def test_split_gives_each_class_its_share_and_each_file_once(self, photos):
        whole = set(read(photos).file_paths)
        for seed in (None, 1):
            split = {"validation_split": 1 / 3, "seed": seed}
            train, held_out = read(photos, subset="both", **split)
            assert np.bincount(train.arrays()[1]).tolist() == [4, 4, 4]
            assert np.bincount(held_out.arrays()[1]).tolist() == [2, 2, 2]
            assert set(train.file_paths) | set(held_out.file_paths) == whole
            for subset, other in (("training", train), ("validation", held_out)):
                assert read(photos, subset=subset, **split).file_paths == other.file_paths
        again = read(photos, subset="validation", validation_split=1 / 3, seed=2)
        assert again.file_paths != held_out.file_paths

    def test_the_subset_in_use_is_printed(self, photos, capsys):
        read(photos, subset="both", validation_split=1 / 3, verbose=True)
        assert capsys.readouterr().out.splitlines()[1:] == [
            "Using 12 files for training.",
            "Using 6 files for validation.",
        ]

    def test_validation_stays_in_order(self, photos):
        data = read(photos, subset="validation", validation_split=0.5, seed=1)
        assert data.arrays()[1].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


class TestZip:
    @pytest.mark.parametrize(("prefix", "inner"), [("", ""), ("photos/", ""), ("a/b/", "a/b")])
    def test_is_read_like_the_folder(self, tmp_path, photos, prefix, inner):
        more = {"__MACOSX/._1.png": b"", ".hidden/a.png": b"", "red/.0.png": b""}
        file = zipped(tmp_path / "photos.zip", small_files(), prefix)
        with zipfile.ZipFile(file, "a") as archive:
            for name, content in more.items():
                archive.writestr(name if name.startswith("__") else prefix + name, content)
        one, other = read(file / inner, seed=1), read(photos, seed=1)
        assert one.class_names == other.class_names
        np.testing.assert_array_equal(one.arrays()[0], other.arrays()[0])
        assert one.file_paths[0] == f"{file}/{prefix}blue/0.png"

    def test_a_folder_that_it_has_not(self, tmp_path):
        file = zipped(tmp_path / "photos.zip", small_files())
        with pytest.raises(DataError, match="holds no folder 'train'; it begins with"):
            read(file / "train")

    def test_not_a_zip_file(self, tmp_path):
        (tmp_path / "photos.zip").write_bytes(b"PK")
        with pytest.raises(FileFormatError, match=r"photos\.zip: not a \.zip file"):
            read(tmp_path / "photos.zip")

    def test_a_damaged_member_is_left_out(self, tmp_path):
        file = zipped(tmp_path / "photos.zip", small_files())
        content = bytearray(file.read_bytes())
        content[content.index(b"blue/0.png") + 60] ^= 0xFF  # the checksum no longer holds
        file.write_bytes(content)
        with pytest.warns(
            UserWarning, match=r"(?s)1 image could not be read.*blue/0\.png: Bad CRC"
        ):
            assert len(read(file).arrays()[0]) == 17


class TestFolders:
    def test_nothing_there(self, tmp_path):
        with pytest.raises(DataError, match="no such folder or"):
            read(tmp_path / "nowhere")
        with pytest.raises(DataError, match="holds no images, among 1 files"):
            read(put(tmp_path / "texts", {"a/1.txt": b"text"}))
        with pytest.raises(DataError, match="is a file, expected a folder"):
            read(tmp_path / "texts" / "a" / "1.txt")

    def test_images_without_folders(self, tmp_path):
        with pytest.raises(DataError, match="1 images, but no folders") as caught:
            read(put(tmp_path / "flat", {"1.png": image_file()}))
        assert "labels=None" in caught.value.hint

    def test_parts_are_not_classes(self, tmp_path):
        files = {f"{part}/cat/1.png": image_file() for part in ("train", "test")}
        with pytest.raises(DataError, match="test, train: parts of a data set") as caught:
            read(put(tmp_path / "photos", files))
        assert caught.value.hint.endswith(str(tmp_path / "photos" / "test"))

    def test_other_files_and_empty_folders(self, photos, capsys):
        put(photos, {"red/notes.txt": b"", "red/.1.png": b"", "red/deep/7.PNG": image_file()})
        (photos / "yellow").mkdir()
        data = read(photos, verbose=True)
        assert capsys.readouterr().out == (
            "Found 19 files belonging to 4 classes. None of them in yellow.\n"
        )
        assert np.bincount(data.arrays()[1], minlength=4).tolist() == [6, 6, 7, 0]

    @pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
    def test_links_are_followed_only_when_wanted(self, tmp_path, photos):
        put(tmp_path / "elsewhere", {"8.png": image_file()})
        (photos / "red" / "linked").symlink_to(tmp_path / "elsewhere")
        (photos / "red" / "loop").symlink_to(photos / "red" / "nowhere")
        assert len(read(photos).file_paths) == 18
        assert len(read(photos, follow_links=True).file_paths) == 19


class TestDecoding:
    def decoded(self, content, size=None, **options):
        return Decoder(size, **options)(content)

    def test_color_modes(self):
        content = image_file((200, 100, 50, 128), mode="RGBA")
        assert self.decoded(content)[0, 0].tolist() == [200, 100, 50]
        assert self.decoded(content, color_mode="rgba")[0, 0].tolist() == [200, 100, 50, 128]
        gray = self.decoded(content, color_mode="grayscale")
        assert gray.shape == (8, 12, 1) and abs(int(gray[0, 0, 0]) - 124) <= 1

    @pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "JPEG", "TIFF", "WEBP"])
    def test_formats(self, form):
        pixel = self.decoded(image_file((200, 100, 50), form=form))[3, 3].astype(int)
        assert np.abs(pixel - [200, 100, 50]).max() <= 4

    def test_sixteen_bits_palettes_and_one_bit(self):
        deep = of_pixels(np.full((8, 12), 51200, np.uint16))
        assert self.decoded(deep, color_mode="grayscale")[0, 0, 0] == 200
        assert self.decoded(deep)[0, 0].tolist() == [200, 200, 200]
        palette = Image.new("RGB", (12, 8), (9, 99, 199)).quantize(4)
        buffer = io.BytesIO()
        palette.save(buffer, "PNG", transparency=b"\x00\x80")
        assert self.decoded(buffer.getvalue())[0, 0].tolist() == [9, 99, 199]
        assert self.decoded(image_file(1, mode="1"))[0, 0].tolist() == [255, 255, 255]

    def test_photographs_are_rotated_upright(self):
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was held upright
        content = image_file((1, 2, 3), (12, 8), form="JPEG", exif=exif.tobytes())
        assert self.decoded(content).shape == (12, 8, 3)

    def test_sizes(self):
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (20, 40, 3), dtype=np.uint8)
        content = of_pixels(pixels)
        np.testing.assert_array_equal(self.decoded(content), pixels)
        np.testing.assert_array_equal(self.decoded(content, (20, 40)), pixels)
        assert self.decoded(content, (5, 7)).shape == (5, 7, 3)
        for method in ("nearest", "bilinear", "bicubic", "area", "lanczos3"):
            assert self.decoded(content, (10, 20), interpolation=method).shape == (10, 20, 3)
        area = self.decoded(content, (10, 20), interpolation="area").astype(float)
        means = pixels.reshape(10, 2, 20, 2, 3).mean(axis=(1, 3))
        assert np.abs(area - means).max() <= 1

    def test_crop_takes_the_middle_and_pad_adds_bars(self):
        pixels = np.zeros((20, 40, 3), np.uint8)
        pixels[:, 10:30] = 255
        assert self.decoded(of_pixels(pixels), (10, 10), crop=True).min() == 255
        padded = self.decoded(of_pixels(np.full((20, 40, 3), 255, np.uint8)), (40, 40), pad=True)
        assert padded[:10].max() == 0 and padded[10:30].min() == 255 and padded[30:].max() == 0

    def test_large_jpegs_are_the_same_up_to_the_scaling_in_the_decoder(self):
        axis = np.linspace(0, 255, 512)
        pixels = np.stack([axis[:, None] + 0 * axis, 0 * axis[:, None] + axis], -1)
        pixels = np.concatenate([pixels, pixels[..., :1]], -1).astype(np.uint8)
        content = of_pixels(pixels, "JPEG", quality=95)
        quick = self.decoded(content, (32, 32)).astype(float)
        exact = np.asarray(Image.open(io.BytesIO(content)).resize((32, 32), Image.BILINEAR))
        assert np.abs(quick - exact).max() <= 6

    def test_differing_sizes(self, tmp_path):
        files = {"a/1.png": image_file(size=(4, 4)), "a/2.png": image_file(size=(5, 4))}
        folder = put(tmp_path / "photos", files)
        with pytest.raises(ShapeError, match=r"a/1\.png is \(4, 4, 3\), .*2\.png is \(4, 5, 3\)"):
            list(read(folder, image_size=None, shuffle=False))
        alone = list(read(folder, image_size=None, shuffle=False, batch_size=1))
        assert [x.shape for x, _ in alone] == [(1, 4, 4, 3), (1, 4, 5, 3)]
        assert read(folder, image_size=(4, 4)).arrays()[0].shape == (2, 4, 4, 3)


BAD = {
    "red/empty.png": b"",
    "red/text.jpg": b"<!DOCTYPE html><p>not found",
    "red/cut.png": image_file(size=(50, 50))[:60],
}


class TestBadFiles:
    def test_are_left_out_and_named_once(self, photos):
        data = read(put(photos, BAD), batch_size=5)
        with pytest.warns(UserWarning, match="3 images could not be read") as caught:
            assert sum(len(y) for _, y in data) == 18
        (message,) = [str(w.message) for w in caught]
        assert all(str(photos / name) in message for name in BAD)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert sum(len(y) for _, y in data.map(lambda x, y: (x, y))) == 18

    def test_are_errors_when_wanted(self, photos):
        data = read(put(photos, {"blue/text.jpg": BAD["red/text.jpg"]}), on_error="raise")
        with pytest.raises(FileFormatError, match=r"blue/text\.jpg: cannot be read: not an image"):
            list(data)

    def test_a_batch_of_nothing_else_is_left_out(self, tmp_path):
        data = read(put(tmp_path / "photos", BAD | {"a/1.png": image_file()}), batch_size=1)
        with pytest.warns(UserWarning, match="3 images"):
            assert len(list(data)) == 1
        with pytest.warns(UserWarning, match="3 images"):
            samples = read(tmp_path / "photos", batch_size=None)
            assert len(list(samples)) == 1

    def test_formats_that_start_programs_are_not_tried(self, tmp_path):
        script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
        with pytest.warns(UserWarning, match="not an image"):
            list(read(put(tmp_path / "photos", {"a/1.png": script})))

    def test_any_damage_is_an_image_or_a_warning(self, tmp_path):
        """Bytes changed and files cut at random: nothing else ever comes out."""
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        files = {}
        for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
            content = of_pixels(noise, form)
            for k in range(60):
                damaged = bytearray(
                    content[: len(content) if k % 2 else rng.integers(len(content))]
                )
                for place in rng.integers(0, max(len(damaged), 1), 1 + k % 5):
                    if damaged:
                        damaged[min(place, len(damaged) - 1)] ^= int(rng.integers(1, 256))
                files[f"a/{form}{k}.png"] = bytes(damaged)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read_ = sum(len(y) for _, y in read(put(tmp_path / "photos", files), batch_size=16))
        ours = [str(w.message) for w in caught if "could not be read" in str(w.message)]
        assert 0 < read_ < len(files) and len(ours) == 1


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"color_mode": "rbg"}, UnknownNameError, "color_mode 'rbg'"),
            ({"label_mode": "ints"}, UnknownNameError, "label_mode 'ints'"),
            ({"interpolation": "cubic"}, UnknownNameError, "interpolation 'cubic'"),
            ({"on_error": "ignore"}, UnknownNameError, "on_error 'ignore'"),
            ({"labels": "folders"}, ArgumentError, "expected 'inferred'"),
            ({"image_size": 32}, ArgumentError, r"image_size is 32, expected \(height, width\)"),
            ({"image_size": (32, 0)}, ArgumentError, "two whole numbers"),
            ({"subset": "training"}, ArgumentError, "give both, or none"),
            ({"validation_split": 0.5}, ArgumentError, "give both, or none"),
            ({"validation_split": 0.5, "subset": "test"}, UnknownNameError, "subset 'test'"),
            (
                {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
                ArgumentError,
                "give one of them",
            ),
        ],
    )
    def test_are_refused_before_anything_is_read(self, photos, options, error, message):
        with pytest.raises(error, match=message):
            read(photos, **options)


def network(classes=3) -> lm.Sequential:
    lm.set_seed(0)
    model = lm.Sequential(
        [
            lm.Input((8, 12, 3)),
            lm.layers.Rescaling(1 / 255),
            lm.layers.Conv2D(4, 3, activation="relu"),
            lm.layers.GlobalAveragePooling2D(),
            lm.layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(lm.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class TestTraining:
    def test_a_network_learns_from_a_folder(self, photos):
        train, held_out = read(photos, validation_split=1 / 3, subset="both", batch_size=4)
        model = network()
        history = model.fit(train, validation_data=held_out, epochs=15, verbose=0).history
        assert history["val_accuracy"][-1] == 1
        assert model.predict(held_out).argmax(1).tolist() == held_out.arrays()[1].tolist()

    def test_the_same_bits_with_any_number_of_workers(self, photos):
        weights = []
        for workers in (0, 3):
            model = network()
            model.fit(read(photos, seed=1, batch_size=4, workers=workers), epochs=2, verbose=0)
            weights.append(model.get_weights())
        for one, other in zip(*weights, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_bad_files_are_named_by_fit(self, photos):
        with pytest.warns(UserWarning, match="3 images could not be read"):
            network().fit(read(put(photos, BAD)), epochs=2, verbose=0)


class TestSingleImages:
    def test_from_a_file_to_an_array_and_back(self, tmp_path):
        utils = lm.keras.utils
        pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        utils.save_img(tmp_path / "a.png", pixels, scale=False)
        image = utils.load_img(tmp_path / "a.png")
        array = utils.img_to_array(image)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, pixels)
        assert utils.img_to_array(image, "channels_first").shape == (3, 6, 9)
        gray = utils.load_img(tmp_path / "a.png", "grayscale", target_size=(4, 5))
        assert (gray.mode, gray.size, utils.img_to_array(gray).shape) == ("L", (5, 4), (4, 5, 1))
        assert lm.keras.preprocessing.image.load_img is utils.load_img

    def test_scaled_to_black_and_white(self):
        image = lm.keras.utils.array_to_img(np.float32([[[-1.0], [0.0], [1.0]]]))
        assert np.asarray(image).tolist() == [[0, 127, 255]]
        assert lm.keras.utils.array_to_img(np.zeros((4, 2, 3)), "channels_first").size == (3, 2)

    def test_transparency_is_lost_in_a_jpeg(self, tmp_path):
        lm.keras.utils.save_img(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
        assert lm.keras.utils.load_img(tmp_path / "a.jpg").mode == "RGB"

    def test_refuses(self, tmp_path):
        (tmp_path / "a.png").write_bytes(b"text")
        with pytest.raises(FileFormatError, match=r"a\.png: not an image"):
            lm.keras.utils.load_img(tmp_path / "a.png")
        with pytest.raises(FileNotFoundError):
            lm.keras.utils.load_img(tmp_path / "b.png")
        with pytest.raises(UnknownNameError, match="color_mode 'gray'"):
            lm.keras.utils.load_img(tmp_path / "a.png", color_mode="gray")
        with pytest.raises(ShapeError, match=r"expected .height, width, channels."):
            lm.keras.utils.array_to_img(np.zeros((4, 4, 2)))


CIFAR = "cifar10-jpeg.zip"


@pytest.mark.slow
@pytest.mark.skipif(
    not (lm.settings.data and (lm.settings.data / CIFAR).is_file()), reason="no CIFAR-10 as JPEG"
)
def test_a_network_learns_cifar_10_from_its_zip_file():
    def part(name, **options):
        folder = lm.settings.data / CIFAR / "cifar10" / name
        return read(folder, image_size=(32, 32), batch_size=128, seed=1, **options)

    train, test = part("train"), part("test", shuffle=False)
    assert train.class_names == list(lm.datasets.cifar10.CLASS_NAMES)
    lm.set_seed(0)
    model = lm.Sequential(
        [
            lm.Input((32, 32, 3)),
            lm.layers.Rescaling(1 / 255),
            lm.layers.Conv2D(16, 3, strides=2, activation="relu"),
            lm.layers.Conv2D(32, 3, strides=2, activation="relu"),
            lm.layers.Flatten(),
            lm.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=3, verbose=0)
    assert model.evaluate(test, verbose=0)[1] > 0.5


MEMORY = """
import resource, sys
import numpy as np
from lamina.data import image_dataset_from_directory

data = image_dataset_from_directory(sys.argv[1], image_size=(256, 256), batch_size=8, workers=2,
                                    verbose=False, keep_bytes=int(sys.argv[2]))
next(iter(data))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = sum(x.numpy().nbytes for x, _ in data)
print(total, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss in kilobytes")
@pytest.mark.parametrize("keep_bytes", [0, 10 << 20])
def test_memory_is_bounded_on_a_folder_that_is_larger(tmp_path, keep_bytes):
    """300 images of 786 kB; a few batches of them are there at once, and those that are kept."""
    content = image_file((9, 8, 7), (256, 256))
    put(tmp_path / "photos", {f"{k % 2}/{k}.png": content for k in range(300)})
    environment = os.environ | {"PYTHONPATH": str(Path(lm.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "photos"), str(keep_bytes)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    total, grown = map(int, done.stdout.split())
    batch = 8 * 256 * 256 * 3 * 4
    assert total == 300 * 256 * 256 * 3 * 4
    assert grown < 6 * batch + keep_bytes  # workers + 3 = 5 batches; all would be 38


def test_decoded_images_are_kept_for_later_passes_as_far_as_there_is_room(photos):
    files = sorted(photos.rglob("*.png"))
    plain, kept = read(photos, seed=1, keep_bytes=0), read(photos, seed=1)
    for epoch in range(2):
        for (x, y), (u, v) in zip(plain.epoch(epoch), kept.epoch(epoch), strict=True):
            np.testing.assert_array_equal(x, u)
            np.testing.assert_array_equal(y, v)
    one = 8 * 12 * 3 + 160
    some = read(photos, keep_bytes=2 * one + 10, shuffle=False, on_error="raise", workers=0)
    list(some.epoch(0))
    for file in files[:2]:  # the first two that were read are kept
        file.write_bytes(b"damaged")
    list(some.epoch(1))
    files[2].write_bytes(b"damaged")
    with pytest.raises(FileFormatError, match=files[2].name):
        list(some.epoch(2))
    with pytest.raises(RangeError, match="keep_bytes"):
        read(photos, keep_bytes=-1)


def test_a_folder_in_a_zip_file_is_found_below_its_only_folder(tmp_path):
    files = {f"all/train/{name}": content for name, content in small_files(2).items()}
    path = zipped(tmp_path / "photos.zip", files)
    for inner in ("all/train", "train"):
        data = image_dataset_from_directory(path / inner, image_size=None, verbose=False)
        assert data.class_names == sorted(COLORS)
    with pytest.raises(DataError, match="holds no folder"):
        image_dataset_from_directory(path / "test", verbose=False)

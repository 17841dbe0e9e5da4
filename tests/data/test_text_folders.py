"""Folders of texts as datasets."""

import zipfile

import numpy as np
import pytest

import lamina as lm
from lamina.data import text_dataset_from_directory
from lamina.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    FileFormatError,
    RangeError,
    UnknownNameError,
)

FILES = {
    **{f"good/{k}.txt": f"a good film, number {k}" for k in range(6)},
    **{f"bad/{k}.txt": f"a bad film, number {k}" for k in range(4)},
}


@pytest.fixture
def reviews(tmp_path):
    """A folder of two classes, with another kind of file among them."""
    for name, text in {**FILES, "good/notes.md": "left out"}.items():
        path = tmp_path / "reviews" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "reviews"


def read(directory, **options):
    return text_dataset_from_directory(directory, **{"verbose": False, **options})


def test_texts_and_labels(reviews, capsys):
    data = text_dataset_from_directory(reviews, shuffle=False, batch_size=4)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert (len(data), data.class_names) == (3, ["bad", "good"])
    texts, labels = data.arrays()
    assert texts[0] == "a bad film, number 0"
    assert texts[-1] == "a good film, number 5"
    assert labels.tolist() == [0] * 4 + [1] * 6
    assert (texts.dtype, labels.dtype) == (np.dtype(object), np.dtype(np.int32))
    assert data.file_paths[0].endswith("0.txt")


def test_label_modes_and_orders(reviews):
    _, binary = read(reviews, label_mode="binary", class_names=["good", "bad"]).arrays()
    assert (binary.shape, binary.dtype, binary.sum()) == ((10, 1), np.float32, 4)
    _, rows = read(reviews, label_mode="categorical").arrays()
    assert rows.shape == (10, 2)
    assert read(reviews, labels=None).arrays().shape == (10,)
    shuffled = read(reviews, seed=3)
    first, second = (next(iter(shuffled))[0].tolist() for _ in range(2))
    assert first != second and sorted(first) == sorted(second) == sorted(FILES.values())
    assert next(iter(read(reviews, seed=3)))[0].tolist() == first


def test_validation_is_a_share_of_each_class(reviews):
    train, held_out = read(reviews, validation_split=0.5, subset="both", seed=1)
    (x, y), (x_held, y_held) = train.arrays(), held_out.arrays()
    assert np.bincount(y).tolist() == [2, 3] and np.bincount(y_held).tolist() == [2, 3]
    assert sorted([*x, *x_held]) == sorted(FILES.values())


def test_single_samples_and_long_texts(reviews):
    (reviews / "bad" / "0.txt").write_text("žluť", encoding="utf-8")
    text, label = next(iter(read(reviews, batch_size=None, shuffle=False, max_length=4)))
    assert (text.item(), int(label)) == ("žlu", 0)  # ž has two bytes


def test_in_a_zip_file(reviews, tmp_path):
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(f"reviews/{name}", text)
    inside, outside = (read(p, shuffle=False).arrays() for p in (tmp_path / "r.zip", reviews))
    assert inside[0].tolist() == outside[0].tolist()


def test_errors(reviews, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"holds no texts \(.txt\)"):
        read(_empty(tmp_path))
    with pytest.raises(UnknownNameError, match="label_mode 'integer'"):
        read(reviews, label_mode="integer")
    with pytest.raises(ArgumentError, match="give both, or none"):
        read(reviews, validation_split=0.2)
    with pytest.raises(RangeError, match="max_length is 0"):
        read(reviews, max_length=0)
    (reviews / "bad" / "0.txt").write_bytes(b"caf\xe9")
    with pytest.raises(FileFormatError, match=r"0.txt: is not text in utf-8: .* at byte 3"):
        read(reviews).arrays()
    texts, _ = read(reviews, encoding="latin-1", shuffle=False).arrays()
    assert texts[0] == "café"


def _empty(folder):
    (folder / "empty" / "class").mkdir(parents=True)
    (folder / "empty" / "class" / "image.png").touch()
    return folder / "empty"


def test_a_network_learns_from_a_folder(reviews):
    train = read(reviews, batch_size=5, seed=0)
    vectorize = lm.layers.TextVectorization(output_mode="multi_hot")
    vectorize.adapt(train)
    model = lm.Sequential([lm.layers.Dense(1, activation="sigmoid")])
    model.compile(lm.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    rows = train.map(lambda texts, labels: (vectorize(texts), labels[:, None]))
    history = model.fit(rows, epochs=15, verbose=0)
    assert history.history["accuracy"][-1] == 1
    with pytest.raises(DTypeError):
        model.fit(train, verbose=0)


def test_keras_names():
    assert lm.keras.utils.text_dataset_from_directory is text_dataset_from_directory
    assert lm.keras.preprocessing.text_dataset_from_directory is text_dataset_from_directory

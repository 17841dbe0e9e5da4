"""Generated data sets and files of the forms that notebooks download."""

from __future__ import annotations

import csv
import functools
import inspect
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

WORDS = str.split(
    "the a movie film was is good bad great awful plot actor of and to it not very really story "
    "this that king lord love day night we you they saw made best worst never always one two"
)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def sentences(count: int, length: int = 30) -> list[str]:
    """Texts of words in random order."""
    random = generator()
    return [" ".join(random.choice(WORDS, size=random.integers(5, length))) for _ in range(count)]


def photo(path: Path, height: int = 180, width: int = 240, seed: int = 0) -> None:
    from PIL import Image

    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(small).resize((width, height)).save(path)


def write(folder: Path, source: str) -> None:
    """Write the files that the source of a notebook names."""
    for word, make in FILES.items():
        if word in source:
            make(folder)
    if "cats_vs_dogs" in source and "copyfile" not in source:
        cats_and_dogs_split(folder)


def reviews(folder: Path) -> None:
    for part in ("train", "test"):
        for kind in ("pos", "neg", *(["unsup"] if part == "train" else [])):
            place = folder / "aclImdb" / part / kind
            place.mkdir(parents=True, exist_ok=True)
            for number, text in enumerate(sentences(100)):
                (place / f"{number}_{10 if kind == 'pos' else 1}.txt").write_text(text, "utf-8")
    (folder / "aclImdb/train/pos/4077_10.txt").write_text("a good film", "utf-8")


def climate(folder: Path) -> None:
    names = (
        '"p (mbar)","T (degC)","Tpot (K)","Tdew (degC)","rh (%)","VPmax (mbar)","VPact (mbar)",'
        '"VPdef (mbar)","sh (g/kg)","H2OC (mmol/mol)","rho (g/m**3)","wv (m/s)",'
        '"max. wv (m/s)","wd (deg)"'
    )
    rows = generator().normal(10, 3, (20000, 14))
    with (folder / "jena_climate_2009_2016.csv").open("w", encoding="utf-8") as file:
        file.write(f'"Date Time",{names}\n')
        lines = [
            f"01.01.2009 00:{i % 60:02}:00,{','.join(f'{v:.2f}' for v in r)}"
            for i, r in enumerate(rows)
        ]
        file.write("\n".join(lines))


def pairs(folder: Path) -> None:
    (folder / "spa-eng").mkdir(exist_ok=True)
    left, right = sentences(4000, 8), sentences(4000, 9)[::-1]
    lines = [f"{a}.\t¿{b}?\n" for a, b in zip(left, right, strict=True)]
    (folder / "spa-eng/spa.txt").write_text("".join(lines), "utf-8")


def pets(folder: Path) -> None:
    from PIL import Image

    (folder / "annotations/trimaps").mkdir(parents=True, exist_ok=True)
    for number in range(1100):
        photo(folder / f"images/cat_{number}.jpg", 60, 80, number)
        mask = generator().integers(1, 4, (60, 80), dtype=np.uint8)
        Image.fromarray(mask).save(folder / f"annotations/trimaps/cat_{number}.png")


def cats_and_dogs(folder: Path) -> None:
    for place in ("train", "dogs-vs-cats/train", "original"):
        for kind in ("cat", "dog"):
            first = folder / place / f"{kind}.0.jpg"
            photo(first, 40, 50)
            content = first.read_bytes()
            for number in range(1, 2500):
                (folder / place / f"{kind}.{number}.jpg").write_bytes(content)


def cats_and_dogs_split(folder: Path) -> None:
    for part in ("train", "validation", "test"):
        for kind in ("cat", "dog"):
            for number in range(40):
                photo(
                    folder / f"cats_vs_dogs_small/{part}/{kind}/{kind}.{number}.jpg", 40, 50, number
                )


def faces(folder: Path) -> None:
    for number in range(70):
        photo(folder / f"celeba_gan/img_align_celeba/{number}.jpg", 109, 89, number)


def vectors(folder: Path) -> None:
    lines = [f"{w} {' '.join(['0.1'] * 100)}\n" for w in WORDS]
    for place in (folder, folder / "glove.6B"):
        place.mkdir(exist_ok=True)
        (place / "glove.6B.100d.txt").write_text("".join(lines), "utf-8")


FILES = {
    "aclImdb": reviews,
    "jena_climate": climate,
    "spa-eng": pairs,
    "annotations/": pets,
    "dogs-vs-cats": cats_and_dogs,
    "cats_and_dogs": cats_and_dogs,
    "celeba_gan": faces,
    "glove.6B": vectors,
}


def fetched(fname: Any = None, origin: Any = None, **options: Any) -> str:
    """A generated file of the kind, for `get_file`."""
    name = Path(str(fname or origin)).name
    place = Path.cwd() / name
    if name.endswith((".jpg", ".jpeg", ".png")):
        photo(place)
    elif name.endswith(".txt"):
        lines = [f"{text}.\n" for text in sentences(4000)]
        place.write_text("".join(lines), "utf-8")
    elif "aclImdb" in name:
        reviews(Path.cwd())
        return str(Path.cwd() if options.get("extract") else place)
    elif "spa-eng" in name:
        pairs(Path.cwd())
        return str(Path.cwd() if options.get("extract") else place)
    elif "ridership" in name:
        ridership(Path.cwd())
        return str(Path.cwd() / "ridership.tgz") if not options.get("extract") else str(Path.cwd())
    elif "jsb" in name:
        chorales(Path.cwd())
    elif "flowers" in name.lower():
        for number in range(60):
            photo(Path.cwd() / f"flower_photos/{'ab'[number % 2]}/{number}.jpg", 64, 64, number)
        return str(Path.cwd() / "flower_photos")
    else:
        raise FileNotFoundError(f"no generated file for {name}")
    return str(place)


def ridership(folder: Path) -> None:
    import datetime

    place = folder / "datasets/ridership"
    place.mkdir(parents=True, exist_ok=True)
    start = datetime.date(2015, 1, 1)
    with (place / "CTA_-_Ridership_-_Daily_Boarding_Totals.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["service_date", "day_type", "bus", "rail_boardings", "total_rides"])
        for number in range(2200):
            day = start + datetime.timedelta(number)
            bus, rail = 500000 + number % 7 * 1000, 600000 + number % 7 * 900
            kind = "WWWWWAU"[day.weekday()]
            rows.writerow([day.strftime("%m/%d/%Y"), kind, bus, rail, bus + rail])


def chorales(folder: Path) -> None:
    for part in ("train", "valid", "test"):
        place = folder / "datasets/jsb_chorales" / part
        place.mkdir(parents=True, exist_ok=True)
        for number in range(20):
            with (place / f"chorale_{number:03}.csv").open("w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["note0", "note1", "note2", "note3"])
                rows.writerows(generator().integers(36, 81, (100, 4)).tolist())


def images_of(
    shape: tuple[int, ...], classes: int, train: int, test: int, column: bool = False
) -> Any:
    @functools.cache
    def load_data(*args: Any, **options: Any) -> Any:
        random = generator()

        def part(count: int) -> Any:
            labels = random.integers(0, classes, (count, 1) if column else count).astype("uint8")
            return random.integers(0, 256, (count, *shape), dtype=np.uint8), labels

        return part(train), part(test)

    return lambda *args, **options: load_data()


def sequences_of(classes: int, train: int, test: int) -> Any:
    def load_data(num_words: int = 10000, maxlen: int | None = None, **options: Any) -> Any:
        random = generator()

        def part(count: int) -> Any:
            rows = np.empty(count, dtype=object)
            for i in range(count):
                rows[i] = [
                    1,
                    *random.integers(4, num_words or 10000, random.integers(10, 60)).tolist(),
                ]
            return rows, random.integers(0, classes, count)

        return part(train), part(test)

    return load_data


def houses(features: int, train: int, test: int) -> Any:
    def load_data(**options: Any) -> Any:
        random = generator()

        def part(count: int) -> Any:
            return random.normal(5, 2, (count, features)), random.uniform(5, 50, count)

        return part(train), part(test)

    return load_data


def replace_downloads() -> None:
    """Replace data sets, `get_file` and pretrained weights by generated ones."""
    from lamina import keras

    loaders = {
        "mnist": images_of((28, 28), 10, 60000, 10000),
        "fashion_mnist": images_of((28, 28), 10, 60000, 10000),
        "cifar10": images_of((32, 32, 3), 10, 50000, 10000, column=True),
        "imdb": sequences_of(2, 25000, 25000),
        "reuters": sequences_of(46, 8982, 2246),
        "boston_housing": houses(13, 404, 102),
        "california_housing": houses(8, 16512, 4128),
    }
    for name, load in loaders.items():
        getattr(keras.datasets, name).load_data = load
    for name in ("imdb", "reuters"):
        index = {f"word{i}" if i >= len(WORDS) else WORDS[i]: i + 1 for i in range(10000)}
        getattr(keras.datasets, name).get_word_index = lambda index=index, **options: index
    keras.utils.get_file = fetched
    for place in keras.applications.__all__:
        found = getattr(keras.applications, place)
        if isinstance(found, types.ModuleType):
            for name in found.__all__:
                if name[:1].isupper():
                    setattr(found, name, _without_weights(getattr(found, name)))
        elif place[:1].isupper():
            setattr(keras.applications, place, _without_weights(found))
    try:
        import sklearn.datasets
        import sklearn.utils
    except ImportError:
        return

    def fetch(**options: Any) -> Any:
        random = generator()
        names = [f"feature_{k}" for k in range(8)]
        data, target = random.normal(5, 2, (20640, 8)), random.uniform(0.1, 5, 20640)
        return sklearn.utils.Bunch(data=data, target=target, feature_names=names)

    sklearn.datasets.fetch_california_housing = fetch
    import urllib.request

    def retrieve(url: str, filename: Any = None, *args: Any) -> Any:
        path = fetched(Path(url).name)
        if filename:
            Path(filename).parent.mkdir(parents=True, exist_ok=True)
            Path(filename).write_bytes(Path(path).read_bytes())
        return filename or path, None

    urllib.request.urlretrieve = retrieve
    sys.modules.setdefault("google", types.ModuleType("google"))


def _without_weights(make: Any) -> Any:
    @functools.wraps(make)
    def made(*args: Any, **options: Any) -> Any:
        if "weights" in inspect.signature(make).parameters:
            options["weights"] = None
        return make(*args, **options)

    return made

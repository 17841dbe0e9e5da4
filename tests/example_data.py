"""Small files in the formats of published data sets, for the example programs."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np

WORDS = [
    "a",
    "the",
    "man",
    "woman",
    "dog",
    "child",
    "red",
    "green",
    "old",
    "big",
    "runs",
    "sits",
    "sleeps",
    "eats",
    "in",
    "on",
    "park",
    "house",
]


def write_cora(folder: Path) -> None:
    """A graph of seven groups of papers: a paper's words and neighbors are mostly of its group."""
    rng = np.random.default_rng(0)
    papers, groups, words = 280, 7, 70
    labels = np.arange(papers) % groups
    features = np.array([sorted(_words(rng, k)) for k in labels])
    first = np.repeat(np.arange(papers), 3)
    same = [rng.choice(np.flatnonzero(labels == labels[k])) for k in first]
    second = np.where(rng.random(first.size) < 0.9, same, rng.integers(papers, size=first.size))
    edges = np.unique(np.sort(np.stack([first, second], axis=1), axis=1), axis=0)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "cora.npz",
        feature_indptr=np.arange(papers + 1) * features.shape[1],
        feature_indices=features.ravel(),
        feature_shape=np.array([papers, words]),
        labels=labels,
        edges=edges[edges[:, 0] != edges[:, 1]],
        train_index=np.arange(70),
        val_index=np.arange(70, 140),
        test_index=np.arange(140, 280),
    )


def _words(rng, group: int) -> np.ndarray:
    own = np.arange(group * 10, group * 10 + 10)
    return np.concatenate([rng.choice(own, 3, replace=False), rng.choice(_others(own), 5, False)])


def _others(own: np.ndarray) -> np.ndarray:
    return np.setdiff1d(np.arange(70), own)


def write_multi30k(folder: Path) -> None:
    """Sentences whose translation has other words in the same order."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 300), ("val", 30), ("test_2016_flickr", 30)):
        rows = [rng.choice(WORDS, rng.integers(3, 8)).tolist() for _ in range(count)]
        for language, ending in (("en", ""), ("de", "en")):
            lines = "".join(" ".join(w + ending for w in row) + "\n" for row in rows)
            (folder / f"{part}.{language}.gz").write_bytes(gzip.compress(lines.encode()))


def write_sick(root: Path) -> None:
    """Pairs of sentences, and vectors of their words, below the folder `text`."""
    rng = np.random.default_rng(0)
    folder = root / "text" / "sick"
    folder.mkdir(parents=True, exist_ok=True)
    names = ["pair_ID", "sentence_A", "sentence_B", "relatedness_score", "entailment_judgment"]
    for part, count in (("train", 300), ("trial", 30), ("test", 60)):
        rows = ["\t".join(names)]
        for k in range(count):
            label = ("NEUTRAL", "ENTAILMENT", "CONTRADICTION")[k % 3]
            first = rng.choice(WORDS, 5).tolist()
            second = {
                "NEUTRAL": rng.choice(WORDS, 5).tolist(),
                "ENTAILMENT": first,
                "CONTRADICTION": ["no", *first[1:]],
            }[label]
            rows.append("\t".join([str(k), " ".join(first), " ".join(second), "3.0", label]))
        (folder / f"SICK_{part}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    vectors = rng.normal(size=(len(WORDS) + 1, 25)).round(4)
    lines = [" ".join([w, *map(str, v)]) for w, v in zip([*WORDS, "no"], vectors, strict=True)]
    path = root / "text" / "glove-twitter-25d-sick.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_photographs(folder: Path) -> None:
    """Images of stripes and disks: `set5` with a butterfly, and the archive `bsds-sr.zip`."""
    from PIL import Image

    (folder / "set5").mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:216, :216]
    images = []
    for k in range(6):
        wave = 127 + 90 * np.sin((x * np.cos(k) + y * np.sin(k)) / (4 + k))
        wave[(x - 100) ** 2 + (y - 90) ** 2 < (30 + 5 * k) ** 2] = 40 * k
        images.append(Image.fromarray(np.stack([wave] * 3, axis=-1).astype("uint8")))
    images[0].save(folder / "set5" / "butterfly.png")
    images[1].save(folder / "set5" / "bird.png")
    with zipfile.ZipFile(folder / "bsds-sr.zip", "w") as archive:
        for k, image in enumerate(images[2:]):
            file = io.BytesIO()
            image.save(file, "JPEG")
            archive.writestr(f"bsds-sr/train/{k}.jpg", file.getvalue())

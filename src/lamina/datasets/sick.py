"""SICK: pairs of sentences, and whether the first entails or contradicts the second."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamina.datasets.download import Source, find_file
from lamina.errors import FileFormatError, unknown_name
from lamina.files import read_text

PARTS = {"train": "train", "validation": "trial", "test": "test"}
LABELS = ("NEUTRAL", "ENTAILMENT", "CONTRADICTION")
SOURCE = Source(
    name="sick",
    title="SICK",
    mirrors=(),
    digests={f"SICK_{part}.txt": "" for part in PARTS.values()},
    suffix="",
    other_names={f"SICK_{part}.txt": f"text/sick/SICK_{part}.txt" for part in PARTS.values()},
)


class Pairs(NamedTuple):
    """Pairs of sentences.

    Attributes:
        premises: the first sentence of each pair.
        hypotheses: the second sentence of each pair.
        labels: int64 (pairs,): 0 neutral, 1 entailment, 2 contradiction.
        relatedness: float32 (pairs,): from 1 (unrelated) to 5.
    """

    premises: list[str]
    hypotheses: list[str]
    labels: np.ndarray
    relatedness: np.ndarray


def load_data(part: str = "train") -> Pairs:
    """Return the pairs of one part.

    The files `SICK_train.txt`, `SICK_trial.txt` and `SICK_test.txt`, tables separated by tabs, are
    searched in `LAMINA_DATA/sick`, `LAMINA_DATA/text/sick` and the cache folder; they are not
    downloaded.

    Args:
        part: "train" (4,500 pairs), "validation" (500) or "test" (4,927).

    Raises:
        UnknownNameError: for another part.
        DownloadError: if the file is not on this machine.
        FileFormatError: if a row has other columns.

    Example:
        >>> import lamina as lm
        >>> pairs = lm.datasets.sick.load_data("test")  # doctest: +SKIP

    Source: Marelli et al. (2014), SemEval-2014 Task 1.
    """
    if part not in PARTS:
        raise unknown_name("part of SICK", part, PARTS)
    path = find_file(SOURCE, f"SICK_{PARTS[part]}.txt")
    rows = csv.DictReader(read_text(path).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    found = [_pair(path, number, row) for number, row in enumerate(rows, 2)]
    premises, hypotheses, labels, scores = zip(*found, strict=True) if found else ([],) * 4
    return Pairs(
        list(premises), list(hypotheses), np.array(labels, np.int64), np.array(scores, np.float32)
    )


def _pair(path: Path, line: int, row: dict[str, str]) -> tuple[str, str, int, float]:
    try:
        label = LABELS.index(row["entailment_judgment"])
        return row["sentence_A"], row["sentence_B"], label, float(row["relatedness_score"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}, line {line}: expected sentence_A, sentence_B, relatedness_score and "
            f"entailment_judgment, one of {', '.join(LABELS)} (got {row})"
        ) from error

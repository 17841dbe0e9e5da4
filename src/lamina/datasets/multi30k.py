"""Multi30k: captions of 31,014 photographs in English, and in German by translators."""

import gzip
import zlib
from pathlib import Path

from lamina.datasets.download import Source, find_file
from lamina.errors import FileFormatError, unknown_name

_SERVED = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
SOURCE = Source(
    name="multi30k",
    title="Multi30k",
    mirrors=(_SERVED,),
    digests={
        "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
        "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
        "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
        "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
        "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
        "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
    },
    other_names={
        f"{part}.{language}": f"text/multi30k/{part}.{language}.gz"
        for part in ("train", "val", "test_2016_flickr")
        for language in ("de", "en")
    },
)
PARTS = {"train": "train", "validation": "val", "test": "test_2016_flickr"}


def load_data(part: str = "train") -> tuple[list[str], list[str]]:
    """Return (German sentences, English sentences) of one part, in the same order.

    The files are searched in `LAMINA_DATA/multi30k`, `LAMINA_DATA/text/multi30k` and the cache
    folder; otherwise they are downloaded and verified.

    Args:
        part: "train" (29,000 pairs), "validation" (1,014) or "test" (1,000: Flickr 2016).

    Raises:
        UnknownNameError: for another part.
        DownloadError: if a file is not on this machine and cannot be downloaded.
        FileFormatError: if the two files differ in the number of lines.

    Example:
        >>> import lamina as lm
        >>> german, english = lm.datasets.multi30k.load_data("test")  # doctest: +SKIP

    Source: Elliott et al. (2016), Multi30K: multilingual English-German image descriptions.
    """
    if part not in PARTS:
        raise unknown_name("part of Multi30k", part, PARTS)
    paths = [find_file(SOURCE, f"{PARTS[part]}.{language}") for language in ("de", "en")]
    german, english = (_lines(path) for path in paths)
    if len(german) != len(english):
        raise FileFormatError(
            f"{paths[1]}: expected as many lines as {paths[0].name} has "
            f"(expected {len(german)}, got {len(english)})"
        )
    return german, english


def _lines(path: Path) -> list[str]:
    content = path.read_bytes()
    try:
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path}: expected lines of text in UTF-8 ({error})") from error
    return text.removesuffix("\n").split("\n")

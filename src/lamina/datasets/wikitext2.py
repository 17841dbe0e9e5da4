"""WikiText-2: articles of Wikipedia as words, with <unk> for rare ones (CC BY-SA).

Source: S. Merity, C. Xiong, J. Bradbury, R. Socher, "Pointer Sentinel Mixture Models",
arXiv:1609.07843. Words are separated by spaces; 2.1 million for training, 218,000 and 246,000 for
validation and test, counting an <eos> for the end of each line.
"""

from lamina.datasets.download import Source, find_file
from lamina.errors import unknown_name
from lamina.files import read_text

SOURCE = Source(
    name="wikitext2",
    title="WikiText-2",
    mirrors=(
        "https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/"
        "wikitext-2/",
    ),
    digests={
        "train.txt": "",  # where its sum is not known nothing is downloaded: a user's file
        "valid.txt": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
        "test.txt": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
    },
    suffix="",
    other_names={
        f"{part}.txt": f"text/wikitext2-{part}.txt" for part in ("train", "valid", "test")
    },
)
PARTS = tuple(name.removesuffix(".txt") for name in SOURCE.digests)


def load_data(part: str = "train") -> str:
    """Return the text of one part.

    A file is searched as `LAMINA_DATA/wikitext2/test.txt`, `LAMINA_DATA/text/wikitext2-test.txt`
    and in the cache folder; otherwise it is downloaded into the cache folder and verified. The
    training part is not downloaded. `lm.data.WordCorpus` makes numbers of it.

    Args:
        part: "train", "valid" or "test".

    Raises:
        UnknownNameError: for another part.
        DownloadError: if the file is not on this machine and cannot be downloaded.

    Example:
        >>> import lamina as lm
        >>> text = lm.datasets.wikitext2.load_data("test")  # doctest: +SKIP

    Source: Merity et al. (2016), Pointer sentinel mixture models.
    """
    if part not in PARTS:
        raise unknown_name("part of WikiText-2", part, PARTS)
    return read_text(find_file(SOURCE, f"{part}.txt"))

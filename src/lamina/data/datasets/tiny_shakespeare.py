"""Tiny Shakespeare: 1,115,394 characters of plays, the usual text for character models.

Source: A. Karpathy, "The Unreasonable Effectiveness of Recurrent Neural Networks" (2015) and its
program, char-rnn; the text is in the public domain.
"""

from lamina.data.datasets.download import Source, find_file
from lamina.errors import RangeError
from lamina.files import read_text

SOURCE = Source(
    name="tiny_shakespeare",
    title="Tiny Shakespeare",
    mirrors=("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",),
    digests={"input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
    suffix="",
    other_names={"input.txt": "text/tinyshakespeare.txt"},
)


def load_data(validation: float = 0.1) -> tuple[str, str]:
    """(train, validation): the beginning of the text, and the last `validation` part of it.

    The file is looked for as `LAMINA_DATA/tiny_shakespeare/input.txt` and
    `LAMINA_DATA/text/tinyshakespeare.txt`, then in the cache folder, then downloaded into the cache
    folder and checked. `lm.data.CharacterCorpus` makes numbers and windows of it.

    >>> train, validation = lm.datasets.tiny_shakespeare.load_data()

    Raises:
        RangeError: `validation` is not within 0 and 1.
        DownloadError: the file is not on this machine and cannot be downloaded.
    """
    if not 0 <= validation < 1:
        raise RangeError(f"validation is {validation}, expected a fraction from 0 to below 1")
    text = read_text(find_file(SOURCE, "input.txt"))
    border = round(len(text) * (1 - validation))
    return text[:border], text[border:]

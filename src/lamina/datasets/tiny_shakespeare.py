"""Tiny Shakespeare: 1,115,394 characters of plays, the usual text for character models.

Source: A. Karpathy, "The Unreasonable Effectiveness of Recurrent Neural Networks" (2015) and its
program, char-rnn; the text is in the public domain.
"""

from lamina.datasets.download import Source, find_file
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
    """Return the pair (train, validation): the start of the text, and the rest.

    The file is searched as `LAMINA_DATA/tiny_shakespeare/input.txt`,
    `LAMINA_DATA/text/tinyshakespeare.txt` and in the cache folder; otherwise it is downloaded into
    the cache folder and verified. `lm.data.CharacterCorpus` makes numbers and windows of it.

    Args:
        validation: fraction of the text, from its end, to hold out, in [0, 1].

    Raises:
        RangeError: if `validation` is not in [0, 1].
        DownloadError: if the file is not on this machine and cannot be downloaded.

    Example:
        >>> import lamina as lm
        >>> train, validation = lm.datasets.tiny_shakespeare.load_data()  # doctest: +SKIP

    Source: Karpathy (2015), The unreasonable effectiveness of recurrent neural networks.
    """
    if not 0 <= validation < 1:
        raise RangeError(f"validation is {validation}, expected a fraction from 0 to below 1")
    text = read_text(find_file(SOURCE, "input.txt"))
    border = round(len(text) * (1 - validation))
    return text[:border], text[border:]

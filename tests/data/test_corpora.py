"""Texts as numbers: vocabularies, windows, lanes, and the two published texts."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

import lamina as lm
from lamina.data import CharacterCorpus, WordCorpus
from lamina.datasets import tiny_shakespeare, wikitext2
from lamina.errors import (
    ArgumentError,
    DataError,
    DownloadError,
    OutOfBoundsError,
    RangeError,
    UnknownNameError,
)
from lamina.settings import settings

POEM = "a rose is a rose\n\nis a rose\n"


class TestCharacters:
    @limits(deadline=None)
    @given(st.text(min_size=1))
    def test_decode_undoes_encode(self, text):
        corpus = CharacterCorpus(text, validation=0.0)
        assert corpus.decode(corpus.encode(text)) == text
        assert corpus.vocabulary == tuple(sorted(set(text)))

    def test_parts(self):
        corpus = CharacterCorpus("abcdefghij", validation=0.3)
        assert corpus.decode(corpus.train) == "abcdefg"
        assert corpus.decode(corpus.validation) == "hij"
        assert corpus.train.dtype == np.int32
        assert "7 tokens to train with, 3 for validation, 10 in" in repr(corpus)

    def test_character_corpus_takes_separate_validation_texts_and_files(self, tmp_path):
        path = tmp_path / "text.txt"
        path.write_text("žluťoučký kůň", encoding="utf-8")
        corpus = CharacterCorpus(path, validation="kůň")
        assert corpus.decode(corpus.train) == "žluťoučký kůň"
        assert corpus.decode(corpus.validation) == "kůň"
        with pytest.raises(ArgumentError, match="is the name of a file"):
            CharacterCorpus(str(path))

    def test_character_corpus_takes_a_vocabulary(self):
        corpus = CharacterCorpus("abba", 0.0, vocabulary="ba")
        assert corpus.train.tolist() == [1, 0, 0, 1]
        with pytest.raises(DataError, match=r"'c' at position 2 is not in the vocabulary of 2"):
            corpus.encode("abc")
        with pytest.raises(ArgumentError, match="holds 'a' twice"):
            CharacterCorpus("a", 0.0, vocabulary="aa")

    def test_numbers_that_no_token_has(self):
        corpus = CharacterCorpus("ab", 0.0)
        with pytest.raises(OutOfBoundsError, match=r"number 2 at position \(1, 0\)"):
            corpus.decode([[0, 1], [2, 0]])
        with pytest.raises(OutOfBoundsError, match="number -1 at position 1"):
            corpus.decode([0, -1])


class TestWords:
    def test_vocabulary_and_lines(self):
        corpus = WordCorpus(POEM, validation=0.0)
        assert corpus.vocabulary == ("<unk>", "<eos>", "a", "rose", "is")
        assert corpus.train.tolist() == [2, 3, 4, 2, 3, 1, 1, 4, 2, 3, 1]
        assert corpus.decode(corpus.train) == POEM

    def test_rare_words_are_unknown(self):
        corpus = WordCorpus(POEM, validation="a tulip is a rose", max_words=4)
        assert corpus.vocabulary_size == 4
        assert corpus.decode(corpus.train).splitlines()[0] == "a rose <unk> a rose"
        assert corpus.decode(corpus.validation) == "a <unk> <unk> a rose\n"

    def test_words_of_the_validation_text_do_not_count(self):
        corpus = WordCorpus("b b a\nc", validation=0.4)
        assert corpus.vocabulary == ("<unk>", "<eos>", "b", "a")
        assert corpus.validation.tolist() == [0, 1]

    def test_without_a_word_for_the_unknown(self):
        with pytest.raises(DataError, match="'<eos>' at position 1 is not in") as caught:
            WordCorpus("a", 0.0, vocabulary=["a"])
        assert "<unk>" in caught.value.hint

    def test_a_text_that_holds_the_marks(self):
        corpus = WordCorpus("the <unk> of the <unk>", 0.0)
        assert corpus.vocabulary == ("<unk>", "<eos>", "the", "of")


class TestBatches:
    @limits(deadline=None)
    @given(st.integers(2, 80), st.integers(1, 9), st.integers(1, 9))
    def test_windows(self, size, length, stride):
        corpus = CharacterCorpus("".join(map(chr, range(100, 100 + size))), 0.0)
        if size <= length:
            with pytest.raises(DataError, match=f"has {size} tokens"):
                corpus.windows(length, stride=stride)
            return
        x, y = corpus.windows(length, stride=stride)
        assert x[:, 0].tolist() == list(range(0, size - length, stride))
        assert (x == x[:, :1] + np.arange(length)).all()
        assert (y == x + 1).all()
        assert x.dtype == y.dtype == np.int32

    @limits(deadline=None)
    @given(st.integers(8, 90), st.integers(1, 4), st.integers(1, 5))
    def test_lanes_continue_from_batch_to_batch(self, size, batch_size, length):
        corpus = CharacterCorpus("".join(map(chr, range(100, 100 + size))), 0.0)
        if size < batch_size * (length + 1):
            with pytest.raises(DataError, match="lanes"):
                corpus.lanes(batch_size, length)
            return
        x, y = corpus.lanes(batch_size, length)
        assert (y == x + 1).all()
        lanes = x.reshape(-1, batch_size, length).swapaxes(0, 1).reshape(batch_size, -1)
        assert (np.diff(lanes) == 1).all()
        assert lanes[:, 0].tolist() == [k * (size // batch_size) for k in range(batch_size)]
        assert size // batch_size - 1 - lanes.shape[1] < length

    def test_of_the_validation_part(self):
        corpus = CharacterCorpus("abcdefgh", 0.5)
        x, y = corpus.windows(3, part="validation")
        assert (corpus.decode(x), corpus.decode(y)) == ("efg", "fgh")
        with pytest.raises(UnknownNameError, match="part of a corpus 'valid'"):
            corpus.windows(3, part="valid")

    def test_training_on_lanes_is_training_on_one_long_row(self):
        """A stateful layer given lanes computes what a stateless one does on the whole text."""
        corpus = CharacterCorpus("to be or not to be that is the question", 0.0)
        x, _ = corpus.lanes(2, 4)
        layers = [
            lm.layers.Embedding(corpus.vocabulary_size, 3),
            lm.layers.GRU(5, return_sequences=True, stateful=True),
        ]
        stateful = lm.Sequential([lm.Input(batch_shape=(2, None), dtype="int32"), *layers])
        pieces = [stateful(batch) for batch in x.reshape(-1, 2, 4)]
        whole = lm.layers.GRU(5, return_sequences=True)
        rows = x.reshape(-1, 2, 4).swapaxes(0, 1).reshape(2, -1)
        whole.build((None, None, 3))
        whole.set_weights(layers[1].get_weights())
        expected = whole(layers[0](rows))
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("",), DataError, "text: is empty"),
        ((3,), ArgumentError, "a string or a pathlib.Path, got 3"),
        (("abc", 1.0), RangeError, "validation is 1.0"),
        (("abc", True), RangeError, "validation is True"),
    ],
)
@pytest.mark.parametrize("kind", [CharacterCorpus, WordCorpus])
def test_bad_arguments(kind, arguments, error, message):
    with pytest.raises(error, match=message):
        kind(*arguments)


@pytest.mark.parametrize("length", [0, 1.5, True])
def test_bad_lengths(length):
    with pytest.raises(RangeError, match="length is"):
        CharacterCorpus("abc", 0.0).windows(length)


# ---- published texts ---------------------------------------------------------------------------
@pytest.fixture
def places(tmp_path):
    with settings(data=tmp_path / "data", cache_dir=tmp_path / "cache", offline=True):
        yield tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", ["tiny_shakespeare/input.txt", "text/tinyshakespeare.txt"])
def test_tiny_shakespeare_reads_a_file_of_the_data_folder(places, name):
    put(places / "data" / name, "0123456789")
    assert tiny_shakespeare.load_data() == ("012345678", "9")
    assert tiny_shakespeare.load_data(validation=0) == ("0123456789", "")
    with pytest.raises(RangeError, match="validation is 1"):
        tiny_shakespeare.load_data(validation=1)


@pytest.mark.parametrize("name", ["wikitext2/valid.txt", "text/wikitext2-valid.txt"])
def test_wikitext2_reads_a_file_of_the_data_folder(places, name):
    put(places / "data" / name, " = Robert <unk> = \n")
    assert wikitext2.load_data("valid") == " = Robert <unk> = \n"
    with pytest.raises(UnknownNameError, match="part of WikiText-2 'validation'"):
        wikitext2.load_data("validation")


def test_texts_that_are_nowhere(places):
    with pytest.raises(DownloadError, match=r"input.txt is not on this machine") as caught:
        tiny_shakespeare.load_data()
    assert f"looked in: {places / 'data' / 'text' / 'tinyshakespeare.txt'}" in str(caught.value)
    assert f"put input.txt into {places / 'data' / 'tiny_shakespeare'}" in caught.value.hint
    with settings(offline=False), pytest.raises(DownloadError, match="SHA-256 is not known"):
        wikitext2.load_data("train")


has_texts = settings.data is not None and (settings.data / "text").is_dir()


@pytest.mark.skipif(not has_texts, reason="no texts in LAMINA_DATA")
def test_the_real_texts():
    train, validation = tiny_shakespeare.load_data()
    assert (len(train), len(validation)) == (1_003_855, 111_539)  # as nanoGPT and others split it
    assert CharacterCorpus(train, validation).vocabulary_size == 65
    corpus = WordCorpus(wikitext2.load_data("test"), wikitext2.load_data("valid"))
    # as the word language model of pytorch/examples counts them
    assert (len(corpus.train), len(corpus.validation)) == (245_569, 217_646)


@pytest.mark.network
def test_the_mirrors_have_the_texts(tmp_path):
    with settings(data=None, cache_dir=tmp_path, offline=False):
        assert len("".join(tiny_shakespeare.load_data())) == 1_115_394
        assert len(wikitext2.load_data("test")) > 1_000_000

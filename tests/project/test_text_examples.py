"""The examples with texts, at a small size."""

import runpy

import numpy as np
import pytest

import lamina as lm
from paths import EXAMPLES

BATCH, STEPS = 4, 7


@pytest.fixture(autouse=True)
def one_thread():
    """These networks are too small to share out."""
    with lm.settings(threads=1):
        yield


@pytest.fixture
def words():
    """The names in the word model's file, with few and short lanes."""
    names = runpy.run_path(str(EXAMPLES / "word_language_model.py"))
    names["train"].__globals__.update(BATCH=BATCH, STEPS=STEPS, RATE=3e-2, OPENING="the cat")
    return names


def grammar(sentences: int) -> str:
    """Each sentence is one of eight; what its last two words are follows from the first two."""
    rng = np.random.default_rng(0)
    who = {"the cat": "the mat", "a dog": "a log", "the bird": "a tree", "a cow": "the ground"}
    lines = []
    for k in rng.integers(0, 8, sentences):
        subject = list(who)[k % 4]
        lines.append(f"{subject} {('sat', 'lay')[k // 4]} on {who[subject]}")
    return "\n".join(lines)


def test_words_of_a_grammar_are_learned(words, tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text(grammar(500), encoding="utf-8")
    perplexities, written = words["main"](5, text, None, width=32, dropout=0.0)
    # 8 sentences of 7 words, the end of the line included: 8 ** (1 / 7) is the least
    assert 1.34 < perplexities[-1] < 1.6
    assert written.startswith("the cat ")
    assert len(written.splitlines()) > 6
    assert "of text held out" in capsys.readouterr().out


def test_one_table_of_words_for_both_ends(words):
    corpus = lm.data.WordCorpus(grammar(300))
    model, perplexities = words["train"](corpus, 2, width=32, dropout=0.0, tied=True)
    assert perplexities[-1] < 3  # of 15 words
    shapes = [v.shape for v in model.weights if corpus.vocabulary_size in v.shape]
    assert shapes == [(15, 32), (15,)]


def test_a_word_a_call_is_the_whole_text_at_once(words):
    corpus = lm.data.WordCorpus(grammar(20), validation=0.0)
    model = words["build"](corpus.vocabulary_size, 1, width=8)
    numbers = corpus.train[None, :50]
    whole = model(numbers).numpy()[0]
    writer = words["Writer"](model, corpus, width=8)
    steps = [writer.step(numbers[:, k : k + 1]).numpy() for k in range(50)]
    np.testing.assert_allclose(steps, whole, atol=1e-5)


def test_languages_are_distinguished_by_words_never_seen(capsys):
    names = runpy.run_path(str(EXAMPLES / "text_classification.py"))
    seen, _ = names["sentences"](300, held_out=False)
    new, _ = names["sentences"](300, held_out=True)
    shared = {w for t in seen for w in t.split()} & {w for t in new for w in t.split()}
    assert len(shared) <= 5  # words that two languages have
    assert names["main"](3) > 0.8  # of 1/6
    assert "the weather is lovely" in capsys.readouterr().out

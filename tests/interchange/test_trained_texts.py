"""Trained models of texts and bytes: magika names types of files, g2p-en spells phonemes, wordllama
embeds sentences."""

import collections
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L

sys.path.insert(0, str(Path(__file__).parents[1]))

from packages import difference, file_of, runtime_of

ROOT = Path(__file__).parents[2]

# ---- magika: 201 types of files from the first and last 1,024 bytes ------------------------------
TYPES = {".py": "python", ".md": "markdown", ".toml": "toml", ".keras": "zip"}
BLOCK, HALF, PADDING = 4096, 1024, 256


def ends_of(content):
    """The first and the last bytes, without white space around, filled with 256."""
    first, last = content[:BLOCK].lstrip()[:HALF], content[-BLOCK:].rstrip()[-HALF:]
    numbers = np.full(2 * HALF, PADDING, np.int32)
    numbers[: len(first)] = list(first)
    numbers[2 * HALF - len(last) :] = list(last)
    return numbers


def own_files():
    """Files of this repository, at most 20 of a type."""
    found = collections.defaultdict(list)
    for path in sorted(ROOT.rglob("*")):
        is_own = path.parts[len(ROOT.parts)] in ("src", "tests", "docs", "pyproject.toml")
        if is_own and path.suffix in TYPES and path.stat().st_size > 200:
            found[path.suffix].append(path)
    return [path for paths in found.values() for path in paths[:: max(1, len(paths) // 20)][:20]]


class TestMagika:
    def test_magika_names_the_types_of_the_files_of_this_repository_as_onnx_runtime_does(self):
        labels = json.loads(file_of("magika", "config.min.json").read_text())["target_labels_space"]
        path, files = file_of("magika", "model.onnx"), own_files()
        x = np.stack([ends_of(each.read_bytes()) for each in files])
        found = lm.onnx.load(path).predict(x, verbose=0)
        assert difference(found, runtime_of(path).run(None, {"bytes": x})[0]) < 1e-4
        names = [labels[k] for k in found.argmax(1)]
        wrong = [
            (str(each), name)
            for each, name in zip(files, names, strict=True)
            if name != TYPES[each.suffix]
        ]
        assert len(wrong) <= 0.05 * len(files), wrong


# ---- g2p-en: letters to phonemes, GRU to GRU -----------------------------------------------------
LETTERS = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
PHONEMES = ["<pad>", "<unk>", "<s>", "</s>"]
for _names, _stresses in (
    ("AA AE AH AO AW AY", "012"), ("B CH D DH", ""), ("EH ER EY", "012"), ("F G HH", ""),
    ("IH IY", "012"), ("JH K L M N NG", ""), ("OW OY", "012"), ("P R S SH T TH", ""),
    ("UH", "012"), ("UW", " 012"), ("V W Y Z ZH", ""),
):  # fmt: skip
    for _name in _names.split():
        PHONEMES += [(_name + each).strip() for each in _stresses or [""]]
SPOKEN = {
    "activationist": "AE2 K T IH0 V EY1 SH AH0 N IH0 S T",
    "lamina": "L AA0 M IY1 N AH0",
    "transformer": "T R AE0 N S F AO1 R M ER0",
    "python": "P AY1 TH AH0 N",
}


def reader_and_speaker():
    """A word -> its state; the phoneme before, and a state -> the next phoneme, the state."""
    word = L.Input((None,), dtype="int32")
    letters = L.Embedding(29, 256, name="enc")(word)
    reader = lm.Model(word, L.GRU(256, name="enc_gru")(letters))
    token, state = L.Input((1,), dtype="int32"), L.Input((256,))
    phoneme = L.Embedding(74, 256, name="dec")(token)
    out, new = L.GRU(256, return_state=True, name="dec_gru")(phoneme, initial_state=state)
    return reader, lm.Model([token, state], [L.Dense(74, name="fc")(out), new])


@pytest.fixture(scope="module")
def pronounce(tmp_path_factory):
    arrays = lm.interchange.read(file_of("g2p-en", "checkpoint20.npz"))
    names = {"emb": ".weight", "w": ".weight", "b": ".bias"}
    parts = [f"{kind}_{of}" for kind in ("weight", "bias") for of in ("ih", "hh")]
    names |= {part[0] + part[-3:]: f"_gru.{part}_l0" for part in parts}
    path = tmp_path_factory.mktemp("weights") / "weights.npz"
    split = {k: k.split("_", 1) for k in arrays}
    np.savez(path, **{part + names[last]: arrays[k] for k, (part, last) in split.items()})
    reader, speaker = reader_and_speaker()
    for model in (reader, speaker):
        own = [layer.name for layer in model.layers if layer.weights]
        modules = {name: name + ".l0" * name.endswith("gru") for name in own}
        assert lm.interchange.load(model, path, mapping=modules).missing == []

    def pronounce(word):
        numbers = [LETTERS.index(each) for each in word] + [2]
        state, token, found = reader.predict(np.array([numbers]), verbose=0), 2, []
        while len(found) < 20:
            logits, state = speaker.predict([np.array([[token]]), state], verbose=0)
            token = int(logits.argmax())
            if token == 3:
                break
            found.append(PHONEMES[token])
        return " ".join(found)

    return pronounce


def pronounced_by_the_formulas(word):
    """The same network in NumPy, as the package computes it."""
    w = lm.interchange.read(file_of("g2p-en", "checkpoint20.npz"))

    def step(x, h, part):
        i = w[f"{part}_w_ih"] @ x + w[f"{part}_b_ih"]
        r = w[f"{part}_w_hh"] @ h + w[f"{part}_b_hh"]
        reset, update = np.split(1 / (1 + np.exp(-(i + r)[:512])), 2)
        return (1 - update) * np.tanh(i[512:] + reset * r[512:]) + update * h

    h, token, found = np.zeros(256, "f"), 2, []
    for each in [*word, "</s>"]:
        h = step(w["enc_emb"][LETTERS.index(each)], h, "enc")
    while len(found) < 20:
        h = step(w["dec_emb"][token], h, "dec")
        token = int((w["fc_w"] @ h + w["fc_b"]).argmax())
        if token == 3:
            break
        found.append(PHONEMES[token])
    return " ".join(found)


class TestG2p:
    @pytest.mark.parametrize("word", SPOKEN)
    def test_words_are_spelled_in_phonemes(self, word, pronounce):
        assert pronounce(word) == pronounced_by_the_formulas(word) == SPOKEN[word]

    def test_new_words_are_spelled_as_the_formulas_spell_them(self, pronounce):
        for word in ("keras", "tensorflow", "interchange", "onnxruntime", "blorptastic", "zzyzx"):
            assert pronounce(word) == pronounced_by_the_formulas(word)


# ---- wordllama: the mean of vectors of tokens ----------------------------------------------------
class TestWordllama:
    SENTENCES = [
        "The cat sleeps on the warm sofa.",
        "A kitten is napping on a cosy couch.",
        "The central bank raised interest rates again.",
        "Monetary policy was tightened with a higher rate.",
        "Bake the bread in a hot oven for forty minutes.",
        "The loaf needs forty minutes of baking.",
    ]

    def test_sentences_of_one_meaning_are_nearest(self):
        tokenizers = pytest.importorskip("tokenizers")
        path = file_of("wordllama", "l2_supercat_256.safetensors")
        layers = [L.Input((None,), dtype="int32"), L.Embedding(32000, 256, name="embedding")]
        mask = L.Input((None, 1))
        table = lm.Sequential(layers)
        assert lm.interchange.read(path)["embedding.weight"].dtype == np.float16
        assert lm.interchange.load(table, path).missing == []
        total = L.Lambda(lambda pair: lm.sum(pair[0] * pair[1], 1) / lm.sum(pair[1], 1))
        tokens = L.Input((None,), dtype="int32")
        model = lm.Model([tokens, mask], L.UnitNormalization()(total([table(tokens), mask])))
        tokenizer = tokenizers.Tokenizer.from_file(
            str(file_of("wordllama", "l2_supercat_tokenizer_config.json"))
        )
        tokenizer.enable_padding()
        encoded = tokenizer.encode_batch(self.SENTENCES)
        x = np.array([each.ids for each in encoded], np.int32)
        m = np.array([each.attention_mask for each in encoded], np.float32)[..., None]
        found = model.predict([x, m], verbose=0)
        rows = lm.interchange.read(path)["embedding.weight"].astype("float32")[x]
        expected = (rows * m).sum(1) / m.sum(1)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        assert difference(found, expected) < 1e-5
        similarity = found @ found.T - 2 * np.eye(6)
        np.testing.assert_array_equal(similarity.argmax(1), [1, 0, 3, 2, 5, 4])

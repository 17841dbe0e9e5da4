"""GPT-2 and BERT with weights of Hugging Face's names, compared with NumPy."""

from math import erf

import numpy as np
import pytest
from safetensors.numpy import save_file

import lamina as lm
from lamina.errors import ShapeError

RNG = np.random.default_rng(0)
WIDTH, HEADS, DEPTH, WORDS = 16, 2, 2, 40
IDS = np.array([[4, 20, 7, 9], [1, 2, 3, 0]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0]])


def random(*shape):
    return RNG.normal(0, 0.3, shape).astype("float32")


def linear(name, inside, outside, transposed=True):
    shape = (outside, inside) if transposed else (inside, outside)
    return {f"{name}.weight": random(*shape), f"{name}.bias": random(outside)}


def norm(name, scale="weight", shift="bias"):
    return {f"{name}.{scale}": 1 + random(WIDTH), f"{name}.{shift}": random(WIDTH)}


def normalized(x, scale, shift, epsilon):
    center = x - x.mean(-1, keepdims=True)
    return center / np.sqrt((center**2).mean(-1, keepdims=True) + epsilon) * scale + shift


def attention(q, k, v, allowed):
    def split(x):
        return x.reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)

    scores = split(q) @ split(k).swapaxes(-1, -2) / np.sqrt(WIDTH // HEADS)
    scores = np.where(allowed, scores, -1e9)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = weights / weights.sum(-1, keepdims=True) @ split(v)
    return mixed.transpose(0, 2, 1, 3).reshape(q.shape)


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu(x):
    return x / 2 * (1 + np.vectorize(erf)(x / np.sqrt(2)))


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_gpt2_reads_names_of_hugging_face(prefix, tmp_path):
    w = {"wte.weight": random(WORDS, WIDTH), "wpe.weight": random(10, WIDTH), **norm("ln_f")}
    for n in range(DEPTH):
        w |= {**norm(f"h.{n}.ln_1"), **norm(f"h.{n}.ln_2")}
        w |= linear(f"h.{n}.attn.c_attn", WIDTH, 3 * WIDTH, False)
        w |= linear(f"h.{n}.attn.c_proj", WIDTH, WIDTH, False)
        w |= linear(f"h.{n}.mlp.c_fc", WIDTH, 4 * WIDTH, False)
        w |= linear(f"h.{n}.mlp.c_proj", 4 * WIDTH, WIDTH, False)
    save_file({prefix + k: v for k, v in w.items()}, tmp_path / "model.safetensors")

    def of(name, x):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    def ln(name, x):
        return normalized(x, w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)

    x = w["wte.weight"][IDS] + w["wpe.weight"][:4]
    for n in range(DEPTH):
        q, k, v = np.split(of(f"h.{n}.attn.c_attn", ln(f"h.{n}.ln_1", x)), 3, axis=-1)
        x = x + of(f"h.{n}.attn.c_proj", attention(q, k, v, np.tri(4, dtype=bool)))
        inside = gelu_tanh(of(f"h.{n}.mlp.c_fc", ln(f"h.{n}.ln_2", x)))
        x = x + of(f"h.{n}.mlp.c_proj", inside)
    expected = ln("ln_f", x) @ w["wte.weight"].T
    model = lm.zoo.GPT2(DEPTH, WIDTH, HEADS, WORDS, 10, weights=tmp_path)
    np.testing.assert_allclose(model(IDS).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("old", [False, True])
def test_bert_reads_names_of_hugging_face(old, tmp_path):
    names = ("gamma", "beta") if old else ("weight", "bias")
    w = {
        "embeddings.word_embeddings.weight": random(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": random(10, WIDTH),
        "embeddings.token_type_embeddings.weight": random(2, WIDTH),
        **norm("embeddings.LayerNorm", *names),
        **linear("pooler.dense", WIDTH, WIDTH),
    }
    for n in range(DEPTH):
        block = f"encoder.layer.{n}"
        for kind in ("query", "key", "value"):
            w |= linear(f"{block}.attention.self.{kind}", WIDTH, WIDTH)
        w |= linear(f"{block}.attention.output.dense", WIDTH, WIDTH)
        w |= linear(f"{block}.intermediate.dense", WIDTH, 4 * WIDTH)
        w |= linear(f"{block}.output.dense", 4 * WIDTH, WIDTH)
        w |= norm(f"{block}.attention.output.LayerNorm", *names)
        w |= norm(f"{block}.output.LayerNorm", *names)
    prefix = "bert." if old else ""
    save_file({prefix + k: v for k, v in w.items()}, tmp_path / "model.safetensors")

    def of(name, x):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def ln(name, x):
        return normalized(x, w[f"{name}.{names[0]}"], w[f"{name}.{names[1]}"], 1e-12)

    segments = np.array([[0, 0, 1, 1], [0, 1, 1, 0]])
    x = w["embeddings.word_embeddings.weight"][IDS]
    x = x + w["embeddings.position_embeddings.weight"][:4]
    x = ln("embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][segments])
    allowed = MASK[:, None, None, :] > 0
    for n in range(DEPTH):
        block = f"encoder.layer.{n}"
        q, k, v = (of(f"{block}.attention.self.{kind}", x) for kind in ("query", "key", "value"))
        mixed = of(f"{block}.attention.output.dense", attention(q, k, v, allowed))
        x = ln(f"{block}.attention.output.LayerNorm", x + mixed)
        inside = gelu(of(f"{block}.intermediate.dense", x))
        x = ln(f"{block}.output.LayerNorm", x + of(f"{block}.output.dense", inside))
    model = lm.zoo.BERT(DEPTH, WIDTH, HEADS, WORDS, 10, weights=tmp_path)
    found = model({"token_ids": IDS, "padding_mask": MASK, "segment_ids": segments})
    is_token = MASK[..., None] > 0
    np.testing.assert_allclose(
        np.where(is_token, found["sequence_output"].numpy(), 0), np.where(is_token, x, 0), atol=1e-4
    )
    pooled = np.tanh(of("pooler.dense", x[:, 0]))
    np.testing.assert_allclose(found["pooled_output"].numpy(), pooled, atol=1e-4)


def test_weights_of_another_size_are_named(tmp_path):
    w = {"wte.weight": random(WORDS, WIDTH), "wpe.weight": random(10, WIDTH), **norm("ln_f")}
    save_file(w, tmp_path / "model.safetensors")
    with pytest.raises(ShapeError, match="'wpe/position_embeddings' of gpt2"):
        lm.zoo.GPT2(0, WIDTH, HEADS, WORDS, 20, weights=tmp_path)

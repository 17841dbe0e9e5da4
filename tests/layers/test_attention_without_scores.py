"""Attention that stores no scores: value and gradient in one block and in several, against NumPy
in float64; dropout by position; memory linear in the length."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines import engine
from lamina.engines.llvm.runtime import arena
from lamina.ir.types import TensorType, float32
from lamina.ir.typical import guess
from lamina.layers import Input, MultiHeadAttention
from lamina.operations.random_keys import bits_at
from lamina.reference.threefry import threefry2x32
from lamina.settings import settings
from lamina.transforms import attention as module
from lamina.transforms.attention import Dropout, attention
from lamina.transforms.tracing import record

KEY = lm.random.key(3)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of four queries, parts of eight."""
    sizes = {"MOST_SCORES": 0, "BLOCK_SCORES": 1, "LEAST_BLOCK": 4, "LEAST_PART": 8}
    for name, value in sizes.items():
        monkeypatch.setattr(module, name, value)


def arrays(queries, keys, batch=2, heads=3, features=5):
    rng = np.random.default_rng(queries + 100 * keys)
    q, g = (rng.normal(size=(batch, queries, heads, features)) for _ in range(2))
    k, v = (rng.normal(size=(batch, keys, heads, features)) for _ in range(2))
    return [x.astype("float32") for x in (q, k, v, g)]


def expected(q, k, v, g, seen, kept):
    """Outputs and gradients in float64, from stored scores."""
    q, k, v, g = (x.astype(float).transpose(0, 2, 1, 3) for x in (q, k, v, g))
    scores = np.where(seen, q @ k.transpose(0, 1, 3, 2), -np.inf)
    top = scores.max(-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = powers.sum(-1, keepdims=True)
    p = powers / np.where(total == 0, 1, total)
    w = p * kept
    d_w = (g @ v.transpose(0, 1, 3, 2)) * kept
    d_s = p * (d_w - (p * d_w).sum(-1, keepdims=True))
    found = w @ v, d_s @ k, d_s.transpose(0, 1, 3, 2) @ q, w.transpose(0, 1, 3, 2) @ g
    return [x.transpose(0, 2, 1, 3) for x in found]


def computed(q, k, v, g, **form):
    def loss(q, k, v):
        outputs = attention(q, k, v, **form)
        return lm.sum(outputs * g), outputs

    (_, outputs), slopes = lm.value_and_grad(loss, (0, 1, 2), has_aux=True)(q, k, v)
    return [outputs, *slopes]


def check(queries, keys, causal=False, window=None, rate=0.0, mask=None):
    given = arrays(queries, keys)
    shape = (2, 3, queries, keys)
    row, column = np.indices((queries, keys))
    seen = np.ones(shape, bool)
    seen &= (row >= column) if causal else True
    seen &= (abs(row - column) < window) if window else True
    seen &= mask if mask is not None else True
    kept = np.ones(shape)
    if rate:
        kept = np.asarray(lm.random.bernoulli(shape, 1 - rate, key=KEY)) / (1 - rate)
    dropout = Dropout(rate, KEY) if rate else None
    form = {"causal": causal, "window": window, "dropout": dropout}
    form["mask"] = None if mask is None else lm.asarray(mask)
    wanted = expected(*given, seen, kept)
    for compile in (lambda f: f, lm.compile):
        found = compile(lambda *xs: computed(*xs, **form))(*map(lm.asarray, given))
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(np.asarray(ours), theirs, atol=2e-5)


FORMS = {
    "all": {},
    "causal": {"causal": True},
    "window": {"window": 3},
    "causal window": {"causal": True, "window": 2},
    "dropout": {"rate": 0.3},
    "causal dropout": {"causal": True, "rate": 0.3},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_value_and_gradient_in_one_block(form):
    check(7, 7, **form)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_value_and_gradient_in_blocks_the_last_of_which_is_padded(form, small_blocks):
    check(18, 18, **form)


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 9), (9, 1), (13, 6), (6, 13)], ids=str)
def test_other_numbers_of_queries_and_keys(queries, keys, small_blocks):
    check(queries, keys)
    check(queries, keys, causal=True)


@pytest.mark.parametrize("shape", [(2, 1, 1, 18), (2, 1, 18, 18), (18, 18)], ids=str)
def test_masks_with_queries_that_see_no_key(shape, small_blocks):
    mask = np.random.default_rng(5).random(shape) > 0.4
    mask[..., :3] = False
    mask[0] = False  # of a whole sequence, or of its first query
    check(18, 18, mask=np.broadcast_to(mask, (2, 3, 18, 18)) if len(shape) == 2 else mask)
    check(18, 18, mask=mask, causal=True)


def test_one_block_and_several_drop_the_same_weights(monkeypatch):
    q, k, v, _ = arrays(40, 40)
    whole = np.asarray(attention(*map(lm.asarray, (q, k, v)), dropout=Dropout(0.5, KEY)))
    monkeypatch.setattr(module, "MOST_SCORES", 0)
    blocks = np.asarray(attention(*map(lm.asarray, (q, k, v)), dropout=Dropout(0.5, KEY)))
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


def test_dropout_of_all_weights_gives_zeros():
    q, k, v, _ = arrays(4, 4)
    assert not np.asarray(attention(*map(lm.asarray, (q, k, v)), dropout=Dropout(1.0, KEY))).any()


def test_bits_at_positions_above_32_bits():
    start = 2**32 - 2
    found = bits_at(KEY, lm.asarray(np.array([start], np.uint64)), lm.arange(4, dtype="uint32"))
    index = np.arange(start, start + 4, dtype=np.uint64)
    words = (index >> np.uint64(32)).astype(np.uint32), index.astype(np.uint32)
    x0, x1 = threefry2x32(np.asarray(KEY), *words)
    np.testing.assert_array_equal(np.asarray(found), x0 ^ x1)


def gradients_of(length, batch=1, heads=2, features=16):
    """The program of outputs and gradients of causal attention with dropout."""

    def both(q, k, v, g):
        return computed(q, k, v, g, causal=True, dropout=Dropout(0.1, KEY))

    types = [TensorType((batch, length, heads, features), float32)] * 4
    return engine("llvm").compile(record(both, types, "attention").graph, {})


def test_memory_is_linear_in_the_length():
    def temporaries(length):
        blocks = gradients_of(length).plan.blocks
        blocks = [b for b in blocks if b.kind == "temporary"]
        return arena.plan([guess(b.bytes) for b in blocks], [b.life for b in blocks])[1]

    short, long = temporaries(1024), temporaries(4096)
    assert long < 4.5 * short  # stored scores: 16 times
    assert long < 4 * 2 * 4096 * 4096 / 2  # less than half of one array of scores


def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch):
    program = gradients_of(600, features=8)
    given = arrays(600, 600, batch=1, heads=2, features=8)
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(settings, "threads", threads)
        found.append([np.array(x) for x in program(given)])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("training", [False, True])
def test_a_layer_with_and_without_scores_returns_the_same(training):
    x = lm.random.normal((2, 9, 8), key=1)
    layer = MultiHeadAttention(2, 4, dropout=0.4, seed=1)
    layer(x, x)
    options = {"training": training, "use_causal_mask": True}
    lm.set_seed(4)
    plain = layer(x, x, **options)
    lm.set_seed(4)
    scored, _ = layer(x, x, return_attention_scores=True, **options)
    np.testing.assert_allclose(np.asarray(plain), np.asarray(scored), atol=1e-6)


def test_training_works_for_batches_of_unknown_size():
    inputs = Input((300, 8))
    model = lm.Model(inputs, MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(5, 300, 8)).astype("float32")
    losses = model.fit(x, 0 * x, batch_size=2, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]

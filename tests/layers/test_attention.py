"""Attention and transformer blocks against NumPy, their masks against shorter sequences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina as lm
from lamina.layers import (
    AdditiveAttention,
    Attention,
    Concatenate,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    Input,
    Masking,
    MultiHeadAttention,
    PositionEmbedding,
    SinePositionEncoding,
    TokenAndPositionEmbedding,
    TransformerDecoder,
    TransformerEncoder,
)
from lamina.layers.attention import masked_softmax
from lamina.operations import masks

RNG = np.random.default_rng(11)
X = RNG.normal(size=(2, 5, 8)).astype("float32")
Y = RNG.normal(size=(2, 4, 8)).astype("float32")


def close(ours, theirs, atol=3e-6):
    np.testing.assert_allclose(np.asarray(ours), theirs, atol=atol, rtol=3e-5)


def softmax(x, mask=None):
    powers = np.exp(x - x.max(-1, keepdims=True))
    powers = powers if mask is None else powers * mask
    total = powers.sum(-1, keepdims=True)
    return powers / np.where(total == 0, 1, total)


def scrambled(layer):
    layer.set_weights([RNG.normal(size=w.shape, scale=0.5) for w in layer.get_weights()])
    return layer


# ---- the softmax -------------------------------------------------------------------------------
def test_masked_softmax_and_its_gradient_are_zero_where_nothing_is_there():
    scores = RNG.normal(size=(3, 4))
    mask = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
    weights = masked_softmax(lm.asarray(scores), lm.asarray(mask))
    close(weights, softmax(scores, mask))
    g = lm.grad(lambda x: lm.sum(lm.sin(masked_softmax(x, lm.asarray(mask)) * 3)))(
        lm.asarray(scores)
    ).numpy()
    assert not g[~mask].any()
    assert np.isfinite(g).all()
    assert g[mask].any()


# ---- without heads -----------------------------------------------------------------------------
def test_dot_attention_is_a_weighted_mean_of_values():
    keys = RNG.normal(size=Y.shape).astype("float32")
    weights = softmax(X @ keys.transpose(0, 2, 1))
    outputs, found = Attention()([X, Y, keys], return_attention_scores=True)
    close(found, weights)
    close(outputs, weights @ Y)
    layer = Attention(use_scale=True)
    layer.build([X.shape, Y.shape])
    layer.set_weights([np.float32(0.5)])
    close(layer([X, Y]), softmax(0.5 * X @ Y.transpose(0, 2, 1)) @ Y)


def test_additive_attention():
    layer = AdditiveAttention()
    layer.build([X.shape, Y.shape])
    (scale,) = layer.get_weights()
    scores = (np.tanh(X[:, :, None] + Y[:, None]) * scale).sum(-1)
    close(layer([X, Y]), softmax(scores) @ Y)
    close(
        Attention(score_mode="concat")([X, Y]),
        softmax(np.tanh(X[:, :, None] + Y[:, None]).sum(-1)) @ Y,
    )


@pytest.mark.parametrize("layer", [Attention(), AdditiveAttention()], ids=["dot", "additive"])
def test_masks_of_queries_and_values(layer):
    there = np.array([[1, 0, 1, 0], [0, 0, 0, 0]], bool)
    asked = np.array([[1, 1, 0, 0, 1], [1, 1, 1, 1, 1]], bool)
    outputs = layer([X, Y], mask=[asked, there]).numpy()
    short = layer([X[:1], Y[:1, there[0]]]).numpy()
    close(outputs[0], short[0] * asked[0][:, None])
    assert not outputs[1].any()
    causal = layer([X, X], use_causal_mask=True).numpy()
    for t in range(5):
        close(causal[:, t], layer([X[:, t : t + 1], X[:, : t + 1]]).numpy()[:, 0])


# ---- heads -------------------------------------------------------------------------------------
def heads_in_numpy(layer, query, value, mask=None):
    w = dict(zip(layer.named_weights(), layer.get_weights(), strict=True))

    def projected(x, name):
        return np.einsum("btf,fhd->bhtd", x, w[f"{name}/kernel"]) + w[f"{name}/bias"][None, :, None]

    q, k, v = projected(query, "query"), projected(value, "key"), projected(value, "value")
    scores = np.einsum("bhtd,bhsd->bhts", q, k) / np.sqrt(layer.key_dim)
    weights = softmax(scores, mask)
    heads = np.einsum("bhts,bhsd->bhtd", weights, v)
    kernel, bias = w["attention_output/kernel"], w["attention_output/bias"]
    return np.einsum("bhtd,hdf->btf", heads, kernel) + bias, weights


def test_multi_head_attention():
    layer = MultiHeadAttention(2, 3, value_dim=5)
    layer(X, Y)
    scrambled(layer)
    outputs, weights = layer(X, Y, return_attention_scores=True)
    expected = heads_in_numpy(layer, X, Y)
    close(outputs, expected[0])
    close(weights, expected[1])
    shapes = [w.shape for w in layer.weights]
    assert shapes[:2] == [(8, 2, 3), (2, 3)]
    assert shapes[4:] == [(8, 2, 5), (2, 5), (2, 5, 8), (8,)]
    assert MultiHeadAttention(2, 3, output_shape=6)(X, Y).shape == (2, 5, 6)


@given(pattern=st.lists(st.booleans(), min_size=8, max_size=8))
@settings(max_examples=15, deadline=None)
def test_masked_keys_are_as_if_they_were_not_there(pattern):
    there = np.array(pattern).reshape(2, 4)
    layer = MultiHeadAttention(2, 4, use_bias=False)
    outputs = layer(X, Y, value_mask=there).numpy()
    for row in range(2):
        if there[row].any():
            close(outputs[row], layer(X[row : row + 1], Y[row : row + 1, there[row]]).numpy()[0])
        else:
            assert not outputs[row].any()


def test_masks_of_attention_combine():
    layer = MultiHeadAttention(2, 4)
    layer(X, X)
    scrambled(layer)
    own = RNG.random((2, 5, 5)) < 0.6
    there = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], bool)
    whole = own & there[:, None] & np.tri(5, dtype=bool)
    outputs = layer(X, X, attention_mask=own, value_mask=there, use_causal_mask=True)
    close(outputs, heads_in_numpy(layer, X, X, whole[:, None])[0])
    compiled = lm.compile(lambda x, m: layer(x, x, attention_mask=m, use_causal_mask=True))
    close(compiled(X, own), layer(X, X, attention_mask=own, use_causal_mask=True).numpy())


def test_gradients_of_attention_in_float64():
    layer = MultiHeadAttention(2, 3, dtype="float64")
    x = RNG.normal(size=(2, 4, 6))
    layer(x, x)
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0]], bool)

    def loss(v):
        return lm.sum(lm.sin(layer(v, v, value_mask=mask) * 2))

    g = lm.grad(loss)(lm.asarray(x)).numpy()
    direction = RNG.normal(size=x.shape)
    step = 1e-5
    slope = (loss(lm.asarray(x + step * direction)) - loss(lm.asarray(x - step * direction))).item()
    assert np.sum(g * direction) == pytest.approx(slope / (2 * step), rel=1e-6)
    assert not g[1].any()


# ---- positions ---------------------------------------------------------------------------------
def test_sines_differ_between_positions():
    found = SinePositionEncoding(max_wavelength=100.0)(X).numpy()
    p, i = np.meshgrid(np.arange(5), np.arange(8), indexing="ij")
    angle = p / 100.0 ** ((i - i % 2) / 8)
    close(found, np.broadcast_to(np.where(i % 2 == 0, np.sin(angle), np.cos(angle)), X.shape))
    close(SinePositionEncoding()(X[:, 2:3], start_index=2)[0, 0], SinePositionEncoding()(X)[0, 2])


def test_learned_positions_end_where_they_were_declared_to():
    layer = PositionEmbedding(6)
    close(layer(X)[1], layer.get_weights()[0][:5])
    close(layer(X[:, :1], start_index=4)[0, 0], layer.get_weights()[0][4])
    with pytest.raises(lm.errors.ShapeError, match=r"sequences of 7 steps came.*positions for 6"):
        layer(np.zeros((1, 7, 8), "float32"))


def test_tokens_and_positions_are_added():
    layer = TokenAndPositionEmbedding(9, 6, 8, mask_zero=True)
    numbers = np.array([[3, 8, 0], [1, 0, 0]])
    outputs = layer(numbers)
    tokens, positions = layer.get_weights()
    close(outputs, tokens[numbers] + positions[:3])
    assert masks.mask_of(outputs).tolist() == (numbers != 0).tolist()


# ---- blocks ------------------------------------------------------------------------------------
@pytest.mark.parametrize("first", [False, True])
def test_an_encoder_is_attention_and_dense_layers_with_ways_around(first):
    block = TransformerEncoder(16, 2, activation="gelu", normalize_first=first)
    outputs = block(X)
    attend, norm = block.self_attention, block.self_attention_norm
    last = block.feedforward_norm

    def dense(x):
        return block.feedforward_out(block.feedforward_in(x))

    if first:
        n = norm(X)
        h = X + attend(n, n)
        expected = h + dense(last(h))
    else:
        h = norm(X + attend(X, X))
        expected = last(h + dense(h))
    close(outputs, expected.numpy())
    assert outputs.shape == X.shape


def test_padding_does_not_change_what_an_encoder_makes_of_the_rest():
    block = TransformerEncoder(16, 2)
    there = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    outputs = block(X, padding_mask=there).numpy()
    close(outputs[:1, :3], block(X[:1, :3]).numpy())
    assert np.isfinite(block(X, padding_mask=np.zeros((2, 5), bool)).numpy()).all()


def test_a_decoder_sees_no_later_step_and_all_of_the_encoder():
    block = TransformerDecoder(16, 2)
    outputs = block(X, Y).numpy()
    close(outputs[:, :3], block(X[:, :3], Y).numpy())
    there = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool)
    close(block(X, Y, encoder_padding_mask=there)[:1], block(X[:1], Y[:1, :2]).numpy())
    alone = TransformerDecoder(16, 2)
    close(alone(X).numpy()[:, :2], alone(X[:, :2]).numpy())
    with pytest.raises(lm.errors.ShapeError, match="without an encoder's sequence"):
        alone(X, Y)
    with pytest.raises(lm.errors.RangeError, match="8 features do not divide into 3 heads"):
        TransformerEncoder(16, 3)(X)


def test_masks_reach_attention_pooling_and_the_end():
    x = Input((None,), dtype="int32")
    h = TokenAndPositionEmbedding(9, 10, 8, mask_zero=True)(x)
    h = TransformerEncoder(16, 2)(h)
    model = lm.Model(x, GlobalAveragePooling1D()(h))
    numbers = np.array([[3, 8, 0, 0], [1, 5, 2, 7], [0, 0, 0, 0]])
    outputs = model(numbers).numpy()
    close(outputs[:1], model(numbers[:1, :2]).numpy())
    close(model.predict(numbers, verbose=0), outputs)
    assert not outputs[2].any()


def test_masks_through_merging_layers():
    a, b = Masking()(np.array([[[1.0], [0.0]]])), Masking()(np.array([[[0.0], [0.0]]]))
    assert masks.mask_of(lm.layers.Add()([a, b])).tolist() == [[True, False]]
    assert masks.mask_of(Concatenate()([a, b])).tolist() == [[True, False]]
    assert masks.mask_of(Concatenate(axis=1)([a, b])).tolist() == [[True, False, False, False]]
    assert masks.mask_of(Dense(2)(a)).tolist() == [[True, False]]
    assert masks.mask_of(a + 1.0) is None


def test_a_small_language_model_learns_and_is_saved(tmp_path):
    lm.set_seed(1)
    text = np.tile(np.arange(1, 6), 40)
    x = np.stack([text[k : k + 8] for k in range(64)])
    y = np.stack([text[k + 1 : k + 9] for k in range(64)])
    tokens = Input((8,), dtype="int32")
    h = TokenAndPositionEmbedding(6, 8, 16)(tokens)
    h = TransformerDecoder(32, 2, dropout=0.1)(h)
    model = lm.Model(tokens, Dense(6, "softmax")(h))
    model.compile(lm.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    losses = model.fit(x, y, epochs=12, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.1
    model.save(tmp_path / "model.lamina")
    again = lm.load_model(tmp_path / "model.lamina")
    close(again.predict(x[:4], verbose=0), model.predict(x[:4], verbose=0))


def test_layers_come_back_from_their_configuration():
    for layer, inputs in [
        (MultiHeadAttention(2, 3, dropout=0.1), (X, Y)),
        (TransformerEncoder(16, 2, normalize_first=True), (X,)),
        (TransformerDecoder(16, 2), (X, Y)),
        (Attention(use_scale=True), ([X, Y],)),
        (PositionEmbedding(7), (X,)),
        (Embedding(9, 2), (np.array([[1, 2]]),)),
    ]:
        layer(*inputs)
        again = type(layer).from_config(layer.get_config())
        again(*inputs)
        again.set_weights(layer.get_weights())
        close(again(*inputs), layer(*inputs).numpy())

"""Models as ONNX files: checked by `onnx`, computed by ONNX Runtime and by `lm.onnx.load`."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import ArgumentError, NotBuiltError, RangeError, UnknownNameError
from lamina.onnx.messages import ModelProto

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


def tokens(*shape):
    return RNG.integers(0, 20, shape).astype("int32")


def chain(*layers):
    return lambda: lm.Sequential(list(layers))


def transformer():
    x = L.Input((None,), dtype="int32")
    y = L.TokenAndPositionEmbedding(20, 32, 16)(x)
    return lm.Model(x, L.Dense(20)(L.TransformerEncoder(32, 2)(y)))


def attention():
    x = L.Input((None, 8))
    y = L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    return lm.Model(x, L.LayerNormalization()(y))


def padded(batch, steps):
    """Tokens with zeros behind, between, and in the whole of a row."""
    found = 1 + tokens(batch, steps) % 19
    found[0, steps // 2 :], found[1], found[2, ::3] = 0, 0, 0
    return found


def masked(*layers):
    return chain(L.Input((None,), dtype="int32"), L.Embedding(20, 6, mask_zero=True), *layers)


def masked_with_states():
    x, states = L.Input((None,), dtype="int32"), [L.Input((4,), name=name) for name in "hc"]
    embedded = L.Embedding(20, 6, mask_zero=True)(x)
    layer = L.LSTM(4, return_state=True, return_sequences=True)
    return lm.Model([x, *states], list(layer(embedded, initial_state=states)))


def several():
    a, b = L.Input((4,), name="left"), L.Input((4,), name="right")
    first = L.Dense(2, name="first")(L.concatenate([a, b]))
    return lm.Model([a, b], [first, lm.nn.softmax(a * b + 2.0)])


def function(f, shape):
    def make():
        x = L.Input(shape)
        return lm.Model(x, L.Lambda(f)(x))

    return make


def two_branches(x):
    return lm.cond(lm.sum(x) > 0, lambda: x * 2, lambda: x - 1)


def doubled(x):
    return lm.while_loop(lambda s: lm.sum(s) < 100, lambda s: s * 2 + 0.1, lm.abs(x))


def ordered(x):
    return lm.concat([lm.sort(x, axis=-1), lm.top_k(x, 3)[0], lm.cumsum(x, axis=1)], axis=1)


def near_zero(x):
    small = x * 1e-6
    return lm.concat([lm.expm1(small), lm.log1p(small), lm.atan2(x, lm.flip(x, axis=1))], axis=1)


IMAGE = L.Input((16, 16, 3))
ANY_IMAGE = L.Input((None, None, 3))
SEQUENCE = L.Input((None, 5))
MODELS = {
    "dense": (
        chain(
            L.Input((8,)),
            L.Dense(16, "relu"),
            L.BatchNormalization(),
            L.Dropout(0.5),
            L.Dense(3, "softmax"),
        ),
        floats(5, 8),
    ),
    "convolutions": (
        chain(
            IMAGE,
            L.Conv2D(8, 3, activation="relu", padding="same"),
            L.BatchNormalization(),
            L.MaxPooling2D(),
            L.Conv2D(8, 3, strides=2, groups=2),
            L.LeakyReLU(),
            L.Flatten(),
            L.Dense(4),
        ),
        floats(3, 16, 16, 3),
    ),
    "any size": (
        chain(
            ANY_IMAGE,
            L.Conv2D(8, 3, padding="same"),
            L.AveragePooling2D(padding="same"),
            L.SeparableConv2D(8, 3),
            L.DepthwiseConv2D(3, dilation_rate=2),
            L.GlobalAveragePooling2D(),
        ),
        floats(3, 20, 17, 3),
    ),
    "transposed": (
        chain(
            L.Input((7, 7, 4)),
            L.Conv2DTranspose(6, 3, strides=2, padding="same"),
            L.UpSampling2D(),
            L.Conv2DTranspose(2, 4, strides=3),
        ),
        floats(2, 7, 7, 4),
    ),
    "one dimension": (
        chain(L.Input((None, 4)), L.Conv1D(6, 3, padding="causal"), L.MaxPooling1D(2)),
        floats(2, 9, 4),
    ),
    "three dimensions": (
        chain(L.Input((6, 6, 6, 2)), L.Conv3D(3, 2, activation="elu"), L.MaxPooling3D()),
        floats(2, 6, 6, 6, 2),
    ),
    "lstm": (
        chain(SEQUENCE, L.LSTM(8, return_sequences=True), L.LSTM(6)),
        floats(3, 7, 5),
    ),
    "gru": (
        chain(
            SEQUENCE,
            L.GRU(8, return_sequences=True, reset_after=False),
            L.GRU(6, go_backwards=True),
        ),
        floats(3, 7, 5),
    ),
    "rnn": (chain(SEQUENCE, L.SimpleRNN(6, activation="relu")), floats(3, 7, 5)),
    "both directions": (
        chain(
            SEQUENCE,
            L.Bidirectional(L.LSTM(4, return_sequences=True)),
            L.TimeDistributed(L.Dense(2)),
        ),
        floats(3, 7, 5),
    ),
    "mask": (masked(L.LSTM(5)), padded(3, 9)),
    "masks": (
        masked(
            L.Bidirectional(L.GRU(5, return_sequences=True)),
            L.LSTM(4, go_backwards=True, return_sequences=True, zero_output_for_mask=True),
            L.SimpleRNN(3),
        ),
        padded(5, 9),
    ),
    "mask and states": (masked_with_states, [padded(5, 9), floats(5, 4), floats(5, 4)]),
    "numbers to classes": (
        chain(
            L.Input((None, 3)),
            L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]),
            L.Discretization(bin_boundaries=[-0.5, 0.0, 0.5]),
            L.CategoryEncoding(4, output_mode="one_hot"),
        ),
        floats(2, 5, 3),
    ),
    "convolutional lstm": (
        chain(L.Input((None, 8, 8, 2)), L.ConvLSTM2D(3, 3, padding="same")),
        floats(2, 4, 8, 8, 2),
    ),
    "transformer": (transformer, tokens(3, 9)),
    "causal attention": (attention, floats(2, 5, 8)),
    "several inputs and outputs": (several, [floats(3, 4), floats(3, 4)]),
    "preprocessing": (
        chain(L.Input((8, 8, 3)), L.Rescaling(1 / 255), L.Resizing(12, 12), L.CenterCrop(6, 6)),
        floats(2, 8, 8, 3),
    ),
    "branches": (function(two_branches, (4,)), floats(2, 4)),
    "loop": (function(doubled, (4,)), floats(2, 4)),
    "sorting": (function(ordered, (6,)), floats(2, 6)),
    "near zero": (function(near_zero, (6,)), floats(2, 6)),
}
ACTIVATIONS = ["gelu", "selu", "softplus", "swish", "mish", "hard_sigmoid", "elu", "log_softmax"]
for _name in ACTIVATIONS:
    MODELS[_name] = (chain(L.Input((6,)), L.Dense(6), L.Activation(_name)), floats(4, 6))
BY_SAMPLE = [name for name in MODELS if name not in ("branches", "loop")]


def trained(name):
    """A model whose weights are not those of the beginning, with its data and predictions."""
    make, x = MODELS[name]
    lm.set_seed(0)
    model = make()
    for weight in model.weights:
        if weight.dtype.is_float:
            moved = weight.numpy() + 0.1 * floats(*weight.shape)
            weight.assign(np.abs(moved) + 0.5 if "variance" in weight.path else moved)
    return model, x if isinstance(x, list) else [x], leaves(model.predict(x, verbose=0))


def leaves(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def close(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_file_read_again_predicts_the_same(name, tmp_path):
    model, inputs, expected = trained(name)
    model.export(tmp_path / "model.onnx")
    again = lm.onnx.load(tmp_path / "model.onnx")
    close(leaves(again(inputs if len(inputs) > 1 else inputs[0])), expected)


@pytest.mark.parametrize("name", MODELS)
def test_onnx_runtime_computes_the_same_of_any_batch_and_version(name, tmp_path):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    model, inputs, expected = trained(name)
    for version in (None, 18, 13):
        path = tmp_path / f"{version}.onnx"
        model.export(path, opset_version=version)
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [port.name for port in session.get_inputs()]
        close(session.run(None, dict(zip(names, inputs, strict=True))), expected)
        if name in BY_SAMPLE:
            first = dict(zip(names, [x[:1] for x in inputs], strict=True))
            close(session.run(None, first), [y[:1] for y in expected])


def operators(path):
    return [node.op_type for node in ModelProto.read(path.read_bytes()).graph.node]


class TestWhatIsWritten:
    def test_recurrent_layers_are_one_operator_each(self, tmp_path):
        for name, operator in (("lstm", "LSTM"), ("gru", "GRU"), ("rnn", "RNN")):
            model, _, _ = trained(name)
            model.export(tmp_path / "model.onnx")
            found = operators(tmp_path / "model.onnx")
            assert found.count(operator) == len(model.layers) and "Scan" not in found

    def test_masked_recurrent_layers_are_one_operator_with_lengths_each(self, tmp_path):
        model, _, _ = trained("masks")
        model.export(tmp_path / "model.onnx")
        graph = ModelProto.read((tmp_path / "model.onnx").read_bytes()).graph
        recurrent = [node for node in graph.node if node.op_type in ("LSTM", "GRU", "RNN")]
        assert [node.op_type for node in recurrent] == ["GRU", "GRU", "LSTM", "RNN"]
        assert all(node.input[4] for node in recurrent)
        assert "Scan" not in operators(tmp_path / "model.onnx")

    def test_convolutions_are_in_a_row_without_transposes_between_them(self, tmp_path):
        model, _, _ = trained("convolutions")
        model.export(tmp_path / "model.onnx")
        assert operators(tmp_path / "model.onnx").count("Transpose") == 2

    def test_inputs_outputs_and_weights_keep_their_names(self, tmp_path):
        model, _, _ = trained("several inputs and outputs")
        model.export(tmp_path / "model.onnx")
        graph = ModelProto.read((tmp_path / "model.onnx").read_bytes()).graph
        assert [port.name for port in graph.input] == ["left", "right"]
        assert any("first/kernel" in tensor.name for tensor in graph.initializer)

    def test_a_loaded_model_is_exported_again(self, tmp_path):
        model, inputs, expected = trained("dense")
        model.export(tmp_path / "a.onnx")
        loaded = lm.onnx.load(tmp_path / "a.onnx")
        loaded.export(tmp_path / "b.onnx", input_signature=[lm.Input((8,))])
        close([lm.onnx.load(tmp_path / "b.onnx")(inputs[0])], expected)

    def test_a_subclassed_model_is_exported_after_its_first_call(self, tmp_path):
        class Own(lm.Model):
            def __init__(self):
                super().__init__()
                self.hidden, self.last = L.Dense(4, "relu"), L.Dense(2)

            def call(self, x):
                return self.last(self.hidden(x))

        model, x = Own(), floats(3, 5)
        with pytest.raises(NotBuiltError):
            model.export(tmp_path / "model.onnx")
        expected = model(x).numpy()
        model.export(tmp_path / "model.onnx")
        close([lm.onnx.load(tmp_path / "model.onnx")(x)], [expected])


class TestMistakes:
    def test_other_formats_and_versions_are_refused(self, tmp_path):
        model, _, _ = trained("dense")
        with pytest.raises(UnknownNameError, match="format='onnx'"):
            model.export(tmp_path / "model", format="tf_saved_model")
        with pytest.raises(RangeError, match="13 to 25"):
            model.export(tmp_path / "model.onnx", opset_version=5)
        assert not list(tmp_path.iterdir())

    def test_random_numbers_of_inference_are_named(self, tmp_path):
        class Noisy(L.Layer):
            def call(self, x):
                return x + lm.random.normal(x.shape, key=lm.random.key(0))

        model = lm.Sequential([lm.Input((3,)), Noisy()])
        with pytest.raises(ArgumentError, match="random numbers"):
            model.export(tmp_path / "model.onnx")

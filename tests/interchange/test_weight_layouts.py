"""Weights of PyTorch in models of the same layers.

The files in torch_files/ were written by PyTorch 2.13; each .json has what the module returned.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ShapeError, UnknownNameError

L = lm.layers
FILES = Path(__file__).parent / "torch_files"


def convolutional():
    return lm.Sequential(
        [
            lm.Input((8, 9, 2)),
            L.Conv2D(4, 3),
            L.BatchNormalization(epsilon=1e-5),
            L.ReLU(),
            L.DepthwiseConv2D(3),
            L.Conv2DTranspose(3, 2, strides=2),
            L.PReLU(shared_axes=[1, 2]),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dense(5),
        ]
    )


def recurrent():
    layers = [lm.Input((5,), dtype="int32"), L.Embedding(7, 3)]
    layers += [L.LSTM(4, return_sequences=True), L.LSTM(4, return_sequences=True)]
    layers += [L.Bidirectional(L.GRU(3, return_sequences=True))]
    layers += [L.SimpleRNN(2, return_sequences=True), L.LayerNormalization(epsilon=1e-5)]
    return lm.Sequential([*layers, L.Dense(2)])


def test_a_convolutional_network_of_torch_predicts_the_same():
    x = np.arange(2 * 2 * 8 * 9).reshape(2, 2, 8, 9).astype("float32") / 100
    model = convolutional()
    report = lm.interchange.load(model, FILES / "conv.pt")
    assert [module for _, module in report.matched] == ["0", "1", "3", "4", "5", "8"]
    assert report.missing == report.unexpected == []
    expected = json.loads((FILES / "conv.json").read_text())
    result = model.predict(x.transpose(0, 2, 3, 1), verbose=0)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def functional(chain, permuted=False):
    """The layers of a Sequential, as a functional model; Permute puts channels first."""
    x = inputs = lm.Input(chain.input_shape[1:])
    for layer in chain.layers:
        x = L.Permute((3, 1, 2))(x) if permuted and isinstance(layer, L.Flatten) else x
        x = layer(x)
        x = L.ReLU(negative_slope=1.0)(x) if isinstance(layer, L.Flatten) else x
    return lm.Model(inputs, x)


@pytest.mark.parametrize("permuted", [False, True])
def test_a_dense_layer_behind_a_flatten_is_reordered_in_functional_models(permuted):
    x = np.arange(2 * 2 * 8 * 9).reshape(2, 2, 8, 9).astype("float32") / 100
    model = functional(convolutional(), permuted)
    lm.interchange.load(model, FILES / "conv.pt")
    expected = json.loads((FILES / "conv.json").read_text())
    result = model.predict(x.transpose(0, 2, 3, 1), verbose=0)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_an_encoder_of_torch_computes_the_same(tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    block = torch.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    module = torch.nn.TransformerEncoder(block, 2, enable_nested_tensor=False).eval()
    torch.save(module.state_dict(), tmp_path / "w.pt")
    model = lm.Sequential([lm.Input((5, 8)), *(L.TransformerEncoder(12, 2) for _ in range(2))])
    report = lm.interchange.load(model, tmp_path / "w.pt")
    assert report.matched[0][1] == "layers.0.self_attn" and len(report.matched) == 10
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    with torch.no_grad():
        expected = module(torch.tensor(x)).numpy()
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_a_recurrent_network_of_torch_predicts_the_same():
    model = recurrent()
    report = lm.interchange.load(model, FILES / "recurrent.pt")
    names = [module for _, module in report.matched]
    assert names[1:5] == ["lstm.l0", "lstm.l1", "gru.l0", "gru.l0_reverse"]
    expected = json.loads((FILES / "recurrent.json").read_text())
    result = model.predict(np.arange(10).reshape(2, 5) % 7, verbose=0)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def dense(units=4):
    return lm.Sequential([lm.Input((3,)), L.Dense(units, name="a"), L.Dense(2, name="b")])


def test_a_mapping_names_the_module_of_a_layer_and_the_report_the_others():
    model = dense()
    report = lm.interchange.load(model, FILES / "state_dict_zip.pt", mapping={"a": "0"})
    assert report == lm.interchange.Report([("a", "0")], ["b"], ["2"])
    weight = lm.interchange.read(FILES / "state_dict_zip.pt")["0.weight"]
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), weight.T)


def test_equal_names_are_matched_in_any_order(tmp_path):
    arrays = {"b.weight": np.ones((2, 4)), "b.bias": np.ones(2)}
    arrays |= {
        "a.weight": np.zeros((4, 3)),
        "a.bias": np.zeros(4),
        "c.other": np.ones(1),
        "d": np.ones(1),
    }
    np.savez(tmp_path / "w.npz", **{f"model.{k}": v for k, v in arrays.items()})
    report = lm.interchange.load(dense(), tmp_path / "w.npz", prefix="model.")
    assert report == lm.interchange.Report([("a", "a"), ("b", "b")], [], ["c", "d"])


def test_shapes_that_differ_change_nothing():
    model = dense(units=5)
    before = [weight.numpy().copy() for weight in model.weights]
    with pytest.raises(ShapeError, match=r"'0' does not fit the layer 'a': kernel \(3, 4\)"):
        lm.interchange.load(model, FILES / "state_dict_zip.pt")
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.weights, strict=True))


def test_a_difference_in_number_lists_both_sides():
    model = lm.Sequential([lm.Input((3,)), L.Dense(4, name="a")])
    with pytest.raises(ShapeError, match=r"2 modules for 1 layers:\n  modules: 0, 2\n  layers: a"):
        lm.interchange.load(model, FILES / "state_dict_zip.pt")
    report = lm.interchange.load(model, FILES / "state_dict_zip.pt", skip_mismatch=True)
    assert report == lm.interchange.Report([("a", "0")], [], ["2"])


@pytest.mark.parametrize(
    ("mapping", "name"), [({"x": "0"}, "layer 'x'"), ({"a": "9"}, "module '9'")]
)
def test_names_in_a_mapping_that_are_not_there_are_refused(mapping, name):
    with pytest.raises(UnknownNameError, match=f"unknown {name}"):
        lm.interchange.load(dense(), FILES / "state_dict_zip.pt", mapping=mapping)


def test_the_speaker_encoder_of_resemblyzer_returns_what_torch_returns():
    found = importlib.util.find_spec("resemblyzer")
    torch = pytest.importorskip("torch")
    if found is None:
        pytest.skip("resemblyzer is not installed")
    path = Path(found.submodule_search_locations[0]) / "pretrained.pt"
    inputs = x = lm.Input((160, 40))
    for k in range(3):
        x = L.LSTM(256, return_sequences=k < 2, name=f"l{k}")(x)
    model = lm.Model(inputs, L.Dense(256, name="linear")(x))
    mapping = {**{f"l{k}": f"lstm.l{k}" for k in range(3)}, "linear": "linear"}
    report = lm.interchange.load(model, path, mapping, prefix="model_state.")
    assert report.unexpected == ["similarity_weight", "similarity_bias"]
    arrays = lm.interchange.read(path)
    start = "model_state.lstm."
    lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict(
        {k[len(start) :]: torch.tensor(v) for k, v in arrays.items() if k.startswith(start)}
    )
    x = np.random.default_rng(0).random((2, 160, 40)).astype("float32")
    _, (hidden, _) = lstm(torch.tensor(x))
    weight, bias = (arrays[f"model_state.linear.{name}"] for name in ("weight", "bias"))
    expected = hidden[-1].detach().numpy() @ weight.T + bias
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)

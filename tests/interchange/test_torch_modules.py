"""Modules of PyTorch as models, compared with the modules."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, ShapeError

torch = pytest.importorskip("torch")
nn = torch.nn
RNG = np.random.default_rng(0)


def perceptron():
    return nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
    )


def images():
    """Padding, strides, groups, pooling with padding, Flatten before Linear."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6()),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(8, 8, (3, 5), stride=2, padding=(1, 2), groups=4, bias=False),
        nn.PReLU(8),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(8 * 4 * 3, 10),
        nn.Softmax(dim=1),
    )


def generator():
    return nn.Sequential(
        nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1),
        nn.InstanceNorm2d(6),
        nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ReflectionPad2d((1, 2, 0, 1)),
        nn.ConvTranspose2d(6, 2, 3, stride=2, padding=1, output_padding=1),
        nn.Tanh(),
    )


def pooled():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding="same", padding_mode="replicate"),
        nn.GroupNorm(2, 4),
        nn.GELU(approximate="tanh"),
        nn.AvgPool2d(2, padding=1),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.Flatten(),
        nn.BatchNorm1d(24),
        nn.Linear(24, 2),
    )


def waves():
    return nn.Sequential(
        nn.Conv1d(2, 4, 5, stride=2, padding=2),
        nn.BatchNorm1d(4),
        nn.SiLU(),
        nn.MaxPool1d(2),
        nn.ZeroPad1d(1),
        nn.Conv1d(4, 3, 3, dilation=2),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(3, 2),
    )


def volumes():
    return nn.Sequential(
        nn.Conv3d(2, 3, 3, padding=1), nn.BatchNorm3d(3), nn.ELU(), nn.AvgPool3d(2),
        nn.AdaptiveMaxPool3d(1), nn.Flatten(), nn.Linear(3, 2),
    )  # fmt: skip


def words():
    """An Embedding, then layers that a Sequential can hold."""
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    first = nn.TransformerEncoderLayer(
        8, 4, 12, activation="gelu", norm_first=True, batch_first=True
    )
    return nn.Sequential(
        nn.Embedding(11, 8, padding_idx=0),
        nn.LayerNorm(8),
        nn.TransformerEncoder(encoder, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False),
        first,
        nn.RMSNorm(8),
        nn.Linear(8, 3),
        nn.LogSoftmax(dim=-1),
    )


def rows(*shape):
    return RNG.normal(size=shape).astype("float32")


MODULES = {
    "perceptron": (perceptron, rows(4, 5)),
    "images": (images, rows(2, 13, 11, 3)),
    "generator": (generator, rows(2, 5, 4, 4)),
    "pooled": (pooled, rows(2, 12, 13, 2)),
    "waves": (waves, rows(2, 21, 2)),
    "volumes": (volumes, rows(2, 6, 5, 4, 2)),
    "words": (words, RNG.integers(0, 11, (2, 6))),
    "lstm": (lambda: nn.LSTM(4, 3, num_layers=2, bidirectional=True, dropout=0.1), rows(2, 5, 4)),
    "gru": (lambda: nn.GRU(4, 3, bias=False), rows(2, 5, 4)),
    "rnn": (lambda: nn.RNN(4, 3, nonlinearity="relu"), rows(2, 5, 4)),
    "flatten": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), rows(3, 2, 2, 3)),
    "flat end": (lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten()), rows(1, 3, 3, 1)),
}


def trained(make):
    """A module in evaluation whose weights and statistics are not those of the beginning."""
    torch.manual_seed(0)
    module = make().eval()
    with torch.no_grad():
        for each in module.state_dict().values():
            if each.is_floating_point():
                each += 0.1 * torch.rand(each.shape)
    return module


def computed(module, x):
    """The output of a module of images in Lamina's layout."""
    is_image = x.ndim > 2 and not isinstance(module, nn.RNNBase)
    given = torch.tensor(np.moveaxis(x, -1, 1).copy() if is_image else x)
    if isinstance(module, nn.RNNBase):
        given = given.transpose(0, 1)
    with torch.no_grad():
        found = module(given)
    if isinstance(found, tuple):
        return found[0].transpose(0, 1).numpy()
    return np.moveaxis(found.numpy(), 1, -1) if found.ndim > 3 else found.numpy()


@pytest.mark.parametrize("name", MODULES)
def test_a_model_of_a_module_predicts_what_the_module_computes(name, tmp_path):
    make, x = MODULES[name]
    module = trained(make)
    model = lm.interchange.from_torch(module, x.shape[1:])
    expected = computed(module, x)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=2e-5)
    model.save(tmp_path / "model.lamina")
    again = lm.load_model(tmp_path / "model.lamina")
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-4, atol=2e-5)


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.3), nn.ELU(0.7), nn.SELU(), nn.CELU(0.5), nn.GELU(),
    nn.SiLU(), nn.Mish(), nn.Sigmoid(), nn.Tanh(), nn.Softsign(), nn.Hardswish(), nn.Hardsigmoid(),
    nn.LogSigmoid(), nn.Tanhshrink(), nn.Hardtanh(-0.4, 0.9), nn.Softplus(beta=2.0),
    nn.Softshrink(0.3), nn.Hardshrink(0.6), nn.Threshold(0.2, -1.0), nn.PReLU(), nn.GLU(dim=-1),
    nn.Identity(), nn.Dropout(0.3), nn.AlphaDropout(0.2), nn.Softmax(dim=-1),
]  # fmt: skip


@pytest.mark.parametrize("module", ACTIVATIONS, ids=lambda m: type(m).__name__)
def test_activations_give_the_same(module):
    x = rows(3, 6) * 2
    model = lm.interchange.from_torch(nn.Sequential(module).eval(), (6,))
    expected = module.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_attention_over_one_sequence_gives_the_same():
    module = trained(lambda: nn.MultiheadAttention(12, 3, batch_first=True))
    x = rows(2, 5, 12)
    with torch.no_grad():
        expected = module(*[torch.tensor(x)] * 3)[0].numpy()
    model = lm.interchange.from_torch(module)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_images_of_any_size_are_taken_where_no_size_is_needed():
    module = trained(lambda: nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU()))
    model = lm.interchange.from_torch(module)
    for size in (8, 13):
        x = rows(1, size, size, 3)
        np.testing.assert_allclose(model(x).numpy(), computed(module, x), rtol=1e-4, atol=1e-5)


def test_a_model_trains_further():
    model = lm.interchange.from_torch(trained(perceptron))
    model.compile("sgd", "mse")
    before = model.layers[1].kernel.numpy()
    model.fit(rows(8, 5), rows(8, 3), verbose=0)
    assert not np.array_equal(model.layers[1].kernel.numpy(), before)


def test_names_of_layers_are_the_paths_of_modules():
    model = lm.interchange.from_torch(
        nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 1)))
    )
    assert [layer.name for layer in model.layers[1:]] == ["linear_0", "linear_1_0"]


class TestMistakes:
    class OwnModule(nn.Module):
        def forward(self, x):
            return x

    class OwnLinear(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    def test_modules_with_their_own_forward_are_refused_with_the_way_out(self):
        for module in (self.OwnModule(), self.OwnLinear(2, 2)):
            with pytest.raises(ArgumentError, match=r"Own\w+ '1' has no layer") as caught:
                lm.interchange.from_torch(nn.Sequential(nn.Linear(3, 2), module))
            assert "lm.onnx.load" in str(caught.value)

    def test_arguments_without_a_counterpart_are_named(self):
        for module, problem in (
            (nn.Conv2d(1, 1, 2, padding_mode="circular"), "padding_mode 'circular'"),
            (nn.Embedding(3, 2, max_norm=1.0), "max_norm"),
            (nn.MaxPool2d(2, return_indices=True), "returns indices"),
            (nn.Upsample(scale_factor=1.5), "whole factors"),
        ):
            with pytest.raises(ArgumentError, match=problem):
                lm.interchange.from_torch(nn.Sequential(module), (4, 4, 1))

    def test_an_open_size_before_linear_asks_for_the_shape(self):
        module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
        with pytest.raises(ShapeError, match="size is open"):
            lm.interchange.from_torch(module)
        with pytest.raises(ShapeError, match="does not say the shape"):
            lm.interchange.from_torch(nn.Sequential(nn.Flatten(), nn.Linear(8, 2)))

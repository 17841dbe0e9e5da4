"""ShallowVGGNet trained here and in PyTorch from the same weights: the same losses."""

import runpy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import lamina as lm  # noqa: E402
from paths import EXAMPLES  # noqa: E402

pytestmark = pytest.mark.parity

EXAMPLE = EXAMPLES / "shallow_vggnet.py"
STEPS, BATCH, CLASSES = 12, 16, 10


def comparable(model):
    """The same layers and weights, dropping nothing, since what is random cannot be compared, and
    with tanh for ReLU, at whose corner rounding decides and two float32 programs part."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "Dropout":
            layer["config"]["rate"] = 0.0
        if layer["config"].get("activation") == "relu":
            layer["config"]["activation"] = "tanh"
    twin = lm.Sequential.from_config(config)
    twin.set_weights(model.get_weights())
    return twin


class Rows(nn.Module):
    """Images as rows of numbers, channels last, as Flatten makes them."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def in_torch(model):
    """The network with its weights as PyTorch modules; the softmax is the loss's."""
    modules = []
    for layer in model.layers:
        weights = [torch.tensor(w) for w in layer.get_weights()]
        name = type(layer).__name__
        if name == "Conv2D":
            module = nn.Conv2d(layer.kernel.shape[2], layer.filters, 3, padding=1)
            module.weight.data, module.bias.data = weights[0].permute(3, 2, 0, 1), weights[1]
            modules += [module, nn.Tanh()]
        elif name == "Dense":
            module = nn.Linear(*layer.kernel.shape)
            module.weight.data, module.bias.data = weights[0].T.contiguous(), weights[1]
            modules += [module, nn.Tanh()]
        elif name == "BatchNormalization":
            flat = any(isinstance(m, nn.Linear) for m in modules)
            kind = nn.BatchNorm1d if flat else nn.BatchNorm2d
            modules.append(kind(len(weights[0]), eps=layer.epsilon, momentum=1 - layer.momentum))
        elif name == "MaxPooling2D":
            modules.append(nn.MaxPool2d(2))
        elif name == "Flatten":
            modules.append(Rows())
    return nn.Sequential(*modules[:-1]).to(memory_format=torch.channels_last)


def test_losses_and_statistics_after_each_step():
    lm.set_seed(3)
    model = comparable(runpy.run_path(str(EXAMPLE))["ShallowVGGNet"].build(16, 16, 3, CLASSES))
    theirs = in_torch(model)
    model.compile(lm.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    descent = torch.optim.SGD(theirs.parameters(), 0.01, momentum=0.9)
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(CLASSES, 16, 16, 3))
    ours, expected = [], []
    for _ in range(STEPS):
        y = rng.integers(0, CLASSES, BATCH)
        x = (kinds[y] + rng.normal(size=(BATCH, 16, 16, 3))).astype("float32")
        ours.append(model.train_on_batch(x, y))
        descent.zero_grad()
        outputs = theirs(torch.tensor(x.transpose(0, 3, 1, 2)))
        loss = nn.functional.cross_entropy(outputs, torch.tensor(y))
        loss.backward()
        descent.step()
        expected.append(loss.item())
    np.testing.assert_allclose(ours, expected, rtol=2e-3)
    assert ours[-1] < 0.5 * ours[0]
    norms = [m for m in theirs if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
    mine = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    for layer, norm in zip(mine, norms, strict=True):
        mean, _ = layer.get_weights()[2:]
        np.testing.assert_allclose(mean, norm.running_mean, rtol=1e-2, atol=1e-3)

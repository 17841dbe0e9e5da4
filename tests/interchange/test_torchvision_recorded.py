"""Networks of the zoo with weights of torchvision's names, compared with its recorded results."""

import json

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ShapeError
from lamina.zoo.parts import Options
from lamina.zoo.vit import _vit
from torchvision_cases import GOLDEN, NETWORKS, SIZE, arrays, images

CASES = json.loads(GOLDEN.read_text("utf-8"))


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    name = request.param
    np.savez(tmp_path / "w.npz", **arrays(CASES[name]["shapes"]))
    return name, tmp_path / "w.npz", np.array(CASES[name]["logits"])


def test_logits_are_those_of_torchvision(case):
    name, path, expected = case
    shape = (SIZE, SIZE, 3)
    if name in NETWORKS:
        model = getattr(lm.zoo, name)(weights=path, input_shape=shape, classifier_activation=None)
    else:
        model = _vit(Options("vit", True, path, None, shape, None, 40, None), 16, 2, 32, 4)
    found = model(images(name)[0]).numpy()[:, : expected.shape[1]]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_a_file_of_another_size_is_named(tmp_path):
    np.savez(tmp_path / "w.npz", **arrays(CASES["ResNet18"]["shapes"]))
    with pytest.raises(ShapeError, match=r"no weights for \d+ layers of resnet34"):
        lm.zoo.ResNet34(weights=tmp_path / "w.npz")


def test_classes_of_another_number_are_named(tmp_path):
    np.savez(tmp_path / "w.npz", **arrays(CASES["ResNet18"]["shapes"]))
    with pytest.raises(ShapeError, match=r"'fc' does not fit the layer 'predictions'"):
        lm.zoo.ResNet18(weights=tmp_path / "w.npz", classes=10)

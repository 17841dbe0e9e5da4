"""Networks of the zoo with weights of torchvision: the same results, from random weights."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ShapeError

torch = pytest.importorskip("torch")
models = pytest.importorskip("torchvision.models")
from torchvision.models import detection  # noqa: E402

RNG = np.random.default_rng(0)
slow = pytest.mark.slow
# name in lm.zoo, name in torchvision, size of the images
NETWORKS = [
    pytest.param("AlexNet", "alexnet", 224, marks=slow),
    pytest.param("VGG11", "vgg11", 224, marks=slow),
    pytest.param("VGG16", "vgg16", 224, marks=slow),
    ("SqueezeNet", "squeezenet1_1", 64),
    ("ResNet18", "resnet18", 64),
    ("ResNet50", "resnet50", 64),
    pytest.param("ResNeXt50", "resnext50_32x4d", 64, marks=slow),
    ("DenseNet121", "densenet121", 64),
    ("MobileNetV2", "mobilenet_v2", 64),
    ("MobileNetV3Small", "mobilenet_v3_small", 64),
    ("MobileNetV3Large", "mobilenet_v3_large", 64),
    ("EfficientNetB0", "efficientnet_b0", 64),
    pytest.param("EfficientNetB5", "efficientnet_b5", 64, marks=slow),
    pytest.param("EfficientNetV2S", "efficientnet_v2_s", 64, marks=slow),
    ("ConvNeXtTiny", "convnext_tiny", 64),
    pytest.param("ViTB16", "vit_b_16", 32, marks=slow),
]
SCALING = ("EfficientNet", "MobileNetV3", "ConvNeXt")
"""Networks that normalize pixels themselves."""


def randomized(net):
    """Statistics and scales as after training: nothing is 0 or 1."""
    generator = torch.Generator().manual_seed(0)
    for name, value in net.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith(("running_mean", "bias")):
            value.normal_(0, 0.1, generator=generator)
        elif name.endswith(("layer_scale", "class_token", "pos_embedding")):
            value.normal_(0, 0.5, generator=generator)
    return net.eval()


def images(name, size):
    """The same images for Lamina and for torchvision."""
    pixels = RNG.uniform(0, 255, (2, size, size, 3)).astype("float32")
    normal = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    own = pixels if name.startswith(SCALING) else normal.astype("float32")
    return own, torch.tensor(np.moveaxis(normal, -1, 1), dtype=torch.float32)


@pytest.mark.parametrize(("name", "other", "size"), NETWORKS)
def test_results_are_those_of_torchvision(name, other, size, tmp_path):
    torch.manual_seed(0)
    arguments = {"image_size": size} if name.startswith("ViT") else {}
    if name.startswith("MobileNetV3"):
        arguments["dropout"] = 0.0
    net = randomized(getattr(models, other)(weights=None, **arguments))
    torch.save(net.state_dict(), tmp_path / "w.pth")
    own, foreign = images(name, size)
    with torch.no_grad():
        expected = net(foreign).softmax(-1).numpy()
    make = getattr(lm.zoo, name)
    model = make(weights=tmp_path / "w.pth", input_shape=(size, size, 3))
    found = model.predict(own, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


def test_features_are_loaded_from_a_file_with_classes(tmp_path):
    net = models.mobilenet_v2(weights=None)
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(net.state_dict(), tmp_path / "w.safetensors")
    arguments = {"include_top": False, "pooling": "avg", "input_shape": (64, 64, 3)}
    model = lm.zoo.MobileNetV2(weights=tmp_path / "w.safetensors", **arguments)
    own, foreign = images("MobileNetV2", 64)
    with torch.no_grad():
        expected = net.eval().features(foreign).mean((2, 3)).numpy()
    np.testing.assert_allclose(model(own).numpy(), expected, atol=1e-4)


def test_a_file_of_another_network_is_named(tmp_path):
    torch.save(models.squeezenet1_1(weights=None).state_dict(), tmp_path / "w.pth")
    with pytest.raises(ShapeError, match=r"no weights for \d+ layers of resnet18"):
        lm.zoo.ResNet18(weights=tmp_path / "w.pth")


def test_ssdlite_has_boxes_and_classes_of_torchvision(tmp_path):
    torch.manual_seed(0)
    net = randomized(detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None))
    torch.save(net.state_dict(), tmp_path / "w.pth")
    model = lm.zoo.SSDLite(classes=90, weights=tmp_path / "w.pth")
    pixels = RNG.uniform(0, 255, (1, 320, 320, 3)).astype("float32")
    foreign = torch.tensor(np.moveaxis(pixels / 127.5 - 1, -1, 1), dtype=torch.float32)
    with torch.no_grad():
        features = list(net.backbone(foreign).values())
        heads = net.head(features)
        images = detection.image_list.ImageList(foreign, [(320, 320)])
        anchors = net.anchor_generator(images, features)[0].numpy()
        boxes = net.box_coder.decode_single(heads["bbox_regression"][0], torch.tensor(anchors))
    expected = np.concatenate([heads["bbox_regression"], heads["cls_logits"]], axis=-1)
    found = model(pixels).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    fixed = model.default_boxes()
    corners = np.concatenate([fixed[:, :2] - fixed[:, 2:] / 2, fixed[:, :2] + fixed[:, 2:] / 2], 1)
    np.testing.assert_allclose(corners, anchors, atol=1e-3)
    decoded = model.boxes_and_scores(found)[0].numpy()[0]
    np.testing.assert_allclose(decoded, boxes.numpy(), atol=0.05)

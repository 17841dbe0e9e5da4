"""Results of torchvision for weights that names and shapes determine: golden/torchvision.json.

python tests/torchvision_cases.py      writes the file; needs torch and torchvision
"""

import json
import zlib
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden" / "torchvision.json"
SIZE = 64
# name in lm.zoo -> name in torchvision
NETWORKS = {
    "SqueezeNet": "squeezenet1_1",
    "ResNet18": "resnet18",
    "ResNet50": "resnet50",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Small": "mobilenet_v3_small",
    "DenseNet121": "densenet121",
    "EfficientNetB0": "efficientnet_b0",
    "ConvNeXtTiny": "convnext_tiny",
}
SCALING = ("EfficientNet", "MobileNetV3", "ConvNeXt")
"""Networks of Lamina that normalize pixels themselves."""


def array(name, shape):
    """Weights as after training: nothing is 0 or 1, and results stay finite."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    last = name.rpartition(".")[2]
    if last == "running_var" or (last == "weight" and len(shape) == 1):
        return rng.uniform(0.5, 1.5, shape).astype("float32")
    spread = 0.1 if len(shape) < 2 else np.sqrt(1.5 / np.prod(shape[1:]))
    spread = 0.5 if last in ("layer_scale", "class_token", "pos_embedding") else spread
    return rng.normal(0, spread, shape).astype("float32")


def arrays(shapes):
    return {name: array(name, shape) for name, shape in shapes.items()}


def images(name):
    """The same images as Lamina's network takes them, and normalized."""
    pixels = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype("float32")
    normal = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    normal = normal.astype("float32")
    return (pixels if name.startswith(SCALING) else normal), normal


def record(net, name):
    import torch

    shapes = {k: list(v.shape) for k, v in net.state_dict().items() if "num_batches" not in k}
    found = {k: torch.from_numpy(v) for k, v in arrays(shapes).items()}
    net.load_state_dict(found, strict=False)
    with torch.no_grad():
        logits = net.eval()(torch.from_numpy(np.moveaxis(images(name)[1], -1, 1).copy()))
    return {"shapes": shapes, "logits": [[round(float(n), 5) for n in row[:40]] for row in logits]}


def vision_transformer():
    from torchvision.models import VisionTransformer

    return VisionTransformer(SIZE, 16, 2, 4, 32, 128, num_classes=40)


def main():
    from torchvision import models

    cases = {k: record(getattr(models, v)(weights=None), k) for k, v in NETWORKS.items()}
    cases["ViT"] = record(vision_transformer(), "ViT")
    GOLDEN.write_text(json.dumps(cases, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

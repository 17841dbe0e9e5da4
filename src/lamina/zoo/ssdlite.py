"""SSDLite: a detector for phones, with MobileNetV3 and boxes of fixed places and shapes.

Features of six sizes, from a sixteenth of the image down to one position, say at each position for
six default boxes how the object's box differs and of which class the object is. All convolutions
of 3 x 3 are depthwise. With 90 classes the network, its order of default boxes and its names of
weights are those of torchvision's `ssdlite320_mobilenet_v3_large`.

Sources: Liu et al. (2016), SSD: single shot multibox detector, arXiv:1512.02325 (default boxes,
loss, mining of negatives); Sandler et al. (2018), MobileNetV2, arXiv:1801.04381 (SSDLite); Howard
et al. (2019), Searching for MobileNetV3, arXiv:1905.02244: mAP 22.0 on COCO test-dev. torchvision's
weights have a box mAP of 21.3 on COCO val2017.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.annotations import PathLike
from lamina.layers import (
    Concatenate,
    Conv2D,
    DepthwiseConv2D,
    Input,
    ReLU,
    Rescaling,
    Reshape,
)
from lamina.losses import Loss, SSDLoss
from lamina.operations.box_overlaps import (
    compute_iou,
    decode_deltas_to_boxes,
    encode_box_to_deltas,
)
from lamina.tensor import Tensor, as_tensor
from lamina.zoo.blocks import before_stride
from lamina.zoo.detection import Detector, checked_classes, checked_size
from lamina.zoo.mobilenet_v3 import LARGE, activated, block, normalized
from lamina.zoo.parts import Shape, divisible

RATIOS = (1.0, 2.0, 0.5, 3.0, 1 / 3)
"""Width by height of the default boxes; a sixth one is square, and larger."""
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
"""Sizes of the default boxes of each level, as parts of the image."""
SPREADS = (0.1, 0.1, 0.2, 0.2)
"""What differences from default boxes are divided by."""
EXTRA = (512, 256, 256, 128)
"""Filters of the levels behind the backbone."""
MATCHED = 0.5
"""Overlap from which a default box stands for an object."""
MOMENTUM = 0.97
"""Of the moving statistics; 1 - 0.03 in torchvision."""
FURTHEST = math.log(1000 / 16)
"""Largest logarithm of the extents of a box by those of its default box."""


class SSDLite(Detector):
    """SSDLite with MobileNetV3 (large, its last three blocks of half the width).

    `encode` makes the targets of `fit`, `SSDLoss` is the loss, and `detect` returns boxes, scores
    and labels.

    Args:
        classes: number of classes of objects; the background is one more.
        input_shape: shape of the images (height, width, 3), at least 64 x 64, with values from 0 to
            255.
        alpha: factor of the filters of all layers.
        weights: path of a file with weights, also of torchvision, or None for random ones.
        name: name of the model.

    Shapes:
        (batch, height, width, 3) -> (batch, boxes, 4 + classes + 1): differences from the default
            boxes, then logits of the background and of the classes

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.SSDLite(classes=2, input_shape=(64, 64, 3), alpha=0.25)
        >>> model.encode([[4, 4, 40, 30]], [1]).shape
        (144, 5)

    Source: Howard et al. (2019), arXiv:1905.02244; Liu et al. (2016), arXiv:1512.02325.
    """

    family = "lamina.zoo"
    is_exclusive = False

    def __init__(
        self,
        classes: int = 20,
        input_shape: Shape = (320, 320, 3),
        alpha: float = 1.0,
        weights: PathLike | None = None,
        name: str = "ssdlite",
    ) -> None:
        checked_classes(name, classes)
        images = Input(checked_size(name, input_shape, 64))
        levels = _features(Rescaling(1 / 127.5, offset=-1.0)(images), alpha)
        self.grids = tuple((int(x.shape[1]), int(x.shape[2])) for x in levels)
        heads = [_head(x, classes + 1, k) for k, x in enumerate(levels)]
        super().__init__(images, Concatenate(axis=1)(heads), classes, weights, name)

    def default_loss(self) -> Loss:
        return SSDLoss()

    def default_boxes(self) -> np.ndarray:
        """Return the default boxes (boxes, 4): center, width and height, in pixels."""
        height, width = self.image_size
        return _default_boxes(self.grids) * np.asarray([width, height] * 2, np.float32)

    def encode_image(self, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        fixed = self.default_boxes()
        targets = np.zeros((len(fixed), 5), np.float32)
        if len(boxes) == 0:
            return targets
        corners = np.concatenate(
            [fixed[:, :2] - fixed[:, 2:] / 2, fixed[:, :2] + fixed[:, 2:] / 2], axis=1
        )
        near = compute_iou(corners, boxes, "xyxy").numpy()
        best = near.argmax(axis=1)
        chosen = near.max(axis=1) >= MATCHED
        for k, place in enumerate(near.argmax(axis=0)):  # every object has a default box
            best[place], chosen[place] = k, True
        own = fixed[chosen]
        targets[chosen, :4] = encode_box_to_deltas(
            own, boxes[best[chosen]], "center_xywh", "xyxy", "center_xywh", SPREADS
        ).numpy()
        targets[chosen, 4] = labels[best[chosen]] + 1
        return targets

    def boxes_and_scores(self, predictions: Tensor) -> tuple[Tensor, Tensor]:
        x = as_tensor(predictions)
        spread = np.asarray(SPREADS, np.float32)
        limited = ops.concat([x[..., :2], ops.minimum(x[..., 2:4], FURTHEST / spread[2])], axis=-1)
        boxes = decode_deltas_to_boxes(
            self.default_boxes(), limited, "center_xywh", "xyxy", "center_xywh", SPREADS
        )
        return boxes, ops.softmax(x[..., 4:], axis=-1)[..., 1:]


@lru_cache(maxsize=8)
def _default_boxes(grids: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Center, width and height as parts of the image."""
    found = []
    for k, (rows, columns) in enumerate(grids):
        scale, larger = SCALES[k], math.sqrt(SCALES[k] * SCALES[k + 1])
        extents = [(scale * math.sqrt(r), scale / math.sqrt(r)) for r in RATIOS]
        extents.insert(1, (larger, larger))
        y, x = np.meshgrid(
            (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij"
        )
        centers = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
        shape = (rows * columns, len(extents), 2)
        both = [np.broadcast_to(centers, shape), np.broadcast_to(np.clip(extents, 0, 1), shape)]
        found.append(np.concatenate(both, axis=-1).reshape(-1, 4))
    return np.concatenate(found).astype(np.float32)


# ---- the network -------------------------------------------------------------------------------
def _normalized(x: Tensor, name: str) -> Tensor:
    return normalized(x, name, MOMENTUM)


def _features(x: Tensor, alpha: float) -> list[Tensor]:
    """The six levels: of the twelfth block before its stride, the backbone's last, four more."""
    x = before_stride(x, 3, "conv_pad", symmetric=True)
    x = Conv2D(divisible(16 * alpha), 3, strides=2, use_bias=False, name="conv")(x)
    x = activated(_normalized(x, "conv_bn"), True)
    levels = []
    for number, b in enumerate(LARGE):
        is_last = number >= len(LARGE) - 3
        filters = divisible(b.filters * alpha / (2 if is_last else 1))
        x, wide = block(x, b, filters, number, symmetric=True, momentum=MOMENTUM)
        if number == len(LARGE) - 3:
            levels.append(wide)
    x = Conv2D(divisible(480 * alpha), 1, use_bias=False, name="conv_1")(x)
    levels.append(activated(_normalized(x, "conv_1_bn"), True))
    for k, filters in enumerate(EXTRA):
        levels.append(_extra(levels[-1], divisible(filters * alpha), f"extra_{k}"))
    return levels


def _convolved(x: Tensor, filters: int, name: str) -> Tensor:
    x = Conv2D(filters, 1, use_bias=False, name=name)(x)
    return ReLU(6.0, name=f"{name}_relu")(_normalized(x, f"{name}_bn"))


def _depthwise(x: Tensor, name: str, stride: int = 1) -> Tensor:
    if stride == 2:
        x = before_stride(x, 3, f"{name}_pad", symmetric=True)
    padding = "same" if stride == 1 else "valid"
    x = DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False, name=name)(x)
    return ReLU(6.0, name=f"{name}_relu")(_normalized(x, f"{name}_bn"))


def _extra(x: Tensor, filters: int, name: str) -> Tensor:
    """A level of half the size."""
    x = _convolved(x, filters // 2, f"{name}_reduce")
    return _convolved(_depthwise(x, f"{name}_depthwise", 2), filters, f"{name}_expand")


def _head(x: Tensor, classes: int, level: int) -> Tensor:
    """Boxes and classes of one level, a row for each default box."""
    count = len(RATIOS) + 1
    parts: list[Any] = []
    for kind, width in (("box", 4), ("class", classes)):
        name = f"{kind}_{level}"
        y = Conv2D(count * width, 1, name=name)(_depthwise(x, f"{name}_depthwise"))
        parts.append(Reshape((-1, width), name=f"{name}_rows")(y))
    return Concatenate(name=f"level_{level}")(parts)

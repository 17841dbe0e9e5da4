"""U-Net: a class for each pixel, from features of all sizes.

One arm halves the image and doubles the filters, the other goes back, and at each size reads the
features that the first arm had there.

Source: Ronneberger et al. (2015), U-Net: convolutional networks for biomedical image segmentation,
arXiv:1505.04597. Intersection over union on the ISBI cell tracking challenge 2015: PhC-U373 0.9203,
DIC-HeLa 0.7756.
"""

from __future__ import annotations

from typing import Literal

from lamina.annotations import ActivationLike, PathLike
from lamina.arguments import one_of
from lamina.errors import ShapeError
from lamina.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dropout,
    Input,
    MaxPooling2D,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Shape


def _twice(x: Tensor, filters: int, padding: str, normalize: bool, name: str) -> Tensor:
    for n in (1, 2):
        conv = f"{name}_conv{n}"
        x = Conv2D(filters, 3, padding=padding, kernel_initializer="he_normal", name=conv)(x)
        if normalize:
            x = BatchNormalization(name=f"{name}_bn{n}")(x)
        x = Activation("relu", name=f"{name}_relu{n}")(x)
    return x


def _cropped(x: Tensor, like: Tensor, name: str) -> Tensor:
    """The middle of features, as large as others."""
    pairs = []
    for a, b in zip(x.shape[1:3], like.shape[1:3], strict=True):
        less = int(a) - int(b)
        pairs.append((less // 2, less - less // 2))
    return Cropping2D(tuple(pairs), name=f"{name}_crop")(x)


def UNet(
    classes: int = 2,
    input_shape: Shape = (572, 572, 1),
    filters: int = 64,
    depth: int = 4,
    padding: Literal["valid", "same"] = "valid",
    batch_normalization: bool = False,
    dropout: float = 0.5,
    classifier_activation: ActivationLike = "softmax",
    weights: PathLike | None = None,
    name: str = "unet",
) -> Model:
    """Return U-Net.

    Args:
        classes: number of classes of a pixel.
        input_shape: shape of the images (height, width, channels). With padding "same" a height and
            width that 2**depth divides, or None.
        filters: filters of the first convolutions; each halving of the size doubles them.
        depth: number of halvings.
        padding: "valid" as in the paper, whose classes are those of the middle of the image; "same"
            gives a class for every pixel.
        batch_normalization: normalize after each convolution, which the paper does not.
        dropout: rate of dropout at the two smallest sizes; the paper does not print it.
        classifier_activation: activation of the classes; None gives logits.
        weights: path of a file with weights, or None for random ones.
        name: name of the model.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, classes), without a border if
            padding is "valid"

    Raises:
        ShapeError: a size of the image is odd where it must be halved.

    Example:
        >>> import lamina as lm
        >>> lm.zoo.UNet().output_shape, lm.zoo.UNet().count_params()
        ((None, 388, 388, 2), 31030658)

    Source: Ronneberger et al. (2015), arXiv:1505.04597.
    """
    one_of("UNet", "padding", padding, ("valid", "same"))
    inputs = Input(input_shape)
    x: Tensor = inputs
    kept = []
    for k in range(depth):
        x = _twice(x, filters * 2**k, padding, batch_normalization, f"down{k + 1}")
        kept.append(Dropout(dropout, name="down_dropout")(x) if k == depth - 1 else x)
        _check_even(kept[-1], name, depth)
        x = MaxPooling2D(2, name=f"down{k + 1}_pool")(kept[-1])
    x = _twice(x, filters * 2**depth, padding, batch_normalization, "bottom")
    x = Dropout(dropout, name="bottom_dropout")(x)
    for k in reversed(range(depth)):
        part = f"up{k + 1}"
        x = Conv2DTranspose(filters * 2**k, 2, strides=2, name=f"{part}_conv")(x)
        earlier = kept[k] if padding == "same" else _cropped(kept[k], x, part)
        x = Concatenate(name=f"{part}_concat")([earlier, x])
        x = _twice(x, filters * 2**k, padding, batch_normalization, part)
    model = Model(
        inputs, Conv2D(classes, 1, activation=classifier_activation, name="classes")(x), name=name
    )
    if weights is not None:
        model.load_weights(weights)
    return model


def _check_even(x: Tensor, name: str, depth: int) -> None:
    odd = [n for n in x.shape[1:3] if isinstance(n, int) and n % 2]
    if odd:
        raise ShapeError(
            f"{name}: features of {x.shape[1]} x {x.shape[2]} cannot be halved (expected even "
            "sizes)",
            hint=f"with padding='same' pass images whose sizes {2**depth} divides",
        )

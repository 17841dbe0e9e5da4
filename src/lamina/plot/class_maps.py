"""Grad-CAM: which places of an image speak for a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError, describe
from lamina.operations.logits import logits_of
from lamina.plot import style
from lamina.plot.maps import as_image
from lamina.tensor import Tensor, as_tensor
from lamina.transforms.gradients import value_and_grad

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lamina.models.model import Model


def class_map(
    model: Model, images: ArrayLike, label: int | None = None, layer: str | None = None
) -> np.ndarray:
    """Return how much each place of images speaks for a class, from 0 to 1 (Grad-CAM).

        relu(sum over channels of features * mean over places of d logit / d features)

    Args:
        model: functional classifier of images.
        images: batch (images, height, width, channels), as the model takes it.
        label: number of the class; None takes the most probable one of each image.
        layer: name of the layer whose output is looked at; None takes the last one whose output is
            an image with more than one position.

    Returns:
        An array (images, rows, columns), of the size of the layer's output.

    Raises:
        ArgumentError: no layer returns an image, or what follows the layer does not depend on it
            alone.
        ShapeError: the images are not a batch.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> model = lm.zoo.LeNet5(weights=None)
        >>> lm.plot.class_map(model, np.ones((2, 32, 32, 1), "float32")).shape
        (2, 5, 5)

    Source: Selvaraju et al. (2017), Grad-CAM: visual explanations from deep networks via
        gradient-based localization, equations 1 and 2.
    """
    from lamina.models.model import Model

    batch = as_tensor(images)
    if batch.ndim != 4:
        raise ShapeError(
            f"class_map: images of shape {batch.shape} (expected (images, height, width, channels))"
        )
    middle = _features(model, layer)
    before, after = Model(model.input, middle), Model(middle, model.output)
    features = before(batch)

    def score(x: Tensor) -> tuple[Tensor, Tensor]:
        outputs = after(x)
        logits = logits_of(outputs)
        scores = outputs if logits is None else logits
        chosen = ops.argmax(scores, axis=-1) if label is None else np.full(len(x), label)
        one = ops.one_hot(chosen, int(scores.shape[-1]))
        return ops.sum(scores * one), scores

    _, gradient = value_and_grad(score, has_aux=True)(features)
    weights = ops.mean(gradient, axis=(1, 2), keepdims=True)
    found = ops.relu(ops.sum(weights * features, axis=-1)).numpy()
    largest = found.max(axis=(1, 2), keepdims=True)
    return np.asarray(found / np.where(largest > 0, largest, 1))


def _features(model: Any, layer: str | None) -> Any:
    if layer is not None:
        return model.get_layer(layer).output
    for each in reversed(model.layers):
        shape: tuple[Any, ...] = getattr(each.output, "shape", ())
        is_image = len(shape) == 4 and shape[1] != 1
        if is_image and type(each).__name__ != "InputLayer":
            return each.output
    raise ArgumentError(
        f"class_map: no layer of {model.name} returns images (batch, height, width, channels)",
        hint="pass a functional model of images, or the name of a layer",
    )


def grad_cam(
    model: Model,
    image: ArrayLike,
    label: int | None = None,
    layer: str | None = None,
    background: ArrayLike | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw an image, and over it which places speak for a class (Grad-CAM, see `class_map`).

    Args:
        model: functional classifier of images.
        image: array (height, width, channels), as the model takes it, or a batch of one.
        label: number of the class; None takes the most probable one.
        layer: name of the layer whose output is looked at; None takes the last image.
        background: what is drawn in place of `image`, such as the pixels before preprocessing.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        ShapeError: if `image` is not an image.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> model = lm.zoo.LeNet5(weights=None)
        >>> type(lm.plot.grad_cam(model, np.ones((32, 32, 1), "float32"))).__name__
        'Figure'

    Source: Selvaraju et al. (2017), Grad-CAM.
    """
    batch = np.asarray(image)
    batch = batch[None] if batch.ndim == 3 else batch
    if batch.ndim != 4 or len(batch) != 1:
        raise ShapeError(
            f"plot.grad_cam: image is {describe(np.asarray(image))}, expected one image of shape "
            "(height, width, channels)"
        )
    heat = class_map(model, batch, label, layer)[0]
    shown = batch[0] if background is None else np.asarray(background)
    size = (shown.shape[0], shown.shape[1])
    large = ops.resize(as_tensor(heat[None, :, :, None]), size, interpolation="bilinear").numpy()
    drawn = style.figure("plot.grad_cam", 6.4, 3.4)
    for axes, is_map in zip(drawn.subplots(1, 2), (False, True), strict=True):
        axes.imshow(as_image(shown), cmap=style.GRAY)
        if is_map:
            axes.imshow(np.clip(large[0, :, :, 0], 0, 1), cmap=style.ACTIVATIONS, alpha=0.5)
        axes.set_axis_off()
    name = "the most probable class" if label is None else f"class {label}"
    style.title(drawn, f"{model.name}: places that speak for {name}")
    return style.finished(drawn, path)

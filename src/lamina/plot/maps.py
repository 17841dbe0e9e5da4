"""Plots of convolutions: kernels, and the feature maps of one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.arguments import integer
from lamina.errors import ArgumentError, ShapeError, describe, unknown_name
from lamina.plot import style
from lamina.plot.targets import need_finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lamina.layers._base.layer import Layer
    from lamina.models.model import Model

NOT_FINITE = "stop training before: fit(callbacks=[lm.callbacks.TerminateOnNaN()])"
COLUMNS = 16  # images in a row, at most


# ---- filters -----------------------------------------------------------------------------------
def filters(
    model: Layer, layer: str | None = None, most: int | None = None, path: style.Path | None = None
) -> Figure:
    """Draw the kernels of a convolution.

    With one or three input channels each filter is one image (with three in color, gray being 0).
    Otherwise a row is a filter and a column an input channel; blue is below 0, red above, white 0,
    on one scale.

    Args:
        model: model that holds the layer, or the layer itself.
        layer: name of the layer in the model, such as "inner/conv2d" for a layer of an inner model;
            None takes the first convolution.
        most: number of filters that are shown; None is 64, or 16 if each is a row.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        ArgumentError: if the layer has no kernel with one or two spatial axes.
        DataError: if a weight is NaN or infinite.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((8, 8, 1)), lm.layers.Conv2D(2, 3)])
        >>> type(lm.plot.filters(model, model.layers[0].name)).__name__
        'Figure'
    """
    chosen = _layer(model, layer)
    kernel = _kernel(chosen)
    need_finite(kernel, f"plot.filters: the kernel of {chosen.name}", NOT_FINITE)
    most = None if most is None else integer("plot.filters", "most", most, 1)
    height, width, channels, number = kernel.shape
    single = channels in (1, 3)
    count = min(most or (64 if single else 16), number)
    columns = min(COLUMNS, count if single else channels)
    if channels == 3:
        images = [_colored(kernel[..., k]) for k in range(count)]
    else:
        inside = 1 if single else columns
        images = [kernel[:, :, c, k] for k in range(count) for c in range(inside)]
    rows = -(-len(images) // columns)
    drawn = style.figure("plot.filters", 0.55 * columns + 0.4, 0.55 * rows + 0.6)
    largest = float(np.abs(kernel).max()) or 1.0
    cells = drawn.subplots(rows, columns, squeeze=False)
    for axes, cell in zip(cells.flat, images, strict=False):
        axes.imshow(cell, cmap=style.SIGNED, vmin=-largest, vmax=largest, interpolation="nearest")
    _without_axes(cells)
    shown = f"{count} of {number}" if count < number else f"{number}"
    over = "one channel" if channels == 1 else f"{channels} channels"
    seen = f" ({columns} shown)" if not single and columns < channels else ""
    title = f"{chosen.name}: {shown} filters of {height}x{width} over {over}{seen}"
    style.title(drawn, title)
    return style.finished(drawn, path)


def _layer(model: Any, layer: Any) -> Any:
    if not hasattr(model, "layers"):
        return model
    if layer is not None and not isinstance(layer, str):
        return layer
    from lamina.models.representations import layers_by_name

    known = layers_by_name(model)
    if layer is None:
        return next((each for each in known.values() if _is_convolution(each)), model)
    if layer not in known:
        raise unknown_name("layer", layer, known)
    return known[layer]


def _is_convolution(layer: Any) -> bool:
    return getattr(getattr(layer, "kernel", None), "ndim", 0) in (3, 4) and hasattr(
        layer, "strides"
    )


def _kernel(layer: Any) -> np.ndarray:
    """A layer's kernel as (height, width, channels, filters); in one dimension the height is 1."""
    variable = getattr(layer, "kernel", None)
    array = None if variable is None else np.asarray(variable.numpy(), np.float32)
    if array is not None and array.ndim == 3:
        return array[None]
    if array is None or array.ndim != 4:
        raise ArgumentError(
            f"plot.filters: {describe(layer)} has no kernel of a convolution in one or two "
            "dimensions",
            hint="name a layer such as Conv2D of a model that is built: filters(model, 'conv2d')",
        )
    return array


def _colored(kernel: np.ndarray) -> np.ndarray:
    """One filter over three channels as an image, 0 being the middle gray."""
    return 0.5 + 0.5 * kernel / (np.abs(kernel).max() or 1.0)


# ---- feature maps ------------------------------------------------------------------------------
def feature_maps(
    model: Model,
    image: ArrayLike,
    layers: Sequence[str] | None = None,
    most: int = COLUMNS,
    path: style.Path | None = None,
) -> Figure:
    """Draw the outputs of layers for one image: a row for each layer, a column for each channel.

    Each map has its own scale, from its smallest value (dark) to its largest.

    Args:
        model: built model.
        image: array (height, width, channels), as the model takes it, or a batch of one.
        layers: names as in `Model.representations`; None takes all whose output is an image.
        most: number of channels of each layer that are shown.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        ShapeError: if `image` is not an image.
        ArgumentError: if no layer has an image as its output.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((8, 8, 1)), lm.layers.Conv2D(2, 3)])
        >>> type(lm.plot.feature_maps(model, np.ones((8, 8, 1), "float32"))).__name__
        'Figure'
    """
    batch = np.asarray(image)
    batch = batch[None] if batch.ndim == 3 else batch
    if batch.ndim != 4 or len(batch) != 1:
        raise ShapeError(
            f"plot.feature_maps: image is {describe(np.asarray(image))}, expected one image of "
            "shape (height, width, channels)"
        )
    found = model.representations(batch, layers=layers)
    maps = {name: each[0] for name, each in found.items() if getattr(each, "ndim", 0) == 4}
    if not maps:
        raise ArgumentError(
            "plot.feature_maps: none of these layers returns images (batch, height, width, "
            f"channels): {', '.join(found)}"
        )
    columns = min(
        integer("plot.feature_maps", "most", most, 1), max(each.shape[-1] for each in maps.values())
    )
    drawn = style.figure("plot.feature_maps", 2.6 + 0.6 * columns, 0.3 + 0.62 * len(maps))
    parts: Any = drawn.subfigures(1, 2, width_ratios=(1.5, 1.1 + 0.6 * columns))
    left, right = parts
    _image(left.subplots(), batch[0])
    _rows(right.subplots(len(maps), columns, squeeze=False), maps)
    return style.finished(drawn, path)


def _rows(cells: Any, maps: dict[str, np.ndarray]) -> None:
    _without_axes(cells)
    for row, (name, each) in zip(cells, maps.items(), strict=True):
        text = f"{name}\n{'x'.join(map(str, each.shape))}"
        row[0].text(
            -0.15, 0.5, text, transform=row[0].transAxes, ha="right", va="center",
            fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip
        for axes, channel in zip(row, np.moveaxis(each, -1, 0), strict=False):
            axes.imshow(channel, cmap=style.ACTIVATIONS, interpolation="nearest")


def _image(axes: Any, image: np.ndarray) -> None:
    axes.imshow(as_image(image), cmap=style.GRAY, interpolation="nearest")
    _without_axes(axes)


def as_image(image: np.ndarray) -> np.ndarray:
    """Return an image (height, width, channels) in the form that matplotlib draws.

    Of three channels colors from 0 to 1: numbers up to 255 are divided by that, others brought
    there from their smallest and largest. Of other numbers of channels their mean (height, width).
    """
    if image.shape[-1] != 3:
        return image.mean(axis=-1)
    low, high = float(image.min()), float(image.max())
    if image.dtype == np.uint8 or (low >= 0 and 1 < high <= 255):
        return image / 255
    if low < 0 or high > 1:
        return (image - low) / max(high - low, 1e-12)
    return image


def _without_axes(cells: Any) -> None:
    for axes in np.ravel(cells):
        axes.set_axis_off()

"""`keras.visualization`: boxes and masks drawn into images, and galleries of images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina import namespaces
from lamina.errors import ArgumentError, DTypeError, ShapeError, need_extra
from lamina.operations.boxes import convert_format
from lamina.operations.windows import checked_format
from lamina.plot import style

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]

Color = tuple[int, int, int]


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: Mapping[str, Any],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Color = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Return images with rectangles around boxes, and the names of their classes.

    Args:
        images: images (batch, rows, columns, 3), 0 to 255, or floats from 0 to 1.
        bounding_boxes: {"boxes": (batch, boxes, 4), "labels": (batch, boxes)}, and "confidences" to
            write next to the names; boxes with the label -1 are left out.
        bounding_box_format: format of the boxes, such as "xyxy".
        class_mapping: names of the labels; None writes none.
        color: red, green and blue of lines and text, 0 to 255.
        line_thickness: width of the lines in pixels.
        text_thickness: accepted for compatibility with Keras; has no effect.
        font_scale: size of the text, 1 for 12 pixels.
        data_format: "channels_last" or "channels_first"; None is "channels_last".

    Returns:
        An array uint8 (batch, rows, columns, 3).

    Raises:
        MissingExtraError: if Pillow is not installed.

    Example:
        >>> import numpy as np
        >>> from lamina.keras import visualization
        >>> boxes = {"boxes": [[[1.0, 1.0, 6.0, 5.0]]], "labels": [[0]]}
        >>> images = np.zeros((1, 8, 8, 3), "uint8")
        >>> drawn = visualization.draw_bounding_boxes(images, boxes, "xyxy", line_thickness=1)
        >>> int((drawn > 0).any(-1).sum())
        18
    """
    image = need_extra("PIL.Image", "images", "drawing boxes")
    draw = need_extra("PIL.ImageDraw", "images", "drawing boxes")
    font = need_extra("PIL.ImageFont", "images", "drawing boxes")
    if not isinstance(bounding_boxes, Mapping) or not {"boxes", "labels"} <= bounding_boxes.keys():
        raise ArgumentError(
            'draw_bounding_boxes: bounding_boxes is a dictionary with "boxes" and "labels", got '
            f"{type(bounding_boxes).__name__}"
        )
    pixels = _bytes(_batch("draw_bounding_boxes", images, data_format))
    rows, columns = pixels.shape[1:3]
    given = bounding_boxes["boxes"]
    corners = np.asarray(convert_format(given, bounding_box_format, "xyxy", rows, columns))
    labels = np.asarray(bounding_boxes["labels"]).astype(int)
    sure = bounding_boxes.get("confidences")
    sure = None if sure is None else np.asarray(sure)
    names = class_mapping or {}
    text = font.load_default(max(int(12 * font_scale), 1)) if names else None
    drawn = []
    for place, shown in enumerate(pixels):
        canvas = image.fromarray(shown)
        pen = draw.Draw(canvas)
        for number, (box, label) in enumerate(zip(corners[place], labels[place], strict=True)):
            if label == -1:
                continue
            left, top, right, bottom = (int(v) for v in box)
            frame = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
            pen.rectangle(frame, outline=tuple(color), width=line_thickness)
            if label in names:
                said = str(names[label])
                said += "" if sure is None else f" | {sure[place, number]:.2f}"
                above = top - int(14 * font_scale)
                pen.text((left + 3, above if above > 0 else top + 3), said, tuple(color), text)
        drawn.append(np.asarray(canvas))
    return np.stack(drawn)


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Return images whose pixels have the colors of their classes.

    Args:
        images: images (batch, rows, columns, 3), 0 to 255.
        segmentation_masks: integers (batch, rows, columns, 1), the class of each pixel.
        num_classes: number of classes; None is the largest class, which is then not colored.
        color_mapping: color of each class; None takes colors of a palette.
        alpha: share of the color if `blend`.
        blend: mix colors and images; False replaces the pixels.
        ignore_index: class of pixels that stay as they are.
        data_format: "channels_last" or "channels_first"; None is "channels_last".

    Returns:
        An array uint8 (batch, rows, columns, 3).

    Example:
        >>> import numpy as np
        >>> from lamina.keras import visualization
        >>> masks = np.array([[[[1], [-1]]]])
        >>> images = np.full((1, 1, 2, 3), 100, "uint8")
        >>> visualization.draw_segmentation_masks(
        ...     images, masks, 2, {0: (0, 0, 0), 1: (200, 0, 0)}, alpha=0.5).tolist()
        [[[[150, 50, 50], [100, 100, 100]]]]
    """
    own = "draw_segmentation_masks"
    pixels = _batch(own, images, data_format).astype("float32")
    masks = _batch(own, segmentation_masks, data_format)
    if masks.dtype.kind not in "iu":
        raise DTypeError(f"{own}: masks are integers, got {masks.dtype}")
    classes = masks[..., 0]
    count = int(classes.max()) if num_classes is None else num_classes
    colored = pixels.copy()
    for number in range(count):
        color = _palette(number) if color_mapping is None else color_mapping[number]
        colored[classes == number] = color
    if blend:
        colored = pixels * (1 - alpha) + colored * alpha
    colored = np.where((classes != ignore_index)[..., None], colored, pixels)
    return colored.astype("uint8")


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: Any = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> Any:
    """Return a figure with images in rows and columns, which notebooks show.

    Args:
        images: images (batch, rows, columns, channels).
        y_true: labels, written above the images.
        y_pred: predicted labels, written above the images.
        label_map: names of the labels; needed with `y_true` and `y_pred`.
        rows: rows of the gallery; None is the square root of the number of images.
        cols: columns of the gallery; None makes as many as are needed.
        value_range: pair (low, high) of the possible values of the images.
        scale: inches per image.
        path: file to save the figure to; None saves nothing.
        show: accepted for compatibility with Keras: the figure is returned, and shown by notebooks.
        transparent: save without a background.
        dpi: dots per inch of the file.
        legend_handles: handles of matplotlib for a legend; None draws none.
        data_format: "channels_last" or "channels_first"; None is "channels_last".

    Returns:
        A matplotlib Figure.

    Raises:
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from lamina.keras import visualization
        >>> figure = visualization.plot_image_gallery(np.zeros((4, 8, 8, 3)))
        >>> len(figure.axes)
        4
    """
    own = "plot_image_gallery"
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ArgumentError(f"{own}: y_true and y_pred need label_map=, the names of the labels")
    if path is not None and show:
        raise ArgumentError(f"{own}: give path= to save, or show=True, not both")
    pixels = _batch(own, images, data_format).astype("float32")
    low, high = value_range
    pixels = np.clip((pixels - low) * (255.0 / (high - low)), 0, 255).astype("uint8")
    down = rows or math.ceil(math.sqrt(len(pixels)))
    across = cols or math.ceil(len(pixels) / down)
    figure = style.figure("drawing images", across * scale, down * scale)
    grid = figure.subplots(down, across, squeeze=False).reshape(-1)
    for place, axes in enumerate(grid):
        axes.axis("off")
        if place < len(pixels):
            shown = pixels[place]
            axes.imshow(shown[..., 0] if shown.shape[-1] == 1 else shown, cmap=style.GRAY)
            named = {"Label": y_true, "Pred": y_pred}
            words = [
                f"{word}: {label_map.get(int(np.asarray(labels)[place]), 'Unknown')}"  # type: ignore[union-attr]
                for word, labels in named.items()
                if labels is not None
            ]
            axes.set_title("  ".join(words), fontsize=8)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    if path is not None:
        figure.savefig(path, transparent=transparent, dpi=dpi)
    return figure


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: Mapping[str, Any] | None = None,
    y_pred: Mapping[str, Any] | None = None,
    value_range: tuple[float, float] = (0, 255),
    true_color: Color = (0, 188, 212),
    pred_color: Color = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Return a figure of images with their boxes, and those that were predicted.

    Args:
        images: images (batch, rows, columns, 3).
        bounding_box_format: format of the boxes, such as "xyxy".
        y_true: boxes and labels, see `draw_bounding_boxes`.
        y_pred: predicted boxes and labels.
        value_range: pair (low, high) of the possible values of the images.
        true_color: color of the boxes.
        pred_color: color of the predicted boxes.
        line_thickness: width of the lines in pixels.
        font_scale: size of the text, 1 for 12 pixels.
        text_thickness: accepted for compatibility with Keras; has no effect.
        class_mapping: names of the labels; None writes none.
        ground_truth_mapping: names of the labels of `y_true`; None is `class_mapping`.
        prediction_mapping: names of the labels of `y_pred`; None is `class_mapping`.
        legend: explain the two colors.
        legend_handles: handles of matplotlib for another legend.
        rows: rows of the gallery.
        cols: columns of the gallery.
        data_format: "channels_last" or "channels_first"; None is "channels_last".
        **kwargs: further arguments of `plot_image_gallery`.

    Returns:
        A matplotlib Figure.

    Example:
        >>> import numpy as np
        >>> from lamina.keras import visualization
        >>> boxes = {"boxes": [[[1.0, 1.0, 6.0, 5.0]]], "labels": [[0]]}
        >>> figure = visualization.plot_bounding_box_gallery(np.zeros((1, 8, 8, 3)), "xyxy", boxes)
        >>> len(figure.axes)
        1
    """
    if legend and legend_handles:
        raise ArgumentError("plot_bounding_box_gallery: give legend or legend_handles, not both")
    pixels = _batch("plot_bounding_box_gallery", images, data_format).astype("float32")
    low, high = value_range
    pixels = np.clip((pixels - low) * (255.0 / (high - low)), 0, 255).astype("uint8")
    drawings = (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    )
    for boxes, color, names in drawings:
        if boxes is not None:
            pixels = draw_bounding_boxes(
                pixels,
                boxes,
                bounding_box_format,
                names,
                color,
                line_thickness,
                font_scale=font_scale,
            )
    if legend:
        patches = need_extra("matplotlib.patches", "plot", "drawing a legend")
        named = {"Ground Truth": true_color, "Prediction": pred_color}
        legend_handles = [
            patches.Patch(color=np.array(color) / 255.0, label=label)
            for label, color in named.items()
        ]
    return plot_image_gallery(pixels, rows=rows, cols=cols, legend_handles=legend_handles, **kwargs)


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Mapping[int, Color] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Return a figure with a row for each image: the image, its mask, and the predicted one.

    Args:
        images: images (batch, rows, columns, 3).
        num_classes: number of classes.
        value_range: pair (low, high) of the possible values of the images.
        y_true: masks, see `draw_segmentation_masks`.
        y_pred: predicted masks.
        color_mapping: color of each class; None takes colors of a palette.
        blend: mix colors and images.
        alpha: share of the color if `blend`.
        ignore_index: class of pixels that stay as they are.
        data_format: "channels_last" or "channels_first"; None is "channels_last".
        **kwargs: further arguments of `plot_image_gallery`.

    Returns:
        A matplotlib Figure.

    Example:
        >>> import numpy as np
        >>> from lamina.keras import visualization
        >>> images, masks = np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 8, 1), "int32")
        >>> figure = visualization.plot_segmentation_mask_gallery(images, 2, y_true=masks)
        >>> len(figure.axes)
        4
    """
    own = "plot_segmentation_mask_gallery"
    pixels = _batch(own, images, data_format).astype("float32")
    low, high = value_range
    pixels = np.clip((pixels - low) * (255.0 / (high - low)), 0, 255)
    columns = [pixels]
    for masks in (y_true, y_pred):
        if masks is not None:
            classes = _batch(own, masks, data_format).astype("int32")
            columns.append(
                draw_segmentation_masks(
                    pixels, classes, num_classes, color_mapping, alpha, blend, ignore_index
                )
            )
    gallery = np.stack(columns, axis=1).reshape(-1, *pixels.shape[1:])
    return plot_image_gallery(gallery, rows=len(pixels), cols=len(columns), **kwargs)


def _batch(function: str, images: Any, data_format: str | None) -> np.ndarray:
    """Return a batch of images as an array, channels last."""
    array = np.asarray(images)
    if array.ndim != 4:
        raise ShapeError(
            f"{function}: needs a batch of images (batch, rows, columns, channels); got "
            f"{array.shape}"
        )
    first = checked_format(function, data_format) == "channels_first"
    return array.transpose(0, 2, 3, 1) if first else array


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """Return pixels as uint8; floats up to 1 are shares of 255."""
    if pixels.dtype.kind == "f":
        pixels = pixels * 255 if pixels.size and pixels.max() <= 1 else pixels
        pixels = np.clip(pixels, 0, 255)
    return pixels.astype("uint8")


def _palette(number: int) -> tuple[int, ...]:
    """Return the color of a class, distinct for neighboring numbers."""
    return tuple(number * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1))


namespaces.declare(__name__)

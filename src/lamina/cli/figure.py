"""The demo's figure: the loss over the epochs, and some test images with predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.plot import style

ROWS, COLUMNS = 4, 8
WRONG = 6  # of the images shown, at most this many wrongly predicted ones


def draw(
    path: Path,
    name: str,
    history: dict[str, list[float]],
    images: np.ndarray,
    labels: np.ndarray,
    outputs: np.ndarray,
    names: Sequence[str] | None = None,
) -> None:
    """Draw and write a PNG. Raises MissingExtraError without matplotlib."""
    figure = style.figure("the figure of the demo", 11, 4.2)
    parts: Any = figure.subfigures(1, 2, width_ratios=(1, 1.55), wspace=0.04)
    left, right = parts
    _curves(left.subplots(), history)
    _images(right, images, labels, outputs, names)
    style.title(figure, _title(outputs.argmax(axis=1) == labels))
    style.finished(figure, path)


def _title(right: np.ndarray) -> str:
    wrong = int((~right).sum())
    title = f"{right.mean():.1%} of {len(right):,} test images read correctly"
    others = f"; the last {min(WRONG, wrong)} here are among the {wrong} others"
    return title + (others if wrong else "")


def _curves(axes: Any, history: dict[str, list[float]]) -> None:
    """Both losses, each named at its end."""
    epochs = np.arange(1, len(history["loss"]) + 1)
    for key, label, color in (("loss", "training", style.GREY), ("val_loss", "test", style.BLUE)):
        if key in history:
            axes.plot(epochs, history[key], color=color, marker="o", markersize=4, label=label)
    axes.set_ylabel("loss (cross-entropy)", fontsize=style.TEXT)
    axes.set_ylim(bottom=0)
    style.epochs_axis(axes, len(epochs))
    style.plain_axes(axes)
    axes.legend(frameon=False, fontsize=style.TEXT)


def _images(
    part: Any,
    images: np.ndarray,
    labels: np.ndarray,
    outputs: np.ndarray,
    names: Sequence[str] | None,
) -> None:
    """Test images with what was seen in them; a wrong prediction is red, next to the true class."""
    seen = outputs.argmax(axis=1)
    shown = chosen(seen == labels)
    for axes, k in zip(part.subplots(ROWS, COLUMNS).flat, shown, strict=False):
        axes.imshow(images[k], cmap="gray_r", interpolation="nearest")
        right = seen[k] == labels[k]
        text = _name(seen[k], names)
        if not right:
            text += f" (is {_name(labels[k], names)})"
        size = style.TEXT if names is None else style.SMALL
        axes.set_title(text, color=style.INK if right else style.RED, fontsize=size, pad=2)
    for axes in part.axes:
        axes.set_axis_off()


def chosen(right: np.ndarray) -> np.ndarray:
    """Which images to show, in order: the first of the test set, the last few of them replaced by
    the first that were read wrongly."""
    wrong = np.flatnonzero(~right)[:WRONG]
    rightly = np.flatnonzero(right)[: ROWS * COLUMNS - len(wrong)]
    return np.concatenate([rightly, wrong])


def _name(label: Any, names: Sequence[str] | None) -> str:
    return str(label) if names is None else names[int(label)]

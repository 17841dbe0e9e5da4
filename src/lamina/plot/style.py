"""The common style of plots: colors, sizes of text, axes, figures without windows, files."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.errors import ArgumentError, need_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, GREY, BLUE, RED = "#222222", "#8a8f98", "#1f6fb4", "#c8332b"
FAINT, SECONDARY = "#e6e6e6", "#5d636b"  # grids and frames; text of less weight
PALE, EDGE, FILL = "#eef4fa", "#9db8d2", "#f5f5f3"  # boxes: with weights, their frame, without

TITLE, PANEL, TEXT, SMALL = 12, 10.5, 9, 7.5  # points

# Color maps: of shares from 0 to 1, of signed values around 0, of activations, of gray images.
SHARES, SIGNED, ACTIVATIONS, GRAY = "Blues", "RdBu_r", "magma", "gray"

# Curves and classes: distinct in hue and in lightness. After the tenth a color map follows.
COLORS = (
    "#1f6fb4", "#e07b1a", "#2f9e55", "#c8332b", "#8458b3",
    "#8c5a3c", "#d55fa8", "#6f747c", "#a5a315", "#17a2b8",
)  # fmt: skip

Path = str | os.PathLike[str]


def figure(what: str, width: float, height: float) -> Figure:
    """An empty Figure of this many inches, that belongs to no window."""
    module = need_extra("matplotlib.figure", "plot", what)
    drawn: Figure = module.Figure(figsize=(width, height), dpi=120, layout="constrained")
    setattr(drawn, "_repr_png_", functools.partial(_png, drawn))  # noqa: B010  IPython's name
    return drawn


def _png(drawn: Any) -> bytes:
    """The PNG that a notebook shows, also if matplotlib's notebook support is not loaded."""
    content = io.BytesIO()
    drawn.savefig(content, format="png")
    return content.getvalue()


def title(drawn: Any, text: str | None) -> None:
    """Write the title of a figure; None for none."""
    if text:
        drawn.suptitle(text, color=INK, fontsize=TITLE)


def finished(drawn: Figure, path: Path | None) -> Figure:
    """The figure; with a path it is saved there.

    Raises ArgumentError where matplotlib does not know the ending.
    """
    if path is not None:
        ending = os.path.splitext(path)[1].lstrip(".").lower()
        known = drawn.canvas.get_supported_filetypes()
        if ending not in known:
            raise ArgumentError(
                f"plot: {os.fspath(path)!r} has an ending that is not an image format",
                hint=f"end it with one of {', '.join('.' + name for name in sorted(known))}",
            )
        drawn.savefig(path)
    return drawn


def colors(count: int) -> list[Any]:
    """`count` distinct colors."""
    if count <= len(COLORS):
        return list(COLORS[:count])
    import matplotlib

    return list(matplotlib.colormaps["turbo"](np.linspace(0.03, 0.97, count)))


def plain_axes(axes: Any, grid: str = "y") -> None:
    """Only what is needed to read values off."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=TEXT)
    if grid:
        axes.grid(axis=grid, color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)


def epochs_axis(axes: Any, count: int) -> None:
    """An axis of whole numbers of epochs, from 1; a single epoch is in the middle."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch", fontsize=TEXT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if count == 1:
        axes.set_xlim(0, 2)
        axes.set_xticks([1])


def class_names(labels: np.ndarray, names: Sequence[str] | None, what: str) -> list[str]:
    """Return the names of the classes 0, 1, ... up to the largest label."""
    count = int(labels.max()) + 1 if labels.size else 0
    if names is None:
        return [str(k) for k in range(count)]
    if len(names) < count:
        raise ArgumentError(
            f"{what}: labels go up to {count - 1}, but there are {len(names)} names",
            hint="give a name for each class, in the order of the labels",
        )
    return [str(name) for name in names]

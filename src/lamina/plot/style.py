"""The common style of plots: colors, sizes of text, axes, figures without windows, files."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.errors import ArgumentError, describe, need_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, GREY, BLUE, RED = "#222222", "#8a8f98", "#1f6fb4", "#c8332b"
FAINT, SECONDARY = "#e6e6e6", "#5d636b"  # grids and frames; text of less weight
PALE, EDGE, FILL = "#eef4fa", "#9db8d2", "#f5f5f3"  # boxes: with weights, their frame, without

TITLE, PANEL, TEXT, SMALL = 12, 10.5, 9, 7.5  # points

# Color maps: of shares from 0 to 1, of signed values around 0, of activations, of gray images, of
# heights of a surface.
SHARES, SIGNED, ACTIVATIONS, GRAY, HEIGHTS = "Blues", "RdBu_r", "magma", "gray", "cividis"

# Curves and classes: distinct in hue and in lightness, the first eight also for color-blind readers
# (CIELAB distance above 14 with simulated deuteranopia and protanopia). A color map follows.
COLORS = (
    "#1f6fb4", "#e07b1a", "#2f9e55", "#b3271f", "#b79be0",
    "#6b3f24", "#e06fb4", "#6f747c", "#5f6110", "#3cc4dc",
)  # fmt: skip
LINES = ("-", (0, (5, 1.6)), (0, (5, 1.4, 1.2, 1.4)), (0, (1.3, 1.3)))  # in print without color
MARKERS = "os^DvPX<>h"

Path = str | os.PathLike[str]


def figure(what: str, width: float, height: float) -> Figure:
    """An empty Figure of this many inches, that belongs to no window."""
    module = need_extra("matplotlib.figure", "plot", what)
    drawn: Figure = module.Figure(figsize=(width, height), dpi=120, layout="constrained")
    setattr(drawn, "_repr_png_", functools.partial(png, drawn))  # noqa: B010  IPython's name
    return drawn


def png(drawn: Any) -> bytes:
    """The PNG that a notebook shows, also if matplotlib's notebook support is not loaded."""
    content = io.BytesIO()
    drawn.savefig(content, format="png")
    return content.getvalue()


def title(drawn: Any, text: str | None) -> None:
    """Write the title of a figure; None for none."""
    if text:
        drawn.suptitle(text, color=INK, fontsize=TITLE)


def finished(drawn: Figure, path: Path | None) -> Figure:
    """The figure; with a path it is saved there. Raises as `need_path`."""
    need_path(drawn, path)
    if path is not None:
        drawn.savefig(path)
    return drawn


def need_path(drawn: Figure, path: Path | None) -> None:
    """Raise ArgumentError if matplotlib does not know the ending, or the folder does not exist:
    before what is drawn is computed."""
    if path is None:
        return
    if not isinstance(path, str | os.PathLike):
        raise ArgumentError(f"plot: path is {describe(path)}, expected a path or None")
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise ArgumentError(
            f"plot: the folder {folder!r} does not exist",
            hint="create it: pathlib.Path(folder).mkdir(parents=True)",
        )
    ending = os.path.splitext(path)[1].lstrip(".").lower()
    known = drawn.canvas.get_supported_filetypes()
    if ending not in known:
        raise ArgumentError(
            f"plot: {os.fspath(path)!r} has an ending that is not an image format",
            hint=f"end it with one of {', '.join('.' + name for name in sorted(known))}",
        )


def colors(count: int) -> list[Any]:
    """`count` distinct colors."""
    if count <= len(COLORS):
        return list(COLORS[:count])
    import matplotlib

    return list(matplotlib.colormaps["turbo"](np.linspace(0.03, 0.97, count)))


def line(number: int) -> Any:
    """The dashes of the curve of this number."""
    return LINES[number % len(LINES)]


def plain_axes(axes: Any, grid: str = "y") -> None:
    """Only what is needed to read values off."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=TEXT)
    if grid:
        axes.grid(axis=grid, color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)


def decades(axes: Any) -> None:
    """A logarithmic vertical axis of whole decades."""
    from matplotlib.ticker import NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))
    axes.yaxis.set_minor_formatter(NullFormatter())


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

"""A diagram of a model: a box for each call of a layer, an arrow for each value."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lamina.arguments import one_of
from lamina.layers._base.facts import variables_by_path
from lamina.plot import style
from lamina.plot.diagram import Details, diagram, facts, heading
from lamina.plot.layout import Layout, laid_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lamina.models.model import Model

ROW = 0.95  # inches from one box to the next below
HEIGHT = 0.5  # inches of a box
GAP = 0.45  # inches between boxes from left to right


def model(
    model: Model,
    show_shapes: bool = True,
    show_layer_names: bool = True,
    path: style.Path | None = None,
    *,
    show_dtype: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    expand_nested: bool = False,
    rankdir: str = "TB",
    dpi: int | None = None,
) -> Figure:
    """Draw the layers of a Sequential or functional model from top to bottom.

    A box shows the class of a layer, its number of weights and, if asked for, its name and output
    shape (None is the batch). A layer called twice has two boxes; an inner model is one box.

    Args:
        model: built model.
        show_shapes: show output shapes.
        show_layer_names: show names.
        path: file to save the figure to; its ending is the format. None saves nothing.
        show_dtype: show the dtypes of outputs.
        show_layer_activations: show activations.
        show_trainable: show whether a layer is trained or frozen.
        expand_nested: draw the layers of inner models, and not one box for each.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        dpi: dots of an inch in the file; None is matplotlib's number.

    Returns:
        A matplotlib Figure.

    Raises:
        ArgumentError: for a subclassed model, whose layers are connected in code.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(2)])
        >>> type(lm.plot.model(model)).__name__
        'Figure'
    """
    one_of("plot.model", "rankdir", rankdir, ("TB", "LR"))
    details = Details(
        show_shapes, show_layer_names, show_dtype, show_layer_activations, show_trainable
    )
    boxes = diagram(model, expand_nested)
    texts = [_text(call, details) for call in boxes.calls]
    longest = max(len(line) for text in texts for line in text)
    width = 0.075 * longest + 0.35
    grid = _Grid(width, rankdir == "LR")
    placed = laid_out(len(boxes.calls), boxes.arrows, HEIGHT if grid.sideways else width)
    drawn = style.figure("plot.model", *grid.size(placed))
    _draw(drawn.subplots(), grid, placed, texts, [call.layer for call in boxes.calls])
    if dpi is not None:
        drawn.set_dpi(dpi)
    return style.finished(drawn, path)


def _text(call: Any, details: Details) -> list[str]:
    shown = facts(call, details)
    return [heading(call, details), *([",  ".join(shown)] if shown else [])]


# ---- drawing -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Grid:
    """The places of a layout in inches: rows from top to bottom, or sideways from left to right."""

    width: float  # of a box
    sideways: bool

    def at(self, x: float, row: float, side: float = 0.0) -> tuple[float, float]:
        """Return a point of a row: in its middle, or `side` inches back toward the row before."""
        if self.sideways:
            return (self.width + GAP) * row - side, -x
        return x, -ROW * row + side

    @property
    def half(self) -> float:
        """Inches from the middle of a box to the side on which arrows arrive."""
        return (self.width if self.sideways else HEIGHT) / 2

    def size(self, placed: Layout) -> tuple[float, float]:
        """Return width and height of the figure."""
        if self.sideways:
            return (self.width + GAP) * placed.rows + 0.2, placed.width + 0.4
        return placed.width + 0.4, ROW * placed.rows + 0.2

    def limit(self, axes: Any, placed: Layout) -> None:
        """Show the part of the plane that the layout takes."""
        low, high = placed.left - 0.15, placed.left + placed.width + 0.15
        if self.sideways:
            axes.set_xlim(
                -self.half - 0.15, (self.width + GAP) * (placed.rows - 1) + self.half + 0.15
            )
            axes.set_ylim(-high, -low)
        else:
            axes.set_xlim(low, high)
            axes.set_ylim(-ROW * (placed.rows - 0.5), ROW / 2)


def _draw(
    axes: Any, grid: _Grid, placed: Layout, texts: list[list[str]], layers: list[Any]
) -> None:
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path

    for way in placed.ways:
        path = Path(*_curved(_points(way, grid), Path, grid.sideways))
        arrow = FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=9, color=style.GREY)
        axes.add_patch(arrow)
    for place, lines, layer in zip(placed.places, texts, layers, strict=True):
        x, y = grid.at(*place)
        fill = style.PALE if variables_by_path(layer) else style.FILL
        axes.add_patch(
            FancyBboxPatch(
                (x - grid.width / 2, y - HEIGHT / 2), grid.width, HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.08", facecolor=fill, edgecolor=style.EDGE,
            )
        )  # fmt: skip
        down = 0.1 if len(lines) > 1 else 0.0
        axes.text(
            x, y + down, lines[0], ha="center", va="center", fontsize=style.TEXT, color=style.INK,
        )  # fmt: skip
        for line in lines[1:]:
            axes.text(
                x, y - 0.11, line, ha="center", va="center", fontsize=style.SMALL,
                color=style.SECONDARY,
            )  # fmt: skip
    grid.limit(axes, placed)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _points(way: list[tuple[float, int]], grid: _Grid) -> list[tuple[float, float]]:
    """The points of an arrow: out of a box, straight past the boxes that it passes, into one
    of a later row."""
    first, *passed, last = way
    between = [grid.at(*place, side) for place in passed for side in (grid.half, -grid.half)]
    return [grid.at(*first, -grid.half), *between, grid.at(*last, grid.half)]


def _curved(
    points: list[tuple[float, float]], path: Any, sideways: bool
) -> tuple[list[Any], list[Any]]:
    """The curves from point to point, which leave and arrive in the direction of the rows."""
    corners, codes = [points[0]], [path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 == x1 or y0 == y1:
            corners, codes = [*corners, (x1, y1)], [*codes, path.LINETO]
        else:
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            bends = [(x, y0), (x, y1)] if sideways else [(x0, y), (x1, y)]
            corners, codes = [*corners, *bends, (x1, y1)], [*codes, *[path.CURVE4] * 3]
    return corners, codes

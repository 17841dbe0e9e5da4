"""A diagram of a model: a box for each call of a layer, an arrow for each value."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError
from lamina.layers._base import symbolic
from lamina.layers._base.facts import variables_by_path
from lamina.models.summary import shape_text
from lamina.models.trainee import graph_of
from lamina.plot import style
from lamina.plot.layout import Layout, laid_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW = 0.95  # inches from one box to the next below


def model(
    model: Any,
    show_shapes: bool = True,
    show_layer_names: bool = True,
    path: style.Path | None = None,
) -> Figure:
    """Draw the layers of a Sequential or functional model from top to bottom.

    A box shows the class of a layer, its number of weights and, if asked for, its name and output
    shape (None is the batch). A layer called twice has two boxes; an inner model is one box.

    Args:
        model: built model.
        show_shapes: show output shapes.
        show_layer_names: show names.
        path: file to save the figure to; its ending is the format. None saves nothing.

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
    graph = graph_of(model)
    if graph is None:
        raise ArgumentError(
            f"plot.model: {model!r} is not made of layers from Inputs to outputs, so its layers "
            "have no fixed order",
            hint="build a Sequential model first; of any model, lm.inspect.dot(model, x) draws "
            "the graph of operations",
        )
    calls, edges = _calls(graph)
    texts = [_text(call, show_shapes, show_layer_names) for call in calls]
    longest = max(len(line) for text in texts for line in text)
    placed = laid_out(len(calls), edges, 0.075 * longest + 0.35)
    drawn = style.figure("plot.model", placed.width + 0.4, ROW * placed.rows + 0.2)
    axes = drawn.subplots()
    _draw(axes, placed, texts, [call.layer for call in calls])
    return style.finished(drawn, path)


def _calls(graph: Any) -> tuple[list[Any], list[tuple[int, int]]]:
    """Calls of layers, the Inputs' first, and from which to which a value goes."""
    inputs = [symbolic.source_of(node) for node in graph.input_nodes]
    calls = [source[0] for source in inputs if source is not None] + list(graph.calls)
    number = {call: k for k, call in enumerate(calls)}
    edges = [
        (number[before], number[call])
        for call in graph.calls
        for before in symbolic.calls_behind(call.inputs)
        if before in number
    ]
    return calls, list(dict.fromkeys(edges))


def _text(call: Any, show_shapes: bool, show_names: bool) -> list[str]:
    layer = call.layer
    lines = [type(layer).__name__ + (f"  {layer.name}" if show_names else "")]
    weights = sum(v.size for v in variables_by_path(layer).values())
    facts = [shape_text(symbolic.shapes_of(call.outputs) if call.outputs is not None else None)]
    facts = facts if show_shapes else []
    facts += [f"{weights:,} weights"] if weights else []
    return lines + ([",  ".join(facts)] if facts else [])


# ---- drawing -----------------------------------------------------------------------------------
def _draw(axes: Any, placed: Layout, texts: list[list[str]], layers: list[Any]) -> None:
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path

    height = 0.5
    for way in placed.ways:
        path = Path(*_curved(_points(way, height / 2), Path))
        arrow = FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=9, color=style.GREY)
        axes.add_patch(arrow)
    for (x, row), lines, layer in zip(placed.places, texts, layers, strict=True):
        corner = (x - placed.box / 2, -ROW * row - height / 2)
        fill = style.PALE if variables_by_path(layer) else style.FILL
        axes.add_patch(
            FancyBboxPatch(
                corner, placed.box, height, boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=fill, edgecolor=style.EDGE,
            )
        )  # fmt: skip
        down = 0.1 if len(lines) > 1 else 0.0
        axes.text(
            x, -ROW * row + down, lines[0], ha="center", va="center", fontsize=style.TEXT,
            color=style.INK,
        )  # fmt: skip
        for line in lines[1:]:
            axes.text(
                x, -ROW * row - 0.11, line, ha="center", va="center", fontsize=style.SMALL,
                color=style.SECONDARY,
            )  # fmt: skip
    axes.set_xlim(placed.left - 0.15, placed.left + placed.width + 0.15)
    axes.set_ylim(-ROW * (placed.rows - 0.5), ROW / 2)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _points(way: list[tuple[float, int]], half: float) -> list[tuple[float, float]]:
    """An arrow's points: out of a box below, straight past the boxes that it passes, into one
    above."""
    (x0, first), *passed, (x1, last) = way
    beside = [(x, -ROW * row + side) for x, row in passed for side in (half, -half)]
    return [(x0, -ROW * first - half), *beside, (x1, -ROW * last + half)]


def _curved(points: list[tuple[float, float]], path: Any) -> tuple[list[Any], list[Any]]:
    """From point to point by curves that leave and arrive vertically."""
    corners, codes = [points[0]], [path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 == x1:
            corners, codes = [*corners, (x1, y1)], [*codes, path.LINETO]
        else:
            middle = (y0 + y1) / 2
            corners += [(x0, middle), (x1, middle), (x1, y1)]
            codes += [path.CURVE4] * 3
    return corners, codes

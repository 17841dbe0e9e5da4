"""Histograms of the weights of each layer, and of the gradient of each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.annotations import DataLike, NestLike
from lamina.arguments import integer
from lamina.errors import ArgumentError, NotBuiltError, describe, unknown_name
from lamina.layers import Layer
from lamina.layers._base.facts import variables_by_path
from lamina.models import Model
from lamina.plot import style
from lamina.plot.objective import first_batch, loss_of, need_objective
from lamina.transforms import compile, grad

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 24  # arrays in one figure
COLUMNS = 3
BINS = 60
LONGEST = 36  # characters of a name
FEWEST = 2  # elements of an array with a histogram
SMALLEST = 1e-16  # magnitudes of gradients below it count as it

Chosen = str | Sequence[str] | None


# ---- weights -----------------------------------------------------------------------------------
def weights(
    model: Layer,
    layers: Chosen = None,
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw a histogram of each weight array of a model, with its deviation and its share of zeros.

    Kernels are blue, biases and other vectors gray; the scale of each is its own, around 0. An
    array counts as sparse where elements are within a thousandth of its largest; their share is
    given if it is 1% or more, which L1 regularization and pruning cause.

    Args:
        model: built model or layer.
        layers: name of a layer, or several; None takes all, at most the first 24 arrays.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        NotBuiltError: if the model has no weights yet.
        UnknownNameError: if the model does not have a named layer.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(8), lm.layers.Dense(1)])
        >>> type(lm.plot.weights(model)).__name__
        'Figure'
    """
    found = _chosen("plot.weights", _arrays(model), layers)
    shown = dict(list(found.items())[:MOST])
    columns = 2 if len(shown) == 4 else min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    drawn = style.figure("plot.weights", 3.1 * columns + 0.3, 1.8 * rows + 0.2)
    cells = np.ravel(drawn.subplots(rows, columns, squeeze=False))
    for axes, (name, array) in zip(cells, shown.items(), strict=False):
        _histogram(axes, name, array)
    for axes in cells[len(shown) :]:
        axes.set_axis_off()
    if title is None and len(shown) < len(found):
        title = f"the first {len(shown)} of {len(found)} arrays"
    style.title(drawn, title)
    return style.finished(drawn, path)


def _arrays(model: Any) -> dict[str, np.ndarray]:
    """The weights by name, of a model or a layer."""
    if not isinstance(model, Layer):
        raise ArgumentError(f"plot.weights: got {describe(model)}, expected a model or a layer")
    named = model.named_weights() if isinstance(model, Model) else variables_by_path(model)
    found = {name: np.asarray(v.numpy()) for name, v in named.items()}
    if not found:
        raise NotBuiltError(
            f"plot.weights: '{model.name}' has no weights",
            hint="build it first: give it an Input, call it, or fit it",
        )
    return {name: array for name, array in found.items() if array.dtype.kind != "u"}


def _chosen(owner: str, found: Mapping[str, np.ndarray], layers: Chosen) -> dict[str, np.ndarray]:
    """The arrays of the layers asked for, which have more than one element."""
    if layers is not None:
        asked = [layers] if isinstance(layers, str) else list(layers)
        for name in asked:
            if not any(_is_within(each, name) for each in found):
                known = dict.fromkeys(each.rpartition("/")[0] for each in found)
                raise unknown_name(f"layer for {owner}:", name, known)
        found = {k: v for k, v in found.items() if any(_is_within(k, name) for name in asked)}
    found = {name: array for name, array in found.items() if array.size >= FEWEST}
    if not found:
        raise ArgumentError(f"{owner}: no array has more than one element")
    return dict(found)


def _is_within(array: str, layer: str) -> bool:
    return array == layer or array.startswith(f"{layer}/")


def _histogram(axes: Any, name: str, array: np.ndarray) -> None:
    values = array.astype(np.float64).ravel()
    finite = values[np.isfinite(values)]
    color = style.BLUE if array.ndim > 1 else style.GREY
    largest = float(np.abs(finite).max(initial=0.0)) or 1.0
    low, high = (0.0, largest) if finite.size and finite.min() >= 0 else (-largest, largest)
    bins = int(np.clip(np.sqrt(finite.size) * 2, 10, BINS))
    axes.hist(finite, bins=bins, range=(low, high), color=color, linewidth=0)
    shape = "x".join(map(str, array.shape))
    parts = [shape, f"deviation {finite.std():.2g}" if finite.size else "no finite value"]
    zeros = float((np.abs(finite) <= largest / 1000).mean()) if finite.size else 0.0
    if zeros >= 0.01:
        parts.append(f"{zeros:.0%} near 0")
    if finite.size < values.size:
        parts.append(f"{values.size - finite.size:,} not finite")
    name = name if len(name) <= LONGEST else "…" + name[1 - LONGEST :]
    axes.set_title(name, color=style.INK, fontsize=style.TEXT, pad=14)
    axes.text(0.5, 1.03, ", ".join(parts), transform=axes.transAxes, ha="center", va="bottom",
              color=style.SECONDARY, fontsize=style.SMALL)  # fmt: skip
    axes.set_xlim(low - 0.03 * largest, high * 1.03)
    axes.set_yticks([])
    style.plain_axes(axes, "")
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelsize=style.SMALL)
    axes.locator_params(axis="x", nbins=5)


# ---- gradients ---------------------------------------------------------------------------------
def gradients(
    model: Model,
    x: NestLike | DataLike,
    y: NestLike = None,
    layers: Chosen = None,
    batch_size: int = 256,
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw the distribution of the gradient in each layer, on one logarithmic scale.

    A row is a weight array, in the order of the layers, with the histogram of the magnitudes of its
    gradient and their median as a line. Medians that fall by orders of magnitude from the last rows
    to the first show a vanishing gradient, the opposite an exploding one. The share of elements
    with a gradient of exactly 0, as of units of ReLU that no sample activates, is on the right.

    Args:
        model: compiled model.
        x: inputs, as `fit` takes them; of a data set its first batch, targets included.
        y: targets, as `fit` takes them; None if the loss needs none.
        layers: name of a layer, or several; None takes all, at most the first 24 arrays.
        batch_size: number of rows; the gradient is that of one training step on the first of them.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        ArgumentError: if the model is not compiled.
        UnknownNameError: if the model does not have a named layer.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(8), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> type(lm.plot.gradients(model, lm.ones((4, 4)), lm.ones((4, 1)))).__name__
        'Figure'

    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks.
    """
    integer("plot.gradients", "batch_size", batch_size, 1)
    found = _chosen("plot.gradients", _gradients(model, x, y, batch_size), layers)
    shown = dict(list(found.items())[:MOST])
    drawn = style.figure("plot.gradients", 6.4, 0.42 * len(shown) + 1.0)
    _rows(drawn.subplots(), shown)
    if title is None and len(shown) < len(found):
        title = f"the first {len(shown)} of {len(found)} arrays"
    style.title(drawn, title)
    return style.finished(drawn, path)


def _gradients(model: Any, x: Any, y: Any, rows: int) -> dict[str, np.ndarray]:
    """The gradient of the loss by each trainable weight, by name."""
    x, y = first_batch(x, y, rows)
    need_objective("plot.gradients", model, x, y)
    variables = model.trainable_weights

    def loss(values: Any, x: Any, y: Any) -> Any:
        return loss_of(model, variables, values, x, y, training=True)

    found = compile(grad(loss))([v.read() for v in variables], x, y)
    names = {id(variable): name for name, variable in model.named_weights().items()}
    return {names[id(v)]: g.numpy() for v, g in zip(variables, found, strict=True)}


def _rows(axes: Any, found: Mapping[str, np.ndarray]) -> None:
    logs = {name: _logarithms(array) for name, array in found.items()}
    filled = [values for values in logs.values() if values.size]
    high = float(np.ceil(max((values.max() for values in filled), default=0.0) + 1e-9))
    low = float(np.floor(min((np.quantile(values, 0.01) for values in filled), default=-1.0)))
    low = low if low < high else high - 1
    edges = np.linspace(low, high, BINS * 2 + 1)
    for row, (name, values) in enumerate(logs.items()):
        color = style.BLUE if found[name].ndim > 1 else style.GREY
        heights = _smooth(np.histogram(np.maximum(values, low), edges)[0])
        top = row - 0.9 * heights / (heights.max() or 1)
        middles = (edges[:-1] + edges[1:]) / 2
        axes.fill_between(middles, row, top, color=color, alpha=0.75, linewidth=0, zorder=2)
        if values.size:
            axes.plot([np.median(values)] * 2, [row, row - 0.9], color=style.INK, linewidth=1.2,
                      zorder=3)  # fmt: skip
        zeros = float((found[name] == 0).mean())
        axes.text(1.01, row - 0.3, f"{zeros:.0%}" if zeros else "", va="center",
                  transform=axes.get_yaxis_transform(), color=style.SECONDARY,
                  fontsize=style.TEXT)  # fmt: skip
    if any((array == 0).any() for array in found.values()):
        axes.text(1.01, -0.95, "zeros", transform=axes.get_yaxis_transform(), va="center",
                  color=style.SECONDARY, fontsize=style.SMALL)  # fmt: skip
    axes.set(xlim=(low, high), ylim=(len(logs) - 1 + 0.1, -1.15))
    axes.set_yticks(np.arange(len(logs)) - 0.3, list(logs))
    _powers(axes, int(low), int(high))
    axes.set_xlabel("magnitude of the gradient (line: median)", fontsize=style.TEXT)
    style.plain_axes(axes, "x")
    axes.tick_params(axis="y", length=0)


def _logarithms(array: np.ndarray) -> np.ndarray:
    """Decimal logarithms of the magnitudes that are neither 0 nor infinite."""
    magnitudes = np.abs(array.astype(np.float64)).ravel()
    kept = magnitudes[np.isfinite(magnitudes) & (magnitudes > 0)]
    return np.log10(np.maximum(kept, SMALLEST))


def _smooth(heights: np.ndarray) -> np.ndarray:
    return np.convolve(np.pad(heights, 2, mode="edge"), [0.1, 0.2, 0.4, 0.2, 0.1], "valid")


def _powers(axes: Any, low: int, high: int) -> None:
    step = -(-(high - low) // 8)
    ticks = list(range(low, high + 1, step))
    axes.set_xticks(ticks, [f"$10^{{{k}}}$" for k in ticks])

"""HTML for notebooks: tables of text and of arrays, small curves; escaped, without scripts.

Colors of text are those of the page, so that light and dark themes both show it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

MOST = 10  # rows, and columns, of an array that are shown
MOST_MEASURED = 1_000_000  # elements of an array whose range is computed
LONGEST = 40  # characters of one text

RULE = "1px solid rgba(128, 128, 128, 0.45)"
FAINT = "1px solid rgba(128, 128, 128, 0.2)"
PLAIN = "background: none; border: none; white-space: nowrap"
TABLE = "border-collapse: collapse; border: none; margin: 0.3em 0; font-size: 90%"
CELL = f"{PLAIN}; padding: 0.15em 0.8em 0.15em 0"
NUMBER = f"{PLAIN}; padding: 0.15em 0.7em; text-align: right; font-variant-numeric: tabular-nums"
NOTE = "font-size: 85%; opacity: 0.7"

# Of curves: readable on white and on black.
TRAINING, VALIDATION = "#8a8f98", "#3d8fd6"
WIDTH, HEIGHT = 170, 34  # pixels
POINTS = 200  # of a curve, at most


# ---- text --------------------------------------------------------------------------------------
def heading(text: str, note: str = "") -> str:
    """A line in bold, with a remark after it."""
    after = f' <span style="{NOTE}">{escape(note)}</span>' if note else ""
    return f'<div style="margin: 0.3em 0"><b>{escape(text)}</b>{after}</div>'


def remark(text: str) -> str:
    """A small line of text."""
    return f'<div style="{NOTE}">{escape(text)}</div>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of texts; columns of these numbers are aligned to the right."""
    return raw_table(
        [escape(head) for head in heads], [[escape(c) for c in row] for row in rows], numbers
    )


def raw_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    """A table whose cells are HTML already."""

    def line(cells: Sequence[str], tag: str, rule: str) -> str:
        found = []
        for k, cell in enumerate(cells):
            style = NUMBER if k in numbers else f"{CELL}; text-align: left"
            found.append(f'<{tag} style="{style}; border-bottom: {rule}">{cell}</{tag}>')
        return f'<tr style="background: none">{"".join(found)}</tr>'

    head = f"<thead>{line(heads, 'th', RULE)}</thead>" if heads else ""
    body = "".join(line(row, "td", FAINT) for row in rows)
    return f'<table style="{TABLE}">{head}<tbody>{body}</tbody></table>'


# ---- arrays ------------------------------------------------------------------------------------
def array(title: str, values: np.ndarray, note: str) -> str:
    """A heading with the shape and dtype of an array, and a table of its first and last values.

    Of an array with more than two axes the first matrix is shown.
    """
    parts = [heading(title, note)]
    if values.size == 0:
        return "".join([*parts, remark("no elements")])
    shown = values[(0,) * max(0, values.ndim - 2)]
    rows, columns = (1, 1, *shown.shape)[-2:]
    matrix = shown.reshape(rows, columns)
    if values.ndim > 2:
        parts.append(remark(f"[{', '.join('0' * (values.ndim - 2))}, :, :]"))
    row_numbers, column_numbers = _shown(rows), _shown(columns)
    heads = [str(k) if k is not None else "⋯" for k in column_numbers]
    body = []
    for row in row_numbers:
        cells = [_text(matrix, row, column) for column in column_numbers]
        label = [] if values.ndim < 2 else ["⋮" if row is None else str(row)]
        body.append([*(f'<span style="{NOTE}">{each}</span>' for each in label), *cells])
    with_heads = values.ndim > 0 and columns > 1
    first = [""] if values.ndim > 1 else []
    labels = [*first, *(f'<span style="{NOTE}">{each}</span>' for each in heads)]
    width = len(first) + len(heads)
    parts.append(raw_table(labels if with_heads else [], body, range(width)))
    measured = _range(values)
    return "".join([*parts, remark(measured) if measured else ""])


def _shown(count: int) -> list[int | None]:
    """The numbers of the rows that are shown, None for those left out."""
    if count <= MOST:
        return list(range(count))
    return [*range(MOST // 2), None, *range(count - MOST // 2, count)]


def _text(matrix: np.ndarray, row: int | None, column: int | None) -> str:
    if row is None:
        return "⋮"
    return "⋯" if column is None else escape(value_text(matrix[row, column]))


def value_text(value: Any) -> str:
    """A number with four significant digits, a text in quotes, cut if it is long."""
    if isinstance(value, (str, bytes)):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return repr(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(value)
    return f"{value:.4g}"


def _range(values: np.ndarray) -> str:
    """Smallest, mean and largest value of an array that is not shown as a whole."""
    is_whole = values.ndim <= 2 and max(values.shape, default=1) <= MOST
    if is_whole or values.size > MOST_MEASURED or values.dtype.kind not in "fiu":
        return ""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "no finite value"
    found = [("min", finite.min()), ("mean", finite.mean(dtype=np.float64)), ("max", finite.max())]
    text = ", ".join(f"{name} {value_text(float(value))}" for name, value in found)
    left = values.size - finite.size
    return text + (f", {left:,} not finite" if left else "")


# ---- curves ------------------------------------------------------------------------------------
def curves(training: Sequence[float], validation: Sequence[float]) -> str:
    """An SVG of one or two curves on one scale: training thin, validation thick."""
    values = [float(v) for v in (*training, *validation) if math.isfinite(v)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    longest = max(len(training), len(validation))
    drawn = [
        _curve(training, longest, low, high, TRAINING, 1.2),
        _curve(validation, longest, low, high, VALIDATION, 2.0),
    ]
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'style="vertical-align: middle">{"".join(drawn)}</svg>'
    )


def _curve(
    values: Sequence[float], longest: int, low: float, high: float, color: str, width: float
) -> str:
    """Lines through the finite values of a curve, broken where others are between them."""
    step = max(1, len(values) // POINTS)
    places = sorted({*range(0, len(values), step), *([len(values) - 1] if values else [])})
    lines: list[list[str]] = [[]]
    for k in places:
        if not math.isfinite(values[k]):
            lines.append([])
            continue
        x = 3 + (WIDTH - 6) * (k / (longest - 1) if longest > 1 else 0.5)
        y = 3 + (HEIGHT - 6) * ((high - values[k]) / (high - low) if high > low else 0.5)
        lines[-1].append(f"{x:.1f},{y:.1f}")
    return "".join(_line(points, color, width) for points in lines if points)


def _line(points: list[str], color: str, width: float) -> str:
    if len(points) == 1:
        x, y = points[0].split(",")
        return f'<circle cx="{x}" cy="{y}" r="{width + 0.6}" fill="{color}"/>'
    return (
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" '
        f'stroke-width="{width}" stroke-linejoin="round"/>'
    )

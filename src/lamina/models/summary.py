"""The table of a model: layers, output shapes, parameter counts."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lamina import notebook
from lamina.layers._base import symbolic
from lamina.layers._base.facts import output_shape, variables_by_path
from lamina.models.trainee import graph_of
from lamina.tensor import node_of
from lamina.variables import Variable


@dataclass(frozen=True)
class Row:
    """One layer: its name and class, what comes out of it, its parameters, where its inputs come
    from, and how deep it is nested."""

    layer: str
    output: str
    parameters: int
    connected: str = ""
    trainable: bool = True
    depth: int = 0
    built: bool = True

    @property
    def count(self) -> str:
        """The parameters as text; of a layer whose weights are still to be made, as in Keras."""
        return f"{self.parameters:,}" if self.built else "0 (unbuilt)"


@dataclass(frozen=True)
class Totals:
    """Parameters of a model: numbers, and bytes."""

    trainable: int
    frozen: int
    trainable_bytes: int
    frozen_bytes: int


def show(
    model: Any,
    line_length: int | None,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: tuple[str, str] | None,
) -> None:
    """Print the table: in a box on a terminal, as plain text elsewhere and for `print_fn`."""
    shown = _between(model.layers, layer_range)
    rows = list(rows_of(model, shown, expand_nested))
    heading = f'Model: "{model.name}"'
    sums = sums_of(model)
    if print_fn is None and sys.stdout.isatty():
        _print_box(heading, rows, sums, line_length, show_trainable)
        return
    text = plain_text(heading, rows, sums, line_length, show_trainable)
    (print_fn or print)(text)


def rows_of(model: Any, layers: Sequence[Any], nested: bool, depth: int = 0) -> Iterator[Row]:
    """A row for each layer; with `nested`, the layers of inner models after their own row."""
    sources = connections(model)
    for layer in layers:
        yield Row(
            f"{layer.name} ({type(layer).__name__})",
            shape_text(output_shape(layer)),
            sum(v.size for v in variables_by_path(layer).values()),
            sources.get(id(layer), ""),
            layer.trainable,
            depth,
            layer.built,
        )
        if nested and hasattr(layer, "layers"):
            yield from rows_of(layer, layer.layers, nested, depth + 1)


def connections(model: Any) -> dict[int, str]:
    """For a graph that is more than a chain: which layers each layer's inputs come from."""
    graph = graph_of(model)
    if graph is None or _is_chain(graph):
        return {}
    found: dict[int, list[str]] = {}
    for call in graph.calls:
        before = [graph_source(t) for t in call.inputs]
        found.setdefault(id(call.layer), []).extend(name for names in before for name in names)
    return {key: ", ".join(dict.fromkeys(names)) for key, names in found.items()}


def graph_source(tensor: Any) -> list[str]:
    """The names of the layers that a symbolic tensor comes from, by operations alone."""
    return [call.layer.name for call in symbolic.calls_behind([tensor])]


def _is_chain(graph: Any) -> bool:
    used = [id(node_of(t)) for call in graph.calls for t in call.inputs]
    single = len(graph.input_nodes) == 1 and all(len(c.inputs) == 1 for c in graph.calls)
    return single and len(set(used)) == len(used)


def totals_of(model: Any) -> Totals:
    if not model.built:  # what the layers have so far
        variables = {id(v): v for v in variables_by_path(model).values()}.values()
        trainable = [v for v in variables if v.trainable]
        frozen = [v for v in variables if not v.trainable]
    else:
        trainable, frozen = model.trainable_weights, model.non_trainable_weights
    return Totals(_count(trainable), _count(frozen), _bytes(trainable), _bytes(frozen))


def _count(variables: Sequence[Variable]) -> int:
    return sum(v.size for v in variables)


def _bytes(variables: Sequence[Variable]) -> int:
    return sum(v.size * v.dtype.itemsize for v in variables)


def shape_text(shape: Any) -> str:
    """(None, 10), or a list of such for several outputs, or ? where nothing was called yet."""
    if shape is None:
        return "?"
    if symbolic.is_shape(shape):
        return str(tuple(shape))
    values = list(shape.values()) if isinstance(shape, dict) else list(shape)
    return ", ".join(shape_text(each) for each in values)


def size_text(size: int) -> str:
    """Bytes as people read them: 1.55 MB."""
    amount, unit = float(size), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if amount < 1024 or unit == "TB":
            break
        amount /= 1024
    return f"{amount:.2f} {unit}"


def total_lines(totals: Totals, unbuilt: str | None = None) -> list[str]:
    """The sums under the table; for a model that is not built yet also how it comes to weights."""
    count, size = totals.trainable + totals.frozen, totals.trainable_bytes + totals.frozen_bytes
    lines = [
        f"Total params: {count:,} ({size_text(size)})",
        f"Trainable params: {totals.trainable:,} ({size_text(totals.trainable_bytes)})",
        f"Non-trainable params: {totals.frozen:,} ({size_text(totals.frozen_bytes)})",
    ]
    return lines if unbuilt is None else [*lines, unbuilt]


def sums_of(model: Any) -> list[str]:
    """The lines under the table of a model."""
    return total_lines(totals_of(model), how_to_build(model))


def how_to_build(model: Any) -> str | None:
    """Return the hint for a model without weights; None if it has them."""
    if model.built:
        return None
    return (
        f"Not built: the input's shape is not known yet; {model.name}.build((None, features)), a "
        "first call or an Input makes the weights"
    )


def _between(layers: Sequence[Any], names: tuple[str, str] | None) -> list[Any]:
    if names is None:
        return list(layers)
    known = [layer.name for layer in layers]
    for name in names:
        if name not in known:
            from lamina.errors import unknown_name

            raise unknown_name("layer", name, known)
    first, last = (known.index(name) for name in names)
    return list(layers[first : last + 1])


def as_html(model: Any) -> str:
    """The table in HTML, for notebooks."""
    rows = list(rows_of(model, model.layers, nested=False))
    heads, cells = columns(rows, any(not row.trainable for row in rows))
    kind = type(model).__name__
    parts = [notebook.heading(model.name, kind if kind.lower() != model.name else "")]
    if cells:
        parts.append(notebook.table(heads, cells, [heads.index("Param #")]))
    return "".join(parts + [notebook.remark(line) for line in sums_of(model)])


# ---- as text -----------------------------------------------------------------------------------
def columns(rows: Sequence[Row], show_trainable: bool) -> tuple[list[str], list[list[str]]]:
    """Headings and cells; a column that would be empty is left out."""
    heads = ["Layer (type)", "Output Shape", "Param #"]
    cells = [[f"{'  ' * r.depth}{r.layer}", r.output, r.count] for r in rows]
    if any(row.connected for row in rows):
        heads.append("Connected to")
        cells = [[*cell, row.connected or "-"] for cell, row in zip(cells, rows, strict=True)]
    if show_trainable:
        heads.append("Trainable")
        cells = [[*c, "Y" if r.trainable else "N"] for c, r in zip(cells, rows, strict=True)]
    return heads, cells


def plain_text(
    heading: str,
    rows: Sequence[Row],
    sums: Sequence[str],
    line_length: int | None = None,
    show_trainable: bool = False,
) -> str:
    """The table in letters alone, for files and logs."""
    heads, cells = columns(rows, show_trainable)
    room = (line_length or terminal_columns()) - 2 * (len(heads) - 1)
    widths = widths_of([heads, *cells], room)
    missing = (line_length or 65) - (sum(widths) + 2 * (len(widths) - 1))
    if missing > 0:
        widths[0] += missing // 2
        widths[1] += missing - missing // 2

    def line(cell: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if head == "Param #" else text.ljust(width)
            for head, text, width in zip(heads, cell, widths, strict=True)
        ]
        return "  ".join(padded).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    body = [line(each) for cell in cells for each in lines_of(cell, widths)]
    folded = [each for text in sums for each in fold(text, line_length or terminal_columns())]
    lines = [heading, rule, line(heads), rule, *body, rule, *folded]
    return "\n".join(lines)


def terminal_columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def widths_of(lines: Sequence[Sequence[str]], room: int) -> list[int]:
    """The widths of columns: those of their texts, or, so that they fit into `room` together, less
    for the widest, which are folded."""
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    least = [max(len(p) for line in lines for p in pieces(line[k])) for k in range(len(widths))]
    while sum(widths) > room:
        spare = [width - smallest for width, smallest in zip(widths, least, strict=True)]
        if max(spare) <= 0:
            break  # words stay whole, and the table is wider
        k = max((k for k in range(len(widths)) if spare[k] > 0), key=lambda k: widths[k])
        widths[k] -= 1
    return widths


def lines_of(cells: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    """A row of the table as lines, its cells folded at these widths."""
    folded = [fold(cell, width) for cell, width in zip(cells, widths, strict=True)]
    count = max(map(len, folded))
    padded = [lines + [""] * (count - len(lines)) for lines in folded]
    return [list(line) for line in zip(*padded, strict=True)]


def fold(text: str, width: int) -> list[str]:
    """A text in lines of a width, broken after spaces and underscores only."""
    lines = [""]
    for piece in pieces(text):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append(piece.lstrip())
        else:
            lines[-1] += piece
    return lines


def pieces(text: str) -> list[str]:
    """The parts that are not divided: words with the spaces before them, parts of names up to
    underscores."""
    return re.findall(r"\s*(?:[^\s_]+_*|_+)", text) or [""]


# ---- as a box ----------------------------------------------------------------------------------
def _print_box(
    heading: str,
    rows: Sequence[Row],
    sums: Sequence[str],
    line_length: int | None,
    show_trainable: bool,
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    heads, cells = columns(rows, show_trainable)
    room = (line_length or console.width) - 3 * len(heads) - 1
    widths = widths_of([heads, *cells], room)
    table = Table(width=line_length)
    for head in heads:
        table.add_column(head, justify="right" if head == "Param #" else "left", overflow="fold")
    for cell in cells:
        folded = [fold(text, width) for text, width in zip(cell, widths, strict=True)]
        table.add_row(*(Text("\n".join(lines)) for lines in folded))
    console.print(Text(heading, style="bold"))
    console.print(table)
    for line in sums:
        console.print(Text(f" {line}"))

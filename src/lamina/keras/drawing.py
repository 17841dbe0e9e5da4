"""`keras.utils.model_to_dot` and `plot_model`: the layers of a model in DOT, and as an image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from lamina import plot
from lamina.arguments import one_of
from lamina.layers._base.facts import need_built
from lamina.models.model import Model
from lamina.plot.diagram import Details, Diagram, diagram, facts, heading

RANKDIRS = ("TB", "LR", "BT", "RL")


class Dot:
    """A graph in the DOT language of Graphviz, as text.

    `dot -Tsvg model.dot -o model.svg` draws it; `pydot.graph_from_dot_data(str(dot))` reads it.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def to_string(self) -> str:
        """Return the text."""
        return self._text

    __str__ = to_string

    def write(self, path: str | os.PathLike[str]) -> bool:
        """Write the text into a file.

        Args:
            path: path of the file.
        """
        with open(path, "w", encoding="utf-8") as file:
            file.write(self._text)
        return True

    write_raw = write_dot = write


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Dot:
    """Return the layers of a model in the DOT language of Graphviz.

    Args:
        model: built Sequential or functional model.
        show_shapes: show output shapes.
        show_dtype: show the dtypes of outputs.
        show_layer_names: show names.
        rankdir: direction of the arrows: "TB" from top to bottom, "LR" from left to right.
        expand_nested: draw the layers of inner models in a frame, and not one box for each.
        dpi: dots of an inch.
        subgraph: return a cluster, to be put into another graph.
        show_layer_activations: show activations.
        show_trainable: show whether a layer is trained or frozen.
        splines: form of the arrows: "ortho", "curved", "polyline", "spline" or "line".

    Raises:
        NotBuiltError: if the model has no weights yet.
        ArgumentError: for a subclassed model, whose layers are connected in code.

    Example:
        >>> from lamina import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> keras.utils.model_to_dot(model).to_string().startswith("digraph")
        True
    """
    need_built(model, "model_to_dot")
    one_of("model_to_dot", "rankdir", rankdir, RANKDIRS)
    details = Details(
        show_shapes, show_layer_names, show_dtype, show_layer_activations, show_trainable, False
    )
    found = diagram(model, expand_nested)
    name = f"subgraph {_quoted('cluster_' + model.name)}" if subgraph else "digraph"
    lines = [f"{name} {{"]
    if subgraph:
        lines.append(f"  label={_quoted(model.name)}; labeljust=l; style=dashed")
    else:
        lines += [
            f"  rankdir={rankdir}; dpi={dpi}; splines={splines}; concentrate=true",
            "  node [shape=box, fontname=Helvetica]",
        ]
    lines += _boxes(found, (), details, "  ")
    lines += [f"  n{a} -> n{b}" for a, b in found.arrows]
    return Dot("\n".join([*lines, "}"]) + "\n")


def _boxes(found: Diagram, inside: tuple[str, ...], details: Details, indent: str) -> Iterator[str]:
    """The boxes within an inner model, and frames around those of the models in it."""
    depth = len(inside)
    frames: dict[str, None] = {}
    for number, (call, where) in enumerate(zip(found.calls, found.inside, strict=True)):
        if where == inside:
            label = "\\n".join([heading(call, details), *facts(call, details)])
            yield f"{indent}n{number} [label={_quoted(label)}]"
        elif where[:depth] == inside:
            frames[where[depth]] = None
    for frame in frames:
        yield f"{indent}subgraph {_quoted('cluster_' + '/'.join((*inside, frame)))} {{"
        yield f"{indent}  label={_quoted(frame)}; labeljust=l; style=dashed"
        yield from _boxes(found, (*inside, frame), details, indent + "  ")
        yield f"{indent}}}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def plot_model(
    model: Model,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw the layers of a model into a file, with matplotlib; or write a .dot file for Graphviz.

    Args:
        model: built Sequential or functional model.
        to_file: path of the file; its ending is the format: .png, .svg, .pdf, .dot. None writes no
            file.
        show_shapes: show output shapes.
        show_dtype: show the dtypes of outputs.
        show_layer_names: show names.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: draw the layers of inner models, and not one box for each.
        dpi: dots of an inch.
        show_layer_activations: show activations.
        show_trainable: show whether a layer is trained or frozen.
        splines: form of the arrows in a .dot file; those of images are curves.

    Returns:
        The matplotlib Figure, which notebooks show; of a .dot file its text.

    Raises:
        NotBuiltError: if the model has no weights yet.
        MissingExtraError: if matplotlib is not installed.
    """
    need_built(model, "plot_model")
    options: dict[str, Any] = {
        "show_shapes": show_shapes,
        "show_dtype": show_dtype,
        "show_layer_names": show_layer_names,
        "rankdir": rankdir,
        "expand_nested": expand_nested,
        "dpi": dpi,
        "show_layer_activations": show_layer_activations,
        "show_trainable": show_trainable,
    }
    if to_file is not None and os.fspath(to_file).endswith((".dot", ".gv")):
        dot = model_to_dot(model, **options, splines=splines)
        dot.write(to_file)
        return dot
    return plot.model(model, path=to_file, **options)

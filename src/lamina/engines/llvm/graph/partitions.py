"""Partitioned values: a concatenation whose parts are stored straight into their places.

    partitioned = identity ( concatenate ( part, ... ) )        part = any value, or concatenate

`interleaved` builds one from the phases of a convolution, `stacked` from consecutive parts. Fusion
planning treats it as one materialized value; the buffer of a part is a view of it (an offset, and a
stride per axis).

Pass `distribute_maps`: map(partitioned(a, b)) -> partitioned(map(a), map(b)), so that epilogue
fusion applies to each part. Legality: the map is the only reader. Profitability: always. Bits do
not change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set

from lamina.ir import ops
from lamina.ir.graph import Graph, Node, substitute, users
from lamina.ir.kinds import ELEMENTWISE
from lamina.ir.loop_primitives import WITH_REGIONS
from lamina.ir.types import Dim, Shape, TensorType

Residues = tuple[int, ...]


def is_partitioned(node: Node) -> bool:
    return node.op == "identity" and node.args[0].op == "concatenate"


def parts_of(partitioned: Node) -> Iterator[tuple[Node, list[Dim]]]:
    """Yield the parts of a partitioned value, each with the position of its first element."""
    yield from _parts(partitioned.args[0], [0] * partitioned.ndim)


def _parts(tree: Node, start: Sequence[Dim]) -> Iterator[tuple[Node, list[Dim]]]:
    if tree.op != "concatenate":
        yield tree, list(start)
        return
    axis, begin = tree.params["dimension"], list(start)
    for part in tree.args:
        yield from _parts(part, begin)
        begin[axis] += part.shape[axis]


def interleaved(parts: Mapping[Residues, Node], axes: Sequence[int], counts: Sequence[int]) -> Node:
    """Return the value whose element q * count + r along each of `axes` is element q of part r."""
    some = next(iter(parts.values()))
    wide = [n for d, n in enumerate(some.shape) for n in ([n, 1] if d in axes else [n])]
    leaves = {key: ops.reshaped(x, tuple(wide)) for key, x in parts.items()}
    places = [d + 1 + sum(other < d for other in axes) for d in axes]
    whole = ops.identity(_concatenated(leaves, places, counts, ()))
    times = dict(zip(axes, counts, strict=True))
    return ops.reshaped(whole, tuple(n * times.get(d, 1) for d, n in enumerate(some.shape)))


def stacked(parts: Sequence[Node], axis: int = 0) -> Node:
    """Return the parts along a new axis."""
    leaves = [ops.reshaped(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in parts]
    return ops.identity(ops.concatenate(*leaves, dimension=axis))


def _concatenated(
    leaves: Mapping[Residues, Node], places: Sequence[int], counts: Sequence[int], at: Residues
) -> Node:
    if len(at) == len(places):
        return leaves[at]
    inner = [_concatenated(leaves, places, counts, (*at, r)) for r in range(counts[len(at)])]
    return ops.concatenate(*inner, dimension=places[len(at)])


# ---- maps ------------------------------------------------------------------------------------
# map(partitioned(a, b), x) -> partitioned(map(a, part of x), map(b, part of x))
def distribute_maps(graph: Graph) -> Graph:
    """Distribute maps of partitioned values over the parts, in loop bodies too."""
    inside = substitute(graph.results, {}, _in_bodies)
    if any(new is not old for new, old in zip(inside, graph.results, strict=True)):
        graph = Graph(graph.parameters, inside, graph.name)
    nodes = graph.nodes()
    if not any(map(is_partitioned, nodes)):
        return graph
    results = set(graph.results)
    alone = {n for n, readers in users(nodes).items() if len(readers) == 1} - results
    new: dict[Node, Node] = {}
    for node in nodes:
        args = tuple(new[a] for a in node.args)
        made = node.with_args(args)
        if node.op in ELEMENTWISE and node not in results:
            partitioned_args = [
                k for k, a in enumerate(args) if node.args[k] in alone and _is_view(a)
            ]
            made = _distributed(made, partitioned_args) if partitioned_args else made
        new[node] = made
    return Graph(graph.parameters, [new[r] for r in graph.results], graph.name)


def _in_bodies(node: Node) -> Node:
    if node.op not in WITH_REGIONS:
        return node
    bodies = {k: distribute_maps(v) if isinstance(v, Graph) else v for k, v in node.params.items()}
    return node.with_args(node.args, bodies)


def _is_view(node: Node) -> bool:
    return node.op == "reshape" and is_partitioned(node.args[0])


def _distributed(node: Node, partitioned_args: Sequence[int]) -> Node:
    """Distribute a map over the parts of its partitioned operands, and over slices of the
    others."""
    whole = node.args[partitioned_args[0]].args[0]
    alike = {k for k in partitioned_args if _form(node.args[k].args[0]) == _form(whole)}
    operands = [
        x.args[0].args[0] if k in alike else _shaped(x, whole.shape)
        for k, x in enumerate(node.args)
    ]
    return ops.reshaped(
        ops.identity(_mapped(node, operands, alike, partitioned_args[0])), node.shape
    )


def _form(partitioned: Node) -> list[tuple[object, ...]]:
    return [(*part.shape, *start) for part, start in parts_of(partitioned)]


def _mapped(node: Node, operands: Sequence[Node], partitioned_args: Set[int], first: int) -> Node:
    tree = operands[first]
    if tree.op != "concatenate":
        type_ = TensorType(tree.shape, node.dtype)
        return node.with_args(operands, type_=type_)
    axis, begin = tree.params["dimension"], 0
    mapped = []
    for number, part in enumerate(tree.args):
        end = begin + part.shape[axis]
        inner = [
            x.args[number] if k in partitioned_args else _between(x, axis, begin, end)
            for k, x in enumerate(operands)
        ]
        mapped.append(_mapped(node, inner, partitioned_args, first))
        begin = end
    return ops.concatenate(*mapped, dimension=axis)


def _shaped(x: Node, shape: Shape) -> Node:
    """Return x reshaped; a broadcast stays one, so that slices of it are never materialized."""
    if x.op != "broadcast_in_dim" or x.shape == shape:
        return ops.reshaped(x, shape)
    (source,), dims = x.args, x.params["broadcast_dimensions"]
    wide = [(d, n) for d, n in zip(dims, source.shape, strict=True) if n != 1]
    behind = {(math.prod(shape[d:]), n): d for d, n in reversed(list(enumerate(shape)))}
    keys = [(math.prod(x.shape[d:]), n) for d, n in wide]
    if any(key not in behind for key in keys):
        return ops.reshaped(x, shape)
    source = ops.reshaped(source, tuple(n for _, n in wide))
    return ops.broadcast(source, shape, [behind[key] for key in keys])


def _between(x: Node, axis: int, begin: Dim, end: Dim) -> Node:
    if x.op == "broadcast_in_dim" and axis not in x.params["broadcast_dimensions"]:
        shape = tuple(end - begin if d == axis else n for d, n in enumerate(x.shape))
        return ops.broadcast(x.args[0], shape, x.params["broadcast_dimensions"])
    starts = [begin if d == axis else 0 for d in range(x.ndim)]
    limits = [end if d == axis else n for d, n in enumerate(x.shape)]
    return ops.slice(x, start_indices=starts, limit_indices=limits, strides=(1,) * x.ndim)

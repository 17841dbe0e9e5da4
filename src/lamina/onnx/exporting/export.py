"""Export of models: the program of inference as an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lamina import tree, version
from lamina.annotations import PathLike
from lamina.errors import ArgumentError, RangeError
from lamina.files import write_whole
from lamina.ir import types
from lamina.ir.graph import Node
from lamina.ir.types import Extent, TensorType, plain
from lamina.layers import Layer
from lamina.layers._base import symbolic
from lamina.layers._base.facts import build_shape, label, need_built
from lamina.onnx.exporting import elementwise, movement, products, recurrent  # noqa: F401 (rows)
from lamina.onnx.exporting.builder import Builder, Shared
from lamina.onnx.exporting.control import write_results
from lamina.onnx.exporting.ports import port
from lamina.onnx.exporting.values import Value
from lamina.onnx.messages import GraphProto, ModelProto, OperatorSetIdProto
from lamina.rewrite import simplify
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import Spec
from lamina.transforms.tracing import Recorded, record
from lamina.variables import memory_of

OLDEST, NEWEST = 13, 25
"""Versions of the operator set that can be written."""
FORMATS = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}
"""Version of the operator set -> version of the file format (IR) that came with it."""
LARGEST = (1 << 31) - (1 << 20)
"""Bytes of a file, which Protocol Buffers limit to 2 GiB."""


def export(
    model: Layer,
    filepath: PathLike,
    opset_version: int | None = None,
    input_signature: Sequence[Tensor | Spec] | None = None,
) -> None:
    """Write a model's inference as an ONNX file.

    Args:
        model: model or layer that is built.
        filepath: path of the file.
        opset_version: version of the operator set, 13 to 25; by default the newest.
        input_signature: shapes and dtypes of the inputs (`lm.Spec` or Input), for models that do
            not know them.

    Raises:
        ArgumentError: ONNX has no operator for a part of the model.
        RangeError: the version is not one of those.

    Example:
        >>> import os, tempfile
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(2)])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.onnx")
        >>> lm.onnx.export(model, path)
        >>> lm.onnx.load(path)(lm.ones((3, 4))).shape
        (3, 2)

    Source: Open Neural Network Exchange, onnx.ai.
    """
    proto = exported(model, opset_version, input_signature)
    content = proto.write()
    if len(content) > LARGEST:
        raise ArgumentError(f"export: the file would have {len(content):,} bytes (expected 2 GiB)")
    write_whole(filepath, content)


def exported(
    model: Any, opset_version: int | None = None, input_signature: Sequence[Any] | None = None
) -> ModelProto:
    """Return the message of a model's ONNX file; the arguments are those of `export`."""
    opset = NEWEST if opset_version is None else opset_version
    if not isinstance(opset, int) or not OLDEST <= opset <= NEWEST:
        raise RangeError(f"export: opset_version is {opset} (expected {OLDEST} to {NEWEST})")
    kinds, structure, names = _inputs(model, input_signature)
    with recurrent.kept_whole() as calls:
        outputs = 0

        def inference(*xs: Tensor) -> Any:
            nonlocal outputs
            found = tree.leaves(model(tree.unflatten(structure, xs), training=False))
            outputs = len(found)
            return [*found, *(t for call in calls for t in call.operands)]

        recorded = record(inference, kinds)
    graph = _graph(model, recorded, _Interface(kinds, names, outputs, calls), opset)
    return ModelProto(
        ir_version=FORMATS.get(opset, 12),
        producer_name="lamina",
        producer_version=version.__version__,
        graph=graph,
        opset_import=[OperatorSetIdProto(version=opset)],
    )


def _inputs(model: Any, signature: Sequence[Any] | None) -> tuple[list[TensorType], Any, list[str]]:
    """Types, structure and names of the inputs."""
    graph = getattr(model, "_graph", None)
    if signature is not None:
        kinds = [_kind(each, k) for k, each in enumerate(signature)]
        structure = tree.flatten(kinds if len(kinds) > 1 else kinds[0])[1]
        return kinds, structure, _names(len(kinds))
    if graph is not None:
        kinds = [node.type for node in graph.input_nodes]
        return kinds, graph.input_structure, list(graph.input_names)
    need_built(model, "export")
    shapes = build_shape(model)
    if shapes is None:
        raise ArgumentError(
            f"{label(model)}: export needs the shapes of the inputs",
            hint="pass input_signature=[lm.Input(shape)]",
        )
    found: list[Any] = []

    def seen(shape: Any) -> int:
        found.append(shape)
        return 0

    structure = tree.flatten(symbolic.map_shapes(seen, shapes))[1]
    kinds = [symbolic.symbolic_type(s, model.dtype) for s in found]
    return kinds, structure, _names(len(kinds))


def _names(count: int) -> list[str]:
    return ["input"] if count == 1 else [f"input_{k}" for k in range(count)]


def _kind(each: Any, k: int) -> TensorType:
    kind = getattr(each, "_type", None)
    if isinstance(kind, TensorType):
        return kind
    if hasattr(each, "type"):
        return each.type(k)
    tensor = as_tensor(each)
    return TensorType(("batch", *tensor.shape[1:]), tensor.dtype)  # type: ignore[arg-type]


@dataclass
class _Interface:
    """Inputs, number of outputs, and the calls of layers that are operators."""

    kinds: Sequence[TensorType]
    names: Sequence[str]
    outputs: int
    calls: Sequence[recurrent.Call]


def _graph(model: Any, recorded: Recorded, face: _Interface, opset: int) -> GraphProto:
    shared = Shared(opset)
    b = Builder(shared)
    graph = simplify(recorded.graph)
    known: dict[Node, Any] = {}
    ports = []
    for parameter, kind, wanted in zip(graph.parameters, face.kinds, face.names, strict=False):
        name = shared.name(wanted)
        known[parameter] = value = b.given(name, kind.shape, kind.dtype)
        ports.append(port(name, kind))
        _note_symbols(b, value)
    rest = graph.parameters[recorded.inputs :]
    for parameter, variable in zip(rest, recorded.state, strict=False):
        hint = getattr(variable, "path", "") or variable.name
        known[parameter] = b.constant(memory_of(variable), parameter.dtype, hint)
    captured = rest[len(recorded.state) :]
    for parameter, array in zip(captured, recorded.captured, strict=True):
        known[parameter] = b.constant(array, parameter.dtype)
    at = face.outputs
    for call in face.calls:
        count = len(call.operands)
        operands = [
            b.full(value, node.shape)
            for value, node in zip(
                write_results(b, graph.results[at : at + count], known),
                graph.results[at : at + count],
                strict=True,
            )
        ]
        at += count
        known.update(zip(call.outputs, recurrent.write(b, call, operands), strict=True))
    results = write_results(b, graph.results[: face.outputs], known)
    outputs = []
    wanted_names = _output_names(model, face.outputs)
    for value, node, wanted in zip(results, graph.results, wanted_names, strict=False):
        full = b.full(value, node.shape)
        name = shared.name(wanted)
        b._node("Identity", [b.name(full)], [name], {})
        outputs.append(port(name, node.type))
    return GraphProto(
        name=str(getattr(model, "name", "model")),
        node=_used(b, outputs),
        input=ports,
        output=outputs,
        initializer=shared.initializers,
    )


def _output_names(model: Any, count: int) -> list[str]:
    names = list(getattr(model, "output_names", None) or [])
    if len(names) == count and len(set(names)) == count:
        return names
    return ["output"] if count == 1 else [f"output_{k}" for k in range(count)]


def _note_symbols(b: Builder, value: Value) -> None:
    """The unknown extents of an input, read from its shape when a node needs them."""
    for axis, n in enumerate(value.shape):
        extent = plain(n)
        if isinstance(extent, Extent) and len(extent.terms) == 1:
            ((monomial, coefficient),) = extent.terms.items()
            if len(monomial) == 1 and coefficient == 1 and monomial[0] not in b.shared.symbols:
                whole = b.op("Shape", [value], (value.ndim,), types.int64)
                place = b.integers([axis])
                b.shared.symbols[monomial[0]] = b.op(
                    "Gather", [whole, place], (1,), types.int64, axis=0
                )


def _used(b: Builder, outputs: Sequence[Any]) -> list[Any]:
    """The nodes that the outputs need, in order."""
    needed = {each.name for each in outputs}
    kept = []
    for node in reversed(b.nodes):
        if any(name in needed for name in node.output if name):
            kept.append(node)
            needed |= _read(node)
    b.shared.initializers = [t for t in b.shared.initializers if t.name in needed]
    return kept[::-1]


def _read(node: Any) -> set[str]:
    found = set(node.input)
    for each in node.attribute:
        if each.g is not None:
            for inner in each.g.node:
                found |= _read(inner)
            found |= {out.name for out in each.g.output}
    return found

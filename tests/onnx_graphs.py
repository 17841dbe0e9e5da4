"""ONNX graphs for tests, as messages."""

from pathlib import Path

import numpy as np

from lamina.onnx.messages import (
    Dimension,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorShapeProto,
    TensorType,
    TypeProto,
    ValueInfoProto,
    attribute,
)
from lamina.onnx.tensors import CODES, tensor_of


def node(kind, inputs, outputs, domain="", **attributes):
    given = [attribute(name, value) for name, value in attributes.items()]
    return NodeProto(op_type=kind, input=inputs, output=outputs, domain=domain, attribute=given)


def port(name, shape=None, dtype="float32"):
    """An input or output; extents are numbers, names, or None."""
    if shape is None:
        return ValueInfoProto(name=name)
    dims = [
        Dimension(dim_value=n) if isinstance(n, int) else Dimension(dim_param=n or "")
        for n in shape
    ]
    kind = TensorType(elem_type=CODES[dtype], shape=TensorShapeProto(dim=dims))
    return ValueInfoProto(name=name, type=TypeProto(tensor_type=kind))


def model(nodes, inputs, outputs, constants=None, opset=21, **more):
    tensors = [tensor_of(np.asarray(v), name) for name, v in (constants or {}).items()]
    graph = GraphProto(
        node=nodes,
        input=inputs,
        output=[port(name) if isinstance(name, str) else name for name in outputs],
        initializer=tensors,
        name="graph",
    )
    opsets = [OperatorSetIdProto(version=opset)]
    return ModelProto(ir_version=10, graph=graph, opset_import=opsets, **more)


def written(proto, folder: Path, name="model.onnx") -> Path:
    path = folder / name
    path.write_bytes(proto.write())
    return path

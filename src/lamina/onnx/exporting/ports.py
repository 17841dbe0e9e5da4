"""Inputs and outputs of graphs: names with types."""

from __future__ import annotations

from lamina.ir.types import TensorType, is_static
from lamina.onnx.messages import Dimension, TensorShapeProto, TypeProto, ValueInfoProto
from lamina.onnx.messages import TensorType as TensorTypeProto
from lamina.onnx.tensors import CODES


def port(name: str, kind: TensorType) -> ValueInfoProto:
    """An input or output; an unknown extent has its symbol as name."""
    dims = [
        Dimension(dim_value=int(n)) if is_static(n) else Dimension(dim_param=str(n))
        for n in kind.shape
    ]
    shape = TensorShapeProto(dim=dims)
    tensor = TensorTypeProto(elem_type=CODES[kind.dtype.name], shape=shape)
    return ValueInfoProto(name=name, type=TypeProto(tensor_type=tensor))

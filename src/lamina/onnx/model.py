"""Models from ONNX files, which compile and train: graphs of Lamina's operations."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from lamina.errors import ArgumentError, FileFormatError, ShapeError, UnknownNameError
from lamina.ir.types import DType
from lamina.models.model import Model
from lamina.onnx import narrow
from lamina.onnx import operators as operators  # fills the table of rows
from lamina.onnx.evaluation import Graph, Scope
from lamina.onnx.messages import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto
from lamina.onnx.tensors import STRING, array_of, dtype_of, held_dtype, size_of
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

OLDEST, NEWEST = 3, 14
"""Versions of the file format (IR) that are read; 3 is ONNX 1.0 of December 2017."""
TRAINED: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (1, 2),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "Gather": (0,),
    "Gemm": (0, 1, 2),
    "GroupNormalization": (1, 2),
    "GRU": (1, 2, 3),
    "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "LSTM": (1, 2, 3, 7),
    "MatMul": (0, 1),
    "PRelu": (1,),
    "RMSNormalization": (1,),
    "RNN": (1, 2, 3),
    "Add": (0, 1),
    "Mul": (0, 1),
}
"""Operators and their inputs that are weights where they are floats of the file."""
KEPT: dict[str, tuple[int, ...]] = {"BatchNormalization": (3, 4)}
"""Inputs that are weights which training does not change."""


class OnnxModel(Model):
    """A model that computes the graph of an ONNX file; made by `lm.onnx.load`.

    It is called, compiled, trained, saved and inspected like other models. Constants that are the
    weights of layers are its weights; they train, other constants do not. Batch normalization uses
    the moving statistics of the file, also in training.

    Args:
        proto: the message of the file.
        folder: folder of files with values; None if the file has all of them.
        name: name of the model.

    Raises:
        FileFormatError: the file is damaged.
        UnknownNameError: the graph has operators that Lamina lacks; the message lists all.

    Example:
        >>> import lamina as lm
        >>> from lamina.onnx.messages import GraphProto, ModelProto, NodeProto
        >>> from lamina.onnx.messages import OperatorSetIdProto, ValueInfoProto
        >>> graph = GraphProto(
        ...     node=[NodeProto(op_type="Relu", input=["x"], output=["y"])],
        ...     input=[ValueInfoProto(name="x")],
        ...     output=[ValueInfoProto(name="y")],
        ... )
        >>> opset = [OperatorSetIdProto(version=21)]
        >>> model = OnnxModel(ModelProto(ir_version=10, graph=graph, opset_import=opset))
        >>> model([-1.0, 2.0]).tolist()
        [0.0, 2.0]
    """

    def __init__(
        self, proto: ModelProto, folder: Path | None = None, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        graph = _checked(proto)
        _need_wide(graph)
        self._proto = proto
        opsets = {each.domain: each.version for each in proto.opset_import}
        roles = _roles(graph)
        self._variables_by_name: dict[str, Variable] = {}

        def load(tensor: TensorProto) -> Any:
            array = array_of(tensor, folder)
            if tensor.data_type == STRING:
                return array
            role = roles.get(tensor.name)
            value = _tensor(array, held_dtype(tensor.data_type, tensor.name))
            if role is None or id(tensor) not in own or not value.dtype.is_float:
                return value
            return self._weight(tensor.name, value, role)

        own = {id(tensor) for tensor in graph.initializer}
        scope = Scope(opsets, proto.functions, load)
        self._evaluated = Graph(graph, scope)
        if scope.missing:
            raise UnknownNameError(
                f"ONNX: Lamina has no operator {', '.join(scope.missing)}",
                hint="docs/onnx.md lists the operators",
            )
        fixed = {tensor.name for tensor in graph.initializer}
        self._ports = [each for each in graph.input if each.name not in fixed]
        self._set_built(None)

    def _weight(self, name: str, value: Tensor, trainable: bool) -> Variable:
        variable = self.add_weight(
            tuple(map(int, value.shape)),
            initializer=lambda shape, dtype=None: value,
            dtype=value.dtype,
            trainable=trainable,
            name=name.replace("/", "_"),
        )
        self._variables_by_name[name] = variable
        return variable

    # ---- inputs and outputs --------------------------------------------------------------------
    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in order."""
        return [port.name for port in self._ports]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in order."""
        return list(self._evaluated.outputs)

    def call(self, inputs: Any, training: bool = False) -> Any:  # type: ignore[override]
        """The outputs of the graph: one, or a list of them.

        Args:
            inputs: a tensor, a list of them in the order of the inputs, or a dictionary by name.
            training: accepted; the graph computes the same.
        """
        found = self.evaluate_graph(self._in_order(inputs))
        return found[0] if len(found) == 1 else found

    def evaluate_graph(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs in order, which may be lists (sequences) and None (optional values).

        Args:
            inputs: values in the order of the inputs.
        """
        named = {
            port.name: _converted(port, value)
            for port, value in zip(self._ports, inputs, strict=True)
        }
        around: dict[str, Any] = {}
        ordered = [
            named.get(name, self._evaluated.constants.get(name)) for name in self._evaluated.inputs
        ]
        return [_plain(y) for y in self._evaluated.run(ordered, around)]

    def _in_order(self, inputs: Any) -> list[Any]:
        names = self.input_names
        if isinstance(inputs, Mapping):
            missing = [name for name in names if name not in inputs]
            if missing:
                raise ArgumentError(f"{self.name}: no data for the inputs {missing}")
            return [inputs[name] for name in names]
        if len(names) == 1:
            return [inputs[0] if isinstance(inputs, (list, tuple)) and len(inputs) == 1 else inputs]
        if not isinstance(inputs, (list, tuple)) or len(inputs) != len(names):
            raise ArgumentError(f"{self.name}: takes {len(names)} inputs, {names}")
        return list(inputs)

    # ---- saved ---------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the graph, without the values of the weights, as text."""
        held = self._variables_by_name
        graph = self._proto.graph
        assert graph is not None
        slim = GraphProto(**graph.__dict__)
        slim.initializer = [_without_values(t) if t.name in held else t for t in graph.initializer]
        proto = ModelProto(**self._proto.__dict__)
        proto.graph = slim
        return {"name": self.name, "graph": base64.b64encode(proto.write()).decode()}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Return the model of a configuration; its weights are zeros.

        Args:
            config: what `get_config` returned.
            custom_objects: accepted for other models.
        """
        proto = ModelProto.read(base64.b64decode(config["graph"]))
        return cls(proto, name=config.get("name"))


def _checked(proto: ModelProto) -> GraphProto:
    if proto.graph is None or not proto.opset_import:
        raise FileFormatError("ONNX: the file has no graph, or names no operator set")
    if not OLDEST <= proto.ir_version <= NEWEST:
        raise FileFormatError(
            f"ONNX: the file's format is IR {proto.ir_version} (expected {OLDEST} to {NEWEST})"
        )
    return proto.graph


def _need_wide(graph: GraphProto) -> None:
    """Refuse operators that take their result's numbers from a narrow operand, which Lamina holds
    as wider ones."""
    codes = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for port in graph.input:
        kind = None if port.type is None else port.type.tensor_type
        codes.setdefault(port.name, 0 if kind is None else kind.elem_type)
    for node in graph.node:
        for place in TYPED_BY.get(node.op_type, ()):
            code = codes.get(_input(node, place), 0)
            if code in narrow.DTYPES:
                dtype_of(code, f"the result of {node.op_type} '{node.name}'")


TYPED_BY = {"CastLike": (1,), "QuantizeLinear": (2,), "BitCast": (0,)}
"""Operators, and the operands whose numbers are those of the result."""


def _roles(graph: GraphProto) -> dict[str, bool]:
    """The constants that are weights, and whether they are trained."""
    found: dict[str, bool] = {}
    shapes = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        for table, trained in ((TRAINED, True), (KEPT, False)):
            for place in table.get(node.op_type, ()):
                name = _input(node, place)
                if shapes.get(name, 0) >= 1:
                    found[name] = trained and found.get(name, True)
    return found


def _input(node: NodeProto, place: int) -> str:
    return node.input[place] if place < len(node.input) else ""


def _tensor(array: np.ndarray, dtype: DType) -> Tensor:
    if dtype.name == "bfloat16":
        from lamina.ir.types import TensorType

        return Tensor(TensorType(array.shape, dtype), array)
    return as_tensor(array)


def _without_values(tensor: TensorProto) -> TensorProto:
    """The tensor with zeros for its values, which a file of weights has."""
    zeros = bytes(size_of(tensor.data_type, math.prod(tensor.dims), tensor.name))
    return TensorProto(
        name=tensor.name,
        dims=list(tensor.dims),
        data_type=tensor.data_type,
        raw_data=zeros,
    )


def _converted(port: ValueInfoProto, value: Any) -> Any:
    """A value for an input, in its dtype."""
    kind = None if port.type is None else port.type.tensor_type
    if isinstance(value, list) and port.type is not None and port.type.sequence_type is not None:
        return [as_tensor(v) for v in value]
    if value is None:
        return None
    if kind is None or kind.elem_type == 0:
        return value if isinstance(value, list) else as_tensor(value)
    if kind.elem_type == STRING:
        return np.asarray(value, dtype=object)
    tensor = as_tensor(value)
    wanted = held_dtype(kind.elem_type, f"the input '{port.name}'")
    if kind.shape is not None and len(kind.shape.dim) != tensor.ndim:
        raise ShapeError(
            f"ONNX: the input '{port.name}' has the shape {tensor.shape} "
            f"(expected {len(kind.shape.dim)} axes)"
        )
    return tensor if tensor.dtype == wanted else as_tensor(tensor, wanted)


def _plain(value: Any) -> Any:
    """A result as users get it."""
    if value is None or isinstance(value, (list, np.ndarray)):
        return value
    return as_tensor(value)

"""The messages of ONNX files: one class a message, one line a field; read and written generically.

Fields that no class names are skipped when a file is read. Numbers of messages, of nested levels
and of bytes are bounded, so that a damaged file is an error and not a full memory.

Source: onnx.proto of ONNX 1.23 (IR version 13), github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, NamedTuple, Self

from lamina import protobuf
from lamina.errors import FileFormatError

DEEPEST = 64
"""Messages within messages: branches within loops within functions."""
MOST_MESSAGES = 4_000_000
"""Messages of one file, each of which takes some hundred bytes of memory."""


class Field(NamedTuple):
    """A field's number, how its value is stored, whether it repeats, the class of a message, and
    the value that an absent field has."""

    number: int
    kind: str
    repeated: bool = False
    message: str = ""
    default: Any = None


def _field(number: int, kind: str, default: Any) -> Any:
    return field(default=default, metadata={"field": Field(number, kind, default=default)})


def integer(number: int, default: int = 0) -> Any:
    """A field of one integer."""
    return _field(number, "integer", default)


def text(number: int) -> Any:
    """A field of one string."""
    return _field(number, "text", "")


def one(number: int, message: str) -> Any:
    """A field of one message; None if it is absent."""
    return field(default=None, metadata={"field": Field(number, "message", False, message)})


def many(number: int, kind: str, message: str = "") -> Any:
    """A field of any number of values."""
    return field(default_factory=list, metadata={"field": Field(number, kind, True, message, [])})


class Message:
    """A message: reads itself from bytes and writes itself as bytes."""

    known: ClassVar[dict[str, type[Message]]] = {}

    def __init_subclass__(cls) -> None:
        Message.known[cls.__name__] = cls

    @classmethod
    def read(cls, data: bytes | memoryview) -> Self:
        """The message that the bytes are.

        Raises:
            FileFormatError: the bytes are not such a message.
        """
        return _read(cls, memoryview(data), DEEPEST, [MOST_MESSAGES])

    def write(self) -> bytes:
        """The message as bytes; fields with their default are left out."""
        return b"".join(_written(self))


@cache
def _table(cls: type[Message]) -> dict[int, tuple[str, Field]]:
    found = {f.name: f.metadata["field"] for f in fields(cls)}  # type: ignore[arg-type]
    return {each.number: (name, each) for name, each in found.items()}


def _read(cls: type[Any], data: memoryview, levels: int, budget: list[int]) -> Any:
    budget[0] -= 1
    if levels < 0 or budget[0] < 0:
        what = f"{DEEPEST} levels" if levels < 0 else f"{MOST_MESSAGES:,} messages"
        raise FileFormatError(f"ONNX: {cls.__name__} is beyond {what} of one file")
    message, table = cls(), _table(cls)  # type: ignore[arg-type]
    for number, kind, value in protobuf.fields(data):
        if number not in table:
            continue
        name, each = table[number]
        if each.kind == "message":
            _need(kind == protobuf.BYTES, cls, name)
            inner = _read(Message.known[each.message], value, levels - 1, budget)  # type: ignore[arg-type]
            found = [inner]
        else:
            found = _values(each.kind, kind, value, cls, name)
        if each.repeated:
            getattr(message, name).extend(found)
        elif found:
            setattr(message, name, found[-1])
    return message


def _need(fits: bool, cls: type[Any], name: str) -> None:
    if not fits:
        raise FileFormatError(f"ONNX: field '{name}' of {cls.__name__} has the wrong kind of value")


def _values(want: str, kind: int, value: Any, cls: type[Any], name: str) -> list[Any]:
    """The values of a field of numbers or text: one, or those of a packed field."""
    if want in ("text", "bytes"):
        _need(kind == protobuf.BYTES, cls, name)
        return [_decoded(value, cls, name) if want == "text" else bytes(value)]
    if want == "integer":
        _need(kind in (protobuf.VARINT, protobuf.BYTES), cls, name)
        if kind == protobuf.VARINT:
            return [protobuf.signed(value)]
        return protobuf.packed_integers(value)
    size, code, alone = {
        "float": (4, "f", protobuf.FOUR),
        "double": (8, "d", protobuf.EIGHT),
    }[want]
    _need(kind in (alone, protobuf.BYTES) and len(value) % size == 0, cls, name)
    return list(struct.unpack(f"<{len(value) // size}{code}", value))


def _decoded(value: memoryview, cls: type[Any], name: str) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise FileFormatError(f"ONNX: field '{name}' of {cls.__name__} is not UTF-8") from None


_ONE: dict[str, Callable[[int, Any], bytes]] = {
    "integer": protobuf.integer,
    "float": protobuf.single,
    "double": protobuf.double,
    "text": protobuf.message,
    "bytes": protobuf.message,
    "message": lambda number, value: protobuf.message(number, value.write()),
}
_PACKED: dict[str, Callable[[int, Iterable[Any]], bytes]] = {
    "integer": protobuf.integers,
    "float": protobuf.singles,
    "double": protobuf.doubles,
}


def _written(message: Message) -> Iterable[bytes]:
    for number, (name, each) in _table(type(message)).items():  # type: ignore[arg-type]
        value = getattr(message, name)
        if value is None or (value == each.default and not isinstance(value, Message)):
            continue
        if each.repeated and each.kind in _PACKED:
            yield _PACKED[each.kind](number, value)
        else:
            for element in value if each.repeated else [value]:
                yield _ONE[each.kind](number, element)


# ---- the messages ------------------------------------------------------------------------------
@dataclass
class StringStringEntryProto(Message):
    """A key and its value."""

    key: str = text(1)
    value: str = text(2)


@dataclass
class TensorProto(Message):
    """A tensor: its values in one of the typed fields, as raw bytes, or in another file."""

    dims: list[int] = many(1, "integer")
    data_type: int = integer(2)
    float_data: list[float] = many(4, "float")
    int32_data: list[int] = many(5, "integer")
    string_data: list[bytes] = many(6, "bytes")
    int64_data: list[int] = many(7, "integer")
    name: str = text(8)
    raw_data: bytes = _field(9, "bytes", b"")
    double_data: list[float] = many(10, "double")
    uint64_data: list[int] = many(11, "integer")
    external_data: list[StringStringEntryProto] = many(13, "message", "StringStringEntryProto")
    data_location: int = integer(14)


@dataclass
class SparseTensorProto(Message):
    """The elements of a tensor that are not zero, and their positions."""

    values: TensorProto | None = one(1, "TensorProto")
    indices: TensorProto | None = one(2, "TensorProto")
    dims: list[int] = many(3, "integer")


@dataclass
class Dimension(Message):
    """An extent: a number, or the name of an unknown one."""

    dim_value: int | None = _field(1, "integer", None)
    dim_param: str = text(2)


@dataclass
class TensorShapeProto(Message):
    """The extents of a tensor."""

    dim: list[Dimension] = many(1, "message", "Dimension")


@dataclass
class TensorType(Message):
    """Element type and shape of a tensor; no shape means an unknown rank."""

    elem_type: int = integer(1)
    shape: TensorShapeProto | None = one(2, "TensorShapeProto")


@dataclass
class ElementType(Message):
    """A sequence or an optional value of a type."""

    elem_type: TypeProto | None = one(1, "TypeProto")


@dataclass
class MapType(Message):
    """A map from keys to values of a type."""

    key_type: int = integer(1)
    value_type: TypeProto | None = one(2, "TypeProto")


@dataclass
class TypeProto(Message):
    """The type of a value: one of its fields is set."""

    tensor_type: TensorType | None = one(1, "TensorType")
    sequence_type: ElementType | None = one(4, "ElementType")
    map_type: MapType | None = one(5, "MapType")
    sparse_tensor_type: TensorType | None = one(8, "TensorType")
    optional_type: ElementType | None = one(9, "ElementType")


@dataclass
class ValueInfoProto(Message):
    """Name and type of an input, an output or a value in between."""

    name: str = text(1)
    type: TypeProto | None = one(2, "TypeProto")
    doc_string: str = text(3)


@dataclass
class AttributeProto(Message):
    """An argument of an operator; `type` says which field has it."""

    name: str = text(1)
    f: float | None = _field(2, "float", None)
    i: int | None = _field(3, "integer", None)
    s: bytes | None = _field(4, "bytes", None)
    t: TensorProto | None = one(5, "TensorProto")
    g: GraphProto | None = one(6, "GraphProto")
    floats: list[float] = many(7, "float")
    ints: list[int] = many(8, "integer")
    strings: list[bytes] = many(9, "bytes")
    tensors: list[TensorProto] = many(10, "message", "TensorProto")
    graphs: list[GraphProto] = many(11, "message", "GraphProto")
    tp: TypeProto | None = one(14, "TypeProto")
    type_protos: list[TypeProto] = many(15, "message", "TypeProto")
    type: int = integer(20)
    ref_attr_name: str = text(21)
    sparse_tensor: SparseTensorProto | None = one(22, "SparseTensorProto")
    sparse_tensors: list[SparseTensorProto] = many(23, "message", "SparseTensorProto")


@dataclass
class NodeProto(Message):
    """A call of an operator. An empty name is an input or output that is left out."""

    input: list[str] = many(1, "text")
    output: list[str] = many(2, "text")
    name: str = text(3)
    op_type: str = text(4)
    attribute: list[AttributeProto] = many(5, "message", "AttributeProto")
    doc_string: str = text(6)
    domain: str = text(7)
    overload: str = text(8)


@dataclass
class GraphProto(Message):
    """Nodes in the order in which they run, with inputs, outputs and constants."""

    node: list[NodeProto] = many(1, "message", "NodeProto")
    name: str = text(2)
    initializer: list[TensorProto] = many(5, "message", "TensorProto")
    doc_string: str = text(10)
    input: list[ValueInfoProto] = many(11, "message", "ValueInfoProto")
    output: list[ValueInfoProto] = many(12, "message", "ValueInfoProto")
    value_info: list[ValueInfoProto] = many(13, "message", "ValueInfoProto")
    sparse_initializer: list[SparseTensorProto] = many(15, "message", "SparseTensorProto")


@dataclass
class OperatorSetIdProto(Message):
    """A version of a set of operators; the empty domain is ONNX's own."""

    domain: str = text(1)
    version: int = integer(2)


@dataclass
class FunctionProto(Message):
    """An operator that is defined by nodes."""

    name: str = text(1)
    input: list[str] = many(4, "text")
    output: list[str] = many(5, "text")
    attribute: list[str] = many(6, "text")
    node: list[NodeProto] = many(7, "message", "NodeProto")
    doc_string: str = text(8)
    opset_import: list[OperatorSetIdProto] = many(9, "message", "OperatorSetIdProto")
    domain: str = text(10)
    attribute_proto: list[AttributeProto] = many(11, "message", "AttributeProto")
    overload: str = text(13)


@dataclass
class ModelProto(Message):
    """A file: a graph, the operator sets that it uses, and who wrote it."""

    ir_version: int = integer(1)
    producer_name: str = text(2)
    producer_version: str = text(3)
    domain: str = text(4)
    model_version: int = integer(5)
    doc_string: str = text(6)
    graph: GraphProto | None = one(7, "GraphProto")
    opset_import: list[OperatorSetIdProto] = many(8, "message", "OperatorSetIdProto")
    metadata_props: list[StringStringEntryProto] = many(14, "message", "StringStringEntryProto")
    functions: list[FunctionProto] = many(25, "message", "FunctionProto")


# ---- attributes --------------------------------------------------------------------------------
FLOAT, INT, STRING, TENSOR, GRAPH, FLOATS, INTS, STRINGS, TENSORS, GRAPHS = range(1, 11)
SPARSE_TENSOR, SPARSE_TENSORS, TYPE_PROTO, TYPE_PROTOS = range(11, 15)

_ABSENT: dict[int, Any] = {FLOAT: 0.0, INT: 0, STRING: b""}
_PLACES = {
    FLOAT: "f",
    INT: "i",
    STRING: "s",
    TENSOR: "t",
    GRAPH: "g",
    FLOATS: "floats",
    INTS: "ints",
    STRINGS: "strings",
    TENSORS: "tensors",
    GRAPHS: "graphs",
    SPARSE_TENSOR: "sparse_tensor",
    SPARSE_TENSORS: "sparse_tensors",
    TYPE_PROTO: "tp",
    TYPE_PROTOS: "type_protos",
}


def value_of(attribute: AttributeProto) -> Any:
    """The value of an attribute; strings are decoded.

    Raises:
        FileFormatError: the attribute's type does not exist.
    """
    place = _PLACES.get(attribute.type)
    if place is None:
        raise FileFormatError(f"ONNX: attribute '{attribute.name}' has no type (expected 1 to 14)")
    value = getattr(attribute, place)
    if value is None:
        value = _ABSENT.get(attribute.type)
    if attribute.type == STRING:
        return value.decode("utf-8", "replace")
    if attribute.type == STRINGS:
        return [each.decode("utf-8", "replace") for each in value]
    return value


def attribute(name: str, value: Any) -> AttributeProto:
    """An attribute of a Python value: number, string, tensor, graph, or a list of one kind."""
    kinds: list[tuple[type, int]] = [
        (bool, INT),
        (int, INT),
        (float, FLOAT),
        (str, STRING),
        (TensorProto, TENSOR),
        (GraphProto, GRAPH),
    ]
    several = isinstance(value, (list, tuple))
    sample = value[0] if several and value else 0 if several else value
    for kind, code in kinds:
        if isinstance(sample, kind):
            code += 5 if several else 0
            break
    else:
        raise TypeError(f"attribute '{name}': no kind of ONNX holds {type(sample).__name__}")
    if code == STRING:
        value = value.encode()
    elif code == STRINGS:
        value = [each.encode() for each in value]
    elif several:
        value = list(value)
    return AttributeProto(name=name, type=code, **{_PLACES[code]: value})

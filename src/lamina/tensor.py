"""The handle users hold: a Tensor knows its value (eager), its graph node (traced), or both.

Operations call `bind`, the one door from tensors to primitives:

    every operand has a value      the reference engine computes the result at once; if an operand
                                   is being differentiated, the node is recorded with the value
    some operand has none          a node is made; its value exists when the compiled program runs
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import context, restoring
from lamina.annotations import ArrayLike
from lamina.arguments import refuse_sparse
from lamina.engines import residence
from lamina.errors import DTypeError, ShapeError, TracedValueError
from lamina.floatx import AS_THEY_ARE
from lamina.ir import types
from lamina.ir.graph import Node
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import Dim, DType, Extent, Shape, Size, TensorType, plain, sizes
from lamina.reference import interpreter

if TYPE_CHECKING:  # operators and methods come from lamina.operations.attach
    from lamina._operators import Operators
else:
    Operators = object


class Tensor(Operators):
    """An n-dimensional array of one dtype, shaped and indexed like NumPy's.

    Tensors are immutable and are made by `lm.asarray(...)` or a creation function. Operators,
    methods and indexing are those of NumPy and the Array API standard.

    Args:
        type_: shape and dtype, set by the operation that makes the tensor.
        value: array of the values; None in a trace.
        node: node of the graph that computes it in a trace, or None.

    Example:
        >>> import lamina as lm
        >>> x = lm.asarray([[1.0, 2.0], [3.0, 4.0]])
        >>> (x @ x)[0].tolist(), x.mean().item()
        ([7.0, 10.0], 2.5)
    """

    __slots__ = ("__weakref__", "_mask", "_node", "_origin", "_type", "_value")
    __array_priority__ = 1000
    _mask: Tensor  # of tensors that have one: see operations.masks
    _origin: Any  # of probabilities whose logits are known: see operations.logits

    def __init__(self, type_: TensorType, value: Any = None, node: Node | None = None) -> None:
        self._type = type_
        self._value = value
        self._node = node

    # ---- shape and dtype -----------------------------------------------------------------------
    @property
    def shape(self) -> Shape:
        """The extent of each axis: integers, or symbols inside of a program."""
        return sizes(self._type.shape)

    @property
    def dtype(self) -> DType:
        """The elements' type, such as lm.float32."""
        return self._type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._type.shape)

    @property
    def size(self) -> Dim:
        """Number of elements."""
        return sizes((self._type.size,))[0]

    @property
    def is_traced(self) -> bool:
        """True while a program is being recorded: the value is not known yet."""
        return self._value is None

    @property
    def device(self) -> str:
        """The device of the values: "cpu", or the device that `to` has copied them to."""
        return "cpu" if self._value is None else residence.place_of(self._value)

    def to(self, device: str) -> Tensor:
        """Return this tensor with a copy on a device, for programs of the xla engine.

        NumPy and eager operations use the values on the host, which stay.

        Args:
            device: name of a device, such as "gpu:1" (`lm.devices()` lists them), or "cpu" for the
                host alone.

        Raises:
            UnknownNameError: the device does not exist; the message names those that do.
            MissingExtraError: the xla engine needs jax.

        Example:
            >>> import lamina as lm
            >>> lm.asarray([1.0]).to("cpu").device
            'cpu'
        """
        value = self._known("to(device)")
        if device == "cpu":
            here = residence.place_of(value) == "cpu"
            return self if here else Tensor(self._type, value.view(), self._node)
        from lamina.engines import engine

        engine("xla")
        from lamina.engines.xla import transfer

        return Tensor(self._type, transfer.copied(value, self.dtype, device), self._node)

    def to_device(self, device: str, /, *, stream: object = None) -> Tensor:
        """Return this tensor with a copy on a device: `to` by the name of the Array API.

        Args:
            device: name of a device.
            stream: accepted for the Array API.
        """
        return self.to(device)

    # ---- values --------------------------------------------------------------------------------
    def numpy(self) -> np.ndarray:
        """Return the values as a NumPy array, a read-only view if no copy is needed."""
        self._taken_out("numpy()")
        return self._as_array()

    def _as_array(self) -> np.ndarray:
        array = self._known("numpy()")
        if self.dtype.name == "bfloat16":
            return as_numpy(array, self.dtype)
        view = array.view()
        view.flags.writeable = False
        return view

    def _known(self, what: str) -> Any:
        if self._value is None:
            raise TracedValueError(
                f"{what} asks for the value of a traced tensor {self._type}: inside lm.compile and "
                "Model.fit values exist only when the compiled program runs.",
                hint="use lm.where(condition, a, b) or lm.cond instead of `if`, lm.scan or "
                "lm.while_loop instead of a Python loop over values, x.shape instead of "
                "x.numpy().shape; or call the function without lm.compile to run it eagerly.",
            )
        return self._value

    def _taken_out(self, what: str) -> None:
        """Note that a value has left what is being recorded: no gradient comes back to it."""
        if self._node is not None:
            record = context.current().record
            while record is not None:
                record.taken_out, record = what, record.outer

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._taken_out("NumPy")
        array = self._as_array()
        converts = dtype is not None and array.dtype != dtype
        if copy is False and (converts or self.dtype.name == "bfloat16"):
            raise ValueError(
                f"__array__: a {self.dtype} tensor needs a copy to become an array of "
                f"{np.dtype(dtype) if converts else array.dtype} (expected copy=None or True, got "
                "copy=False)"
            )
        if copy:
            return np.array(array, dtype=dtype)
        return array.astype(dtype) if converts else array

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        from lamina import dlpack

        self._taken_out("DLPack")
        view = self._known("__dlpack__").view()
        view.flags.writeable = False
        return dlpack.exported(
            view,
            self.dtype.name == "bfloat16",
            stream=stream,
            max_version=max_version,
            dl_device=dl_device,
            copy=copy,
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __buffer__(self, flags: int) -> memoryview:
        self._taken_out("NumPy")  # which takes buffers first, from Python 3.12 on
        return memoryview(self._as_array())  # type: ignore[arg-type]

    def tolist(self) -> Any:
        """Return the values as nested Python lists."""
        return self.numpy().tolist()

    def item(self) -> Any:
        """Return the value of a tensor of one element as a Python number."""
        self._taken_out("item()")
        return self._scalar("item()")

    def _scalar(self, what: str) -> Any:
        self._known(what)
        if self.size != 1:
            raise ShapeError(
                f"{what} needs a tensor of one element; this one has shape {self.shape}",
                hint="x.any() or x.all(), or lm.where(x, a, b) for each"
                if "bool" in what
                else None,
            )
        return self._as_array().item()

    def __bool__(self) -> bool:
        return bool(self._scalar("if / and / or / not (bool)"))

    def __float__(self) -> float:
        self._taken_out("float()")
        return float(self._scalar("float()"))

    def __int__(self) -> int:
        return int(self._scalar("int()"))

    def __index__(self) -> int:
        value = self._scalar("use as an index")
        if not isinstance(value, int):
            raise TypeError(f"only integer tensors can be used as an index; this is {self.dtype}")
        return value

    def __complex__(self) -> complex:
        return complex(self._scalar("complex()"))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0].__index__()

    def __format__(self, spec: str) -> str:
        one = spec and self._type.size == 1
        return format(self._scalar("format()") if one else str(self), spec)

    def __repr__(self) -> str:
        if self._value is None:
            return f"Tensor(traced, {self._type})"
        body = np.array2string(self._as_array(), separator=", ", prefix="Tensor(")
        return f"Tensor({body}, {self._type})"

    def _repr_html_(self) -> str:
        """The tensor as notebooks show it: shape, dtype, a table of first and last values."""
        from lamina import notebook

        if self._value is None:
            return notebook.remark(repr(self))
        return notebook.array("Tensor", self._as_array(), str(self._type))

    def __str__(self) -> str:
        return repr(self) if self._value is None else str(self._as_array())

    __hash__ = object.__hash__


# ---- the door to the primitives ----------------------------------------------------------------
def bind(name: str, *tensors: Tensor, **params: Any) -> Any:
    """Apply a primitive: a Tensor, or a tuple of them for a primitive with several results."""
    primitive = PRIMITIVES[name]
    for key, value in params.items():
        for each in value if value.__class__ is tuple else (value,):
            if each.__class__ is Size or each.__class__ is tuple:
                params[key] = plain(value)
                break
    type_ = primitive.infer(*(t._type for t in tensors), **params)
    params = {**primitive.defaults, **params}
    values = [t._value for t in tensors]
    if any(v is None for v in values) or _mentions_extent(params, type_):
        restoring.count_operation(name)
        node = Node(name, [as_node(t) for t in tensors], params, type_)
        return from_node(node)
    here = context.current()
    if here.restoration is None:
        value = interpreter.apply(name, values, params, tensors[0].dtype if tensors else None)
    else:
        value = _computed(here.restoration, name, values, params, tensors, type_)
    if here.record is None or not any(t._node is not None for t in tensors):
        if isinstance(type_, tuple):
            return tuple(Tensor(t, v) for t, v in zip(type_, value, strict=True))
        return Tensor(type_, value)
    node = Node(name, [as_node(t) for t in tensors], params, type_, value=value)
    return here.record.keep(from_node(node))


def _computed(
    reading: restoring.Restoration,
    name: str,
    values: list[Any],
    params: Any,
    tensors: tuple[Tensor, ...],
    type_: Any,
) -> Any:
    """The result of a primitive, within the limits of the file that is being read, if one is."""
    dtype = tensors[0].dtype if tensors else None
    is_view = name == "broadcast_in_dim"  # of any extent, and without memory
    types_ = () if is_view else type_ if isinstance(type_, tuple) else (type_,)
    sizes = [math.prod(t.shape) for t in types_]
    nbytes = sum(n * t.dtype.storage.itemsize for n, t in zip(sizes, types_, strict=True))
    restoring.count_operation(name, max(sum(sizes), *(np.size(v) for v in values), 0), nbytes)
    value = interpreter.apply(name, values, params, dtype)
    for each in value if isinstance(value, tuple) else (value,):
        reading.hold(each)
    return value


def _mentions_extent(params: Mapping[str, Any], type_: Any) -> bool:
    """A source of symbolic shape has no value yet, though it has no operand without one."""
    for each in type_ if isinstance(type_, tuple) else (type_,):
        for extent in each.shape:
            if extent.__class__ is Extent:
                return True
    return isinstance(params.get("extent"), Extent)


def from_node(node: Node) -> Any:
    """The tensor, or tuple of tensors, that a node is."""
    if not isinstance(node.type, tuple):
        return Tensor(node.type, node.value, node)
    get = PRIMITIVES["get_tuple_element"]
    elements = []
    for index, type_ in enumerate(node.type):
        element = get(node, index=index)
        element.value = None if node.value is None else node.value[index]
        elements.append(Tensor(type_, element.value, element))
    return tuple(elements)


def as_node(tensor: Tensor) -> Node:
    """The node of a tensor; a known value without a node becomes a constant."""
    if tensor._node is not None:
        return tensor._node
    value, dtype = tensor._value, tensor.dtype
    return Node("constant", (), {"value": value, "dtype": dtype}, tensor._type, value=value)


def node_of(tensor: Tensor) -> Node | None:
    """Return the node that records how a tensor was made; None if nothing recorded it."""
    return tensor._node


def from_array(array: Any, dtype: DType | None = None) -> Tensor:
    """A Tensor around a NumPy array, without a copy; the array must not change afterwards."""
    return Tensor(types.array_type(array, dtype), array)


# ---- conversion of whatever users pass ---------------------------------------------------------
ARRAY_PROTOCOLS = ("__array__", "__array_interface__")  # the second is that of Pillow's images


def as_tensor(value: ArrayLike, dtype: DType | None = None, *, copy: bool = False) -> Tensor:
    """Return a Tensor of a value.

    Python floats become float32, Python integers int32 (int64 if they do not fit); arrays keep
    their dtype.

    Args:
        value: Tensor, Variable, number, extent, nest of these, NumPy array, or object with
            `__array__` or `__dlpack__`.
        dtype: dtype to convert to; None keeps the one above.
        copy: copy arrays; False shares their memory if possible.

    Example:
        >>> import lamina as lm
        >>> lm.as_tensor([1, 2]).dtype.name
        'int32'
    """
    tensor = value if isinstance(value, Tensor) else _converted(value, dtype, copy)
    if dtype is not None and tensor.dtype != dtype:
        return bind("convert", tensor, dtype=dtype)
    return tensor


def as_numpy(array: np.ndarray, dtype: DType) -> np.ndarray:
    """Return the array of a program as NumPy has its numbers: the bits of bfloat16, which NumPy
    lacks, as float32."""
    if dtype.name != "bfloat16":
        return array
    return interpreter.apply("convert", [array], {"dtype": types.float32}, dtype)


def _converted(value: Any, dtype: DType | None, copy: bool) -> Tensor:
    """A tensor of anything else; Variables and extents convert themselves."""
    own = getattr(type(value), "__lamina_tensor__", None)
    return _from_foreign(value, dtype, copy) if own is None else own(value)


def _size_of(extent: Extent) -> Tensor:
    """An extent that is not known yet as an int32 scalar."""
    return bind("size_of", extent=extent)


Extent.__lamina_tensor__ = _size_of


def _from_foreign(value: Any, dtype: DType | None, copy: bool) -> Tensor:
    if isinstance(value, (list, tuple)) and _holds_tensor(value):
        return _stacked(value)
    is_array = isinstance(value, np.generic) or any(hasattr(value, a) for a in ARRAY_PROTOCOLS)
    if not is_array and hasattr(value, "__dlpack__"):
        return from_foreign_dlpack(value, copy)
    array = _numpy(value, copy)
    if array.dtype.name == "bfloat16":  # of ml_dtypes, which NumPy itself does not have
        return from_array(array.view(np.uint16), types.bfloat16)
    if array.dtype.kind not in "biuf":
        refuse_sparse("asarray", value)
        raise DTypeError(
            f"a tensor holds numbers or bools; this is an array of dtype {array.dtype}",
            hint="convert columns of strings or objects to numbers first",
        )
    if not is_array and dtype is None:
        array = array.astype(default_dtype(array))
    if not array.dtype.isnative or array.dtype.itemsize > 8:
        array = array.astype(array.dtype.newbyteorder("=") if array.dtype.itemsize <= 8 else float)
    return from_array(array)


def from_foreign_dlpack(value: Any, copy: bool) -> Tensor:
    from lamina import dlpack

    array, is_bfloat16 = dlpack.imported(value, copy)
    return from_array(array, types.bfloat16) if is_bfloat16 else _from_foreign(array, None, False)


def _numpy(value: Any, copy: bool) -> np.ndarray:
    try:
        return np.array(value, copy=True) if copy else np.asarray(value)
    except ValueError as error:
        if not isinstance(value, (list, tuple)):
            raise
        raise ShapeError(
            f"a list of {len(value)} entries is not an array, because their shapes differ: {error}",
            hint="a tensor's rows are all of one shape: pad series, and resize images",
        ) from error


def _holds_tensor(nest: Any) -> bool:
    if isinstance(nest, (list, tuple)):
        return any(_holds_tensor(v) for v in nest)
    return isinstance(nest, Tensor) or hasattr(type(nest), "__lamina_tensor__")


def _stacked(nest: Sequence[Any]) -> Tensor:
    """A nest of tensors joined along new leading axes."""
    parts = [as_tensor(v) for v in nest]
    weak = [type(v) in (bool, int, float) for v in nest]
    dtype = functools.reduce(types.promote, [p.dtype for p, w in zip(parts, weak) if not w])
    for part, is_weak in zip(parts, weak):
        if is_weak and "biuf".index(part.dtype.kind) > "biuf".index(dtype.kind):
            dtype = types.promote(dtype, part.dtype) if part.dtype.kind != "f" else part.dtype
    rows = [bind("reshape", as_tensor(p, dtype), shape=(1, *p.shape)) for p in parts]
    return bind("concatenate", *rows, dimension=0)


def default_dtype(array: np.ndarray) -> np.dtype:
    """float32 for Python floats, which NumPy makes float64, and int32 for Python integers, int64
    there, if they fit; an array of other types was made of arrays, and keeps its dtype."""
    if array.dtype == np.float64:
        return np.dtype("float32")
    if array.dtype == np.int64:
        fits = array.size == 0 or (-(2**31) <= array.min() and array.max() < 2**31)
        return np.dtype("int32") if fits else array.dtype
    return array.dtype


# ---- variables ---------------------------------------------------------------------------------


AS_THEY_ARE.add(Tensor)

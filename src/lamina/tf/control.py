"""Loops and branches: Python's where values are known, Lamina's loops inside a program."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from lamina import tree
from lamina.data.elements import plain
from lamina.errors import ArgumentError, RangeError, StateError
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor
from lamina.tf.ragged import RaggedTensor
from lamina.tf.shapes import stack
from lamina.variables import current_trace


def _is_known(*nests: Any) -> bool:
    leaves = [leaf for nest in nests for leaf in tree.leaves(nest)]
    return not any(isinstance(leaf, Tensor) and leaf.is_traced for leaf in leaves)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: Any = None,
) -> Any:
    """Apply `body` to the loop variables while `cond` of them is true."""
    kind = type(loop_vars) if isinstance(loop_vars, (list, tuple)) else list
    values = [tree.map_structure(convert_to_tensor, each) for each in loop_vars]
    most = None if maximum_iterations is None else int(maximum_iterations)
    if not _is_known(values) or (current_trace() is not None and not _is_known(cond(*values))):
        return kind(_traced_loop(cond, body, values, most))
    count = 0
    while bool(cond(*values)) and (most is None or count < most):
        found = body(*values)
        values = list(found) if isinstance(found, (list, tuple)) else [found]
        count += 1
    return kind(values)


def _traced_loop(cond: Any, body: Any, values: list[Any], most: int | None) -> list[Any]:
    def step(state: Any) -> Any:
        found = body(*state[1])
        return state[0] + 1, list(found) if isinstance(found, (list, tuple)) else [found]

    def goes(state: Any) -> Any:
        again = cond(*state[1])
        return again if most is None else lm.logical_and(again, state[0] < most)

    return list(lm.while_loop(goes, step, (lm.asarray(0), values))[1])


def cond(
    pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: Any = None
) -> Any:
    """Return the result of one of two functions."""
    if isinstance(pred, Tensor) and pred.is_traced:
        return lm.cond(pred, true_fn, false_fn)
    return true_fn() if bool(pred) else false_fn()


def case(
    pred_fn_pairs: Sequence[Any],
    default: Any = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """Return the result of the first function whose predicate is true."""
    for pred, function in pred_fn_pairs:
        if bool(pred):
            return function()
    if default is None:
        raise ArgumentError("tf.case: none of the predicates is true, and default is missing")
    return default()


def switch_case(
    branch_index: Any, branch_fns: Any, default: Any = None, name: str = "switch_case"
) -> Any:
    """Return the result of the function of a number; others have the default, or the last."""
    functions = dict(
        branch_fns if isinstance(branch_fns, dict) else enumerate_functions(branch_fns)
    )
    last = default or functions[max(functions)]
    return functions.get(int(branch_index), last)()


def enumerate_functions(functions: Sequence[Any]) -> list[tuple[int, Any]]:
    """Pairs of number and function; pairs stay as they are."""
    return [f if isinstance(f, tuple) else (k, f) for k, f in enumerate(functions)]


# ---- along the first axis ----------------------------------------------------------------------
def _rows(elems: Any) -> list[Any]:
    leaves, structure = tree.flatten(elems)
    parts = [list(convert_to_tensor(leaf)) for leaf in leaves]
    return [tree.unflatten(structure, row) for row in zip(*parts, strict=True)]


def _joined(results: list[Any]) -> Any:
    if isinstance(results[0], RaggedTensor):
        return RaggedTensor([each.flat_values for each in results])
    return tree.map_structure(lambda *parts: stack(parts), *results)


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    fn_output_signature: Any = None,
    **_: Any,
) -> Any:
    """Return a function of each row, stacked; the loop compiles once inside a program."""
    if not _is_known(elems):
        return lm.scan(lambda carry, x: (carry, fn(x)), (), elems)[1]
    return _joined([fn(row) for row in _rows(elems)])


def vectorized_map(fn: Callable[[Any], Any], elems: Any, **_: Any) -> Any:
    """Return a function of each row, stacked."""
    return map_fn(fn, elems)


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    reverse: bool = False,
    **_: Any,
) -> Any:
    """Return the states after each row, stacked; the first row is the state to begin with."""
    rows = _rows(elems)[::-1] if reverse else _rows(elems)
    found = [] if initializer is not None else [rows.pop(0)]
    state = found[0] if found else tree.map_structure(convert_to_tensor, initializer)
    for row in rows:
        state = fn(state, row)
        found.append(state)
    return _joined(found[::-1] if reverse else found)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **_: Any) -> Any:
    """Return the state after all rows, from the first to the last."""
    return _folded(fn, _rows(elems), initializer)


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **_: Any) -> Any:
    """Return the state after all rows, from the last to the first."""
    return _folded(fn, _rows(elems)[::-1], initializer)


def _folded(fn: Any, rows: list[Any], initializer: Any) -> Any:
    state = (
        rows.pop(0) if initializer is None else tree.map_structure(convert_to_tensor, initializer)
    )
    for row in rows:
        state = fn(state, row)
    return state


class TensorArray:
    """A list of tensors that a loop writes; it grows as it is written.

    Args:
        dtype: dtype of the tensors.
        size: number of tensors.
    """

    def __init__(
        self,
        dtype: Any = None,
        size: Any = 0,
        dynamic_size: bool = False,
        clear_after_read: Any = None,
        **_: Any,
    ) -> None:
        self.dtype, self.dynamic_size = dtype, dynamic_size
        self._clears = clear_after_read is not False
        self._parts: list[Any] = [None] * int(size)

    def write(self, index: Any, value: Any, name: Any = None) -> TensorArray:
        """Put a tensor in a place, and return this array."""
        place = int(index)
        if place >= len(self._parts) and not self.dynamic_size:
            raise RangeError(
                f"TensorArray: index out of range (expected less than {len(self._parts)}, got "
                f"{place})",
                hint="TensorArray(..., dynamic_size=True) grows",
            )
        self._parts += [None] * (place + 1 - len(self._parts))
        self._parts[place] = convert_to_tensor(value, self.dtype)
        return self

    def read(self, index: Any, name: Any = None) -> Any:
        """Return the tensor of a place; it is read once, unless clear_after_read=False."""
        place = int(index)
        found = self._parts[place]
        if found is None:
            raise StateError(f"TensorArray: place {place} is empty (expected a write before)")
        if self._clears:
            self._parts[place] = None
        return found

    def _filled(self) -> list[Any]:
        like = next((each for each in self._parts if each is not None), as_tensor(0.0))
        return [lm.zeros_like(like) if each is None else each for each in self._parts]

    def stack(self, name: Any = None) -> Any:
        """Return all tensors along a new first axis."""
        return stack(self._filled())

    def concat(self, name: Any = None) -> Any:
        """Return all tensors joined along their first axis."""
        return lm.concat(self._filled(), axis=0)

    def gather(self, indices: Any, name: Any = None) -> Any:
        """Return the tensors of some places, stacked."""
        return stack([self._filled()[int(k)] for k in indices])

    def unstack(self, value: Any, name: Any = None) -> TensorArray:
        """Fill the places with the rows of a tensor, and return this array."""
        self._parts = list(convert_to_tensor(value))
        return self

    def size(self, name: Any = None) -> Tensor:
        """Return the number of places."""
        return lm.asarray(len(self._parts))


# ---- Python's functions ------------------------------------------------------------------------
def py_function(func: Callable[..., Any], inp: Any, Tout: Any = None, name: Any = None) -> Any:
    """Call a Python function with tensors."""
    return _converted(func(*map(convert_to_tensor, inp)), Tout)


def numpy_function(
    func: Callable[..., Any], inp: Any, Tout: Any = None, stateful: bool = True, name: Any = None
) -> Any:
    """Call a Python function with NumPy arrays."""
    return _converted(func(*(convert_to_tensor(each).numpy() for each in inp)), Tout)


def _converted(result: Any, dtypes: Any) -> Any:
    if isinstance(dtypes, (list, tuple)):
        values = result if isinstance(result, (list, tuple)) else [result]
        return [convert_to_tensor(v, d) for v, d in zip(values, dtypes, strict=True)]
    return result if result is None else convert_to_tensor(plain(result), dtypes)


def print_(
    *inputs: Any,
    output_stream: Any = None,
    summarize: int = 3,
    sep: str = " ",
    end: str = "\n",
    name: Any = None,
) -> None:
    """Print values; inside a program the description of tensors without values."""
    builtins.print(*inputs, sep=sep, end=end)


def executing_eagerly() -> bool:
    """Return True outside of a program that is being recorded."""
    return current_trace() is None or _is_known(as_tensor(0))


def nothing(*_: Any, **__: Any) -> AbstractContextManager[None]:
    """A `with` block that changes nothing: control_dependencies, name_scope, init_scope, device."""
    return nullcontext()


def no_op(*_: Any, **__: Any) -> None:
    """Nothing: no_op and group, since operations run when they are called."""


def same(function: Any = None, **_: Any) -> Any:
    """Return the function: a decorator that has no effect here."""
    return (lambda f: f) if function is None else function


def custom_gradient(f: Any = None) -> Any:
    """Define the gradient of a function, as `lm.custom_gradient`."""
    return lm.custom_gradient(f)


def timestamp(name: Any = None) -> Tensor:
    """Return the seconds since 1970, float64."""
    import time

    return as_tensor(np.float64(time.time()))

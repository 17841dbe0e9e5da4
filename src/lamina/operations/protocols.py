"""NumPy's protocols on tensors: functions of NumPy that are called on them, and their namespace."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, TracedValueError
from lamina.operations import (
    creation,
    dtypes,
    einstein_sums,
    elementwise,
    extending,
    gathering,
    indexing,
    joining,
    linear_algebra,
    matrices,
    matrix_diagonals,
    norms,
    reductions,
    shaping,
    sorting,
)
from lamina.tensor import Tensor
from lamina.variables import Variable


def _array_namespace(self: Any, /, *, api_version: str | None = None) -> Any:
    """The namespace of the Array API standard: `lamina` itself."""
    import sys

    if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        raise ValueError(f"the Array API standard of {api_version} is not known here")
    return sys.modules["lamina"]


# names that NumPy's ufuncs and functions have where ours differ
ALIASES = {
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "absolute": "abs",
    "fabs": "abs",
    "amax": "max",
    "amin": "min",
    "conjugate": "positive",
    "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
    "rint": "round",
    "true_divide": "divide",
}


MODULES = (
    elementwise,
    reductions,
    shaping,
    joining,
    extending,
    linear_algebra,
    einstein_sums,
    norms,
    indexing,
    gathering,
    sorting,
    creation,
    matrices,
    dtypes,
)


LINALG = (matrix_diagonals, linear_algebra, norms)  # where they differ, those of NumPy's linalg


def _counterpart(function: Any) -> Callable[..., Any] | None:
    """Our function of NumPy's name, if there is one."""
    name = getattr(function, "__name__", "")
    name = ALIASES.get(name, name)
    is_linalg = getattr(function, "__module__", "") == "numpy.linalg"
    for module in LINALG if is_linalg else MODULES:
        found = vars(module).get(name)
        if callable(found) and not name.startswith("_"):
            return found
    return None


def _fits(function: Callable[..., Any], args: Any, kwargs: Any) -> bool:
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _array_ufunc(self: Any, ufunc: Any, method: str, /, *inputs: Any, **kwargs: Any) -> Any:
    """np.exp(tensor) is lm.exp(tensor); methods and other arguments run on NumPy arrays. With
    `out`, the result goes there: into an array, or into a Variable."""
    name = ufunc.__name__
    if method == "at":
        return _changed(
            name, inputs[0], lambda array: ufunc.at(array, *_arrays_of(inputs[1:], name))
        )
    out = kwargs.pop("out", (None,) * ufunc.nout)
    places = [place for place in out if place is not None]
    if method == "__call__" and len(places) < ufunc.nout and kwargs.get("where", True) is not True:
        raise ArgumentError(
            f"np.{name}: where= without out= leaves the other elements undefined",
            hint=f"give out=, an array that holds them, or use lm.where(where, np.{name}(x), x)",
        )
    ours = _counterpart(ufunc) if method == "__call__" and not kwargs else None
    if ours is not None and not places:
        return ours(*inputs)
    arrays, kwargs = _arrays_of(inputs, name), _arrays_of(kwargs, name)
    if not places:
        return getattr(ufunc, method)(*arrays, **kwargs)
    targets = tuple(_target(name, place) for place in out)
    results = getattr(ufunc, method)(*arrays, out=targets, **kwargs)
    results = results if isinstance(results, tuple) else (results,)
    for place, result in zip(out, results, strict=True):
        if isinstance(place, Variable):
            place.assign(result)
    results = tuple(r if p is None else p for p, r in zip(out, results, strict=True))
    return results if len(results) > 1 else results[0]


def _target(name: str, place: Any) -> Any:
    """The array that NumPy writes for this place; a Variable is assigned from it afterwards."""
    if isinstance(place, Tensor):
        raise ArgumentError(
            f"np.{name}: a Tensor cannot be changed (expected an array or a Variable to write to)",
            hint="take the result that the function returns, or x.at[index].add(value)",
        )
    return np.array(place.numpy()) if isinstance(place, Variable) else place


def _changed(name: str, place: Any, change: Callable[[Any], Any]) -> None:
    array = _target(f"{name}.at", place)
    change(array)
    if isinstance(place, Variable):
        place.assign(array)


def _array_function(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """np.concatenate([tensor, ...]) is lm.concatenate; what we lack runs on NumPy arrays."""
    ours = _counterpart(function)
    if ours is not None and _fits(ours, args, kwargs):
        return ours(*args, **kwargs)
    name = function.__name__
    return function(*_arrays_of(args, name), **_arrays_of(kwargs, name))


def _arrays_of(nest: Any, name: str) -> Any:
    if isinstance(nest, (list, tuple)):
        return type(nest)(_arrays_of(v, name) for v in nest)
    if isinstance(nest, dict):
        return {k: _arrays_of(v, name) for k, v in nest.items()}
    return _array_of(nest, name)


def _array_of(value: Any, name: str) -> Any:
    if isinstance(value, Tensor) and value.is_traced:
        ours = _counterpart(getattr(np, name, None))
        raise TracedValueError(
            f"np.{name} cannot take a traced tensor: its value exists only when the compiled "
            "program runs.",
            hint=f"use lm.{ours.__name__}, with its arguments"
            if ours
            else "write it with lm's functions, or move it out of the compiled function",
        )
    return value.numpy() if isinstance(value, (Tensor, Variable)) else value

"""Gradients of Python functions of tensors, eager or traced, to any order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from lamina import context, tree
from lamina.annotations import ArrayLike
from lamina.autodiff.reverse import gradients
from lamina.errors import ArgumentError, DTypeError, GradientError, ShapeError
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.reference import interpreter
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node
from lamina.variables import Record, Variable, bound

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=Any)  # of the first argument, and of its gradient


@overload
def value_and_grad(  # type: ignore[overload-overlap]
    f: Callable[Concatenate[T, P], R], argnums: Literal[0] = ..., *, has_aux: bool = ...
) -> Callable[Concatenate[T, P], tuple[R, T]]: ...
@overload
def value_and_grad(
    f: Callable[P, R], argnums: int | Sequence[int], *, has_aux: bool = ...
) -> Callable[P, tuple[R, Any]]: ...
def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the value of f and its gradient.

    Arguments may be nests of tensors; a gradient has its argument's structure, shapes and dtypes. A
    Variable given as an argument counts as its value, also if f reads it by another name.

    Args:
        f: function whose result is a scalar tensor.
        argnums: position, or positions, of the arguments to differentiate with respect to.
        has_aux: f returns a pair of the scalar and anything else, which is returned as part of the
            value.

    Raises:
        ShapeError: if the value of f is not a scalar.
        DTypeError: if an argument or the value is not floating.
        GradientError: if f left the recorded operations, through NumPy or Python numbers.

    Example:
        >>> import lamina as lm
        >>> value, gradient = lm.value_and_grad(lambda x: lm.sum(x**2))(lm.asarray([1.0, 2.0]))
        >>> gradient.tolist()
        [2.0, 4.0]
    """

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        if not all(-len(args) <= p < len(args) for p in positions):
            raise ArgumentError(
                f"grad: asked for the gradient of argument {max(positions)}, but the function was "
                f"called with {len(args)} arguments",
                hint="arguments are counted from 0, and are given by position, not by name",
            )
        nests = [tree.flatten(args[p]) for p in positions]
        leaves = [_Leaf(v) for flat, _ in nests for v in flat]
        rest = iter(leaves)
        inner = list(args)
        for p, (flat, structure) in zip(positions, nests, strict=True):
            inner[p] = tree.unflatten(structure, [next(rest).inside for _ in flat])
        variables = {
            leaf.source: leaf.inside for leaf in leaves if isinstance(leaf.source, Variable)
        }
        record = Record()
        with context.entered(record=record):
            if variables:
                with bound(variables):
                    result = f(*inner, **kwargs)
            else:
                result = f(*inner, **kwargs)
            value, aux = result if has_aux else (result, None)
            _need_record(as_tensor(value), record)
            found = _gradients(as_tensor(value), [leaf.node for leaf in leaves])
        flat_gradients = iter(found)
        answers = [
            tree.unflatten(structure, [next(flat_gradients) for _ in flat])
            for flat, structure in nests
        ]
        value, aux = tree.map_structure(_released, (value, aux))
        gradient = answers[0] if isinstance(argnums, int) else tuple(answers)
        return ((value, aux) if has_aux else value), gradient

    return differentiated


@overload
def grad(
    f: Callable[Concatenate[T, P], object],
    argnums: Literal[0] = ...,
    *,
    has_aux: Literal[False] = ...,
) -> Callable[Concatenate[T, P], T]: ...
@overload
def grad(  # type: ignore[overload-overlap]
    f: Callable[Concatenate[T, P], tuple[object, R]],
    argnums: Literal[0] = ...,
    *,
    has_aux: Literal[True],
) -> Callable[Concatenate[T, P], tuple[T, R]]: ...
@overload
def grad(
    f: Callable[P, object], argnums: int | Sequence[int] = ..., *, has_aux: bool = ...
) -> Callable[P, Any]: ...
def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the gradient of f.

    Args:
        f: function whose result is a scalar tensor.
        argnums: position, or positions, of the arguments to differentiate with respect to.
        has_aux: f returns a pair of the scalar and anything else, which is returned with the
            gradient.

    Raises:
        ShapeError: if the value of f is not a scalar.
        DTypeError: if an argument or the value is not floating.
        GradientError: if f left the recorded operations, through NumPy or Python numbers.

    Example:
        >>> import lamina as lm
        >>> lm.grad(lm.grad(lambda x: x**3))(2.0).item()
        12.0
    """
    both = value_and_grad(f, argnums, has_aux=has_aux)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return differentiated


class _Leaf:
    """One differentiated argument: `inside` is what f sees, a fresh node so that the gradient is
    taken at this argument alone, even where f also closes over the same tensor."""

    def __init__(self, source: Any) -> None:
        outer = as_tensor(source)
        if not outer.dtype.is_float:
            raise DTypeError(
                f"grad: an argument of dtype {outer.dtype} has no gradient",
                hint="pass floats (1.0, not 1), or name the arguments to differentiate by argnums",
            )
        self.source = source
        self.node = ops.identity(as_node(outer))
        self.node.value = outer._value
        self.inside = from_node(self.node)


def _need_record(value: Tensor, record: Record) -> None:
    """Raise where values were taken out of the record and nothing of it has reached the result: the
    gradient would be 0 without a word."""
    if record.taken_out is not None and value._node is None:
        raise GradientError(
            f"grad: the result does not depend on the arguments, since {record.taken_out} took "
            "their values out of what is recorded",
            hint="compute with tensors to the end: lm.sum(x) or np.sum(x), and not "
            "np.sum(x.numpy()) or float(x)",
        )


def _gradients(value: Tensor, leaves: list[Node]) -> list[Tensor]:
    if value.shape != ():
        raise ShapeError(
            f"grad: the function must return a scalar; it returned shape {value.shape}",
            hint="reduce it, for example with lm.sum or lm.mean",
        )
    if not value.dtype.is_float:
        raise DTypeError(f"grad: the function must return a float; it returned {value.dtype}")
    nodes = gradients([as_node(value)], [ops.fill(1.0, as_node(value))], leaves)
    if value._value is not None:
        arrays = interpreter.evaluate_nodes(nodes, {})
        for node, array in zip(nodes, arrays, strict=True):
            node.value = array
    return [_released(from_node(node)) for node in nodes]


def _released(value: Any) -> Any:
    """Outside every gradient a known value needs no record of how it was made."""
    is_known = isinstance(value, Tensor) and value._value is not None
    if is_known and context.current().record is None:
        return Tensor(value._type, value._value)
    return value


def stop_gradient(x: ArrayLike) -> Tensor:
    """Return x, with a gradient of zero.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.grad(lambda x: x * lm.stop_gradient(x))(3.0).item()
        3.0
    """
    return bind("stop_gradient", as_tensor(x))


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Define the gradient of a function, as `tf.custom_gradient`.

    Args:
        f: function of tensors that returns a pair (value, rule); rule(g), with g shaped like value,
            returns the gradient of each argument, one or a tuple.

    Example:
        >>> import lamina as lm
        >>> @lm.custom_gradient
        ... def clipped(x):
        ...     return x, lambda g: lm.clip(g, -1.0, 1.0)
        >>> lm.grad(lambda x: 5.0 * clipped(x))(2.0).item()
        1.0
    """

    @functools.wraps(f)
    def wrapped(*args: Any) -> Any:
        inputs = [as_tensor(a) for a in args]
        value, rule = f(*inputs)

        def on_nodes(g: Node) -> tuple[Node, ...]:
            answers = rule(from_node(g))
            answers = answers if isinstance(answers, (tuple, list)) else (answers,)
            if len(answers) != len(inputs):
                raise ShapeError(
                    f"custom_gradient: the rule gave {len(answers)} gradients for "
                    f"{len(inputs)} arguments"
                )
            return tuple(as_node(as_tensor(a)) for a in answers)

        return bind("custom_gradient", as_tensor(value), *inputs, rule=on_nodes)

    return wrapped

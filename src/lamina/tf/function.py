"""`tf.function`: a program per kind of arguments, with Python's own control flow as a way out."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from lamina import tree
from lamina.errors import ArgumentError, DTypeError, StateError, TracedValueError, warn
from lamina.operations.random_keys import key_scope, scoped_key
from lamina.specs import TensorSpec
from lamina.string_tensor import StringTensor
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor
from lamina.tf.ragged import RaggedTensor, SparseTensor
from lamina.variables import Variable, current_trace

EAGER = [False]  # set by tf.config.run_functions_eagerly


class Function:
    """A function that is compiled for each combination of shapes, dtypes and Python values.

    A function that asks for the value of a tensor (`if x > 0`, `float(x)`) cannot be compiled: it
    runs step by step from then on, with a warning that names `tf.cond` and `tf.while_loop`.

    Args:
        function: function of tensors.
        input_signature: TensorSpec for each argument, to which arguments are converted.
    """

    def __init__(self, function: Callable[..., Any], input_signature: Any = None) -> None:
        functools.update_wrapper(self, function)
        self.python_function = function
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._compiled = lm.compile(self._body)
        self._of_variables: dict[Any, Any] = {}  # programs by the Variables among the arguments
        self._bound: dict[int, Function] = {}
        self._eager = False

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """The function as a method: one for each object, which is part of its program."""
        if instance is None:
            return self
        key = id(instance)
        if key not in self._bound:
            method = functools.partial(self.python_function, instance)
            functools.update_wrapper(method, self.python_function)
            self._bound[key] = Function(method, self.input_signature)
        return self._bound[key]

    def _body(self, key: Any, args: Any, kwargs: Any) -> Any:
        with key_scope(key):
            return self.python_function(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._conformed(args)
        if EAGER[0] or self._eager or current_trace() is not None or _has_text((args, kwargs)):
            return self.python_function(*args, **kwargs)
        try:
            return self._run(args, kwargs)
        except (TracedValueError, StateError, DTypeError, TypeError) as error:
            self._eager = True
            result = self.python_function(*args, **kwargs)
            name = getattr(self.python_function, "__name__", "function")
            reason = str(error).split("\n")[0]
            warn(
                f"tf.function: {name} runs without compilation, since it cannot be recorded: "
                f"{reason} "
                "(tf.cond, tf.while_loop and tf.where compute with values that are not known yet)"
            )
            return result

    def _run(self, args: Any, kwargs: Any) -> Any:
        """The result of a program. Variables among the arguments are part of it: the function may
        assign to them."""
        leaves, structure = tree.flatten((args, kwargs))
        held = {k: leaf for k, leaf in enumerate(leaves) if isinstance(leaf, Variable)}
        if not held:
            return self._compiled(scoped_key("tf.function"), args, kwargs)
        key = tuple((k, id(variable)) for k, variable in held.items())
        if key not in self._of_variables:

            def body(key: Any, rest: list[Any]) -> Any:
                given = iter(rest)
                whole = [held[k] if k in held else next(given) for k in range(len(leaves))]
                return self._body(key, *tree.unflatten(structure, whole))

            self._of_variables[key] = lm.compile(body)
        rest = [leaf for k, leaf in enumerate(leaves) if k not in held]
        return self._of_variables[key](scoped_key("tf.function"), rest)

    def _conformed(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        signature = self.input_signature
        if signature is None:
            return args
        if len(args) > len(signature):
            raise ArgumentError(
                f"tf.function: {len(args)} arguments (expected {len(signature)}, as "
                "input_signature)"
            )
        return tuple(_as_spec(a, s) for a, s in zip(args, signature, strict=False))

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> Function:
        """Return this function; programs are made with the first call of each kind."""
        return self


def _as_spec(value: Any, spec: Any) -> Any:
    if not isinstance(spec, TensorSpec):
        return value
    found = convert_to_tensor(value, spec.dtype)
    if not spec.shape.is_compatible_with(found.shape):
        raise ArgumentError(
            f"tf.function: an argument has shape {found.shape} (expected {spec.shape}, as "
            "input_signature)"
        )
    return found


def _has_text(nest: Any) -> bool:
    kinds = (StringTensor, RaggedTensor, SparseTensor)
    return any(isinstance(leaf, kinds) for leaf in tree.leaves(nest))


def function(func: Any = None, input_signature: Any = None, **_: Any) -> Any:
    """Return the compiled form of a function of tensors; also a decorator, with arguments or
    without."""
    if func is None:
        return lambda f: function(f, input_signature)
    if isinstance(func, Function) or not (callable(func) or inspect.ismethod(func)):
        return func
    return Function(func, input_signature)

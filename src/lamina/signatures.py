"""The signatures of classes whose `**kwargs` go to their base classes: with every argument by name.

    class Scale(Layer):
        def __init__(self, factor=1.0, **kwargs): ...

    inspect.signature(Scale)      (factor=1.0, *, name=None, trainable=True, ...)

A parameter `**kwargs` or `**options` is passed on to the next class with an `__init__`, or to the
function `_takes_keywords_of` of the same class; `**unknown` is refused with an error, and any other
`**name` stays in the signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from inspect import Parameter, Signature, isfunction, signature
from typing import Any, TypeVar

PASSED_ON = ("kwargs", "options")
REFUSED = ("unknown",)
F = TypeVar("F", bound=Callable[..., Any])


class OfClass:
    """`__signature__` of a class, which `inspect.signature`, `help` and notebooks read."""

    def __get__(self, instance: Any, owner: type) -> Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        return whole_signature(owner)


def whole_signature(cls: type) -> Signature:
    """Return the arguments of `__init__`, and by keyword those that it passes on."""
    return Signature(completed(_signatures(cls), hidden=getattr(cls, "_hidden", ())))


def takes_arguments_of(cls: type) -> Callable[[F], F]:
    """Return a decorator of a function that passes its `**kwargs` to a class."""

    def decorated(function: F) -> F:
        @wraps(function)
        def passing(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        found = completed([signature(function), *_signatures(cls)], hidden=())
        whole = signature(function).replace(parameters=found)
        passing.__signature__ = whole  # type: ignore[attr-defined]
        return passing  # type: ignore[return-value]

    return decorated


def completed(signatures: Iterable[Signature], hidden: Iterable[str]) -> list[Parameter]:
    """Return the parameters of the first signature, and by keyword those of each that it, directly
    or not, passes keywords on to."""
    found: dict[str, Parameter] = {}
    for place, each in enumerate(signatures):
        rest = None
        for parameter in each.parameters.values():
            if parameter.kind is Parameter.VAR_KEYWORD:
                rest = parameter
            elif place == 0:
                found[parameter.name] = parameter
            elif parameter.kind is not Parameter.VAR_POSITIONAL and parameter.name not in hidden:
                keyword = parameter.replace(kind=Parameter.KEYWORD_ONLY)
                found.setdefault(parameter.name, keyword)
        if rest is None or rest.name in REFUSED:
            break
        if rest.name not in PASSED_ON:
            found[rest.name] = rest
            break
    return sorted(found.values(), key=lambda p: p.kind)


def _signatures(cls: type) -> Iterator[Signature]:
    """The signatures of a class and of those that it passes keywords on to, in order."""
    owners = getattr(cls, "_passes_keywords_to", None)
    for each in owners() if owners is not None else cls.__mro__:
        initializer = vars(each).get("__init__")
        if isfunction(initializer):
            whole = signature(initializer)
            yield whole.replace(parameters=list(whole.parameters.values())[1:])
        if "_takes_keywords_of" in vars(each):
            whole = signature(vars(each)["_takes_keywords_of"].__func__)
            keywords = [p for p in whole.parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
            yield whole.replace(parameters=keywords)

"""Count the public arguments and results whose type is `Any`.

    python tools/count_any.py                by namespace
    python tools/count_any.py --list NAME    those of a namespace, such as layers ("lm" for the top)

Public are the functions, classes and methods that docs/reference describes, and those of
`lamina.keras`. `*args` and `**kwargs` do not count.
"""

from __future__ import annotations

import collections
import importlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

from write_arguments import is_ours, methods, public

KERAS = ("keras", "keras.ops", "keras.utils", "keras.random", "keras.backend", "keras.saving")


def signatures() -> Iterator[tuple[str, str, Any]]:
    """(namespace, name, function) of each public function, constructor and method, once."""
    seen: set[int] = set()
    for namespace, found in [*public(), *methods(), *_keras()]:
        function = found.__init__ if inspect.isclass(found) else inspect.unwrap(found)
        if inspect.isfunction(function) and id(function) not in seen:
            seen.add(id(function))
            yield namespace or "lm", found.__qualname__, function


def _keras() -> Iterator[tuple[str, Any]]:
    for name in KERAS:
        module = importlib.import_module(f"lamina.{name}")
        for each in module.__all__:
            found = getattr(module, each)
            if is_ours(found):
                yield name, found


def annotations(function: Any) -> Iterator[tuple[str, str]]:
    """(argument, type as written), and ("return", type)."""
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.kind not in variadic and parameter.name not in ("self", "cls"):
            yield parameter.name, str(parameter.annotation)
    if function.__name__ != "__init__":
        yield "return", str(signature.return_annotation)


def is_any(written: str) -> bool:
    return written.removesuffix(" | None") in ("Any", "typing.Any")


def counts() -> dict[str, tuple[int, int]]:
    """By namespace: how many types are Any, and how many there are."""
    found: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for namespace, _, function in signatures():
        for _, written in annotations(function):
            found[namespace][0] += is_any(written)
            found[namespace][1] += 1
    return {name: (some, of) for name, (some, of) in sorted(found.items())}


def main() -> None:
    if len(sys.argv) > 1:
        for namespace, name, function in signatures():
            bad = [f"{a}" for a, written in annotations(function) if is_any(written)]
            if namespace == sys.argv[-1] and bad:
                print(f"{function.__module__}.{name}: {', '.join(bad)}")
        return
    table = counts()
    for name, (some, of) in table.items():
        print(f"{name:15} {some:4} of {of:4}  {some / of:6.1%}")
    some, of = (sum(each[k] for each in table.values()) for k in (0, 1))
    print(f"{'all':15} {some:4} of {of:4}  {some / of:6.1%}")


if __name__ == "__main__":
    main()

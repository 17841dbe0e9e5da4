"""Complete the "Args:" sections of public docstrings from the table of shared arguments.

    python tools/write_arguments.py            write into src/lamina
    python tools/write_arguments.py --check    print what is missing; exit 1 if anything is

Public are the names in `__all__` of the namespaces below. The arguments are those of the function,
or of the class's constructor, in their order; texts that a docstring has already stay.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))  # edit this checkout, no installed one

from shared_arguments import text_of

NAMES = [
    *("layers", "losses", "metrics", "optimizers", "schedules", "initializers", "regularizers"),
    *("constraints", "activations", "callbacks", "data", "datasets", "nn", "linalg", "random"),
    "boxes",
    *("inspect", "plot", "models", "distribution", "tune", "events", "interchange", "onnx"),
    *("quantizers", "zoo", ""),
]
UNLISTED = ("random", "data")  # without `__all__`: all that they define
WIDTH = 100
AFTER = re.compile(r"\s*(Shapes|Returns|Raises|Yields|Example|Examples|Source):|\s*>>>")
ENTRY = re.compile(r"^\s+((?:\*{0,2}\w+)(?:, \*{0,2}\w+)*):\s")


def public() -> Iterator[tuple[str, Any]]:
    """(namespace, object) of each public function and class, once."""
    seen: set[int] = set()
    for name in NAMES:
        for found in _exported(name):
            if id(found) not in seen and is_ours(found):
                seen.add(id(found))
                yield name, found


def _exported(namespace: str) -> Iterator[Any]:
    """The values of a namespace's public names; those of a module among them in its place."""
    module: Any = importlib.import_module("lamina")
    for part in filter(None, namespace.split(".")):
        module = getattr(module, part)
    listed = dir(module) if namespace in UNLISTED else getattr(module, "__all__", [])
    for name in listed:
        found = getattr(module, name)
        if namespace == "datasets" and inspect.ismodule(found):
            own = [v for k, v in vars(found).items() if k[0] != "_" and inspect.isfunction(v)]
            yield from (each for each in own if each.__module__ == found.__name__)
        elif name[0] != "_" and (namespace not in UNLISTED or _is_defined_in(found, module)):
            yield found


def _is_defined_in(found: Any, module: Any) -> bool:
    place = getattr(found, "__module__", "")
    return place == module.__name__ or place.startswith(f"{module.__name__}.")


def methods() -> Iterator[tuple[str, Any]]:
    """(namespace, function) of each public method of a public class, once."""
    seen: set[int] = set()
    for namespace, found in public():
        for function in methods_of(found):
            if id(function) not in seen:
                seen.add(id(function))
                yield namespace, function


def methods_of(found: Any) -> Iterator[Any]:
    """The public methods of a class, inherited ones too.

    A method without a docstring that overrides a documented one is described there.
    """
    for owner in getattr(found, "__mro__", ()):
        for name, member in vars(owner).items():
            function = getattr(member, "__func__", member)
            if not inspect.isfunction(function) or not is_ours(function):
                continue
            if name[0] == "_" or function.__name__[0] == "_":  # also private ones by alias
                continue
            if function.__doc__ or not _is_described(owner, name):
                yield function


def _is_described(owner: type, name: str) -> bool:
    return any(getattr(vars(base).get(name), "__doc__", None) for base in owner.__mro__[1:])


def is_ours(found: Any) -> bool:
    """True for a function or class that is defined in the package, and no exception."""
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        return False
    if not found.__module__.startswith("lamina"):
        return False
    return not (inspect.isclass(found) and issubclass(found, BaseException))


def arguments(found: Any) -> list[str]:
    """The names of the arguments; for a class those of its constructor, inherited or not."""
    maker = found.__init__ if inspect.isclass(found) else found
    if not inspect.isfunction(maker):  # the one of `object`
        return []
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(inspect.unwrap(maker)).parameters.values()
    names = [p.name for p in parameters if p.kind not in variadic]
    return [name for name in names if name not in ("self", "cls")]


def documented(docstring: str) -> dict[str, list[str]]:
    """The entries of the "Args:" section: name (or names) -> lines."""
    lines = docstring.splitlines()
    start = next((k for k, line in enumerate(lines) if line.strip() == "Args:"), None)
    if start is None:
        return {}
    indent = len(lines[start]) - len(lines[start].lstrip()) + 4
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in lines[start + 1 :]:
        depth = len(line) - len(line.lstrip())
        if not line.strip() or depth < indent:
            break
        match = ENTRY.match(line) if depth == indent else None
        if match:
            current = found.setdefault(match[1], [])
        if current is not None:
            current.append(line.strip())
    return found


def missing(namespace: str, found: Any) -> list[str]:
    """The arguments that the docstring does not describe."""
    entries = documented(inspect.getdoc(found) or "")
    named = {name.strip("* ") for key in entries for name in key.split(",")}
    return [name for name in arguments(found) if name not in named]


def completed(docstring: str, indent: str, names: list[str], namespace: str) -> str:
    """The docstring with an entry for each argument whose text is known."""
    entries = documented(docstring)
    by_name = {n.strip("* "): key for key in entries for n in key.split(",")}
    rows: list[str] = []
    for name in names:
        text = text_of(namespace, name, names)
        if name in by_name:
            key = by_name[name]
            rows += entries.pop(key, []) and _wrapped(indent, " ".join(documented(docstring)[key]))
        elif text is not None:
            rows += _wrapped(indent, f"{name}: {text}")
    for key in [k for k in entries if all(n.strip("* ") not in names for n in k.split(","))]:
        rows += _wrapped(indent, " ".join(entries[key]))
    if not rows:
        return docstring
    lines = _without_arguments(docstring).splitlines()
    place = next((k for k, line in enumerate(lines) if k and AFTER.match(line)), None)
    section = [f"{indent}Args:", *rows]
    if place is None:
        body = "\n".join(lines).rstrip()
        return "\n".join([body, "", *section, indent])
    while place and not lines[place - 1].strip():
        place -= 1
    rest = lines[place:]
    while rest and not rest[0].strip():
        rest = rest[1:]
    return "\n".join([*lines[:place], "", *section, "", *rest])


def _wrapped(indent: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{indent}    ",
        subsequent_indent=f"{indent}        ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _without_arguments(docstring: str) -> str:
    lines = docstring.splitlines()
    start = next((k for k, line in enumerate(lines) if line.strip() == "Args:"), None)
    if start is None:
        return docstring
    end = start + 1
    while end < len(lines) and lines[end].strip():
        end += 1
    while end < len(lines) and not lines[end].strip() and end + 1 < len(lines):
        end += 1
    return "\n".join([*lines[:start], *lines[end:]])


def write(path: Path, jobs: list[tuple[str, Any]]) -> None:
    """Rewrite the docstrings of these objects in a file, the last one first."""
    source = path.read_text(encoding="utf-8")
    nodes = dict(_definitions(ast.parse(source)))
    lines = source.splitlines(keepends=True)
    placed = [(nodes[f.__qualname__], ns, f) for ns, f in jobs if f.__qualname__ in nodes]
    for node, namespace, found in sorted(placed, key=lambda row: -row[0].lineno):
        first = node.body[0]
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        if not is_text or not isinstance(first.value.value, str):
            continue
        text = "".join(lines[first.lineno - 1 : first.end_lineno])
        match = re.match(r'(\s*)(r?""")(.*)"""(\s*)$', text, re.S)
        if match is None:
            continue
        indent, opening, docstring = match[1], match[2], match[3]
        new = completed(docstring, indent, arguments(found), namespace)
        if new != docstring:
            lines[first.lineno - 1 : first.end_lineno] = [f'{indent}{opening}{new}"""\n']
    path.write_text("".join(lines), encoding="utf-8")


def _definitions(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(qualified name, node) of the functions and classes of a module and of its classes."""
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node, f"{prefix}{node.name}.")


def main(report: Callable[[str], None] = print) -> int:
    """Write, or with --check report what is missing."""
    if "--check" in sys.argv:
        every = [*public(), *methods()]
        gaps = [(ns, f, gap) for ns, f in every for gap in [missing(ns, f)] if gap]
        for namespace, found, gap in gaps:
            report(f"{namespace}.{found.__qualname__}: {', '.join(gap)}")
        report(f"{sum(len(gap) for *_, gap in gaps)} arguments are not described")
        return int(bool(gaps))
    jobs: dict[Path, list[tuple[str, Any]]] = {}
    for namespace, found in [*public(), *methods()]:
        if missing(namespace, found):
            place = Path(inspect.getsourcefile(inspect.unwrap(found)) or "")
            jobs.setdefault(place, []).append((namespace, found))
    for path, rows in jobs.items():
        write(path, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

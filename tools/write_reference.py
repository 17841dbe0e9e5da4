"""Write docs/reference from signatures and docstrings: `python tools/write_reference.py`.

One page for each public namespace, and an index. A test compares the pages with what this file
would write.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from write_arguments import NAMES, methods_of, public

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
TOP = {  # pages of the names in `lamina` itself, by the start of their modules
    "tensors": ("lamina.tensor", "lamina.variables", "lamina.ir."),
    "transforms": ("lamina.transforms.",),
    "operations": ("lamina.operations.",),
}
ABOUT = {
    "tensors": "Tensors, Variables and dtypes, as names of `lamina` itself.",
    "transforms": "Compilation, gradients, loops and branches, as names of `lamina` itself.",
    "operations": "Operations on tensors, as names of `lamina` itself.",
}
SECTION = re.compile(r"^(Args|Shapes|Returns|Yields|Raises|Example|Source):\s*(.*)$")
ENTRY = re.compile(r"^    (\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)$")
TITLES = {"Args": "Arguments"}


def pages() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    found: dict[str, list[Any]] = {}
    for namespace, each in public():
        found.setdefault(namespace or _top(each), []).append(each)
    homes = {id(each): page for page, rows in found.items() for each in rows}
    seen = set(homes)
    written = {f"{name}.md": _page(name, rows, homes, seen) for name, rows in found.items()}
    return {"README.md": _index(found), **written}


def _top(found: Any) -> str:
    module = inspect.unwrap(found).__module__
    return next((page for page, starts in TOP.items() if module.startswith(starts)), "operations")


def _index(found: dict[str, list[Any]]) -> str:
    lines = ["# API reference", "", "Generated from signatures and docstrings.", ""]
    for name in sorted(found):
        names = ", ".join(f"`{_name(each)}`" for each in found[name])
        lines += [f"## [{name}]({name}.md)", "", _about(name), "", names, ""]
    return "\n".join(lines)


def _about(name: str) -> str:
    if name in ABOUT:
        return ABOUT[name]
    return _prose((inspect.getdoc(_module(name)) or "").partition("\n\n")[0])


def _module(name: str) -> Any:
    return getattr(importlib.import_module("lamina"), name)


def _page(name: str, rows: list[Any], homes: dict[int, str], seen: set[int]) -> str:
    lines = [f"# {name}", "", _about(name), ""]
    for each in rows:
        place = "lamina" if name in TOP else f"lamina.{name}"
        lines += [f"## {_name(each)}", "", *_entry(each, f"{place}.{_name(each)}")]
        for method in methods_of(each):
            if id(method) not in seen and method.__doc__:
                seen.add(id(method))
                title = f"{_name(each)}.{method.__name__}"
                lines += [f"### {title}", "", *_entry(method, title)]
        lines += _properties(each)
    lines += _elsewhere(name, rows, homes)
    return "\n".join(lines).rstrip() + "\n"


def _name(found: Any) -> str:
    parts = found.__module__.split(".")
    return f"{parts[3]}.{found.__name__}" if parts[1:3] == ["data", "datasets"] else found.__name__


def _elsewhere(name: str, rows: list[Any], homes: dict[int, str]) -> Iterator[str]:
    """Names of this namespace whose objects another page, or another name, describes."""
    if name not in NAMES:
        return
    own = {each.__name__ for each in rows}
    module = _module(name)
    others = []
    for alias in sorted(getattr(module, "__all__", [])):
        found = getattr(module, alias)
        page = homes.get(id(found))
        if page is not None and (page != name or alias not in own):
            others.append(f"- `{alias}`: [{page}]({page}.md#{found.__name__.lower()})")
    if others:
        yield from ["## Other names", "", *others, ""]


def _properties(found: Any) -> Iterator[str]:
    if not inspect.isclass(found):
        return
    rows = {k: v for k, v in vars(found).items() if isinstance(v, property) and k[0] != "_"}
    described = {k: inspect.getdoc(v) for k, v in rows.items() if v.__doc__}
    if described:
        yield from ["**Properties**", ""]
        yield from (f"- `{k}`: {_prose(' '.join((v or '').split()))}" for k, v in described.items())
        yield ""


# ---- one entry ---------------------------------------------------------------------------------
def _entry(found: Any, title: str) -> Iterator[str]:
    yield from ["```python", _signature(found, title), "```", ""]
    for section, lines in _sections(inspect.getdoc(found) or ""):
        body = textwrap.dedent("\n".join(lines)).strip("\n")
        if section and section != "Source":
            yield from [f"**{TITLES.get(section, section)}**", ""]
        if section in ("Args", "Raises"):
            yield from _list(lines)
        elif section == "Example":
            yield from ["```python", body, "```"]
        elif section == "Shapes":
            yield from ["```text", body, "```"]
        elif section == "Source":
            yield f"Source: {_prose(' '.join(body.split()))}"
        else:
            yield _prose(body) if section else _head(body)
        yield ""


def _sections(docstring: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in docstring.splitlines():
        match = SECTION.match(line)
        if match:
            found.append((match[1], [match[2]] if match[2] else []))
        else:
            found[-1][1].append(line)
    return found


def _list(lines: list[str]) -> Iterator[str]:
    rows: list[str] = []
    for line in lines:
        match = ENTRY.match(line)
        if match:
            rows.append(f"- {', '.join(f'`{n}`' for n in match[1].split(', '))}: {match[2]}")
        elif rows and line.strip():
            rows[-1] += f" {line.strip()}"
        elif line.strip():
            rows.append(line.strip())
    yield from map(_prose, rows)


def _head(text: str) -> str:
    """Paragraphs as they are; indented ones, the formulas, as blocks."""
    parts = []
    for part in text.split("\n\n"):
        if all(line.startswith("    ") for line in part.splitlines()) and part:
            parts.append(f"```text\n{textwrap.dedent(part)}\n```")
        else:
            parts.append(_prose(part))
    return "\n\n".join(parts)


def _prose(text: str) -> str:
    """Text whose brackets do not make a link."""
    return text.replace("](", "]\\(")


# ---- signatures --------------------------------------------------------------------------------
def _signature(found: Any, title: str) -> str:
    maker = found.__init__ if inspect.isclass(found) else inspect.unwrap(found)
    if not inspect.isfunction(maker):
        return f"{title}()"
    parameters = list(inspect.signature(maker).parameters.values())
    parameters = [p for p in parameters if p.name not in ("self", "cls")]
    line = f"{title}({', '.join(_written(parameters))})"
    if len(line) <= 100:
        return line
    rows = textwrap.wrap(", ".join(_written(parameters)), 92, break_long_words=False)
    return "\n".join([f"{title}(", *(f"    {row}" for row in rows), ")"])


def _written(parameters: list[inspect.Parameter]) -> Iterator[str]:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    keywords = False
    for at, each in enumerate(parameters):
        following = parameters[at + 1].kind if at + 1 < len(parameters) else None
        if each.kind is each.VAR_POSITIONAL:
            keywords = True
        if each.kind is each.KEYWORD_ONLY and not keywords:
            keywords = True
            yield "*"
        default = "" if each.default is each.empty else f"={_default(each.default)}"
        yield f"{stars.get(each.kind, '')}{each.name}{default}"
        if each.kind is each.POSITIONAL_ONLY and following is not each.POSITIONAL_ONLY:
            yield "/"


def _default(value: Any) -> str:
    return getattr(value, "__name__", None) or repr(value)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for path in set(FOLDER.glob("*.md")) - {FOLDER / name for name in written}:
        path.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")

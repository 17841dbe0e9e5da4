"""Every stage of a function on one page, to be opened in a browser: no scripts, nothing to load."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from lamina.inspect.subject import Subject, subject
from lamina.inspect.text import KernelView, views
from lamina.ir.text import to_text

STYLE = """
body { font-family: sans-serif; max-width: 70em; margin: 2em auto; color: #222; padding: 0 1em }
pre { background: #f6f6f4; padding: 0.8em; overflow-x: auto; font-size: 85%; line-height: 1.35 }
summary { cursor: pointer; padding: 0.2em 0 } summary code { font-size: 100% }
details details { margin-left: 1.5em } h2 { border-bottom: 1px solid #ddd }
"""


def html(
    f: Callable[..., Any], *args: Any, path: str | os.PathLike[str] | None = None, **kwargs: Any
) -> str:
    """Return an HTML page with the graph, kernels, loop nests, LLVM and assembly of a program.

    Args:
        f: function of tensors, or what `compile` returned.
        path: file to write the page to as well, in UTF-8; None writes none.

    Example:
        >>> import lamina as lm
        >>> "<html" in lm.inspect.html(lambda x: x + 1, lm.ones((4,)))
        True
    """
    seen = subject(f, args, kwargs)
    title = escape(seen.recorded.name)
    head = f"<meta charset='utf-8'><title>{title}</title><style>{STYLE}</style>"
    body = "\n".join(_sections(seen))
    page = f"<!doctype html><html lang='en'><head>{head}</head><body>\n{body}\n</body></html>\n"
    if path is not None:
        Path(path).write_text(page, encoding="utf-8")
    return page


def _sections(seen: Subject) -> Iterator[str]:
    kernels = views(seen)
    yield f"<h1>{escape(seen.recorded.name)}</h1>"
    yield "<h2>The graph</h2>"
    yield _folded("as recorded", to_text(seen.recorded))
    yield _folded("simplified: constants computed, equal nodes joined", to_text(seen.simplified))
    yield f"<h2>{len(kernels)} kernels, in the order in which they run</h2>"
    yield from map(_kernel, kernels)
    yield "<h2>The driver: calls, barriers, loops</h2>"
    yield _folded("LLVM", str(seen.stages.driven.module))


def _kernel(view: KernelView) -> str:
    inner = _pre(str(view))
    if view.llvm:
        inner += _folded("LLVM", view.llvm) + _folded("assembly", view.assembly)
    title = f"{view.number} &nbsp; <code>{escape(view.name)}</code> &nbsp; {escape(view.summary)}"
    return f"<details><summary>{title}</summary>{inner}</details>"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{_pre(text)}</details>"


def _pre(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"

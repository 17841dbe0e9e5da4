"""Writes docs/errors.md from the docstrings of errors.py: `python tools/write_errors_page.py`.

A test compares the page with what this file would write.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import lamina as lm
from lamina import errors

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"

HEAD = """\
# Errors

Every exception that Lamina raises on purpose derives from `lm.LaminaError`, and also from the
built-in exception that a NumPy or Keras user would expect, so both of these catch it:

```python
import lamina as lm

try:
    lm.ones((2, 3)) @ lm.ones((2, 3))
except ValueError as error:
    assert isinstance(error, lm.LaminaError)
```

A message names the function, layer or argument, the given values as plain Python, and the expected
ones. The fix, if known, is on a separate line; programs find them as `error.message` and
`error.hint`:

```python
try:
    lm.ones((2, 3)) @ lm.ones((2, 3))
except lm.errors.ShapeError as error:
    print(error)
```

```text
{example}
```

The classes are in `lm.errors`. This page is generated from their docstrings.
"""


def page() -> str:
    """The text that docs/errors.md should have."""
    parts = [HEAD.format(example=_example())]
    for each in family():
        bases = ", ".join(f"`{base.__name__}`" for base in each.__bases__)
        text = inspect.getdoc(each) or ""
        parts.append(f"\n## {each.__name__}\n\nAlso a {bases}.\n\n{text}\n")
    return "".join(parts)


def family() -> list[type[errors.LaminaError]]:
    """Every class of errors.py but the root, in the order of the file."""
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, errors.LaminaError)
        and each is not errors.LaminaError
    ]


def _example() -> str:
    """Return what the second block of the page prints."""
    try:
        lm.ones((2, 3)) @ lm.ones((2, 3))
    except errors.ShapeError as error:
        return str(error)
    raise AssertionError("the example on the page raises no error any more: choose another")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

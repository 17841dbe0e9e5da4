"""Every exception that Lamina raises on purpose: one family, so `except LaminaError` catches all.

Each class also derives from the built-in exception that a NumPy or Keras user would expect
(`ValueError`, `TypeError`, ...). A docstring here says what causes the error and what cures it;
`docs/errors.md` is made from them.

A message has three parts: where (the function, layer path or argument), what came as plain Python
values, and what was expected. The cure goes into `hint`, and is printed on a line of its own:

    >>> raise ShapeError("Dense 'head': input has 783 features, expected 784", hint="...")
"""

import importlib
import os
import sys
import warnings
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from lamina import namespaces

__all__ = [
    "ArgumentError",
    "CacheError",
    "ComparisonError",
    "CompileError",
    "DTypeError",
    "DataError",
    "DownloadError",
    "EngineError",
    "FileFormatError",
    "GradientError",
    "LaminaError",
    "MissingExtraError",
    "NotBuiltError",
    "OutOfBoundsError",
    "RangeError",
    "SettingError",
    "ShapeError",
    "StateError",
    "TracedValueError",
    "UnknownNameError",
    "VerifyError",
]

_MAX_LINES = 24
_MAX_WIDTH = 2000


class LaminaError(Exception):
    """The root of the family: catch this to catch everything that Lamina raises on purpose.

    `message` is what went wrong, `hint` (or None) is what to do about it; `str(error)` is both.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = _one_screen(self.message)
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ShapeError(LaminaError, ValueError):
    """Shapes that do not fit together, or that a layer or operation cannot take.

    Cause: a wrong number of features, a missing or extra axis, two shapes that do not broadcast,
    targets of shape (n,) against predictions of shape (n, 1). Cure: the message shows both shapes;
    `reshape` or index the data.
    """


class DTypeError(LaminaError, TypeError):
    """A value of a type that is not allowed here.

    Cause: strings or Python objects as data, floating point numbers as indices, dtypes that do not
    promote to a common one. Cure: convert it first, with `astype` or `numpy.asarray(...,
    dtype=...)`.
    """


class RangeError(LaminaError, ValueError):
    """A value outside of what is possible: a label above the classes, a negative rate.

    Cause and cure are in the message, which shows the value and the range.
    """


class OutOfBoundsError(LaminaError, IndexError, ValueError):
    """An index beyond the end of an axis, or an axis that an array does not have.

    Cause: `x[10]` where the axis has ten entries (0 to 9), `axis=2` of a matrix. Cure: the message
    shows the axis and its extent. It is an IndexError and a ValueError, as NumPy's `AxisError` is.
    """


class ArgumentError(LaminaError, ValueError):
    """Arguments that are each possible, but not together, or not here.

    Cause: two arguments that say the same thing differently, or one that needs another. Cure: leave
    one out, or give the other; the message says which.
    """


class DataError(LaminaError, ValueError):
    """Data that cannot be learned from: NaN or infinity, no rows, unequal lengths, wrong labels.

    Cause: usually missing values, or a mistake while loading. Cure: the message names the column
    and the first row.
    """


class TracedValueError(LaminaError, TypeError):
    """The value of a traced tensor was asked for in Python (`if x > 0:`, `float(x)`).

    Cause: inside `lm.compile` and `Model.fit` the code runs once, on symbols that have a shape and
    a dtype but no value yet. Cure: choose with `lm.where(condition, a, b)`, repeat with `lm.scan`,
    or move the line out of the function.
    """


class GradientError(LaminaError, ValueError):
    """A gradient that does not exist, or that cannot be asked for in this way.

    Cause: a way through something that has none, such as `while_loop`, or through NumPy or Python
    numbers (`x.numpy()`, `float(x)`), which nobody records. Cure: use `lm.scan`, and tensors to the
    end.
    """


class NotBuiltError(LaminaError, ValueError, AttributeError):
    """A layer or model was used before it knew the shape of its input.

    Cause: `summary()`, `weights` or `get_weights()` on a model that has not seen data and has no
    `Input`. Cure: begin with `Input(shape=...)`, call `build(input_shape)`, or call the model on a
    batch once.
    """


class StateError(LaminaError, RuntimeError):
    """A call that came at the wrong time: `fit` before `compile`, a change during training.

    Cause and cure: the message names the call that has to come first.
    """


class UnknownNameError(LaminaError, ValueError):
    """A name (of a loss, an optimizer, a layer argument, ...) that Lamina does not know.

    Cause: mostly a misspelling. Cure: the message shows the nearest known names.
    """


class SettingError(LaminaError, ValueError):
    """A setting, or the environment variable behind it, has a value that it cannot have.

    Cause: `LAMINA_THREADS=many`. Cure: the message names the variable and the values that it takes.
    """


class FileFormatError(LaminaError, ValueError):
    """A file is not what it should be: truncated, damaged, or of another kind.

    Cause: an interrupted copy or download, or the wrong file. Cure: delete the file and fetch or
    write it again.
    """


class DownloadError(LaminaError, OSError):
    """A data set is neither on this machine, nor could it be downloaded.

    Cause: no network, or a mirror that does not answer. Cure: put the files into a folder and name
    it in the environment variable `LAMINA_DATA`; the message lists the files and the folders that
    were looked in.
    """


class CacheError(LaminaError, OSError):
    """The cache folder cannot be used.

    Cause: it cannot be written to, or belongs to another user. Cure: set `LAMINA_CACHE_DIR` to a
    folder of your own, or `LAMINA_CACHE=0` to do without.
    """


class MissingExtraError(LaminaError, ImportError):
    """Something was asked for that needs a package which is not installed.

    Cause: plots, for example, need matplotlib, which the core does without. Cure: the `pip install`
    line in the message.
    """


class EngineError(LaminaError, RuntimeError):
    """An engine was asked for that this machine does not have, or that cannot run this graph.

    Cause: `LAMINA_ENGINE=llvm` without llvmlite. Cure: install what the message names, or choose
    another engine.
    """


class CompileError(LaminaError, RuntimeError):
    """The compiler could not compile a graph: a defect of Lamina, not of your program.

    Cure: report it with the message; meanwhile `LAMINA_ENGINE=numpy` runs the same program without
    the compiler.
    """


class VerifyError(CompileError):
    """A graph breaks a rule of the language: types that do not fit, a value used before it is made.

    Cause: a graph built by hand, or a defect in a compiler pass (`LAMINA_CHECK=1` finds out which).
    Cure: the message names the node and the rule.
    """


class ComparisonError(CompileError):
    """Under `LAMINA_COMPARE=1`, a compiled kernel computed something else than the reference.

    Cause: a defect in the compiler. Cure: report it with the message, which holds the kernel and
    the first difference.
    """


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """An error, to be raised, for a `name` that is none of the `known`: it names the nearest ones.

    >>> raise unknown_name("optimizer", "adm", ["adam", "sgd"])
    UnknownNameError: unknown optimizer 'adm'
      hint: did you mean 'adam'? Known: 'adam', 'sgd'
    """
    import difflib  # here: 5 ms that only a wrong name need cost

    names = sorted(known)
    by_lowered = {each.lower(): each for each in names}
    nearest = difflib.get_close_matches(str(name).lower(), by_lowered, n=3, cutoff=0.6)
    listing = _listing(names)
    if nearest:
        guess = " or ".join(repr(by_lowered[each]) for each in nearest)
        listing = f"did you mean {guess}? {listing}"
    return UnknownNameError(f"unknown {kind} {describe(name)}", hint=listing)


def need_extra(module_name: str, extra: str, purpose: str) -> ModuleType:
    """The imported module, or an error that names the extra of Lamina which brings it.

    >>> pyplot = need_extra("matplotlib.pyplot", "plot", "plotting a loss curve")
    """
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        package = module_name.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise  # the package is there, but something that it needs is not: its own story
        raise MissingExtraError(
            f"{purpose} needs {package}, which is not installed",
            hint=f"pip install 'lamina[{extra}]'",
        ) from error


def warn(message: str) -> None:
    """A UserWarning at the line of the user's program that called into Lamina."""
    package, level = os.path.dirname(__file__), 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def describe(value: Any, limit: int = 80) -> str:
    """What came, for a message: arrays by shape and dtype, everything else by its short repr."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    is_scalar = shape == () and type(value).__module__ == "numpy"
    if isinstance(shape, tuple) and dtype is not None and not is_scalar:
        extents = ", ".join(str(extent) for extent in shape) + ("," if len(shape) == 1 else "")
        return f"{dtype} array of shape ({extents})"
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _listing(names: list[str], most: int = 40) -> str:
    shown = ", ".join(repr(each) for each in names[:most])
    return f"Known: {shown}" + (f" and {len(names) - most} more" if len(names) > most else "")


def _one_screen(text: str) -> str:
    """A message never scrolls what matters away: at most `_MAX_LINES` lines of it are shown."""
    if len(text) > _MAX_WIDTH:
        text = f"{text[:_MAX_WIDTH]} ... ({len(text) - _MAX_WIDTH} more characters)"
    lines = text.splitlines()
    if len(lines) <= _MAX_LINES:
        return text
    return "\n".join([*lines[:_MAX_LINES], f"... ({len(lines) - _MAX_LINES} more lines)"])


namespaces.declare(__name__)

"""Every exception that Lamina raises on purpose: one family, so `except LaminaError` catches all.

Each class also derives from the built-in exception that a NumPy or Keras user would expect
(`ValueError`, `TypeError`, ...). Each docstring states the cause of the error and its fix;
`docs/errors.md` is generated from them.

A message has three parts: the owner (the function, layer path or argument), the given values as
plain Python, and the expected ones. The fix is the `hint`, printed on a separate line:

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
    "UnknownArgumentError",
    "UnknownNameError",
    "VerifyError",
]

_MAX_LINES = 24
_MAX_WIDTH = 2000


class LaminaError(Exception):
    """The base class of all errors that Lamina raises on purpose.

    `message` describes the problem, `hint` (or None) the fix; `str(error)` contains both.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = _one_screen(self.message)
        text = f"{text}\n  hint: {self.hint}" if self.hint else text
        return text if not _is_terminal() else _folded(text, len(_full_name(type(self))) + 2)


class ShapeError(LaminaError, ValueError):
    """Shapes that do not fit together, or that a layer or operation does not accept.

    Cause: a wrong number of features, a missing or extra axis, two shapes that do not broadcast,
    targets of shape (n,) with predictions of shape (n, 1). Fix: the message shows both shapes;
    `reshape` or index the data.
    """


class DTypeError(LaminaError, TypeError, ValueError):
    """A value of a type that is not allowed here.

    Cause: strings or Python objects as data, floating point numbers as indices, dtypes that do not
    promote to a common one. Fix: convert the value first, with `astype` or `numpy.asarray(...,
    dtype=...)`.
    """


class RangeError(LaminaError, ValueError):
    """A value outside its range: a label above the number of classes, a negative rate.

    Cause and fix: the message shows the value and the range.
    """


class ArgumentTypeError(RangeError, TypeError):
    """An argument of another type than the expected one: text in place of a number, 2.5 layers.

    Cause and fix: the message shows the value and the type. The class is a ValueError and a
    TypeError, since NumPy and Keras raise either.
    """


class OutOfBoundsError(LaminaError, IndexError, ValueError):
    """An index beyond the end of an axis, or an axis that an array does not have.

    Cause: `x[10]` of an axis with ten entries (0 to 9), `axis=2` of a matrix. Fix: the message
    shows the axis and its extent. The class is an IndexError and a ValueError, like NumPy's
    `AxisError`.
    """


class ArgumentError(LaminaError, ValueError):
    """Arguments that contradict each other, or that are not allowed in this call.

    Cause: two arguments that set the same thing, or one that requires another. Fix: the message
    names the argument to remove or to add.
    """


class DataError(LaminaError, ValueError):
    """Invalid training data: NaN or infinity, no rows, unequal lengths, wrong labels.

    Cause: usually missing values, or a mistake while loading. Fix: the message names the column and
    the first row.
    """


class TracedValueError(LaminaError, TypeError):
    """Python code needs the value of a traced tensor (`if x > 0:`, `float(x)`).

    Cause: inside `lm.compile` and `Model.fit` the code runs once, on symbols with a shape and a
    dtype but no value. Fix: choose with `lm.where(condition, a, b)`, repeat with `lm.scan`, or move
    the line out of the function.
    """


class GradientError(LaminaError, ValueError):
    """A gradient that does not exist, or that cannot be computed in this way.

    Cause: the value passes through an operation without a gradient, such as `while_loop`, or
    through NumPy or Python numbers (`x.numpy()`, `float(x)`), which are not recorded. Fix: use
    `lm.scan`, and tensors throughout.
    """


class NotBuiltError(LaminaError, ValueError, AttributeError):
    """A layer or model without a known input shape.

    Cause: `summary()`, `weights` or `get_weights()` on a model that has not seen data and has no
    `Input`. Fix: begin with `Input(shape=...)`, call `build(input_shape)`, or call the model on a
    batch once.
    """


class StateError(LaminaError, RuntimeError, ValueError):
    """A call at the wrong time: `fit` before `compile`, a change during training.

    Cause and fix: the message names the call that must come first.
    """


class UnknownNameError(LaminaError, ValueError):
    """A name (of a loss, an optimizer, a layer argument, ...) that Lamina does not know.

    Cause: mostly a misspelling. Fix: the message shows the nearest known names.
    """


class UnknownArgumentError(UnknownNameError, TypeError):
    """A keyword argument that a class or method does not have.

    Cause: mostly a misspelling. Fix: the message shows the nearest arguments.
    """


class SettingError(LaminaError, ValueError):
    """An invalid value of a setting or of its environment variable.

    Cause: `LAMINA_THREADS=many`. Fix: the message names the variable and its valid values.
    """


class FileFormatError(LaminaError, ValueError):
    """A truncated or damaged file, or one of another format.

    Cause: an interrupted copy or download, or the wrong file. Fix: delete the file and download or
    write it again.
    """


class MissingFileError(LaminaError, FileNotFoundError, ValueError):
    """A file that a model or weights should be read from, and that does not exist.

    Cause: another working directory, a misspelled name. Fix: the message shows the files next to
    it. The class is a FileNotFoundError, and a ValueError as in Keras.
    """


class DownloadError(LaminaError, OSError):
    """A data set that is not on this machine and could not be downloaded.

    Cause: no network, or a server that does not answer. Fix: put the files into a folder and set
    the environment variable `LAMINA_DATA` to it; the message lists the files and the searched
    folders.
    """


class CacheError(LaminaError, OSError):
    """The cache folder cannot be used.

    Cause: the folder is not writable, or belongs to another user. Fix: set `LAMINA_CACHE_DIR` to a
    folder that you own, or `LAMINA_CACHE=0` to disable the cache.
    """


class MissingExtraError(LaminaError, ImportError):
    """An optional package that a function needs is not installed.

    Cause: plots, for example, need matplotlib, which is not a dependency of the core. Fix: run the
    `pip install` line in the message.
    """


class EngineError(LaminaError, RuntimeError):
    """An engine that is not available on this machine, or that cannot run this graph.

    Cause: `LAMINA_ENGINE=llvm` without llvmlite. Fix: install the package that the message names,
    or choose another engine.
    """


class CompileError(LaminaError, RuntimeError):
    """The compiler could not compile a graph: a defect of Lamina, not of your program.

    Fix: report the error with its message; until it is fixed, `LAMINA_ENGINE=numpy` runs the same
    program without the compiler.
    """


class VerifyError(CompileError):
    """An invalid graph or program: types that do not fit, a value used before its definition.

    Cause: a graph built by hand, or a defect in a compiler pass (`LAMINA_CHECK=1` names the pass).
    Fix: the message names the node and the rule.
    """


class ComparisonError(CompileError):
    """Under `LAMINA_COMPARE=1`, a result of a compiled kernel that differs from the reference.

    With the name of an engine, as in `LAMINA_COMPARE=xla`, it differs from that engine. Cause: a
    defect in the compiler. Fix: report the message, which contains the node and the first
    difference.
    """


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """Return an error for a `name` that is not among the `known` ones; its hint names the nearest.

    >>> raise unknown_name("optimizer", "adm", ["adam", "sgd"])
    UnknownNameError: unknown optimizer 'adm'
      hint: did you mean 'adam'? Known: 'adam', 'sgd'
    """
    return UnknownNameError(f"unknown {kind} {describe(name)}", hint=_nearest(name, known))


def unknown_argument(owner: str, name: str, known: Iterable[str]) -> UnknownArgumentError:
    """Return an error for a keyword argument that a class or method does not have."""
    message = f"unknown argument of {owner} {describe(name)}"
    return UnknownArgumentError(message, hint=_nearest(name, known))


def _nearest(name: object, known: Iterable[str]) -> str:
    """The hint for a name that is not known: the nearest ones, and all."""
    import difflib  # here: 5 ms that only a wrong name need cost

    names = sorted(known)
    by_lowered = {each.lower(): each for each in names}
    nearest = difflib.get_close_matches(str(name).lower(), by_lowered, n=3, cutoff=0.6)
    listing = _listing(names)
    if not nearest:
        return listing
    guess = " or ".join(repr(by_lowered[each]) for each in nearest)
    return f"did you mean {guess}? {listing}"


# The packages of each extra of Lamina that functions need; a test compares it with pyproject.toml.
EXTRAS = {
    "hdf5": ("h5py",),
    "images": ("pillow",),
    "mlflow": ("mlflow-skinny",),
    "parquet": ("pyarrow",),
    "plot": ("matplotlib", "pillow"),
    "sklearn": ("scikit-learn",),
    "tune": ("optuna",),
    "wandb": ("wandb",),
    "xla": ("jax",),
}
_FOR_GPUS = {"xla": "; for NVIDIA GPUs pip install 'jax[cuda13]'"}


def need_extra(module_name: str, extra: str, purpose: str) -> ModuleType:
    """Return an imported module, or raise an error that names the packages to install.

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
            hint=f"pip install {' '.join(EXTRAS[extra])}{_FOR_GPUS.get(extra, '')}",
        ) from error


def warn(message: str) -> None:
    """A UserWarning at the line of the user's program that called into Lamina."""
    warnings.warn(message, stacklevel=_users_level())


def deprecated(name: str, today: str) -> None:
    """Warn at the line of the user's program that a name is older than Keras 3, with today's
    form."""
    message = f"{name} is older than Keras 3; today: {today}"
    warnings.warn(message, DeprecationWarning, stacklevel=_users_level())


def _users_level() -> int:
    """The `stacklevel`, for the caller, of the first frame outside of Lamina."""
    package, level = os.path.dirname(__file__), 2
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    return level


def describe(value: Any, limit: int = 80) -> str:
    """Return a value as text for a message: arrays as shape and dtype, other values as a short
    repr."""
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


def _is_terminal() -> bool:
    """True if an uncaught error is printed to a terminal."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # no standard error, or a closed one
        return False


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _folded(text: str, before: int) -> str:
    """The text in lines of the terminal's width, broken at spaces; of the first, `before` columns
    are taken by the name of the error."""
    import shutil  # not needed until an error is shown
    import textwrap

    width = max(shutil.get_terminal_size((80, 24)).columns - 1, 40)
    lines = []
    for number, line in enumerate(text.split("\n")):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        filler = "x" * before if number == 0 else ""
        wrapped = textwrap.wrap(
            filler + line,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines.append("\n".join(wrapped)[len(filler) :])
    return "\n".join(lines)


def _one_screen(text: str) -> str:
    """Return at most `_MAX_LINES` lines of a message."""
    if len(text) > _MAX_WIDTH:
        text = f"{text[:_MAX_WIDTH]} ... ({len(text) - _MAX_WIDTH} more characters)"
    lines = text.splitlines()
    if len(lines) <= _MAX_LINES:
        return text
    return "\n".join([*lines[:_MAX_LINES], f"... ({len(lines) - _MAX_LINES} more lines)"])


namespaces.declare(__name__)

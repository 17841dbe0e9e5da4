"""All settings of Lamina in one table: their names, what they mean, and how to change them.

A setting is read as `settings.debug`. Its value is, in this order: what a `with settings(debug=3):`
around the code says, what was assigned (`settings.debug = 3`, for the whole process), the
environment variable, the default. The environment is read each time, so that
`os.environ["LAMINA_DATA"] = ...` in a notebook works.
"""

import ctypes
import functools
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from lamina import context
from lamina.errors import SettingError, unknown_name

__all__ = ["Setting", "Settings", "available_cpus", "settings"]

T = TypeVar("T")
Reader = Callable[[Any], T]  # text of an environment variable, or a Python value -> the value


def _variable(name: str) -> str:
    """The value of an environment variable, "" if there is none.

    Every call of a program asks, and in a Mapping that is a microsecond: it is looked up in the
    dictionary inside, where os.environ has one.
    """
    environment = os.environ
    held = getattr(environment, "_data", None)
    if held is not None and _encoded(name) not in held:
        return ""
    return environment.get(name, "")


@functools.cache
def _encoded(name: str) -> object:
    return os.environ.encodekey(name)


class Setting(Generic[T]):
    """One row: the variable, how its text is read, the default (or how to find it), the meaning."""

    def __init__(
        self, variable: str, read: Reader[T], default: T | Callable[[], T], doc: str
    ) -> None:
        self.variable, self.read, self.default, self.__doc__ = variable, read, default, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> "Setting[T] | T":
        if instance is None:
            return self
        for chosen in (context.current().settings, instance.assigned):
            if chosen and self.name in chosen:
                value: T = chosen[self.name]
                return value
        text = _variable(self.variable)
        if text:
            return self.checked(text, f"environment variable {self.variable}")
        return self.default() if callable(self.default) else self.default

    def __set__(self, instance: Any, value: Any) -> None:
        instance.assigned[self.name] = self.checked(value, f"setting '{self.name}'")

    def __delete__(self, instance: Any) -> None:
        instance.assigned.pop(self.name, None)

    def checked(self, value: Any, origin: str) -> T:
        """The value, read; or an error that names where it came from."""
        try:
            return self.read(value)
        except (ValueError, TypeError) as error:
            raise SettingError(
                f"{origin} is {value!r}, expected {error}",
                hint=f"{self.variable}: {self.__doc__}",
            ) from None


# --- Readers: each takes the text of a variable or a Python value, and says what it expects.


def _whole(low: int, high: int | None = None) -> Reader[int]:
    expected = f"a whole number from {low}" + (f" to {high}" if high is not None else "")

    def read(value: Any) -> int:
        try:
            number = int(value)
        except (ValueError, TypeError, OverflowError):
            raise ValueError(expected) from None
        if number < low or (high is not None and number > high) or isinstance(value, float):
            raise ValueError(expected)
        return number

    return read


def _seconds(value: Any) -> float:
    try:
        number = float(value)
    except (ValueError, TypeError):
        raise ValueError("a number of seconds above 0") from None
    if not 0 < number < math.inf:
        raise ValueError("a number of seconds above 0")
    return number


_SWITCH = {"1": True, "true": True, "on": True, "yes": True}
_SWITCH |= {"0": False, "false": False, "off": False, "no": False}


def _switch(value: Any) -> bool:
    answer = _SWITCH.get(str(value).strip().lower())
    if answer is None:
        raise ValueError("1 or 0 (or on/off, true/false, yes/no)")
    return answer


def _choice(*choices: str) -> Reader[str]:
    def read(value: Any) -> str:
        word = str(value).strip().lower()
        if word not in choices:
            raise ValueError("one of " + ", ".join(map(repr, choices)))
        return word

    return read


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name")
    return value.strip().lower()


def _comparison(value: Any) -> str:
    """The name of the engine that another one is compared with: the reference for a plain 1."""
    answer = _SWITCH.get(str(value).strip().lower())
    if answer is not None or value == "":
        return "numpy" if answer else ""
    return _choice("numpy", "llvm", "xla")(value)


def _folder(value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise TypeError("the path of a folder")
    return Path(value).expanduser()


def _optional_folder(value: Any) -> Path | None:
    return None if value is None else _folder(value)


_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _bytes(value: Any) -> int:
    """`"512 MB"`, `"2GB"` or a plain number of bytes."""
    text = str(value).strip().upper().removesuffix("B")
    unit = text[-1:] if text[-1:] in ("K", "M", "G", "T") else ""
    try:
        size = float(text.removesuffix(unit)) * _UNITS[f"{unit}B" if unit else ""]
        if not 0 <= size < math.inf:
            raise ValueError
    except ValueError:
        raise ValueError("a size such as 500MB or 2GB") from None
    return int(size)


# --- Defaults that depend on the machine.


def _names(value: Any) -> tuple[str, ...]:
    """Names, as a sequence or as text with commas between them."""
    names = value.split(",") if isinstance(value, str) else list(value)
    return tuple(name.strip() for name in names if name.strip())


def available_cpus() -> int:
    """CPUs that this process may use, by its affinity and, on Linux, its control groups' quota; on
    macOS the fast ones, since threads that share work evenly wait for the slowest."""
    if sys.platform == "linux":
        return max(1, math.ceil(min(len(os.sched_getaffinity(0)), _quota())))
    fast = _system_number("hw.perflevel0.logicalcpu") if sys.platform == "darwin" else 0
    return max(1, fast or os.cpu_count() or 1)


def _system_number(name: str) -> int:
    """A number that macOS keeps under this name; 0 if it has none."""
    value, size = ctypes.c_int64(0), ctypes.c_size_t(8)
    try:
        ask = ctypes.CDLL(None).sysctlbyname
    except (OSError, AttributeError):
        return 0
    failed = ask(name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0))
    return 0 if failed else value.value


@functools.cache
def _quota() -> float:
    """CPUs' worth of time that the control groups of this process allow; infinite if no limit."""
    if sys.platform != "linux":
        return math.inf
    return min((_quota_of(folder) for folder in _control_groups()), default=math.inf)


def _control_groups(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[Path]:
    """Folders of the groups of this process and of all groups around them (versions 1 and 2)."""
    yield root
    yield root / "cpu"
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "cpu" if controllers else root
        inner = base / path.lstrip("/")
        yield from (each for each in (inner, *inner.parents) if each.is_relative_to(base))


def _quota_of(folder: Path) -> float:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        return float(quota) / float(period) if quota not in ("max", "-1") else math.inf
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf


def _cache_dir() -> Path:
    """The folder in which this platform wants programs to keep what they can make again."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "lamina"


# --- The table.


# fmt: off
class Settings:
    """The table of settings; `lamina.settings.settings` is the shared instance."""

    debug = Setting("LAMINA_DEBUG", _whole(0, 6), 0,
        "print 1 timings, 2 passes, 3 kernels, 4 loop nests, 5 LLVM, 6 assembly")
    check = Setting("LAMINA_CHECK", _switch, False,
        "1 verifies the graph or program after each compiler pass")
    dump = Setting("LAMINA_DUMP", str, "",
        "before:PASS or after:PASS, also of kernels of one name: after:fuse_loops,dot_general")
    skip = Setting("LAMINA_SKIP", _names, (),
        "optional compiler passes to leave out, such as prefetch,tile_rows")
    compare = Setting("LAMINA_COMPARE", _comparison, "",
        "1 compares each kernel with the reference, llvm or xla with that engine; 0 does not")
    engine = Setting("LAMINA_ENGINE", _choice("llvm", "numpy", "xla"), "llvm",
        "what runs compiled code: 'llvm', 'xla' (GPUs, by JAX), or 'numpy' (the reference)")
    threads = Setting("LAMINA_THREADS", _whole(1, 1024), available_cpus,
        "threads of compiled code; by default the CPUs available to this process")
    target = Setting("LAMINA_TARGET", _word, "",
        "processor to compile for, by LLVM's name, such as haswell; empty: this machine's own")
    winograd = Setting("LAMINA_WINOGRAD", _switch, True,
        "0 computes every convolution as it is written, also where fewer products would do")
    cache = Setting("LAMINA_CACHE", _switch, True,
        "0 neither reads nor writes compiled code on disk")
    cache_dir = Setting("LAMINA_CACHE_DIR", _folder, _cache_dir,
        "folder for compiled code and downloaded data")
    cache_limit = Setting("LAMINA_CACHE_LIMIT", _bytes, 1_000_000_000,
        "compiled code kept on disk, such as 500MB; the longest unused goes first")
    data = Setting("LAMINA_DATA", _optional_folder, None,
        "folder that data sets are looked for in first")
    offline = Setting("LAMINA_OFFLINE", _switch, False,
        "1 never downloads anything")
    timeout = Setting("LAMINA_TIMEOUT", _seconds, 30.0,
        "seconds to wait for a mirror that does not answer")
    # fmt: on

    def __init__(self) -> None:
        self.assigned: dict[str, Any]
        object.__setattr__(self, "assigned", {})

    def __setattr__(self, name: str, value: Any) -> None:
        _row(name)
        object.__setattr__(self, name, value)

    @contextmanager
    def __call__(self, **values: Any) -> Iterator["Settings"]:
        """Other values inside a `with` block, for this thread: `with settings(debug=3): ...`.

        Raises:
            UnknownNameError: no setting has this name; the nearest is named.
            SettingError: a setting cannot have this value.
        """
        checked = {
            name: _row(name).checked(value, f"setting '{name}'") for name, value in values.items()
        }
        with context.entered(settings={**context.current().settings, **checked}):
            yield self

    def rows(self) -> list[Setting[Any]]:
        """All settings, in the order of the table: for documentation and `lamina info`."""
        return list(_ROWS.values())

    def __repr__(self) -> str:
        return "\n".join(
            f"{row.name:12} {getattr(self, name)!s:24} {row.variable}: {row.__doc__}"
            for name, row in _ROWS.items()
        )


_ROWS: dict[str, Setting[Any]] = {
    name: row for name, row in vars(Settings).items() if isinstance(row, Setting)
}


def _row(name: str) -> Setting[Any]:
    if name not in _ROWS:
        raise unknown_name("setting", name, _ROWS)
    return _ROWS[name]


settings = Settings()

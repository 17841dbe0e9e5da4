"""Model files changed on purpose, and a process that watches what reading them does.

    parts(content)            {"model.json": bytes, ...} of a model file
    sealed(parts)             a model file of these parts, with a manifest that fits them
    results(cases, read, path)   what became of each case: Result(outcome, message, seconds, peak,
                              events)

An audit hook reports every file that is opened, every module that is imported, and every process or
connection that is started. Files are read in processes that are forked from one that has loaded
Lamina, so that time and memory are those of the reading; the processes have limits of both.
"""

from __future__ import annotations

import codecs
import hashlib
import importlib
import io
import itertools
import json
import os
import pkgutil
import resource
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from lamina.errors import LaminaError
from lamina.saving import container

WATCHED = ("open", "import", "exec", "subprocess.", "os.", "socket.", "ctypes.", "shutil.")
INSIDE = ("open", "os.scandir", "os.listdir", "os.mkdir", "os.rename", "os.remove", "os.truncate",
          "os.chmod")  # fmt: skip
MOST_SECONDS, MOST_ALLOCATED = 4, 400 << 20  # of a process that reads one file


# ---- files -------------------------------------------------------------------------------------
def parts(content: bytes) -> dict[str, bytes]:
    """The members of a model file by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(members: dict[str, bytes], **manifest: Any) -> bytes:
    """A model file of these members, whose manifest has their checksums."""
    written = {**json.loads(members[container.MANIFEST]), **manifest}
    written["sha256"] = {
        name: hashlib.sha256(part).hexdigest()
        for name, part in members.items()
        if name != container.MANIFEST
    }
    return archived({**members, container.MANIFEST: json.dumps(written).encode()})


def archived(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, part in members.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def rewritten(content: bytes, change: Callable[[Any], Any]) -> bytes:
    """A model file whose description is what `change` makes of it; sealed again."""
    members = parts(content)
    model = json.loads(members[container.MODEL])
    changed = change(model)
    members[container.MODEL] = json.dumps(model if changed is None else changed).encode()
    return sealed(members)


# ---- reading under watch -----------------------------------------------------------------------
@dataclass
class Result:
    """The result of reading one file. outcome: "read", "refused" (a LaminaError that names the
    file), or the name of another exception; seconds: processor time; peak: MB of memory of the
    process;
    events: what it should not do.
    """

    outcome: str
    message: str = ""
    seconds: float = 0.0
    peak: float = 0.0
    events: list[str] = field(default_factory=list)


class Watch:
    """Audit events while `path` is read, except those of `path` itself."""

    def __init__(self) -> None:
        self.path: str | None = None
        self.events: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.path is None or not event.startswith(WATCHED):
            return
        if event == "open" and str(arguments[0]) == self.path:
            return
        named = [os.fsdecode(a) for a in arguments if isinstance(a, (str, bytes, os.PathLike))]
        if named and event in INSIDE and all(self._is_inside(name) for name in named[:2]):
            return
        self.events.append(f"{event} {[str(a)[:80] for a in arguments[:2]]}")

    def _is_inside(self, name: str) -> bool:
        """True for what the folder that is read holds; also for the mode of "open"."""
        assert self.path is not None
        is_named = os.path.realpath(name).startswith(self.path + os.sep) or name == self.path
        return is_named or "/" not in name


NEED_EXTRAS = ("lamina.engines.xla", "lamina.sklearn")  # nothing else imports them


def load_everything() -> None:
    """Import all of Lamina, so that reading a file has nothing left to import."""
    import difflib  # noqa: F401  (names the nearest of unknown names)

    import lamina

    codecs.lookup("cp437")  # of names in archives
    _load(lamina)


def _load(package: Any) -> None:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__") and found.name not in NEED_EXTRAS:
            module = importlib.import_module(found.name)
            if found.ispkg:
                _load(module)


def results(
    cases: Iterable[tuple[str, bytes]], read: Callable[[str], Any], path: str, batch: int = 1
) -> Iterator[tuple[str, Result]]:
    """Write each case to `path` and read it, with a new process after a number of cases."""
    load_everything()
    watch = Watch()
    remaining = iter(cases)
    while rest := list(itertools.islice(remaining, batch)):
        while rest:  # a file that killed its process, and those before it, are done
            found = _forked(lambda rest=rest: _read_in_turn(watch, rest, read, path))
            found = found if len(found) == len(rest) else [*found, Result("killed")]
            yield from zip((name for name, _ in rest), found)
            rest = rest[len(found) :]


def _read_in_turn(
    watch: Watch, cases: list[tuple[str, bytes]], read: Callable[[str], Any], path: str
) -> Iterator[Result]:
    for _, content in cases:
        with open(path, "wb") as file:
            file.write(content)
        _limit_time()
        yield observed(watch, read, path)


def forked(watch: Watch, read: Callable[[str], Any], path: str) -> Result:
    """The result of reading one file in a separate process."""

    def compute() -> Iterator[Result]:
        _limit_time()
        yield observed(watch, read, path)

    return next(iter(_forked(compute)), Result("killed"))


def _forked(compute: Callable[[], Iterator[Result]]) -> list[Result]:
    """The results that a forked process computes until it ends or is killed."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(receiver)
            with os.fdopen(sender, "w") as file:
                _limit_memory()
                for result in compute():
                    print(json.dumps(asdict(result)), file=file, flush=True)
            status = 0
        finally:
            os._exit(status)
    os.close(sender)
    with os.fdopen(receiver) as file:
        told = [Result(**json.loads(line)) for line in file]
    os.waitpid(child, 0)
    return told


def _limit_memory() -> None:
    """Let large allocations of this process raise MemoryError."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    most = pages * resource.getpagesize() + MOST_ALLOCATED
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_time() -> None:
    """Kill this process after some seconds."""
    most = int(time.process_time()) + MOST_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def observed(watch: Watch, read: Callable[[str], Any], path: str) -> Result:
    began = time.process_time()
    watch.path, watch.events = path, []
    try:
        read(path)
        outcome, message = "read", ""
    except LaminaError as error:
        outcome, message = "refused", str(error)
        if path not in message and "restore" not in message:
            outcome = f"{type(error).__name__} that does not name the file"
    except BaseException as error:  # noqa: BLE001  what must not escape is what is looked for
        outcome, message = type(error).__name__, str(error)
    watch.path = None
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Result(outcome, message[:300], seconds, peak, watch.events[:5])

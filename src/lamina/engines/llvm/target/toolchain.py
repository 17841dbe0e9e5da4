"""From LLVM text to machine code in memory: the only module that uses llvmlite.

    image = compile_object(text)            # bytes: what the cache on disk keeps
    library = link([image], ["kernel"])     # loads it into this process
    library.address("kernel")               # an integer, for ctypes

The text arrives with its vectors, unrolled tiles and fused operations written out, so LLVM's usual
optimization pipelines only cost time (three times as much) and undo register tiles (20% slower
code): by default only the code generator runs. llvmlite is imported at the first use.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from ctypes import string_at
from functools import cache
from typing import Any, NamedTuple

from lamina.engines.llvm.target.processors import features_of
from lamina.errors import CompileError, EngineError
from lamina.locks import MAKING
from lamina.settings import settings


class Level(NamedTuple):
    """An optimization level: the effort of the code generator, and of the passes before it."""

    codegen: int
    simplify: int | None = None


LEVELS = {
    0: Level(codegen=0),  # fastest to compile, ten times slower loops: calls of many kernels
    1: Level(codegen=1),
    2: Level(codegen=2),  # text that is written the way it should run
    3: Level(codegen=2, simplify=2),  # text with repeated or loop-invariant work in it
}


class Host(NamedTuple):
    """The target of code: this process's processor, in LLVM's words."""

    triple: str
    cpu: str
    features: str


def available() -> bool:
    """Return whether llvmlite can be imported here."""
    try:
        _llvm()
    except EngineError:
        return False
    return True


@cache
def _llvm() -> Any:
    """The module `llvmlite.binding`, ready for this machine's processor."""
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError) as error:
        raise EngineError(
            f"the llvm engine needs llvmlite, which cannot be imported here ({error})",
            hint="pip install llvmlite; or LAMINA_ENGINE=numpy, which needs nothing",
        ) from error
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if hasattr(os, "register_at_fork"):
        _forks.guard(getattr(llvm.ffi.lib, "_lock", nullcontext()))
    return llvm


class _Forks:
    """Keeps forks and compilations from overlapping: a child would inherit LLVM's locks in the
    state that another thread left them in, and wait forever. Compilations run inside of `with
    forks:`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._compiling = 0

    def __enter__(self) -> None:
        with self._changed:
            self._compiling += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._compiling -= 1
            self._changed.notify_all()

    def guard(self, lock: Any) -> None:
        """From now on, forks wait for compilations to end, and for llvmlite's own lock."""

        def before() -> None:
            MAKING.acquire()  # first, as whoever makes things takes it before it compiles
            self._changed.acquire()
            self._changed.wait_for(lambda: not self._compiling)
            lock.__enter__()

        def after() -> None:
            lock.__exit__(None, None, None)
            self._changed.release()
            MAKING.release()

        os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)


_forks = _Forks()


def host() -> Host:
    """The processor that code is compiled for: this machine's, or the one that the setting `target`
    names.

    Raises:
        UnknownNameError: the setting names an unknown processor.
        SettingError: this machine cannot run code for it.
    """
    return _host_for(settings.target)


@cache
def _host_for(name: str) -> Host:
    llvm = _llvm()
    triple = llvm.get_process_triple()
    try:
        features = llvm.get_host_cpu_features()
    except (
        RuntimeError
    ):  # if LLVM cannot find features on this system, the processor's name implies them
        features = llvm.FeatureMap()
    if not name:
        return Host(triple, llvm.get_host_cpu_name(), features.flatten())
    available = {feature for feature, has in features.items() if has}
    needed = features_of(name, triple.split("-")[0], available)
    return Host(triple, name, ",".join(f"+{feature}" for feature in sorted(needed)))


@cache
def version() -> str:
    """Versions of llvmlite and of the LLVM inside it: `"0.50.0 LLVM 22.1.0"`."""
    import llvmlite

    return f"{llvmlite.__version__} LLVM {'.'.join(map(str, _llvm().llvm_version_info))}"


# ---- compiling ---------------------------------------------------------------------------------
def compile_object(text: str, level: int = 2, processor: Host | None = None) -> bytes:
    """The object file, as bytes, of a module of LLVM text, for a processor (by default `host()`).

    Raises:
        CompileError: LLVM does not accept the text.
    """
    with _module(text, level, processor) as (machine, module):
        return _emit(machine, module)


def assembly(text: str, level: int = 2) -> str:
    """The assembly of this machine for a module of LLVM text."""
    with _module(text, level) as (machine, module):
        return str(machine.emit_assembly(module))


def optimised(text: str, level: int = 2) -> str:
    """The LLVM text as the code generator sees it."""
    with _module(text, level) as (_, module):
        return str(module)


@contextmanager
def _module(text: str, level: int, processor: Host | None = None) -> Iterator[tuple[Any, Any]]:
    """Return a target machine and the parsed, checked and simplified module.

    Each module has its own LLVM context, which lets threads compile in parallel.
    """
    llvm, effort, chosen = _llvm(), LEVELS[level], processor or host()
    with _forks, ExitStack() as stack:
        target = llvm.Target.from_triple(chosen.triple)
        machine = target.create_target_machine(
            cpu=chosen.cpu, features=chosen.features, opt=effort.codegen
        )
        context = llvm.create_context()
        stack.callback(machine.close)
        stack.callback(context.close)
        try:
            module = llvm.parse_assembly(text, context)
            stack.callback(module.close)  # before its context
            module.triple, module.data_layout = machine.triple, str(machine.target_data)
            module.verify()
        except RuntimeError as error:
            raise _refused(error, text) from error
        if effort.simplify is not None:
            _simplify(machine, module, effort.simplify)
        yield machine, module


def _refused(error: RuntimeError, text: str) -> CompileError:
    names = [line.split("(")[0].split("@")[-1] for line in text.splitlines() if "define " in line]
    return CompileError(
        f"LLVM refused the code of {', '.join(names[:3]) or 'a module'}: {error}",
        hint="this is a defect of Lamina; LAMINA_ENGINE=numpy runs the program without LLVM",
    )


def _simplify(machine: Any, module: Any, effort: int) -> None:
    """LLVM's scalar clean-up, function by function: no vectoriser, no unrolling of whole tiles."""
    llvm = _llvm()
    options = llvm.create_pipeline_tuning_options(effort)
    options.loop_unrolling = False
    passes = llvm.create_pass_builder(machine, options)
    manager = passes.getFunctionPassManager()
    run = _unlocked("LLVMPY_RunNewFunctionPassManager")
    for function in module.functions:
        if not function.is_declaration:
            run(manager, function, passes)


def _emit(machine: Any, module: Any) -> bytes:
    """`machine.emit_object(module)`, but without llvmlite's lock held over the long call."""
    from llvmlite.binding import ffi

    with ffi.OutputString() as message:
        emit = _unlocked("LLVMPY_TargetMachineEmitToMemory")
        buffer = emit(machine, module, 1, message)
        if not buffer:
            raise CompileError(f"LLVM could not write an object: {message}")
    try:
        start, size = ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer)
        return string_at(start, size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


@cache
def _unlocked(name: str) -> Any:
    """A function of llvmlite's library, without the lock that it puts around every call.

    LLVM promises that threads may work at the same time on different contexts, and nothing else is
    shared here: each module has its own context and target machine. Where llvmlite has no
    such inner function (any more), the locked one does the same, one thread at a time.
    """
    from llvmlite.binding import ffi

    wrapper = getattr(ffi.lib, name)
    return getattr(wrapper, "_cfn", wrapper)


# ---- linking -----------------------------------------------------------------------------------
# Trackers and engines of libraries that are gone. They are closed by the next `link`: a finalizer
# runs at any time, and Python ignores the KeyboardInterrupt of a Ctrl-C that arrives in one.
_GONE: deque[tuple[Any, Any]] = deque()


class Library:
    """Machine code in memory. It is freed by the first `link` after the last reference goes."""

    def __init__(self, addresses: dict[str, int]) -> None:
        self._addresses = addresses

    def address(self, symbol: str) -> int:
        """Return the address of an exported function; valid as long as the library is
        referenced."""
        return self._addresses[symbol]


def link(objects: Sequence[bytes], symbols: Sequence[str]) -> Library:
    """Load object files together into this process; they may call each other's functions.

    `symbols` are the functions whose addresses the library gives.

    Raises:
        CompileError: a symbol is missing or defined twice.
    """
    _unload()
    llvm = _llvm()
    # An engine for each library: one that is shared keeps 9 kB of every library for ever.
    engine = llvm.create_lljit_compiler(suppress_errors=True)
    builder = llvm.JITLibraryBuilder()
    for image in objects:
        builder.add_object_img(image)
    for symbol in symbols:
        builder.export_symbol(symbol)
    try:
        tracker = builder.link(engine, "lamina")
    except RuntimeError as error:
        engine.close()
        raise CompileError(f"the compiled parts do not fit together: {error}") from error
    library = Library({symbol: tracker[symbol] for symbol in symbols})
    weakref.finalize(library, _GONE.append, (tracker, engine)).atexit = False
    return library


def _unload() -> None:
    """Close what belongs to libraries that are gone."""
    while _GONE:
        try:
            tracker, engine = _GONE.popleft()
        except IndexError:  # another thread took the last one
            return
        tracker.close()
        engine.close()

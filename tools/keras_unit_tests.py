"""Run Keras' own unit tests on `lamina.keras`.

    python tools/keras_unit_tests.py CHECKOUT [FILE OR FOLDER ...] [--report report.json]

CHECKOUT is a copy of https://github.com/keras-team/keras at the release that the tests of Lamina
record (3.15); none of it is part of Lamina. Needs pytest, absl-py and ml_dtypes, which gives NumPy
the name "bfloat16" as JAX does.

The tests import from `keras.src`. Here each module `keras.src.x` is a `Mirror`: the source of that
module is parsed, not run, and a name in it is

- what `lamina.keras` has under the public name of `@keras_export(...)`;
- what another module's mirror has, if the source imports the name from there;
- for a class of an operation (`Add`): the public function that calls it (`add`);
- a name of `INTERNAL` below, for internals of Keras that have a counterpart in Lamina.

The modules of `COPIED` hold no Keras machinery (the test case class, helpers on plain Python data)
and run as they are. A test that uses another internal of Keras, a private attribute or another
framework cannot be judged: it says nothing about what users see. A test that needs a public name
that Lamina lacks counts as failed. Where a test expects an error, its type is compared, and not its
text.
"""

from __future__ import annotations

import argparse
import ast
import collections
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import sys
import types
import typing
import unittest
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - registers bfloat16 with NumPy
import numpy as np
import pytest

import lamina
from lamina import keras
from lamina.operations import masks

COPIED = (
    "keras.src.testing",
    "keras.src.testing.test_case",
    "keras.src.testing.test_utils",
    "keras.src.utils.python_utils",
    "keras.src.utils.argument_validation",
    "keras.src.layers.preprocessing.image_preprocessing.bounding_boxes.bounding_box",
)
BACKEND_TESTS = ("backend/jax", "backend/tensorflow", "backend/torch", "backend/openvino")
ELSEWHERE = (*BACKEND_TESTS, "export", "applications", "distillation", "testing")  # not judged


class Unjudged(Exception):
    """An internal of Keras without a counterpart."""


class Absent(AttributeError):
    """A public name of Keras that Lamina lacks."""


def public(path: str) -> Any:
    """The object of `lamina.keras` under the public name "keras.x.y".

    Raises:
        Absent: it has none.
    """
    found: Any = keras
    for name in path.split(".")[1:]:
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise Absent(f"lamina has no {path}") from error
    return found


def _first(*paths: str) -> Any:
    for path in paths:
        try:
            return public(path)
        except Absent:
            continue
    raise Absent(f"lamina has no {paths[0]}")


class _TracebackUtils:
    @staticmethod
    def is_traceback_filtering_enabled() -> bool:
        return False

    disable_traceback_filtering = enable_traceback_filtering = staticmethod(lambda: None)


class Trainer(keras.Model):
    """A model as a class that others with another initialization derive from."""

    def __init__(self) -> None:
        pass

    def call(self, *args: Any, **options: Any) -> Any:
        return super(keras.Model, self).call(*args, **options)  # of the layer it is mixed with

    def build(self, *shapes: Any) -> None:
        super(keras.Model, self).build(*shapes)


def _internal() -> dict[str, Any]:
    """Internals of Keras that have a counterpart: "module:name" -> object."""
    ops = keras.ops
    table: dict[str, Any] = {
        "keras.src.backend:backend": _backend,
        "keras.src.backend.config:backend": _backend,
        "keras.src.backend.jax.trainer:JAXTrainer": Trainer,
        "keras.src.utils.module_utils:optree": types.SimpleNamespace(available=True),
        "keras.src.utils.module_utils:dmtree": types.SimpleNamespace(available=False),
        "keras.src.tree:optree_impl": keras.tree,
        "keras.src.backend.common.global_state:clear_session": lambda free_memory=True: (
            keras.utils.clear_session()
        ),
        "keras.src.utils:traceback_utils": _TracebackUtils,
        "keras.src.utils.traceback_utils:is_traceback_filtering_enabled": lambda: False,
        "keras.src.utils.traceback_utils:disable_traceback_filtering": lambda: None,
        "keras.src.utils.traceback_utils:enable_traceback_filtering": lambda: None,
        "keras.src.backend:is_float_dtype": _is_float,
        "keras.src.backend.common:is_float_dtype": _is_float,
        "keras.src.backend.common.variables:is_float_dtype": _is_float,
        "keras.src.backend.common:is_int_dtype": _is_int,
        "keras.src.backend.common.variables:is_int_dtype": _is_int,
        "keras.src.backend:is_int_dtype": _is_int,
        "keras.src.backend:SUPPORTS_SPARSE_TENSORS": False,
        "keras.src.backend:SUPPORTS_RAGGED_TENSORS": False,
        "keras.src.backend:SUPPORTS_COMPLEX_DTYPES": False,
        "keras.src.backend:IS_THREAD_SAFE": True,
        "keras.src.backend:DATA_FORMAT": "channels_last",
        "keras.src.backend.common.masking:get_keras_mask": masks.mask_of,
        "keras.src.backend.common.masking:set_keras_mask": _set_mask,
        "keras.src.backend:standardize_dtype": _standardize,
        "keras.src.backend.common:standardize_dtype": _standardize,
        "keras.src.backend.common.variables:standardize_dtype": _standardize,
        "keras.src.backend:shape": ops.shape,
        "keras.src.models.functional:Functional": keras.Model,
        "keras.src.models:Functional": keras.Model,
    }
    if not hasattr(keras, "KerasTensor"):
        table["keras.src.backend.common.keras_tensor:KerasTensor"] = lamina.Tensor
        table["keras.src.backend:KerasTensor"] = lamina.Tensor
    return table


def _set_mask(tensor: Any, mask: Any) -> None:
    if mask is None:
        tensor._mask = None
    else:
        masks.attach(tensor, mask)


def _is_float(dtype: Any) -> bool:
    name = str(getattr(dtype, "name", dtype))
    return name.startswith(("float", "bfloat"))


def _backend() -> str:
    """The backend's name; one of Keras' to the tests of `Trainer` as they choose their imports, and
    the name of a device."""
    frame = sys._getframe(1)
    module = frame.f_globals.get("__name__", "")
    asking = f"{module}.{frame.f_code.co_name}"
    own = ("trainer_test.<module>", "trainer_test.__getitem__")
    return "jax" if asking.endswith(own) else "lamina"


def _standardize(dtype: Any) -> str:
    return (
        keras.config.floatx()
        if dtype is None
        else np.dtype(str(getattr(dtype, "name", dtype))).name
    )


def _is_int(dtype: Any) -> bool:
    return str(getattr(dtype, "name", dtype)).startswith(("int", "uint"))


BACKEND_MODULES = {
    "numpy": ("keras.ops",),
    "nn": ("keras.ops",),
    "math": ("keras.ops",),
    "linalg": ("keras.ops",),
    "image": ("keras.ops.image",),
    "core": ("keras.ops", "keras"),
    "random": ("keras.random",),
    "config": ("keras.config",),
}


class Lacking(type):
    """Metaclass of what stands for a name that Lamina lacks: any use raises the reason."""

    reason: Exception

    @classmethod
    def named(cls, name: str, reason: Exception) -> Lacking:
        found = type.__new__(cls, name, (), {})
        found.reason = reason
        return found

    def __new__(cls, name: str, bases: tuple[Any, ...], namespace: Any) -> Any:
        raise bases[0].reason

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise cls.reason

    def __instancecheck__(cls, instance: Any) -> bool:
        raise cls.reason

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise cls.reason


HOOKS = ("pytest", "setUp", "tearDown", "setup", "teardown", "load_tests")  # runners ask for them


class Mirror(types.ModuleType):
    """A module of Keras' source whose names are those of Lamina."""

    def __init__(self, name: str, source: Path) -> None:
        super().__init__(name)
        self.__path__ = []
        self.__file__ = str(source)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name.startswith(HOOKS):
            raise AttributeError(name)
        try:
            found = resolve(self.__name__, name)
        except (Absent, Unjudged) as reason:
            found = Lacking.named(name, reason)
        setattr(self, name, found)
        return found


class Other(types.ModuleType):
    """A framework that is not installed, or the configuration of Keras' tests."""

    __path__: typing.ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name == "skip_if_backend":
            return lambda backend, reason: lambda test: test
        if name.startswith("__"):
            raise AttributeError(name)
        if (self.__name__, name) == ("tensorflow", "data"):
            return importlib.import_module("lamina.tf").data
        return Lacking.named(name, Unjudged(f"{self.__name__}.{name} is internal to Keras"))


OTHERS = {"conftest"} | {
    name
    for name in ("tensorflow", "torch", "grain", "dmtree", "tree", "orbax", "openvino")
    if importlib.util.find_spec(name) is None
}


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `keras` and all below it."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name.split(".")[0] in OTHERS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if name != "keras" and not name.startswith("keras."):
            return None
        if name == "keras" or not name.startswith("keras.src"):
            return importlib.machinery.ModuleSpec(name, self)
        source = source_of(name)
        if source is None:
            return None
        if name.endswith("_test") or name in COPIED:
            return importlib.util.spec_from_file_location(
                name, source, submodule_search_locations=[] if name in PACKAGES else None
            )
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        if spec.name.split(".")[0] in OTHERS:
            return Other(spec.name)
        if spec.name == "keras":
            return keras
        if not spec.name.startswith("keras.src"):
            return public(spec.name)
        return Mirror(spec.name, source_of(spec.name) or Path())

    def exec_module(self, module: Any) -> None:
        pass


PACKAGES = ("keras.src.testing",)
ROOT = Path()


@functools.cache
def source_of(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    for path in (place.with_name(place.name + ".py"), place / "__init__.py"):
        if path.exists():
            return path
    return None


@functools.cache
def names_of(module: str) -> dict[str, tuple[str, ...]]:
    """The names that a module of Keras' source defines: ("export", path ...), ("import", module,
    name), ("module", module), ("constant", value) or ("private",)."""
    source = source_of(module)
    if source is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for node in _statements(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if alias.name == "*":
                    found[f"* {node.module}"] = ("star", node.module)
                else:
                    found[alias.asname or alias.name] = ("import", node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = ("module", alias.name)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = _export(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = _assigned(node, target.id)
    return found


def _statements(tree: ast.Module) -> list[ast.stmt]:
    """Those of the module, and of its top-level branches."""
    found: list[ast.stmt] = []
    for node in tree.body:
        found += [*node.body, *node.orelse] if isinstance(node, ast.If) else [node]
    return found


def _assigned(node: ast.Assign, name: str) -> tuple[str, ...]:
    value = node.value
    if isinstance(value, ast.Name):
        return ("alias", value.id)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Call):
        return _paths(value.func) or ("private",)
    try:
        return ("constant", repr(ast.literal_eval(value)))
    except ValueError:
        return ("private",)


def _export(node: ast.FunctionDef | ast.ClassDef) -> tuple[str, ...]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and (paths := _paths(decorator)):
            return paths
    return ("private",)


def _paths(call: ast.Call) -> tuple[str, ...]:
    if getattr(call.func, "id", "") != "keras_export" or not call.args:
        return ()
    value = call.args[0]
    try:
        paths = ast.literal_eval(value)
    except ValueError:
        return ()
    return ("export", *([paths] if isinstance(paths, str) else paths))


@functools.cache
def operations_of(module: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The classes of operations of a module: name -> the function that calls it, and the names of
    the arguments of its constructor."""
    source = source_of(module)
    if source is None or not module.startswith("keras.src.ops"):
        return {}
    body = ast.parse(source.read_text("utf-8")).body
    arguments = {
        c.name: tuple(
            a.arg
            for f in c.body
            if isinstance(f, ast.FunctionDef) and f.name == "__init__"
            for a in f.args.args[1:]
        )
        for c in body
        if isinstance(c, ast.ClassDef)
    }
    found = {}
    for function in (f for f in body if isinstance(f, ast.FunctionDef)):
        # Add().symbolic_call(x), or Add()(x)
        for call in (n for n in ast.walk(function) if isinstance(n, ast.Call)):
            made: Any = getattr(call.func, "value", call.func)
            name = getattr(made.func, "id", "") if isinstance(made, ast.Call) else ""
            if name in arguments:
                found.setdefault(name, (function.name, arguments[name]))
    return found


def operation_of(module: str, name: str) -> Any:
    """A class whose objects call the public function of an operation."""
    function, names = operations_of(module)[name]
    called = resolve(module, function)
    given = inspect.signature(called).parameters
    parameters = list(given)
    is_variable = any(p.kind is p.VAR_POSITIONAL for p in given.values())

    class Operation:
        def __init__(self, *args: Any, **options: Any) -> None:
            self.options = {**dict(zip(names, args, strict=False)), **options}
            self.options = {n: v for n, v in self.options.items() if n in parameters}

        def __call__(self, *operands: Any, **options: Any) -> Any:
            if is_variable:
                first = [
                    n for n in self.options if given[n].kind is not inspect.Parameter.KEYWORD_ONLY
                ]
                named = {n: v for n, v in self.options.items() if n not in first}
                return called(*(self.options[n] for n in first), *operands, **named, **options)
            free = [n for n in parameters if n not in self.options]
            bound = dict(zip(free, operands, strict=False))
            return called(**bound, **self.options, **options)

        def __getattr__(self, name: str) -> Any:
            raise Unjudged(f"the class of an operation: {name}")

        call = symbolic_call = compute_output_spec = __call__

    Operation.__name__ = name
    return Operation


def resolve(module: str, name: str) -> Any:
    """The name of a module of Keras' source, in Lamina."""
    internal = INTERNAL.get(f"{module}:{name}")
    if internal is not None or f"{module}:{name}" in INTERNAL:
        return internal
    entry = names_of(module).get(name)
    if entry and entry[0] == "export":
        return _first(*entry[1:])
    if name in operations_of(module):
        return operation_of(module, name)
    if entry and entry[0] == "import":
        return _imported(entry[1], entry[2])
    if entry and entry[0] == "alias":
        return resolve(module, entry[1])
    if entry and entry[0] == "constant":
        return ast.literal_eval(entry[1])
    if entry and entry[0] == "module" and not entry[1].startswith("keras"):
        return importlib.import_module(entry[1])
    if source_of(f"{module}.{name}") is not None:
        return importlib.import_module(f"{module}.{name}")
    for star in (e[1] for e in names_of(module).values() if e[0] == "star"):
        if name in names_of(star):
            return resolve(star, name)
    return _of_backend(module, name)


def _imported(module: str, name: str) -> Any:
    if source_of(f"{module}.{name}") is not None:
        return importlib.import_module(f"{module}.{name}")
    if module.startswith("keras"):
        return getattr(importlib.import_module(module), name)
    return getattr(importlib.import_module(module), name)


def _of_backend(module: str, name: str) -> Any:
    """A name of the backend: the operation or function of the same public name."""
    if module == "keras.src.backend" and name in BACKEND_MODULES:
        return _Backend(BACKEND_MODULES[name])
    if module.startswith("keras.src.backend"):
        for place in ("keras", "keras.ops", "keras.backend", "keras.config", "keras.random"):
            try:
                return public(f"{place}.{name}")
            except Absent:
                continue
    raise Unjudged(f"{module}.{name} is internal to Keras")


class _Backend:
    """A part of Keras' backend: the public operations of the same names."""

    def __init__(self, places: tuple[str, ...]) -> None:
        self.places = places

    def __getattr__(self, name: str) -> Any:
        for place in self.places:
            try:
                return public(f"{place}.{name}")
            except Absent:
                continue
        raise Unjudged(f"the backend's {name} is internal to Keras")


class Judge:
    """A plugin of pytest that tells failed tests from those that cannot be judged."""

    def __init__(self) -> None:
        self.outcomes: dict[str, tuple[str, str]] = {}

    def pytest_configure(self, config: Any) -> None:
        for marker in ("requires_trainable_backend", "requires_tpu", "multi_device"):
            config.addinivalue_line("markers", f"{marker}: of Keras")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        report = (yield).get_result()
        if report.when != "call" and report.passed:
            return
        outcome, text = report.outcome, ""
        if call.excinfo is not None and not report.passed:
            text = f"{call.excinfo.typename}: {call.excinfo.value}"
            if report.skipped:
                outcome = "skipped"
            elif _is_unjudged(call.excinfo.value):
                outcome = "unjudged"
        self.outcomes[item.nodeid] = outcome, text[:400]

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            text = str(report.longrepr)
            outcome = "unjudged" if "Unjudged" in text or "No module named" in text else "failed"
            for number in range(_count_tests(Path(report.fspath))):
                self.outcomes[f"{report.nodeid}::{number}"] = outcome, text.strip()[-300:]


def _raises(
    case: unittest.TestCase, kinds: Any, expected_regex: Any, *call: Any, **options: Any
) -> Any:
    """The type of an error is compared, and not its text: Lamina has its own."""
    return case.assertRaises(kinds, *call, **options)


def _warns(
    case: unittest.TestCase, kinds: Any, expected_regex: Any, *call: Any, **options: Any
) -> Any:
    return case.assertWarns(kinds, *call, **options)


def _find_layers_as_keras_does() -> None:
    """The tests of layers walk over sublayers by a private method, which Lamina has without
    arguments."""
    kind: Any = keras.layers.Layer
    ours = kind._flatten_layers

    def flattened(layer: Any, include_self: bool = True, recursive: bool = True) -> Any:
        return ours(layer)[0 if include_self else 1 :]

    kind._flatten_layers = flattened


def _is_unjudged(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, Unjudged) or "is internal to Keras" in str(error):
            return True
        private = getattr(error, "name", None) or ""
        if isinstance(error, AttributeError) and private.startswith("_") and private[1:2] != "_":
            return True
        error = error.__cause__ or error.__context__
    return False


def _count_tests(path: Path) -> int:
    path = path if path.exists() else ROOT / path
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except OSError:
        return 1
    tests = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    return sum(n.name.startswith("test") for n in tests)


def test_files(chosen: list[str]) -> list[str]:
    """The files of tests under these places, without those of other backends."""
    base = ROOT / "keras" / "src"
    places = [base / c for c in chosen] or [base]
    files = [
        p for place in places for p in ([place] if place.is_file() else place.rglob("*_test.py"))
    ]
    judged = [p for p in sorted(files) if not str(p.relative_to(base)).startswith(ELSEWHERE)]
    return [str(p) for p in judged]


def table(outcomes: dict[str, tuple[str, str]]) -> str:
    """Counts by folder, as text."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for test, (outcome, _) in outcomes.items():
        counts[folder_of(test)][outcome] += 1
        counts["all"][outcome] += 1
    lines = [f"{'':16}{'passed':>8}{'failed':>8}{'of judged':>11}{'skipped':>9}{'unjudged':>10}"]
    for folder, c in sorted(counts.items()):
        judged = c["passed"] + c["failed"]
        share = f"{c['passed'] / judged:.1%}" if judged else "-"
        lines.append(
            f"{folder:16}{c['passed']:8}{c['failed']:8}{share:>11}{c['skipped']:9}{c['unjudged']:10}"
        )
    return "\n".join(lines)


def folder_of(test: str) -> str:
    _, _, inner = test.partition("keras/src/")
    return inner.split("/")[0]


def main() -> None:
    global ROOT, INTERNAL
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("chosen", nargs="*", help="files or folders below keras/src")
    parser.add_argument("--report", type=Path, help="write the outcome of each test as JSON")
    options, rest = parser.parse_known_args()
    ROOT = options.checkout.resolve()
    INTERNAL = _internal()
    for name in [n for n in sys.modules if n == "keras" or n.startswith("keras.")]:
        del sys.modules[name]
    sys.meta_path.insert(0, Finder())
    _find_layers_as_keras_does()
    unittest.TestCase.assertRaisesRegex = _raises  # type: ignore[method-assign,assignment]
    unittest.TestCase.assertWarnsRegex = _warns  # type: ignore[method-assign,assignment]
    np.random.seed(0)  # noqa: NPY002 - what Keras' tests draw from
    judge = Judge()
    files = test_files(options.chosen)
    if not files:
        sys.exit(f"no tests of {options.chosen} are judged")
    flags = [
        "--noconftest",
        "-p",
        "no:cacheprovider",
        "-q",
        "--tb=no",
        "--no-header",
        "-W",
        "ignore",
    ]
    pytest.main(
        [
            *flags,
            f"--rootdir={ROOT}",
            "--continue-on-collection-errors",
            "-c",
            "/dev/null",
            *rest,
            *files,
        ],
        plugins=[judge],
    )
    if options.report:
        options.report.write_text(json.dumps(judge.outcomes, indent=1), "utf-8")
    print(f"Lamina {lamina.__version__}")
    print(table(judge.outcomes))


INTERNAL: dict[str, Any] = {}

if __name__ == "__main__":
    sys.modules["keras_unit_tests"] = sys.modules["__main__"]
    main()

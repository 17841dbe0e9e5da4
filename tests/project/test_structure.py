"""Files import downward only, stay small, and `import lamina` stays light."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lamina

PACKAGE = Path(lamina.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# The floors of the package, from the ground up: a name in a row may import itself, its row and
# all rows above it in this table, also inside functions. A name is a module or package directly
# under lamina/, or one inside a package ("data.arrays"), which then counts apart from the rest.
FLOORS = [
    ["namespaces", "errors", "elsewhere", "version", "distinct", "defaults", "floatx", "arguments"],
    ["signatures", "context"],
    ["settings", "registry", "configuration", "restoring", "tree"],
    ["locks", "interrupts", "collecting", "files", "dlpack", "protobuf", "notebook"],
    ["ir", "annotations"],
    ["reference"],
    ["autodiff"],
    ["rewrite"],
    ["engines.protocol", "engines.residence", "engines.placement"],
    ["engines.fixed", "engines.parts"],
    ["engines.interpreted"],
    ["engines.llvm.target"],
    ["engines.llvm.loops"],
    ["engines.llvm.graph"],
    ["engines.llvm.fusion"],
    ["engines.llvm.lowering"],
    ["engines.llvm.loopopt"],
    ["engines.llvm.schedule"],
    ["engines.llvm.program"],
    ["engines.llvm.codegen"],
    ["engines.llvm.runtime"],
    ["engines.llvm.tools"],
    ["engines.llvm.pipeline"],
    [f"engines.llvm.tools.{name}" for name in ("profile", "roofline")],
    ["engines.llvm.engine", "engines.xla"],
    ["engines.comparison"],
    ["engines"],
    ["tensor"],
    ["string_tensor"],
    ["specs"],
    ["variables", "stateless"],
    ["operations"],
    ["transforms"],
    ["seeding", "dtype_policies", "quantizers"],
    ["initializers", "regularizers", "constraints", "activations"],
    ["losses", "metrics", "schedules", "optimizers", "layers"],
    ["distribution"],
    ["data"],
    ["datasets"],
    [
        "saving",
        "events",
        "interchange.archives",
        "interchange.hdf5",
        "interchange.layouts",
        "interchange.loading",
        "interchange.pickles",
        "interchange.reading",
        "interchange.torch_files",
        *(f"interchange.keras_{name}" for name in ("configs", "files", "paths")),
    ],
    ["onnx.messages", "onnx.narrow", "onnx.tensors", "onnx.exporting"],
    ["training"],
    ["callbacks"],
    ["models"],
    ["inspect", "plot", "sklearn", "tune"],
    ["nn", "linalg", "boxes", "random", "einops_backend"],
    ["onnx", "zoo", "interchange"],
    ["keras"],
    ["tf"],
    ["cli", "fuzz", "__main__"],
    ["__init__"],
]
FLOOR = {name: height for height, row in enumerate(FLOORS) for name in row}

MOST_LINES = 800
MANY_LINES = 450
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "__import__"}


def module_of(path: Path) -> list[str]:
    """["data", "arrays"] for src/lamina/data/arrays.py; a package is its own first name."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return parts if parts == ["__init__"] else [part for part in parts if part != "__init__"]


def floor_of(module: list[str]) -> int | None:
    """The floor of the longest prefix of the module's name that is in the table."""
    for length in range(len(module), 0, -1):
        floor = FLOOR.get(".".join(module[:length]))
        if floor is not None:
            return floor
    return None


def exists(module: list[str]) -> bool:
    path = PACKAGE.joinpath(*module)
    return path.is_dir() or path.with_suffix(".py").is_file()


def from_lamina(source: list[str], names: list[str]) -> Iterator[list[str]]:
    """`from lamina.a import b` is the module a.b if there is one, else a."""
    for name in names:
        inner = [*source, name]
        yield inner if exists(inner) else source or ["__init__"]


def nodes(tree: ast.AST, typing: bool) -> Iterator[ast.AST]:
    """All nodes of a tree; without those of `if TYPE_CHECKING:` unless `typing`."""
    for node in ast.iter_child_nodes(tree):
        checking = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if typing or not checking:
            yield node
            yield from nodes(node, typing)


def imports(path: Path, typing: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Line and module of all of Lamina that a file imports, also inside functions, and, if
    `typing`, under `if TYPE_CHECKING:`."""
    package = [*module_of(path)] if path.name == "__init__.py" else module_of(path)[:-1]
    package = [] if package == ["__init__"] else package
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), typing):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first, *rest = alias.name.split(".")
                if first == "lamina":
                    yield node.lineno, rest or ["__init__"]
        elif isinstance(node, ast.ImportFrom):
            source = node.module.split(".") if node.module else []
            if node.level:
                source = package[: len(package) - node.level + 1] + source
            elif source[0] != "lamina":
                continue
            else:
                source = source[1:]
            for module in from_lamina(source, [alias.name for alias in node.names]):
                yield node.lineno, module
        elif isinstance(node, ast.Call) and imported_name(node).startswith("lamina."):
            yield node.lineno, imported_name(node).split(".")[1:]


def imported_name(node: ast.Call) -> str:
    """ "a.b" for `importlib.import_module("a.b")`, else nothing."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    first = node.args[0] if node.args else None
    constant = called == "import_module" and isinstance(first, ast.Constant)
    return str(first.value) if constant else ""


def outside_imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]
        elif isinstance(node, ast.Call) and imported_name(node):
            yield node.lineno, imported_name(node).split(".")[0]


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_every_top_level_name_has_a_floor():
    unknown = sorted({module_of(path)[0] for path in FILES if floor_of(module_of(path)) is None})
    assert not unknown, f"add them to the table FLOORS at the top of {__file__}: {unknown}"


def test_every_name_with_a_floor_exists():
    dead = sorted(name for name in FLOOR if not exists(name.split(".")))
    assert not dead, f"remove them from the table FLOORS at the top of {__file__}: {dead}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_downward(path):
    own = floor_of(module_of(path))
    upward = [
        f"{path}:{line} imports lamina.{'.'.join(module)}, which is above it"
        for line, module in imports(path)
        if own is not None and (floor_of(module) or 0) > own
    ]
    assert not upward, "\n".join(upward)


def test_the_reader_of_imports_sees_each_kind(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "low").mkdir()
    (tmp_path / "high.py").touch()
    path = tmp_path / "low" / "file.py"
    path.write_text(
        "import lamina\nimport lamina.high\nfrom lamina import high\nfrom lamina.high import name\n"
        "from ..high import name\nfrom . import other\ndef f():\n    from lamina import high\n"
        "import importlib\nimportlib.import_module('lamina.high')\nimport numpy\n"
        "if TYPE_CHECKING:\n    from lamina import high\n"
    )
    assert sorted(imports(path)) == [
        (1, ["__init__"]),
        (2, ["high"]),
        (3, ["high"]),
        (4, ["high"]),
        (5, ["high"]),
        (6, ["low"]),
        (8, ["high"]),
        (10, ["high"]),
        (13, ["high"]),
    ]
    assert (13, ["high"]) not in imports(path, typing=False)


# ---- what is private -------------------------------------------------------------------------
# The tensor's own parts, which operations and recordings are made of, and Python's.
TENSOR = {"_node", "_value", "_type", "_array", "_known", "_mask", "_origin"}
PRIVATE = {
    **dict.fromkeys(("operations", "transforms", "layers", "seeding", "keras", "tf"), TENSOR),
    "variables": TENSOR,
    **{package: {"_getframe"} for package in ("errors", "namespaces", "ir")},
    "tree": {"_fields"},  # public in named tuples
    "context": {"_fields", "_make"},
    "distribution": {"_exit"},  # of os: ends a process whose main thread waits for ever
}


def private_attributes(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, text and name of each attribute `_name` of another object than `self` or `cls`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_"):
            continue
        text = ast.unparse(node.value)
        own = text in ("self", "cls") or text.startswith(("super(", "type("))
        if not own and not node.attr.startswith("__"):
            yield node.lineno, ast.unparse(node), node.attr


def private_names(path: Path) -> set[str]:
    """The private names that classes in a file define."""
    found = set()
    for cls in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for node in ast.walk(cls) if isinstance(cls, ast.ClassDef) else ():
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
            elif isinstance(node, ast.FunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)  # __slots__
    return {name for name in found if name.startswith("_")}


def test_private_attributes_are_read_by_their_own_package_only():
    own: dict[str, set[str]] = {}
    for path in FILES:
        own.setdefault(module_of(path)[0], set()).update(private_names(path))
    found = [
        f"{path}:{line} {text}"
        for path in FILES
        for line, text, name in private_attributes(path)
        if name not in own[module_of(path)[0]] | PRIVATE.get(module_of(path)[0], set())
    ]
    assert not found, "\n".join(found)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in order:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == order[node]:
            start = stack.index(node)
            found.append(sorted(stack[start:]))
            del stack[start:]

    for node in graph:
        if node not in order:
            visit(node)
    return [component for component in found if len(component) > 1]


def test_no_import_is_part_of_a_cycle():
    graph = {
        ".".join(module_of(path)): {".".join(module) for _, module in imports(path, typing=False)}
        for path in FILES
    }
    assert not cycles(graph)


def test_the_search_for_cycles_finds_each_once():
    graph = {"a": {"b"}, "b": {"c", "e"}, "c": {"a", "d"}, "d": {"d"}, "e": {"f"}, "f": {"e"}}
    assert sorted(cycles(graph)) == [["a", "b", "c"], ["e", "f"]]


def test_no_file_is_too_long():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    long = {name_of(path): count for path, count in lengths.items() if count > MANY_LINES}
    print(f"over {MANY_LINES} lines: {long}")
    assert not [name for name, count in long.items() if count > MOST_LINES]


COMPILER = ("ir", "autodiff", "rewrite", "engines")
MOST_COMPILER_LINES = 400
MOST_METHODS = 25
TO_BE_DIVIDED = {"engines/llvm/codegen/program.py", "engines/llvm/program/interpreter.py"}


def compiler_texts() -> dict[str, str]:
    files = [path for path in FILES if path.relative_to(PACKAGE).parts[0] in COMPILER]
    texts = {name_of(path): path.read_text(encoding="utf-8") for path in files}
    return {name: text for name, text in texts.items() if name not in TO_BE_DIVIDED}


def methods(cls: ast.ClassDef) -> list[str]:
    """The methods of a class, without operators such as `__add__`."""
    functions = (n for n in cls.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return [n.name for n in functions if not n.name.startswith("__")]


def test_no_file_of_the_compiler_is_long():
    lengths = {name: len(text.splitlines()) for name, text in compiler_texts().items()}
    assert not {name: n for name, n in lengths.items() if n > MOST_COMPILER_LINES}


def test_no_class_of_the_compiler_has_many_methods():
    large = {
        f"{name}: {node.name}": len(methods(node))
        for name, text in compiler_texts().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and len(methods(node)) > MOST_METHODS
    }
    assert not large


def test_every_module_has_a_docstring():
    silent = [
        name_of(path)
        for path in FILES
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_llvmlite_is_known_to_one_engine_only():
    llvm = PACKAGE / "engines" / "llvm"
    chooser = PACKAGE / "engines" / "__init__.py"  # asks whether it is there
    elsewhere = [
        f"{path}:{line}"
        for path in FILES
        for line, module in outside_imports(path)
        if module == "llvmlite" and path != chooser and not path.is_relative_to(llvm)
    ]
    assert not elsewhere


def test_jax_is_known_to_one_engine_only():
    xla = PACKAGE / "engines" / "xla"
    users = [
        f"{path}:{line}"
        for path in FILES
        for line, module in outside_imports(path)
        if module in ("jax", "jaxlib")
        if module == "jaxlib" or not path.is_relative_to(xla)
    ]
    assert not users


def test_nothing_can_run_code_from_a_file():
    found = []
    for path in FILES:
        found += [
            f"{path}:{line}" for line, name in outside_imports(path) if name in FORBIDDEN_MODULES
        ]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN_CALLS
            unpickles = isinstance(node, ast.keyword) and node.arg == "allow_pickle"
            if called or (unpickles and ast.unparse(node.value) != "False"):
                found.append(f"{path}:{node.value.lineno if unpickles else node.lineno}")
    assert not found


def test_import_is_quiet_and_light():
    heavy = (
        "{'llvmlite', 'jax', 'rich', 'matplotlib', 'safetensors', 'PIL', 'urllib.request', "
        "'importlib.resources', 'tempfile'}"
    )
    code = f"import sys, lamina; print(sorted({heavy} & set(sys.modules)), end='')"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]", "")


def test_names_of_test_files_are_unique_and_no_folder_is_taken_for_a_package():
    """pytest imports test files by their names alone, and folders of tests are on the path."""
    folder = Path(__file__).parents[1]
    names = [path.name for path in folder.rglob("test_*.py")]
    assert len(names) == len(set(names))
    others = {"jax", "keras", "numpy", "tensorflow", "torch"}
    assert not others & {path.name for path in folder.iterdir() if path.is_dir()}

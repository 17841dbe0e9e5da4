"""Run the cells of notebooks for Keras and TensorFlow on Lamina.

    python tools/run_notebooks.py NOTEBOOK ... [--report report.json] [--steps 2] [--limit 60]

`keras` and `tensorflow` are the modules of Lamina, which is the change of the import line. `fit`
runs two epochs of a few steps; data sets, files from the web and pretrained weights are replaced by
generated ones of the same form (tools/notebook_files.py). Lines of shell commands are left out.

The outcome of a cell is "runs", "fails", "slow" (over the limit of seconds of the processor),
"other" (needs a library or file that is not here), or "after" (needs a name of a cell that did not
run).
"""

from __future__ import annotations

import argparse
import ast
import builtins
import collections
import contextlib
import importlib
import importlib.machinery
import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import notebook_files

MAPPED = {"keras": "lamina.keras", "tensorflow": "lamina.tf"}
LOOPS = re.compile(
    r"^(\s*)((?:\w*_)?(?:epochs|iterations|steps|max_length|tokens))\s*=\s*\d[\d_]*\s*$",
    re.MULTILINE,
)


class Mapped:
    """Finder and loader of `keras` and `tensorflow` as the modules of Lamina."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.split(".")[0] in MAPPED:
            return importlib.machinery.ModuleSpec(name, self)  # type: ignore[arg-type]
        return None

    def create_module(self, spec: Any) -> Any:
        root, _, rest = spec.name.partition(".")
        ours = ".".join(filter(None, (MAPPED[root], rest)))
        try:
            return importlib.import_module(ours)
        except ModuleNotFoundError as error:
            if error.name and not error.name.startswith("lamina"):
                raise
            place, _, name = ours.rpartition(".")
            return getattr(importlib.import_module(place), name)

    def exec_module(self, module: Any) -> None:
        pass


class Slow(BaseException):
    """The cell ran longer than the limit."""


def few(data: Any, rows: int, batches: int) -> Any:
    """The first rows or batches of data."""
    if isinstance(data, dict):
        return {k: few(v, rows, batches) for k, v in data.items()}
    if isinstance(data, tuple) or (isinstance(data, list) and data and hasattr(data[0], "shape")):
        return type(data)(few(v, rows, batches) for v in data)
    if hasattr(data, "take") and not hasattr(data, "shape"):
        return data.take(batches)
    if hasattr(data, "iloc"):
        return data.iloc[:rows]
    if isinstance(data, np.ndarray) or hasattr(data, "shape"):
        return data[:rows]
    return data


def limit_training(steps: int) -> None:
    """`fit`, `evaluate` and `predict` take a few steps."""
    from lamina import keras

    kind: Any = keras.Model

    def limited(name: str) -> None:
        full = getattr(kind, name)

        def method(self: Any, x: Any = None, y: Any = None, *args: Any, **options: Any) -> Any:
            size = options.get("batch_size") or (args[0] if args and name == "fit" else None) or 32
            rows = max(int(size), 32) * steps * (2 if options.get("validation_split") else 1)
            is_drawn = hasattr(x, "__next__") or (
                hasattr(x, "__getitem__") and not hasattr(x, "shape")
            )
            for key in ("steps_per_epoch", "steps", "validation_steps"):
                if options.get(key):
                    options[key] = min(options[key], steps)
            if is_drawn and name == "fit" and not isinstance(x, dict | list | tuple):
                options.setdefault("steps_per_epoch", steps)
            x, y = few(x, rows, steps), few(y, rows, steps)
            for key in ("sample_weight", "validation_data"):
                if options.get(key) is not None:
                    options[key] = few(options[key], rows, steps)
            epochs = options.get("epochs", 1)
            if name == "fit":
                options["epochs"] = min(epochs, options.get("initial_epoch", 0) + 2)
            result = full(self, x, *([] if y is None else [y]), *args, **options)
            for values in result.history.values() if name == "fit" else ():
                values += values[-1:] * (epochs - len(values))  # plots count the epochs
            return result

        setattr(kind, name, method)

    for name in ("fit", "evaluate", "predict"):
        limited(name)


class Notebook:
    """The cells of one notebook, run in order in one namespace."""

    def __init__(self, path: Path, limit: int) -> None:
        self.limit = limit
        self.cells = [
            "".join(c["source"])
            for c in json.loads(path.read_text("utf-8"))["cells"]
            if c["cell_type"] == "code"
        ]
        self.names: dict[str, Any] = {"__name__": "__main__", "display": lambda *values: None}
        self.unset: set[str] = set()  # names of cells that did not run
        self.outcomes: list[tuple[str, str]] = []

    def run(self) -> None:
        for source in self.cells:
            outcome = self.outcome(source)
            if outcome[0] != "runs":
                self.unset |= _assigned(source)
            else:
                self.unset -= _assigned(source)
            self.outcomes.append(outcome)
            print(f"  [{len(self.outcomes) - 1}] {outcome[0]} {outcome[1][:300]}", flush=True)

    def outcome(self, source: str) -> tuple[str, str]:
        code = LOOPS.sub(r"\1\2 = 3", without_commands(source))
        code = re.sub(r"/(?:Users|home)/\w+/(?:Downloads|data)/", "./", code)
        try:
            tree = ast.parse(code)
        except SyntaxError as error:
            return "other", f"not Python: {error}"
        if tree.body and isinstance(last := tree.body[-1], ast.Expr):
            tree.body[-1] = ast.copy_location(_shown(last), last)
            ast.fix_missing_locations(tree)
        signal.signal(signal.SIGPROF, _stop)  # by the time of the processor
        signal.setitimer(signal.ITIMER_PROF, self.limit)
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                exec(compile(tree, "cell", "exec"), self.names)
        except Slow:
            return "slow", ""
        except BaseException as error:  # noqa: BLE001 - any error of a cell is its outcome
            return self.judged(error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return "runs", ""

    def judged(self, error: BaseException) -> tuple[str, str]:
        lines = [
            f"line {f.lineno}"
            for f in traceback.extract_tb(error.__traceback__)
            if f.filename == "cell"
        ]
        text = f"{type(error).__name__}: {error} ({', '.join(lines)})".replace("\n", " ")
        if isinstance(error, NameError) and error.name in self.unset:
            return "after", text
        if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("lamina"):
            return "other", text
        if isinstance(error, FileNotFoundError) or type(error).__name__ == "DownloadError":
            return "other", text
        return "fails", text


def _stop(*_: Any) -> None:
    raise Slow


def _shown(last: ast.Expr) -> ast.stmt:
    call = ast.Call(ast.Name("repr", ast.Load()), [last.value], [])
    return ast.Expr(call)


def _assigned(source: str) -> set[str]:
    try:
        tree = ast.parse(without_commands(source))
    except SyntaxError:
        return set()
    names = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    names |= {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
    return names


def without_commands(source: str) -> str:
    """The source without lines of shell commands and magics."""
    if source.startswith(("%%writefile", "%%bash", "%%html")):
        return ""
    found = []
    for line in source.split("\n"):
        inner = line.lstrip()
        if inner.startswith(("!", "%")) and not inner.startswith("%%"):
            timed = re.match(r"%time(?:it)?(?: -\S+)* (.*)", inner)
            command = timed[1] if timed else "pass"
            found.append(line[: len(line) - len(inner)] + command)
        elif not inner.startswith("%%"):
            found.append(line)
    return "\n".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--report", type=Path, help="write the outcome of each cell as JSON")
    parser.add_argument("--steps", type=int, default=2, help="steps of an epoch")
    parser.add_argument("--limit", type=int, default=60, help="seconds of a cell")
    options = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.meta_path.insert(0, Mapped())  # type: ignore[arg-type]
    builtins.get_ipython = lambda: None  # type: ignore[attr-defined]
    limit_training(options.steps)
    report = {}
    notebooks = [path.resolve() for path in options.notebooks]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        notebook_files.replace_downloads()
        for path in notebooks:
            print(path.name, flush=True)
            notebook = Notebook(path, options.limit)
            for place in Path(folder).iterdir():
                shutil.rmtree(place) if place.is_dir() else place.unlink()
            notebook_files.write(Path(folder), "".join(notebook.cells))
            notebook.run()
            report[path.name] = notebook.outcomes
            counts = collections.Counter(outcome for outcome, _ in notebook.outcomes)
            print("  ", dict(counts), flush=True)
        os.chdir("/")
    if options.report:
        options.report.write_text(json.dumps(report, indent=1), "utf-8")


if __name__ == "__main__":
    main()

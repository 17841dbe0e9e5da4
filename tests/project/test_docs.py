"""Every page of the documentation is true: its code runs, prints what it says, its links lead on.

    ```python   is run, all blocks of a page in one namespace, in order, in an empty folder
    ```text     right after one is what that block prints, whole
    other       is not looked at

A page that needs a data set which is not on this machine is skipped from there on: nothing is
downloaded here.
"""

import contextlib
import importlib.util
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

import pytest

import lamina as lm
from lamina.engines.llvm import pipeline
from lamina.settings import settings
from paths import ROOT

PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
LLVM = ROOT / "src/lamina/engines/llvm"
PACKAGES = sorted(path for path in LLVM.iterdir() if (path / "__init__.py").exists())
RUN = [page for page in PAGES if page.parent.name != "reference"]  # doctest runs the examples there
FENCE = re.compile(r"^( *)```(\S*)\s*$")
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


@dataclass
class Block:
    """A fenced block: its language, its first line's number, its text."""

    language: str
    line: int
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    open_: list[str] | None = None
    language, begun, indent = "", 0, 0
    for number, line in enumerate(page.splitlines(), 1):
        fence = FENCE.match(line)
        if fence and open_ is None:
            indent, language, begun, open_ = len(fence[1]), fence[2], number + 1, []
        elif fence and open_ is not None:
            yield Block(language, begun, "\n".join(open_) + "\n")
            open_ = None
        elif open_ is not None:
            open_.append(line[indent:])
    assert open_ is None, f"the block that begins in line {begun} has no end"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def run_page(path: Path) -> None:
    namespace: dict[str, object] = {"__name__": "page"}
    found = list(blocks(path.read_text(encoding="utf-8")))
    for block, following in zip_longest(found, found[1:]):
        if block.language != "python":
            continue
        code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        if following is not None and following.language == "text":
            assert printed.getvalue().rstrip() == following.text.rstrip(), (
                f"{path}:{block.line} prints something else than the page says"
            )


@pytest.mark.parametrize("path", RUN, ids=name_of)
def test_code_of_a_page_runs_and_prints_the_shown_text(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with settings(offline=True, threads=min(2, settings.threads)):
        try:
            run_page(path)
        except lm.errors.DownloadError as error:
            pytest.skip(f"a data set is missing here: {error.message.splitlines()[0]}")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_within_the_project_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    targets = [target for target in LINK.findall(text) if "://" not in target]
    missing = [
        target
        for target in targets
        if target.partition("#")[0] and not (path.parent / target.partition("#")[0]).exists()
    ]
    assert not missing


def test_the_reader_of_blocks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n```python\nx = 1\nprint(x)\n```\n\n```text\n2\n```\n")
    assert [(b.language, b.line) for b in blocks(page.read_text())] == [("python", 3), ("text", 8)]
    with pytest.raises(AssertionError, match="prints something else"):
        run_page(page)
    page.write_text("```python\nx = 1\n```\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError):
        run_page(page)


# ---- pages that are made from the code ---------------------------------------------------------
def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_errors_is_what_the_docstrings_say():
    writer = tool("write_errors_page")
    assert writer.PAGE.read_text(encoding="utf-8") == writer.page(), (
        "errors.py has changed: run python tools/write_errors_page.py"
    )


def test_the_reference_is_what_the_docstrings_say():
    writer = tool("write_reference")
    pages = {path.name: path.read_text(encoding="utf-8") for path in writer.FOLDER.glob("*.md")}
    expected = writer.pages()
    stale = [name for name in {*pages, *expected} if pages.get(name) != expected.get(name)]
    assert not stale, "docstrings have changed: run python tools/write_reference.py"


def test_every_setting_is_in_the_documentation():
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    missing = [row.variable for row in settings.rows() if f"`{row.variable}`" not in text]
    assert not missing, "docs/engines.md has a table of them"


def _missing(page: Path, names: set[str]) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return sorted(n for n in names if n[0] not in "._" and not re.search(rf"\b{n}\b", text))


def test_the_architecture_page_names_every_module():
    engine = {path.stem for path in LLVM.glob("*.py")} | {path.name for path in PACKAGES}
    top = {path.stem for path in (ROOT / "src/lamina").iterdir() if path.suffix in ("", ".py")}
    missing = _missing(ROOT / "docs" / "architecture.md", engine | top)
    assert not missing, "docs/architecture.md says nothing of them"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_page_of_a_package_of_the_compiler_names_every_module_of_it(package):
    page = ROOT / "docs" / "compiler" / f"{package.name}.md"
    modules = {path.stem for path in package.iterdir() if path.suffix in ("", ".py")}
    assert not _missing(page, modules), f"{name_of(page)} says nothing of them"
    text = page.read_text(encoding="utf-8")
    assert "**Test it.**" in text and "**Add to it.**" in text


def test_files_that_the_pages_on_the_compiler_name_exist():
    folders = [ROOT, ROOT / "src", ROOT / "src/lamina", LLVM]
    pages = [*ROOT.glob("docs/compiler/*.md"), ROOT / "docs" / "architecture.md"]
    named = {
        (page.name, name)
        for page in pages
        for name in re.findall(r"`([\w./]+/[\w./]*\.py)`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    missing = {n for n in named if not any((folder / n[1]).exists() for folder in folders)}
    assert not missing


def test_the_table_of_passes_is_the_list_of_passes():
    text = (ROOT / "docs" / "compiler" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`( o)?( b)? \| (graph|program|scheduled)", text, re.MULTILINE)
    expected = [
        (p.name, " o" * p.optional, " b" * p.changes_bits, p.level) for p in pipeline.PASSES
    ]
    assert rows == expected

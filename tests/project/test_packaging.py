"""pyproject.toml and the advice in messages and pages agree."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import lamina
from lamina import errors
from paths import ROOT

PACKAGE = Path(lamina.__file__).parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
EXTRAS = PROJECT["optional-dependencies"]
PAGES = [
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *PACKAGE.rglob("*.py")]
    if "pip install" in path.read_text(encoding="utf-8")
]


def package_of(requirement):
    return re.match(r"[\w-]+", requirement)[0].lower()


REQUIRED = [r for group in (PROJECT["dependencies"], *EXTRAS.values()) for r in group]
KNOWN = {*map(package_of, REQUIRED), *(re.match(r"[\w\[\]-]+", r)[0].lower() for r in REQUIRED)}


def test_the_extras_of_messages_are_those_of_the_package():
    for extra, packages in errors.EXTRAS.items():
        assert set(packages) == {package_of(requirement) for requirement in EXTRAS[extra]}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_packages_that_messages_and_pages_advise_to_install_exist(path):
    """`pip install x` of messages: a dependency. Of pages also Lamina (`lamina`, a checkout `.`),
    with an extra that it has."""
    for line in re.findall(r"pip install ([^`\"\n;]+)", path.read_text(encoding="utf-8")):
        for word in line.split():
            if word.startswith(("&&", "{", "#")):
                break
            word = word if word == "." else word.strip("'\",.(){}")
            own = re.fullmatch(r"(?:\.|lamina)(?:\[(\w+)\])?|\[(\w+)\]", word)
            if own and path.suffix == ".md":
                assert {own[1], own[2]} <= {None, *EXTRAS}, f"{path.name}: {word}"
            else:
                assert word.lower() in KNOWN, f"{path.name}: {word}"


def test_every_call_for_an_extra_names_one_that_messages_know():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "need_extra":
                assert node.args[1].value in errors.EXTRAS, f"{path}:{node.lineno}"


def test_the_source_archive_holds_every_folder_with_python_files():
    """So the tests pass in it: they read pages, examples, tools and benchmarks."""
    included = SETTINGS["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/*.py")} | {"src", "docs"}
    hidden = {name for name in folders if name.startswith((".", "_"))}
    assert {f"/{name}" for name in folders - hidden - {"build", "dist"}} <= set(included)


def test_every_python_of_the_classifiers_is_tested():
    workflow = ROOT / ".github" / "workflows" / "tests.yml"
    if not workflow.is_file():
        pytest.skip("a source archive has no workflows")
    tested = set(re.findall(r'"(3\.\d+)"', workflow.read_text(encoding="utf-8")))
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert tested == set(declared)

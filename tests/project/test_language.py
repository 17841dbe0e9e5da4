"""Docstrings, comments, messages, pages and names of tests use plain, standard terms.

The compiler has its own list of terms in test_terminology.py.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from paths import ROOT

PACKAGE = ROOT / "src" / "lamina"
PROGRAMS = ("tests", "examples", "tools", "benchmarks")
QUOTED = ("test_language.py", "test_terminology.py")  # have the retired phrases as data
SOURCES = [
    *(p for p in sorted(PACKAGE.rglob("*.py")) if PACKAGE / "engines/llvm" not in p.parents),
    *(p for each in PROGRAMS for p in sorted((ROOT / each).rglob("*.py")) if p.name not in QUOTED),
]
PAGES = [
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if p.parent.name != "reference"),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
]

# phrase -> the term to use
PHRASES = {
    r"nobody|everybody|somebody|one's|oneself": "name the actor",
    r"so many": "the number of",
    r"of (its|their|one's|his|your) own": "separate, private, custom",
    r"(is|are) no (?!longer|more|less|better)\w+": "is not a ..., expected ..., got ...",
    r"(is|are) told|says so": "receives, prints, raises",
    r"pictures?": "image, figure, diagram",
    r"turns?(?! (on|off|into|a |the ))": "iteration, step",
    r"chances?": "probability, random number",
    r"cures?": "fix, hint",
    r"beside": "compared with, in addition to, next to",
    r"apart(?! from)": "separately, distinct",
    r"lies?": "is at, is in, is stored",
    r"stands?(?! for)": "is, is at",
    r"go(es|ing)? on": "continue",
    r"anew|rightly": "again, from the start",
    r"neighbour\w*|colour\w*|gr[e]ys?|behaviour\w*|favour\w*|labelled|learnt|modelled": "American",
    r"(normal|minim|maxim|optim|initial|regular|general|vector|serial)is(e|ed|es|ing|ation)": (
        "American"
    ),
}
FORBIDDEN = [(re.compile(rf"\b({phrase})\b", re.I), term) for phrase, term in PHRASES.items()]
FORBIDDEN_IN_NAMES = [
    *FORBIDDEN,
    (re.compile(r"^(so (do|does|is|are|did)|it|they|its|their|what) "), "name the subject"),
    (
        re.compile(r"\b(of ones own|tells?|told|nobody|too)\b(?! (many|few|large|long|coarse))"),
        "name it",
    ),
]
HEADLESS = re.compile(r"^(What|Where|How|Whose|Who|Why|When) ")

# phrases that mean what the dictionary says
ALLOWED = {
    "two arms of 1.75 turns": "turns of a spiral",
}


def wrong(text: str, forbidden: list[tuple[re.Pattern[str], str]] = FORBIDDEN) -> list[str]:
    """The phrases of a text that have a standard term, with that term."""
    for phrase in ALLOWED:
        text = text.replace(phrase, "")
    return [f"{m.group()!r}: {term}" for p, term in forbidden for m in p.finditer(text)]


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Docstrings, other strings of several words, and comments, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def headless(source: str) -> Iterator[tuple[int, str]]:
    """Docstrings whose first word is a question word, with their lines."""
    kinds = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(source)):
        text = (ast.get_docstring(node) or "") if isinstance(node, kinds) else ""
        if HEADLESS.match(text):
            yield getattr(node, "lineno", 1), text.split("\n")[0]


def names_of_tests(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.removeprefix("test_").replace("_", " ")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_docstrings_messages_and_comments_use_standard_terms(path):
    source = path.read_text(encoding="utf-8")
    found = [f"line {n}: {w}" for n, text in texts(source) for w in wrong(text)]
    found += [f"line {n}: begins with a question word: {text}" for n, text in headless(source)]
    assert not found


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_pages_use_standard_terms(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    assert not [f"line {n}: {w}" for n, line in enumerate(lines, 1) for w in wrong(line)]


def test_names_of_tests_use_standard_terms_and_name_their_subject():
    paths = sorted((ROOT / "tests").rglob("*.py"))
    named = [(p, *row) for p in paths for row in names_of_tests(p.read_text(encoding="utf-8"))]
    found = [(p.name, n, w) for p, n, name in named for w in wrong(name, FORBIDDEN_IN_NAMES)]
    assert not found


@pytest.mark.parametrize(
    "text",
    ["a picture of it", "'x' is no optimizer", "each has a key of its own", "normalised values"],
)
def test_a_retired_phrase_is_found(text):
    assert wrong(text)


@pytest.mark.parametrize(
    "text", ["a symbol that stands for a size", "there is no longer a limit", "turns on"]
)
def test_a_standard_phrase_is_not_found(text):
    assert not wrong(text)

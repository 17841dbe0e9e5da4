"""The llvm engine speaks the language of compilers: retired words do not come back."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import lamina
from paths import ROOT

PACKAGE = Path(lamina.__file__).parent / "engines" / "llvm"
FILES = sorted(PACKAGE.rglob("*.py"))
GLOSSARY = ROOT / "docs" / "glossary.md"

# word of an identifier -> the term to use (docs/glossary.md)
IDENTIFIERS = {
    "turn": "iteration",
    "turns": "iterations",
    "turned": "transposed",
    "turning": "transpose",
    "apart": "row_loop, displaced or split",
    "ahead": "prefetches",
    "halves": "split_reduction",
    "strip": "row_tile",
    "strips": "row_tiles",
    "border": "halo",
    "bordered": "halo",
    "joint": "partitioned",
    "joints": "partitioned",
    "crew": "pool",
    "pace": "history",
    "company": "history",
    "maker": "builder or producer",
    "puller": "inliner",
    "pull": "at_point",
    "item": "statement",
    "grouping": "plan",
    "collapse": "coalesce",
    "outermost": "sequential_outer",
    "beside": "adjacent",
    "lighten": "rematerialize",
    "strays": "reads_off_point",
}
ALLOWED = {"_columns_outermost"}  # a loop order: the columns are the outermost loop

# phrase of a docstring or comment -> the term to use
PHRASES = {
    r"(?<!quarter )turns?\b(?! out)": "iteration",
    r"turned": "transposed or rotated",
    r"apart\b(?! from)": "row-parallel, displaced or split",
    r"ahead": "prefetch, in advance",
    r"strips?": "row tile",
    r"joints?": "partitioned value",
    r"crew": "thread pool",
    r"in halves": "in two parts",
    r"sums? up|summed up": "reduce, accumulate",
    r"told|tells?": "is given, returns, prints",
    r"lies|lying|lie": "is at, is stored",
    r"nobody|everybody|somebody|anybody": "name the actor",
    r"beside": "compared with, in addition to",
    r"so many": "the number of",
    r"of (its|their|threads') own": "private, separate",
    r"neighbour\w*": "neighbor",
    r"border(s|ed)?": "halo, padding",
}


def defined(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a module defines: classes, functions, parameters, variables, fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def words(name: str) -> list[str]:
    """["row", "loop"] for row_loop, RowLoop and ROW_LOOP."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Every docstring and comment, with code in backticks left out."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or token.string.startswith('"""'):
            yield token.start[0], re.sub(r"`[^`]*`", "`", re.sub(r"\s+", " ", token.string))


def retired_names(text: str) -> list[str]:
    return [
        f"{line}: '{name}' (use {IDENTIFIERS[word]})"
        for line, name in defined(ast.parse(text))
        for word in words(name)
        if word in IDENTIFIERS and name not in ALLOWED
    ]


def retired_phrases(text: str) -> list[str]:
    found = [
        f"{line}: '{match[0]}' (use {instead})"
        for line, said in prose(text)
        for phrase, instead in PHRASES.items()
        for match in re.finditer(rf"\b({phrase})\b", said, re.IGNORECASE)
    ]
    questions = re.compile(r'"""(What|Where|How|Whose|Who|Whether)\b')
    found += [
        f"{line}: begin with a verb or with the noun that is defined"
        for line, said in prose(text)
        if questions.match(said)
    ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_identifier_or_docstring_of_the_compiler_has_a_retired_word(path):
    text = path.read_text(encoding="utf-8")
    found = retired_names(text) + retired_phrases(text)
    assert not found, f"{path}: see docs/glossary.md: " + "; ".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "def in_turn(): pass\n",
        "class StripMaker: pass\n",
        "row.ahead = 1\n",
        "def f(crew): pass\n",
        "# each thread keeps to rows of its own\n",
        '"""Sums up the halves."""\n',
        'def f():\n    """Whether it pays."""\n',
        '"""The last turn\n    of a loop."""\n',
    ],
)
def test_a_retired_word_is_found(text):
    assert retired_names(text) + retired_phrases(text)


@pytest.mark.parametrize(
    "text",
    [
        "name = text.strip()\n",
        "# the number of quarter turns; it turns out to be small\n",
        '"""Return the `ahead` of a dataset, apart from the first."""\n',
        "iteration = iterations = row_tile = 0\n",
    ],
)
def test_standard_usage_is_accepted(text):
    assert not retired_names(text) + retired_phrases(text)


def test_every_file_that_the_glossary_names_exists():
    text = GLOSSARY.read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    assert len(named) > 30
    missing = {
        name
        for name in named
        if not (PACKAGE / name).exists() and not (PACKAGE.parent.parent / name).exists()
    }
    assert not missing

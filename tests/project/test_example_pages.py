"""The folders of examples: every program is tested, run in full, and on the pages."""

import importlib.util
import json
import re
import sys

import pytest

from example_programs import command_line
from paths import ROOT, TESTS, TOOLS

spec = importlib.util.spec_from_file_location("write_examples", TOOLS / "write_examples.py")
assert spec is not None and spec.loader is not None
writer = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = writer  # dataclasses look there
spec.loader.exec_module(writer)

PROGRAMS = [program for folder in writer.FOLDERS for program in writer.programs(folder)]


@pytest.mark.parametrize("page", writer.PAGES, ids=lambda page: page.name)
def test_a_page_of_examples_shows_the_results_file(page):
    assert page.read_text(encoding="utf-8") == writer.PAGES[page](), (
        "examples or their results have changed: run python tools/write_examples.py"
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_was_run_in_full_with_the_figures_that_it_has(program):
    measured = writer.results().get(program.name, {"figures": {}})
    assert list(measured["figures"]) == sorted(program.figures), (
        f"run python tools/write_examples.py --run {program.name}"
    )
    assert program.image.exists()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_docstring_of_a_program_has_source_and_command(program):
    assert re.match(r".+ \(.*\d{4}\): .+\.$", program.doc.splitlines()[0]), (
        "Title (Author year): x."
    )
    command = command_line(program.path.read_text(encoding="utf-8"))
    assert command.startswith(f"python examples/{program.name}.py [--quick] [--figure ")
    assert len(program.path.read_text(encoding="utf-8").splitlines()) < 320


def test_the_results_file_has_no_program_that_is_gone():
    assert set(writer.results()) <= {program.name for program in PROGRAMS}


def test_every_program_in_a_folder_is_tested():
    texts = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    assert not [program.name for program in PROGRAMS if f'"{program.name}"' not in texts]


def test_figures_of_runs_are_shown_with_their_spread():
    assert writer.shown([1.0, 2.0, 3.0], ".1f") == "2.0 ± 1.0 (3)"
    assert writer.shown([True, False, True], ".1f") == "2 of 3"
    assert writer.shown(14.0, ",.0f") == "14"
    assert writer.shown("a word", "") == "a word"
    assert writer.duration(0.3) == "1 s" and writer.duration(134) == "2 min"


def test_results_are_kept_with_six_digits():
    text = writer.RESULTS.read_text(encoding="utf-8")
    assert json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n" == text
    assert writer.plain([1 / 3, True]) == [0.333333, True]
    assert ROOT.joinpath("docs/history.md").exists()

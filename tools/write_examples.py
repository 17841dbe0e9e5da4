"""Runs the example programs in full, keeps their figures, and writes the pages that show them.

    python tools/write_examples.py                   write the pages from examples/results.json
    python tools/write_examples.py --run history     first run a folder in full, or one program:
    python tools/write_examples.py --run history/perceptron_1958 claims

A program in a folder of FOLDERS has a docstring (`Title (Authors year): what it shows.`, then
paragraphs of Markdown), `FIGURES` (name of a figure: published figure, format of the measured
one), `SMALL` (arguments of a run of seconds) and `main(..., path=None)`, which returns the measured
figures by name and draws the image docs/images/NAME.png. A figure is a number or a list of one
value a run: numbers become mean and standard deviation, bools the number of successes.

A test compares the pages with what this file would write.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import runpy
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamina.settings import settings

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
DOCS = ROOT / "docs"
RESULTS = EXAMPLES / "results.json"

# folder: heading in docs/examples.md
FOLDERS = {
    "history": "History",
    "claims": "Claims of lectures, demonstrated",
    "vision": "Images",
    "text": "Text",
    "generative": "Generative models",
    "reinforcement": "Reinforcement learning",
    "graphs": "Graphs",
}

NOTE = """\
Figures of several runs are mean ± standard deviation over random seeds (number of runs in
parentheses), or the number of runs that succeeded; the best run is never shown alone. Times are
processor time of all runs together with compilation, on one core.
"""

HISTORY = f"""\
# A history in programs

From the first model of a neuron to dropout: each program is one file that repeats the experiment of
a paper, at its size or at one that two processor cores train in minutes. Published figures are
shown next to measured ones; sections below the tables say how program and paper differ, and where
the program falls short.

{NOTE}
This page is generated: `python tools/write_examples.py --run history` runs all programs first.
"""

OVERVIEW = f"""\
# Example programs

Each program is one file that runs by itself; `--quick` runs a small version, `--figure` writes the
image. [A history in programs](history.md) shows the programs of the folder `history` at length.

{NOTE}
This page is generated: `python tools/write_examples.py --run` runs all programs first.
"""


@dataclass(frozen=True)
class Program:
    """An example: its file, docstring and table of figures, read without running it."""

    path: Path
    doc: str
    figures: dict[str, tuple[str, str]]

    @classmethod
    def read(cls, path: Path) -> Program:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        figures: dict[str, tuple[str, str]] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FIGURES":
                figures = ast.literal_eval(node.value)
        return cls(path, ast.get_docstring(tree) or "", figures)

    @property
    def name(self) -> str:
        """Folder and file, such as "history/elman_1990"."""
        return self.path.relative_to(EXAMPLES).with_suffix("").as_posix()

    @property
    def year(self) -> str:
        """The last part of the file's name if it is a number, else nothing."""
        last = self.path.stem.rpartition("_")[2]
        return last if last.isdigit() else ""

    @property
    def title(self) -> str:
        return self.doc.splitlines()[0].partition("): ")[0].rstrip(".") + ")" * self._has_source

    @property
    def shows(self) -> str:
        text = self.doc.splitlines()[0].partition("): ")[2].rstrip(".")
        return text[:1].upper() + text[1:]

    @property
    def _has_source(self) -> bool:
        return "): " in self.doc.splitlines()[0]

    @property
    def body(self) -> str:
        """The docstring without its first line; programs to type become blocks of code."""
        paragraphs = self.doc.split("\n\n")[1:]
        return "\n\n".join(_fenced(each) for each in paragraphs).strip()

    @property
    def image(self) -> Path:
        return DOCS / "images" / f"{self.path.stem}.png"


def _fenced(paragraph: str) -> str:
    """A paragraph that is indented as a whole, as a block of text."""
    indented = all(line.startswith("    ") for line in paragraph.splitlines() if line)
    return f"```\n{textwrap.dedent(paragraph)}\n```" if indented and paragraph else paragraph


def programs(folder: str) -> list[Program]:
    """The programs of a folder, by year, then by name; "" for the ones in no folder."""
    found = [Program.read(path) for path in sorted((EXAMPLES / folder).glob("*.py"))]
    return sorted(found, key=lambda program: (program.year, program.path.stem))


def results() -> dict[str, dict]:
    """The measured figures and seconds of each program that was run in full."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def run(program: Program) -> dict:
    """Run a program in full on one thread; return its processor time and figures."""
    print(f"---- {program.name}", flush=True)
    began = sum(os.times()[:4])  # of processes that the program starts, too
    with settings(threads=1):
        found = runpy.run_path(str(program.path))["main"](path=str(program.image))
    seconds = sum(os.times()[:4]) - began
    print(f"     {seconds:.0f} s", flush=True)
    return {"seconds": round(seconds, 1), "figures": {k: plain(v) for k, v in found.items()}}


def plain(value: object) -> object:
    """A figure as JSON has it, numbers with six digits."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(each) for each in value]
    value = value.item() if isinstance(value, np.generic) else value
    return float(f"{value:.6g}") if isinstance(value, float) else value


def shown(value: object, form: str) -> str:
    """A measured figure as text."""
    if not isinstance(value, list):
        return value if isinstance(value, str) else format(value, form)
    if all(isinstance(each, bool) for each in value):
        return f"{sum(value)} of {len(value)}"
    mean, deviation = float(np.mean(value)), float(np.std(value, ddof=1))
    return f"{mean:{form}} ± {deviation:{form}} ({len(value)})"


def duration(seconds: float) -> str:
    """Seconds with one digit that counts, or minutes."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds, -1):.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def rows(program: Program, measured: dict[str, dict], link: str) -> list[str]:
    """The rows of a table: program, figure, published, ours, time."""
    found = measured.get(program.name)
    lines = []
    for number, (name, (published, form)) in enumerate(program.figures.items()):
        ours = shown(found["figures"][name], form) if found else "not run yet"
        first = number == 0
        seconds = duration(found["seconds"]) if found and first else ""
        lines.append(f"| {link if first else ''} | {name} | {published} | {ours} | {seconds} |")
    return lines


TABLE = ["| program | figure | published | ours | time |", "| --- | --- | --- | --- | --- |"]


def history() -> str:
    """The text that docs/history.md should have."""
    found, measured = programs("history"), results()
    lines = [HISTORY, "## Timeline\n", "| year | program | shows |", "| --- | --- | --- |"]
    for program in found:
        file = f"[{program.path.name}](../examples/{program.name}.py)"
        lines.append(f"| {program.year} | {program.title}: {file} | {program.shows} |")
    lines += ["\n## Figures\n", *TABLE]
    for program in found:
        lines += rows(program, measured, f"[{program.path.stem}](#{anchor(program.title)})")
    for program in found:
        file = f"[{program.path.name}](../examples/{program.name}.py)"
        lines.append(f"\n## {program.title}\n\n{program.shows}: {file}.\n\n{program.body}")
        if program.image.exists():
            lines.append(f"\n![{program.title}](images/{program.image.name})")
    return "\n".join(lines) + "\n"


def anchor(heading: str) -> str:
    """The name that a heading has in links."""
    kept = (c for c in heading.lower() if c.isalnum() or c in " -_")
    return "".join(kept).replace(" ", "-")


def overview() -> str:
    """The text that docs/examples.md should have."""
    measured = results()
    lines = [OVERVIEW]
    for folder, heading in FOLDERS.items():
        found = programs(folder)
        if not found:
            continue
        lines += [f"## {heading}\n", *TABLE]
        for program in found:
            lines += rows(
                program, measured, f"[{program.path.stem}](../examples/{program.name}.py)"
            )
        lines.append("")
        for program in found if folder != "history" else ():
            lines.append(f"### {program.title}\n\n{program.shows}.\n\n{program.body}\n")
            if program.image.exists():
                lines.append(f"![{program.title}](images/{program.image.name})\n")
    lines += ["## Programs of other pages\n", "| program | shows |", "| --- | --- |"]
    for program in programs(""):
        file = f"[{program.path.stem}](../examples/{program.name}.py)"
        lines.append(f"| {file} | {program.doc.splitlines()[0].rstrip('.')} |")
    return "\n".join(lines) + "\n"


PAGES = {DOCS / "history.md": history, DOCS / "examples.md": overview}


def chosen(names: list[str]) -> list[Program]:
    """The programs that are named, or that are in the folders named; all if no name is given."""
    every = [program for folder in FOLDERS for program in programs(folder)]
    found = [p for p in every if not names or p.name in names or p.path.parent.name in names]
    if not found:
        raise SystemExit(f"no program is named {names}; there are {[p.name for p in every]}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", nargs="*", metavar="NAME", help="run these programs in full first")
    names = parser.parse_args().run
    for program in chosen(names) if names is not None else ():
        measured = run(program)
        RESULTS.write_text(  # read again: another run may have added to it
            json.dumps({**results(), program.name: measured}, indent=1, sort_keys=True) + "\n",
            encoding="utf-8",
        )
    for page, text in PAGES.items():
        page.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()

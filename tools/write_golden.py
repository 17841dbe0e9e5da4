"""Writes the golden texts: `python tools/write_golden.py`.

tests/golden/            small programs after each pass of the compiler; machine and thresholds are
                         those of tests/small_programs.py, so the texts are the same everywhere
tests/golden_messages/   messages of common mistakes, and summaries of models (tests/mistakes.py)

A test compares the files with the texts that this tool writes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"
MESSAGES = ROOT / "tests" / "golden_messages"
sys.path.insert(0, str(ROOT / "tests"))
os.environ["COLUMNS"] = "80"  # tables are as wide as the terminal

from lamina.engines.llvm.pipeline import PASSES, run_passes  # noqa: E402
from lamina.engines.llvm.program.program import Program  # noqa: E402
from lamina.engines.llvm.program.text import to_text as program_text  # noqa: E402
from lamina.engines.llvm.target.target import using  # noqa: E402
from lamina.engines.llvm.tools.dump import Log  # noqa: E402
from lamina.ir.text import to_text as graph_text  # noqa: E402
from mistakes import TEXTS  # noqa: E402
from small_programs import Small, programs  # noqa: E402


class Sections(Log):
    """A section for each pass: its name, and what it returns if that is something new."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.last = ""

    def after(self, step: Any, value: Any) -> None:
        text = program_text(value) if isinstance(value, Program) else graph_text(value)
        changed = text.strip() != self.last
        self.last = text.strip()
        self.lines.append(f"== {step.name}: {'' if changed else 'no change'}".rstrip(": "))
        if changed:
            self.lines += [self.last, ""]


def text_of(small: Small) -> str:
    """The text of a small program after each pass."""
    sections = Sections()
    with using(small.target):
        run_passes(small.graph, small.updates, sections, PASSES)
    return "\n".join([f"# {small.name}", *sections.lines]).rstrip() + "\n"


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for small in programs():
        (GOLDEN / f"{small.name}.txt").write_text(text_of(small), encoding="utf-8")
    MESSAGES.mkdir(exist_ok=True)
    for name, text in TEXTS.items():
        (MESSAGES / f"{name}.txt").write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Name the pass of the compiler with which a program begins to fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.engines.llvm.pipeline import PASSES
from lamina.fuzz.check import Failure, check
from lamina.fuzz.generate import Case
from lamina.settings import settings

OPTIONAL = [each.name for each in PASSES if each.optional]


@dataclass
class Culprit:
    """The first optional pass with which a program fails, and how; no name if it fails without any
    of them, so that a pass that cannot be skipped, or code generation, is at fault."""

    name: str | None
    failure: Failure

    def __str__(self) -> str:
        if self.name is None:
            return f"fails without any optional pass: {self.failure.kind}"
        return f"fails from pass {self.name} on: {self.failure.kind}"


def culprit(case: Case, threads: Sequence[int] = (1, 2, 3)) -> Culprit | None:
    """Run the case with no optional pass, then with the first, the first two, and so on; None if it
    never fails.

    Passes that LAMINA_SKIP names are left out throughout. A pass may bring to light a fault of an
    earlier or later one: the dump before and after it (LAMINA_DUMP) shows which.
    """
    for number, name in enumerate([None, *OPTIONAL]):
        with settings(skip=tuple({*settings.skip, *OPTIONAL[number:]})):
            failure = check(case, threads=threads)
        if failure is not None:
            return Culprit(name, failure)
    return None

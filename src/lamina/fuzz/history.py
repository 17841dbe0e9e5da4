"""Programs compiled earlier in this process: compiled again, each must give the same text.

Generated code is a function of the graph alone. Whatever else it depends on (a counter, a set that
is walked through, a cache whose keys compare equal though they differ) shows when a program is
compiled a second time, after others and with those caches empty.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys

from lamina.engines.llvm.pipeline import PASSES, run_passes, stages_of
from lamina.engines.llvm.target.target import Target, target, using
from lamina.engines.llvm.tools.dump import SILENT, Log
from lamina.fuzz.check import Failure
from lamina.fuzz.generate import Case

KEPT = 50
PURE = tuple(
    f"lamina.{name}"
    for name in ("ir", "rewrite", *(f"engines.llvm.{part}" for part in ("codegen", "loops")))
)  # packages whose caches hold nothing but results of functions


def digest_of(case: Case, log: Log = SILENT) -> str:
    """A hash of all that is generated for a program: the text of its kernels and driver, and its
    plan. The log receives what the passes report."""
    graph = run_passes(case.graph, case.updates, log, PASSES[:1])
    stages = stages_of(graph, case.updates, log)
    parts = [str(stages.driven.module), json.dumps(stages.plan.to_json())]
    parts += [kernel.text for kernel in stages.kernels.values()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def forget() -> None:
    """Empty the caches of functions that code generation calls."""
    for name, module in list(sys.modules.items()):
        if name.startswith(PURE):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


class History:
    """The last programs with what was generated for them.

    Args:
        log: What receives the reports of the passes on each program, once.
    """

    def __init__(self, log: Log = SILENT) -> None:
        self.rng, self.log = random.Random(0), log
        self.kept: list[tuple[Case, Target, str]] = []
        self.noted = 0

    def failure(self, case: Case) -> Failure | None:
        """Note a program, and after every other one compile one of the earlier ones again."""
        self.kept.append((case, target(), digest_of(case, self.log)))
        self.kept, self.noted = self.kept[-KEPT:], self.noted + 1
        if self.noted % 2:
            return None
        earlier, its_target, before = self.rng.choice(self.kept)
        forget()
        with using(its_target):
            if digest_of(earlier) == before:
                return None
        return Failure("text", f"compiled again after this one, {earlier.seed} has another text")

"""`tf.keras` is `lamina.keras`, also in import statements.

from lamina.tf.keras.layers import Dense        the module lamina.keras.layers

Python would load the files of `lamina.keras` a second time under the second name, with classes that
are not those of `lamina.keras`. The finder gives it the module that is there; it answers for names
below `lamina.tf.keras` only. Without it each module of `lamina.keras` would need a file here, or
would have to be loaded with `lamina.tf`, which loads its modules when they are first used.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

from lamina import keras

OURS, THEIRS = "lamina.keras", "lamina.tf.keras"


class _Alias:
    """Finder and loader of modules under another name."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith(f"{THEIRS}."):
            return None
        return importlib.machinery.ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return importlib.import_module(spec.name.replace(THEIRS, OURS, 1))

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the module is there already."""


sys.meta_path.insert(0, _Alias())  # type: ignore[arg-type]
sys.modules[__name__] = keras

"""Small programs after each pass read as the golden texts say, on a fixed machine."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from mistakes import MISTAKES, TEXTS
from paths import ROOT
from small_programs import Small, programs


def _writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden", ROOT / "tools" / "write_golden.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("small", programs(), ids=lambda small: small.name)
def test_a_small_program_after_each_pass_equals_its_golden_text(small: Small) -> None:
    writer = _writer()
    golden = (writer.GOLDEN / f"{small.name}.txt").read_text(encoding="utf-8")
    assert writer.text_of(small) == golden, (
        "a pass does something else: look at the difference, then run python tools/write_golden.py"
    )


def test_every_golden_text_is_of_a_small_program() -> None:
    names = {path.stem for path in _writer().GOLDEN.glob("*.txt")}
    assert names == {small.name for small in programs()}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_messages_and_summaries_equal_their_golden_text(name: str) -> None:
    golden = (_writer().MESSAGES / f"{name}.txt").read_text(encoding="utf-8")
    assert TEXTS[name]() == golden, (
        "a text for users changed: look at the difference, then run python tools/write_golden.py"
    )


def test_every_mistake_raises_an_error() -> None:
    assert len(MISTAKES) >= 40
    assert "no error" not in (_writer().MESSAGES / "errors.txt").read_text(encoding="utf-8")

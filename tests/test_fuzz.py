"""The fuzzer: the engine passes it, and it finds faults planted in the engine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from faults import FAULTS, Fault
from lamina.fuzz import Case, check, generate, shrink
from lamina.fuzz.__main__ import main
from lamina.ir.verify import verify

CASES = 500  # programs at most until a planted fault is found
PROGRAMS = 150


@cache
def case(number: int) -> Case:
    return generate(f"faults:{number}")


def test_a_seed_is_one_program() -> None:
    from lamina.ir.text import to_text

    first, second = generate("7:3"), generate("7:3")
    assert to_text(first.graph, full=True) == to_text(second.graph, full=True)
    assert [a.tobytes() for a in first.arrays] == [a.tobytes() for a in second.arrays]


def test_programs_are_well_typed() -> None:
    for number in range(20):
        verify(case(number).graph)


def test_the_reference_stays_within_the_bounds() -> None:
    for number in range(20):
        failure = check(case(number), "numpy", threads=(1,))
        assert failure is None, failure


def test_the_engine_survives_for_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--programs", str(PROGRAMS), "--seed", "suite", "--threads", "1,2,3"])
    assert status == 0, capsys.readouterr().out


@pytest.mark.slow
def test_the_engine_survives_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--seconds", "60", "--seed", "minute", "--threads", "1,2,3"])
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault.plant(monkeypatch)
    for number in range(CASES):
        if check(case(number), threads=fault.threads) is not None:
            return
    pytest.fail(f"{CASES} programs did not show that {fault}")


def test_the_tool_names_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit status, seed and text of what failed; the journal names the program that ran last."""
    fault = next(f for f in FAULTS if f.name == "a sum begins at one")
    fault.plant(monkeypatch)
    journal = tmp_path / "journal"
    options = ["--seed", "tool", "--programs", "60", "--threads", "1", "--most", "1"]
    assert main([*options, "--journal", str(journal)]) == 1
    shown = capsys.readouterr().out
    seed = journal.read_text().strip()
    assert f"FAILED {seed}" in shown
    assert "kind=sum" in shown or "dot_general" in shown
    assert main(["--only", seed, "--threads", "1"]) == 1


def test_a_failure_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a whole program, little more than the primitive that is wrong is left."""
    fault = next(f for f in FAULTS if f.attribute == "reverse")
    fault.plant(monkeypatch)

    def fails(tried: Case) -> bool:
        failure = check(tried, threads=(1,))
        return failure is not None and failure.kind == "value"

    found = next(c for c in map(case, range(CASES)) if fails(c))
    small = shrink(found, fails)
    kinds = [n.op for n in small.graph.nodes()]
    assert "reverse" in kinds
    assert len(kinds) <= 5, kinds

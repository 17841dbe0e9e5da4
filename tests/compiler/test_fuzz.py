"""The fuzzer: the engine passes it, and it finds faults planted in the engine."""

from __future__ import annotations

import struct
from contextlib import redirect_stdout
from functools import cache, lru_cache
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from faults import FAULTS, SIGNS, Fault
from lamina.engines.llvm.codegen import values
from lamina.engines.llvm.pipeline import NAMES
from lamina.engines.llvm.program import peel
from lamina.fuzz import Case, check, generate, shrink
from lamina.fuzz.__main__ import main
from lamina.fuzz.bisect_passes import OPTIONAL, culprit
from lamina.fuzz.coverage import FORMS, STATEMENTS, Changes
from lamina.fuzz.grower import LARGEST
from lamina.fuzz.history import History
from lamina.fuzz.layers import FEATURES
from lamina.fuzz.moves import ELEMENTWISE
from lamina.fuzz.shadow import shadows
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.types import TensorType, float32, is_static
from lamina.ir.verify import regions, verify

CASES = 500  # programs at most until a planted fault is found
RUNS = {"suite": 76, "suite eager": 96}  # seeds, with the number of programs
LEAST = 10  # programs that each pass changes
LEAST_OF_FORM = 3


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


@cache
def run_of(seed: str) -> tuple[int, str, Changes]:
    """A run of the tool: its status, what it prints, and what the passes changed."""
    changes, printed = Changes(), StringIO()
    eager = ["--eager"] if seed.endswith("eager") else []
    with redirect_stdout(printed):
        options = ["--programs", str(RUNS[seed]), "--seed", seed, "--threads", "1,2,3"]
        status = main([*options, "--seconds", "10000", *eager], changes)
    return status, printed.getvalue(), changes


@pytest.mark.parametrize("seed", RUNS)
def test_the_engine_survives_for_a_while(seed: str) -> None:
    status, printed, _ = run_of(seed)
    assert status == 0, printed


def test_each_pass_changes_ten_of_the_programs_with_which_the_engine_is_tested() -> None:
    runs = [run_of(seed)[2] for seed in RUNS]
    counts = {name: sum(changes.counts[name] for changes in runs) for name in NAMES}
    assert {name: n for name, n in counts.items() if n < LEAST} == {}


def test_each_form_of_code_is_in_some_of_the_programs_with_which_the_engine_is_tested() -> None:
    runs = [run_of(seed)[2] for seed in RUNS]
    counts = {name: sum(changes.forms[name] for changes in runs) for name in FORMS}
    assert {name: n for name, n in counts.items() if n < LEAST_OF_FORM} == {}


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


def test_products_that_underflow_one_by_one_are_within_the_bounds() -> None:
    """515 products of 9e-47, each rounded to 0, whose exact sum is 4.5e-44."""
    x = parameter(TensorType((515, 3), float32), "x")
    over = {"lhs_contracting_dimensions": (0,), "rhs_contracting_dimensions": (0,)}
    graph = Graph([x], [ops.dot_general(x, x, **over)], "underflow")
    arrays = [np.full((515, 3), np.sqrt(9e-47), np.float32)]
    for name in ("llvm", "numpy"):
        assert check(Case(graph, arrays, {}, "smooth", "underflow"), name, threads=(1,)) is None


@cache
def zeros(number: int) -> Case:
    return generate(f"zeros:{number}", ELEMENTWISE, 12, "special")


def test_signs_of_zeros_are_those_of_the_reference() -> None:
    for number in range(40):
        failure = check(zeros(number), threads=(1,))
        assert failure is None, failure


@pytest.mark.parametrize("fault", SIGNS, ids=str)
def test_a_zero_of_the_wrong_sign_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault.plant(monkeypatch)
    assert any(check(zeros(number), threads=(1,)) is not None for number in range(CASES))


def test_a_constant_cached_by_its_value_is_found_when_a_program_is_compiled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first of 0.0 and -0.0 is both, as long as the cache lives."""
    made = values._float_constant

    @lru_cache
    def by_value(type_: str, value: float) -> values.Value:
        return made(type_, struct.pack("<d", value))

    monkeypatch.setattr(
        values, "_float_constant", lambda t, bits: by_value(t, struct.unpack("<d", bits)[0])
    )
    monkeypatch.setattr(values, "_by_value", by_value, raising=False)
    history = History()
    for number in range(CASES):
        failure = history.failure(zeros(number))
        if failure is not None:
            assert failure.kind == "text"
            return
    pytest.fail(f"{CASES} programs did not show that constants are cached by value")


def test_the_text_of_programs_does_not_change_when_they_are_compiled_again() -> None:
    history = History()
    assert [history.failure(case(number)) for number in range(30)] == [None] * 30


def test_sizes_at_which_numbers_grow_too_large_are_left_out() -> None:
    """A sum of squares of n whole numbers, squared again and again, is exact for few n."""
    for number in range(CASES):
        tried = case(number)
        for arrays in tried.more:
            for shadow in shadows(tried.graph, arrays, tried.lane):
                if tried.lane == "exact" and shadow.value.dtype.kind == "f":
                    assert np.abs(shadow.value).max(initial=0.0) <= LARGEST["exact"]


def test_programs_cover_rules_in_loops_large_arrays_many_features_and_wide_scans() -> None:
    found = set()
    for number in range(CASES):
        tried = case(number)
        nodes = tried.graph.nodes()
        inner = [n for loop in nodes for body in regions(loop).values() for n in body.nodes()]
        if any(n.op == "custom_gradient" for n in inner):
            found.add("rules in loops and branches")
        if any(a.nbytes >= 65536 for a in tried.arrays):
            found.add("arrays of 64 KiB")
        if any(n.op == "convolution" and n.args[0].shape[-1] in FEATURES for n in nodes):
            found.add("convolutions of 32 features")
        if any(n.op == "scan" and _units(n) >= 64 for n in nodes):
            found.add("scans over 64 units")
    assert len(found) == 4, found


def _units(scan: Node) -> int:
    carries = scan.params["body"].results[: scan.params["num_carry"]]
    return max((int(c.shape[-1]) for c in carries if is_static(c.shape) and c.ndim > 1), default=0)


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


def test_bisection_names_the_pass_with_the_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All sums are left out of the first iterations of loops, not only those of zeros."""
    monkeypatch.setattr(peel, "_multiplies", lambda kernel, zeros: bool(kernel.nest.accumulators))
    failing = (c for c in map(case, range(CASES)) if check(c, threads=(1,)) is not None)
    seed = next(failing).seed
    assert main(["--bisect", seed, "--threads", "1"]) == 1
    assert capsys.readouterr().out == f"{seed} fails from pass peel_loops on: value\n"


def test_bisection_of_a_fault_in_code_generation_names_no_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    next(f for f in FAULTS if f.name == "a sum begins at one").plant(monkeypatch)
    failing = next(c for c in map(case, range(CASES)) if check(c, threads=(1,)) is not None)
    found = culprit(failing, threads=(1,))
    assert found is not None and found.name is None


def test_bisection_of_a_program_that_does_not_fail_reports_that(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--bisect", "faults:0", "--threads", "1"]) == 0
    assert "does not fail" in capsys.readouterr().out


def test_coverage_counts_the_programs_that_each_pass_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--coverage", "--programs", "3", "--seed", "faults", "--eager"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    counts = {" ".join(name): count for *name, count in rows}
    assert [name.rstrip("*") for name in counts] == [*NAMES, *FORMS, *STATEMENTS]
    assert counts["bufferize"] == counts["schedule"] == "3"
    assert {name for name in counts if name.endswith("*")} == {f"{name}*" for name in OPTIONAL}


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

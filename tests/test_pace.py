"""How many threads a program takes where others want the processors too."""

from lamina.engines.llvm.pace import ALONE, PATIENCE, Pace


def after(*seconds: float) -> Pace:
    pace = Pace()
    for each in seconds:
        pace.took(each, pace.threads(2))
    return pace


def test_a_program_that_is_as_fast_as_ever_keeps_its_threads():
    assert after(*[1e-3, 1.2e-3, 0.9e-3] * 10).threads(2) == 2


def test_one_slow_call_changes_nothing():
    assert after(1e-3, 9e-3, 1e-3, 9e-3, 1e-3).threads(2) == 2


def test_slow_calls_in_a_row_leave_it_one_thread_for_a_while():
    pace = after(1e-3, *[9e-3] * PATIENCE)
    assert pace.threads(2) == 1
    calls = 0
    while pace.threads(2) == 1:
        pace.took(2e-3, 1)
        calls += 1
    assert calls == round(ALONE / 2e-3)
    assert pace.threads(2) == 2

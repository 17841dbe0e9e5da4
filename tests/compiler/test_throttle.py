"""Throttling: a program gives up threads while other processes use the processors."""

import math

from lamina.engines.llvm.runtime.limits import ALONE, LASTING, PATIENCE, PROBE
from lamina.engines.llvm.runtime.throttle import CallHistory, ProgramHistory


def after(*seconds: float) -> CallHistory:
    pace = CallHistory()
    for each in seconds:
        pace.took(each, pace.threads(2))
    return pace


def test_a_program_of_constant_speed_keeps_its_threads():
    assert after(*[1.0, 1.2, 0.9] * 10).threads(2) == 2


def test_one_slow_call_does_not_throttle():
    assert after(1.0, 9.0, 1.0, 9.0, 1.0).threads(2) == 2


def test_consecutive_slow_calls_throttle_to_one_thread_for_a_while():
    pace = after(1e-3, *[9e-3] * PATIENCE)
    assert pace.threads(2) == 1
    calls = 0
    while pace.threads(2) == 1:
        pace.took(7e-3, 1)
        calls += 1
    assert calls == math.ceil(ALONE / 7e-3)
    assert pace.threads(2) == 2


def test_short_calls_are_compared_with_a_call_on_one_thread():
    crowded = after(*[200e-6] * PROBE)  # from the first call on, so it knows of nothing better
    assert crowded.threads(2) == 1
    crowded.took(30e-6, 1)
    for _ in range(math.ceil(LASTING / 200e-6)):
        assert crowded.threads(2) == 2
        crowded.took(200e-6, 2)
    assert crowded.threads(2) == 1


def test_short_calls_that_gain_from_threads_keep_them():
    quiet = after(*[20e-6] * PROBE)
    quiet.took(30e-6, quiet.threads(2))
    for _ in range(100):
        assert quiet.threads(2) == 2
        quiet.took(21e-6, 2)


def test_calls_that_would_take_a_second_on_one_thread_are_not_tried_there():
    assert after(*[0.6] * 10).threads(2) == 2


def test_long_calls_are_compared_early():
    crowded = after(0.4, 0.4)
    assert crowded.threads(2) == 1
    crowded.took(0.01, 1)
    crowded.took(0.4, 2)  # forty times as long as alone: once is enough
    assert crowded.threads(2) == 1


def test_a_program_that_stays_slow_is_probed_less_and_less_often():
    pace = after(1e-3, *[15e-3] * PATIENCE)
    pauses = []
    for _ in range(4):
        pauses.append(pace.program.alone)
        pace.took(pace.program.alone, 1)
        pace.one = 1e-3
        pace.took(15e-3, pace.threads(2))
    assert pauses == [ALONE, 2 * ALONE, 4 * ALONE, 8 * ALONE]


def test_all_sizes_of_a_program_share_the_throttle_period():
    company = ProgramHistory()
    small, large = CallHistory(company), CallHistory(company)
    for each in (5e-3, *[15e-3] * PATIENCE):
        small.took(each, 2)
    assert large.threads(2) == 1

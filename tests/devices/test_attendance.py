"""Attendance of processes: who is late, dead or stuck is named."""

import socket
import subprocess
import sys
import threading
import time

import pytest

import lamina as lm
from engine_names import needs_jax
from lamina.cli.launch import free_address
from lamina.distribution.attendance import Attendance, Register, _lines
from lamina.distribution.clusters import place


def register(**begun):
    """A register of three processes at time 100, after these have begun programs."""
    found = Register(3, timeout=60)
    for number in range(3):
        found.note(number, 100.0, begun.get(f"p{number}", 5))
    return found


def test_processes_that_have_not_come_are_known():
    found = Register(4, timeout=60)
    found.note(0, 1.0)
    found.note(2, 1.0)
    assert found.missing() == [1, 3]


def test_a_process_without_signs_is_named_after_the_timeout():
    found = register()
    found.note(0, 150.0, 5), found.note(1, 150.0, 5)
    assert found.failure(159.0) is None
    assert found.failure(161.0) == "process 2 no longer answers (60 s without a sign)"


def test_a_process_that_others_wait_for_is_named_after_the_timeout():
    found = register(p0=6, p2=6)
    for now in (120.0, 161.0):
        for number, begun in enumerate((6, 5, 6)):
            found.note(number, now, begun)
    assert found.failure(159.0) is None
    assert found.failure(161.0) == (
        "process 1 is late: it has begun 5 programs, and others have waited for 60 s in number 6"
    )


def test_a_process_that_ends_while_others_wait_for_it_is_named_at_once():
    found = register(p0=6, p2=6)
    found.note(1, 101.0, 5, ended=True)
    assert found.failure(101.0) is None
    message = "process 1 has ended after 5 programs, and others have begun number 6"
    assert found.failure(104.0) == message
    found.note(1, 104.0, 6, ended=True)
    assert found.failure(1000.0) == "process 0 no longer answers (60 s without a sign)"


def test_a_process_whose_connection_breaks_is_named_at_once():
    found = register()
    found.records[1].closed = True
    assert found.failure(100.1) == "process 1 has died"


def address():
    host, _, port = free_address().rpartition(":")
    return host, int(port)


def test_an_error_names_the_process_that_did_not_come():
    where, failures = address(), []

    def come(number):
        try:
            Attendance(where, 3, number, 1.0, lambda: 0)
        except lm.LaminaError as error:
            failures.append(str(error).splitlines()[0])

    threads = [threading.Thread(target=come, args=(k,)) for k in (0, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == ["initialize: process 1 of 3 did not come within 1 s"] * 2


def test_a_process_that_process_0_does_not_wait_for_prints_a_message():
    with pytest.raises(lm.LaminaError, match=r"process 0 did not come within 0\.3 s"):
        Attendance(address(), 2, 1, 0.3, lambda: 0)


WAITING = """
import sys, time
from lamina.distribution.attendance import Attendance
number = int(sys.argv[2])
begun = 1
attendance = Attendance(("127.0.0.1", int(sys.argv[1])), 3, number, 60.0, lambda: begun)
attendance._register.timeout = 2.0
if number == 1:
    {what}
begun = 2
time.sleep(100)
"""


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("import os; os._exit(0)", "process 1 has died"),
        ("attendance.end(); sys.exit()", "process 1 has ended after 1 programs"),
        ("time.sleep(100)", "process 1 is late: it has begun 1 programs"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "process 1 no longer answers"),
    ],
)
def test_all_processes_end_and_name_the_one_that_keeps_them_waiting(what, message):
    port = str(address()[1])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WAITING.format(what=what), port, str(k)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for k in range(3)
    ]
    try:
        for number in (0, 2):
            _, stderr = running[number].communicate(timeout=60)
            assert running[number].returncode == 1
            assert f"lamina: process {number} ends, because {message}" in stderr
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_strangers_who_connect_are_ignored():
    where = address()
    found = []
    first = threading.Thread(target=lambda: found.append(Attendance(where, 2, 0, 20.0, lambda: 0)))
    first.start()
    while True:
        try:
            stranger = socket.create_connection(where)
            break
        except OSError:
            time.sleep(0.01)
    stranger.sendall(b'GET / HTTP/1.0\r\n\r\n{"process": 77}\n')
    second = Attendance(where, 2, 1, 20.0, lambda: 0)
    first.join(20)
    second.end(), found[0].end()
    stranger.close()


def test_lines_of_a_closed_connection_end():
    here, there = socket.socketpair()
    there.sendall(b'{"a": 1}\nnonsense\n{"b": 2}\n')
    there.close()
    with here:
        assert list(_lines(here)) == [{"a": 1}]


def test_slurm_and_lamina_launch_give_a_process_its_place():
    launched = {"LAMINA_COORDINATOR": "a:1", "LAMINA_PROCESSES": "4", "LAMINA_PROCESS": "3"}
    assert place(launched) == ("a:1", 4, 3)
    slurm = {"SLURM_NTASKS": "8", "SLURM_PROCID": "5", "SLURM_JOB_ID": "3"}
    assert place({**slurm, "SLURM_STEP_NODELIST": "gpu[07-09]"}) == ("gpu07:61446", 8, 5)
    assert place({}) is None
    with pytest.raises(lm.LaminaError, match="variable LAMINA_PROCESS is not set"):
        place({"LAMINA_COORDINATOR": "a:1", "LAMINA_PROCESSES": "4"})


LATE = """
import sys, time
import lamina as lm
lm.distribution.initialize(timeout=5)
lm.distribution.set_distribution(lm.distribution.DataParallel())
model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
model.compile("sgd", "mse")
x = lm.ones((8, 2))
model.fit(x, x[:, :1], verbose=0)
if lm.distribution.process_index() == 1:
    {what}
model.fit(x, x[:, :1], verbose=0)
"""


@needs_jax
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("time.sleep(300)", "process 1 is late"),
        ("raise ValueError('broken')", "process 1 has ended after"),
    ],
)
def test_a_training_ends_and_names_the_process_that_does_not_take_part(tmp_path, what, message):
    program = tmp_path / "late.py"
    program.write_text(LATE.format(what=what))
    done = subprocess.run(
        [sys.executable, "-m", "lamina", "launch", "--processes", "2", "--devices", "1", program],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode
    assert f"lamina: process 0 ends, because {message}" in done.stderr

"""The progress shown while a model trains: live in a terminal, a line an epoch elsewhere."""

import io
import itertools
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

import lamina as lm
from lamina.training import progress
from lamina.training.progress import Progress, duration, figures, number


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and keeps what is written to it."""

    encoding = "utf-8"

    def isatty(self):
        return True

    @property
    def screen(self):
        """The lines as they look at the end, after all that was drawn over."""
        return [line.rsplit("\r", 1)[-1].rstrip() for line in self.getvalue().split("\n")]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setattr(progress, "BETWEEN", 0.0)
    return Terminal()


def test_a_live_line_is_drawn_over(terminal):
    line = Progress("Epoch 1/2", 100, "auto", terminal)
    line.update(1, {"loss": 0.7, "accuracy": 0.5})
    line.update(25, {"loss": 0.5, "accuracy": 0.75})
    shown = terminal.screen[-1]
    assert shown.startswith("Epoch 1/2  ━━━━━━╸")
    assert "25/100  " in shown and " left  loss 0.5000  accuracy 0.7500" in shown
    line.update(100, {"loss": 0.25, "accuracy": 0.8})
    line.end({"loss": 0.25, "accuracy": 0.8, "val_loss": 0.3})
    first, last = terminal.screen
    assert first.startswith("Epoch 1/2  100/100  0.0")
    assert first.endswith("loss 0.2500  accuracy 0.8000  val_loss 0.3000")
    assert last == ""


@pytest.mark.parametrize("width", [30, 50, 80, 200])
def test_a_live_line_never_wraps(terminal, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    line = Progress("Epoch 1/2", 100, 1, terminal)
    for done in (1, 50, 99):
        line.update(done, {f"metric_{k}": 0.5 for k in range(4)})
        assert len(terminal.screen[-1]) < width


def test_a_live_line_ends_between_figures_and_never_inside_one(terminal, monkeypatch):
    logs = {f"metric_{k}": 0.5 for k in range(9)}
    for width in range(30, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        line = Progress("Epoch 1/2", 100, 1, terminal)
        line.update(50, logs)
        assert terminal.screen[-1].endswith(" 0.5000") or "metric" not in terminal.screen[-1]


def test_the_last_state_of_a_live_line_continues_in_further_lines_between_figures(
    terminal, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    line = Progress("Epoch 1/2", 100, 1, terminal)
    line.update(100, {})
    line.end({f"metric_{k}": 0.5 for k in range(9)})
    *lines, last = terminal.screen
    assert len(lines) == 3 and last == ""
    assert all(len(each) < 80 for each in lines)
    assert all(each.startswith("    metric_") for each in lines[1:])
    assert " ".join(lines).split()[-2:] == ["metric_8", "0.5000"]


def test_compilation_is_shown_and_does_not_count_in_the_time_that_is_left(terminal, monkeypatch):
    now = 0.0
    clock = SimpleNamespace(perf_counter=lambda: now)
    monkeypatch.setattr(progress, "time", clock)
    line = Progress("Epoch 1/2", 11, 1, terminal)
    with line.shown():
        with progress.compiling():
            assert terminal.screen[-1] == "Epoch 1/2  compiling ..."
            now += 60.0
        now += 5.0  # the first step
        line.update(1, {})
        assert " left" not in terminal.screen[-1]
        with progress.compiling():  # another shape
            now += 30.0
        now += 1.0
        line.update(2, {})
    assert "2/11  9.0 s left" in terminal.screen[-1]
    with progress.compiling():  # nothing is shown any more
        pass
    assert "compiling" not in terminal.screen[-1]


def test_fit_prints_that_it_compiles_before_the_first_step(terminal, monkeypatch):
    monkeypatch.setattr("sys.stdout", terminal)
    model = lm.Sequential([lm.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x = np.ones((64, 2), np.float32)
    model.fit(x, x[:, 0], epochs=2, validation_data=(x, x[:, 0]))
    first, second, _ = terminal.getvalue().split("\n")
    assert first.count("compiling ...") == 2  # training, and validation
    assert "compiling ..." not in second
    model.predict(x)
    assert terminal.screen[-1] == ""  # of a prediction nothing is left


def test_the_line_of_a_split_fits_into_80_columns(capsys):
    model = lm.Sequential([lm.layers.Dense(3, "softmax", input_shape=(2,))])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.ones((6000, 2), np.float32)
    model.fit(x, np.arange(6000) % 3, validation_split=0.15, seed=2**32 - 1, steps_per_epoch=1)
    assert max(map(len, capsys.readouterr().out.splitlines())) < 80


# ---- notebooks ---------------------------------------------------------------------------------
class Kernel(io.StringIO):
    """The standard output of a kernel."""


Kernel.__module__ = "ipykernel.iostream"


@pytest.fixture
def displays(monkeypatch):
    """The outputs of a cell, each as a list of what it has shown."""
    shown = []

    class Handle:
        def __init__(self, content):
            shown.append([content["text/plain"]])
            self.output = shown[-1]

        def update(self, content, raw):
            self.output.append(content["text/plain"])

    def display(content, raw, display_id):
        return Handle(content)

    monkeypatch.setattr(progress, "BETWEEN", 0.0)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    return shown


def test_the_epochs_of_a_fit_are_lines_of_one_output_of_a_notebook(displays, monkeypatch):
    monkeypatch.setattr("sys.stdout", stream := Kernel())
    model = lm.Sequential([lm.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x = np.ones((64, 2), np.float32)
    model.fit(x, x[:, 0], epochs=3)
    (output,) = displays
    assert output[0] == "Epoch 1/3  compiling ..."
    lines = output[-1].splitlines()
    assert [line[:14] for line in lines] == [f"Epoch {k}/3  2/2" for k in (1, 2, 3)]
    model.fit(x, x[:, 0], epochs=60)
    assert [len(output[-1].splitlines()) for output in displays] == [3, progress.MOST_LINES, 10]
    assert stream.getvalue() == ""


def test_the_bar_fills(terminal):
    line = Progress("E", 10, 1, terminal)
    lengths = []
    for done in range(11):
        line.update(done, {})
        lengths.append(sum(terminal.screen[-1].count(c) for c in "━╸"))
    assert lengths == sorted(lengths)
    assert lengths[0] == 0 and lengths[-1] == progress.MOST_BAR


def test_a_terminal_without_unicode_gets_plain_signs(terminal):
    terminal.encoding = "ascii"
    line = Progress("E", 10, 1, terminal)
    line.update(5, {})
    assert "=====" in terminal.getvalue() and terminal.getvalue().isascii()


def test_elsewhere_there_is_one_line(capsys):
    model = lm.Sequential([lm.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.ones((100, 2), np.float32)
    for verbose in ("auto", 1, 2):
        model.fit(x, x[:, 0], epochs=2, verbose=verbose)
        lines = capsys.readouterr().out.splitlines()
        assert [line[:16] for line in lines] == ["Epoch 1/2  4/4  ", "Epoch 2/2  4/4  "]
        assert all("loss " in line and "mae " in line for line in lines)
    model.evaluate(x, x[:, 0])
    assert capsys.readouterr().out.startswith("Evaluate  100 rows  1/1")
    model.fit(x, x[:, 0], epochs=2, verbose=0)
    model.evaluate(x, x[:, 0], verbose=0)
    model.predict(x)
    assert capsys.readouterr().out == ""


def test_a_notebook_is_live():
    class Stream(io.StringIO):
        pass

    Stream.__module__ = "ipykernel.iostream"
    assert progress.is_live(Stream())
    assert not progress.is_live(io.StringIO())


def test_drawing_costs_next_to_nothing(monkeypatch):
    """Ten drawings a second have to stay below a thousandth of it."""
    monkeypatch.setattr(progress, "BETWEEN", 0.0)
    line = Progress("Epoch 1/5", 1000, 1, Terminal())
    logs = {"loss": 0.5, "accuracy": 0.9}
    times = []
    for done in range(200):
        began = time.thread_time()  # of the processor: other work on the machine takes none of it
        line.update(done, logs)
        times.append(time.thread_time() - began)
    assert 10 * float(np.median(times)) < 1e-3


def test_drawing_is_limited(terminal, monkeypatch):
    monkeypatch.setattr(progress, "BETWEEN", 0.1)
    now = itertools.count(0.0, 1e-4)  # seconds, a tenth of a millisecond from look to look
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    line = Progress("E", 10_000, 1, terminal)
    for done in range(10_000):
        line.update(done, {})
    assert terminal.getvalue().count("\r") in (9, 10)


def test_numbers_and_times():
    assert [number(v) for v in (0.0, 0.98765, 12.5, 1e-5, 2e7, float("nan"))] == [
        "0.0000",
        "0.9877",
        "12.5000",
        "1e-05",
        "2e+07",
        "nan",
    ]
    assert [duration(s) for s in (0.044, 1.44, 12.2, 125, 3725)] == [
        "0.04 s",
        "1.4 s",
        "12 s",
        "2:05 min",
        "1:02:05 h",
    ]
    assert figures({"loss": 0.5, "f1": np.ones(3)}) == ["loss 0.5000"]

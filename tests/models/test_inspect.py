"""Looking inside: what `lm.inspect` shows is what runs, and its figures are right."""

import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import lamina as lm
from lamina import inspect
from lamina.engines.llvm.pipeline import PASSES
from lamina.engines.llvm.target import machine
from lamina.engines.llvm.tools import dump, peaks
from lamina.engines.llvm.tools.roofline import bound
from lamina.engines.llvm.tools.work import Work, work_of
from lamina.errors import VerifyError
from lamina.inspect.subject import subject
from lamina.ir.graph import Graph, Node
from lamina.ir.types import TensorType, float32
from lamina.settings import settings


def layer(x, w, b):
    return lm.maximum(x @ w + b, 0.0)


@pytest.fixture(scope="module")
def operands():
    rng = np.random.default_rng(0)
    shapes = (32, 64), (64, 48), (48,)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


@pytest.fixture(scope="module")
def model():
    net = lm.Sequential(
        [
            lm.layers.Dense(24, activation="relu", input_shape=(16,)),
            lm.layers.Dense(3, activation="softmax"),
        ]
    )
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return net


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(1)
    return rng.normal(size=(20, 16)).astype(np.float32), rng.integers(0, 3, 20)


# ---- text --------------------------------------------------------------------------------------
def test_a_graph_is_shown_as_recorded_and_simplified():
    def f(x):
        return x * 1.0 + (2.0 + 3.0) * x

    x = np.ones(4, np.float32)
    recorded, simplified = inspect.graph(f, x, simplified=False), inspect.graph(f, x)
    assert recorded.count("multiply") == 2 and simplified.count("multiply") == 1
    assert simplified.startswith('"f" {') and "float32[4]" in simplified


def test_a_layer_is_one_kernel(operands):
    (kernel,) = inspect.kernels(layer, *operands)
    assert kernel.name == "dot_general[32 x 48 over 64]"
    assert "maximum" in kernel.nest and "vector" in kernel.schedule
    names = [each.split(" ", 3)[2] for each in kernel.buffers]
    assert names == ["arg0", "arg1", "arg2", "result0"]


def test_llvm_and_assembly_are_those_of_the_kernel(operands):
    (kernel,) = inspect.kernels(layer, *operands)
    assert f"@{kernel.symbol}(" in kernel.llvm
    assert inspect.llvm(layer, *operands, kernel=0) == kernel.llvm
    whole = inspect.llvm(layer, *operands)
    assert kernel.llvm in whole and "define void @program(" in whole
    assert kernel.symbol in kernel.assembly
    assert kernel.symbol in inspect.assembly(layer, *operands, kernel=0)


def test_a_kernel_that_is_not_there(operands):
    with pytest.raises(lm.errors.RangeError, match="kernel is 1, but there are 1"):
        inspect.llvm(layer, *operands, kernel=1)


def test_symbolic_extents_are_shown_by_name(operands):
    signature = [lm.Spec(("rows", 64)), lm.Spec((64, 48)), lm.Spec((48,))]
    f = lm.compile(layer, signature=signature)
    (kernel,) = inspect.kernels(f, *operands)
    assert kernel.name == "dot_general[rows x 48 over 64]"


def test_the_shown_program_is_the_one_that_runs(operands):
    f = lm.compile(layer)
    f(*operands)
    ((recorded, _),) = f._programs.values()
    assert subject(f, tuple(operands), {}).recorded is recorded.graph


def test_static_arguments_and_keywords(operands):
    def f(x, power, flip=False):
        y = x**power
        return lm.flip(y) if flip else y

    assert "reverse" in inspect.graph(f, operands[0], 3, flip=True)
    assert "reverse" not in inspect.graph(f, operands[0], 3)


def test_inspect_refuses_an_object_that_is_not_a_function():
    with pytest.raises(lm.errors.ArgumentError, match="expected a function"):
        inspect.graph(3)


# ---- models ------------------------------------------------------------------------------------
def test_a_model_with_inputs_is_its_prediction(model, batch):
    names = [k.name for k in inspect.kernels(model, batch[0])]
    assert names[0] == "dot_general[rows x 24 over 16]"


def test_a_model_with_targets_is_a_training_step(model, batch):
    before = model.get_weights()
    names = [k.name for k in inspect.kernels(model, *batch)]
    assert "dot_general[batch x 24 over 16]" in names  # forward
    assert "dot_general[16 x 24 over batch]" in names  # backward, with the update in it
    profile = inspect.profile(model, *batch, seconds=0.02)
    assert profile.name.startswith("train")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_model_that_is_not_compiled(batch):
    net = lm.Sequential([lm.layers.Dense(3, input_shape=(16,))])
    assert "dot_general" in inspect.graph(net, batch[0])
    with pytest.raises(lm.errors.ArgumentError, match="needs a compiled model"):
        inspect.graph(net, *batch)


# ---- figures -----------------------------------------------------------------------------------
def test_operations_and_bytes_of_a_layer(operands):
    seen = subject(layer, tuple(operands), {})
    (kernel,) = seen.stages.kernels
    products = 32 * 64 * 48
    work = work_of(kernel, {})
    assert work.operations == 2 * products + 2 * 32 * 48  # multiply-adds, then bias and relu
    assert work.read == 4 * (32 * 64 + 64 * 48 + 48)
    assert work.written == 4 * 32 * 48


def test_a_gather_moves_the_rows_that_it_takes_only():
    def f(table, rows):
        return lm.take(table, rows, axis=0)

    table, rows = np.ones((1000, 8), np.float32), np.arange(5, dtype=np.int32)
    seen = subject(f, (table, rows), {})
    assert sum(work_of(k, {}).read for k in seen.stages.kernels) == 5 * 8 * 4 + 5 * 4


def test_a_scatter_moves_what_it_changes():
    def f(table, rows):
        return lm.asarray(table).at[rows].add(1.0)

    table, rows = np.ones((1000, 8), np.float32), np.arange(5, dtype=np.int32)
    profile = inspect.profile(f, table, rows, seconds=0.01)
    (row,) = [row for row in profile.rows if row.name == "scatter[1000 x 8]"]
    assert row.bytes < 1000 and row.operations == 0
    view = inspect.kernels(f, table, rows)[row.number]
    assert (view.nest, view.llvm, view.assembly) == ("", "", "") and "scatter" in str(view)


def test_a_polynomial_counts_its_operations():
    seen = subject(lambda x: lm.exp(x), (np.ones(100, np.float32),), {})
    (kernel,) = seen.stages.kernels
    assert 800 <= work_of(kernel, {}).operations <= 3000


def test_the_limit_that_binds():
    ceilings_ = peaks.Ceilings(100.0, 200.0, l2=400.0, l3=100.0, dram=20.0)
    this = replace(machine.machine(), cores=2)
    small = this.l3 or this.l2

    def at(work, serial=False):
        timing = type("Timing", (), {})()
        timing.statement, timing.calls, timing.work, timing.serial = None, 3, work, serial
        return bound(timing, 2, ceilings_, this)

    arithmetic = at(Work(2 * 10**9, 8, 8))
    assert (arithmetic.limit, arithmetic.seconds) == ("arithmetic", pytest.approx(0.03))
    memory = at(Work(1, 20 * small, 0))
    assert memory.limit == "memory" and memory.seconds == pytest.approx(3 * small / 1e9)
    assert at(Work(2 * 10**9, 8, 8), serial=True).seconds == pytest.approx(0.06)


def test_a_profile_adds_up(operands):
    def f(x, w):
        for _ in range(3):
            x = lm.tanh(x @ w)
        return lm.sum(x)

    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=(128, 128)).astype(np.float32) / 10 for _ in range(2))
    profile = inspect.profile(f, x, w, seconds=0.1)
    products = [row for row in profile.rows if row.name.startswith("dot_general")]
    assert len(products) == 3 and all(row.calls == 1 for row in products)
    assert sum(row.share for row in profile.rows) == pytest.approx(1)
    inside = sum(row.seconds for row in profile.rows)
    assert profile.quickest <= profile.median and inside > 0
    assert all(row.fraction > 0 and row.gflops > 0 for row in products)
    assert profile.rows == sorted(profile.rows, key=lambda row: -row.seconds)


def test_kernels_in_a_loop_are_counted_each_iteration():
    def f(x, w):
        def body(carry, _):
            return lm.tanh(carry @ w), None

        return lm.scan(body, x, None, length=7)[0]

    x, w = np.ones((8, 16), np.float32), np.eye(16, dtype=np.float32)
    profile = inspect.profile(f, x, w, seconds=0.02)
    (product,) = [row for row in profile.rows if row.name.startswith("dot_general")]
    assert product.calls == 7
    assert product.operations > 7 * 2 * 8 * 16 * 16


def test_a_profile_changes_nothing(operands):
    counter = lm.Variable(np.float32(1))

    def f(x):
        counter.assign(counter.read() + lm.sum(x))
        return counter.read()

    x = np.ones(8, np.float32)
    inspect.profile(f, x, seconds=0.01)
    assert counter.numpy() == 1 and (x == 1).all()


def test_a_profile_as_text_and_in_a_terminal(operands, monkeypatch):
    measured = inspect.profile(layer, *operands, seconds=0.01)
    head, ceilings, *_ = str(measured).splitlines()
    assert head.startswith("layer: ") and "GFLOP/s" in ceilings
    for fraction, lines_above in ((0.5, 3), (1.2, 4)):  # faster than the machine at its limit?
        rows = [replace(row, fraction=fraction, limit="arithmetic") for row in measured.rows]
        profile = replace(measured, rows=rows)
        lines = str(profile).splitlines()
        assert lines[lines_above].split()[:3] == ["#", "kernel", "calls"]
        assert ("busy with something else" in lines[2]) == (fraction > 1)
    assert "\x1b" not in repr(profile)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert "dot_general" in repr(profile)


def test_the_number_of_threads_is_that_of_the_settings():
    x = np.ones((256, 256), np.float32)
    for threads in (1, 2):
        with settings(threads=threads):
            assert inspect.profile(lambda x: x @ x, x, seconds=0.01).threads == threads


# ---- images ----------------------------------------------------------------------------------
def test_dot_has_every_node_and_the_bodies_of_loops(operands):
    def f(x):
        return lm.scan(lambda c, row: (c + lm.sum(row), c), lm.sum(x), x)

    text = inspect.dot(f, operands[0])
    assert text.startswith("digraph {") and text.count("{") == text.count("}")
    assert "subgraph cluster_" in text and 'label="body of scan"' in text
    assert text.count("[label=") == len(set(text.split(" [label=")[:-1]))


def test_a_page_is_whole_and_escaped(operands, tmp_path):
    path = tmp_path / "page.html"
    page = inspect.html(layer, *operands, path=path)
    assert path.read_text(encoding="utf-8") == page
    assert "dot_general" in page and "x float&gt;" in page and "x float>" not in page

    class Balance(HTMLParser):
        open_: list[str] = []

        def handle_starttag(self, tag, attrs):
            if tag != "meta":
                self.open_.append(tag)

        def handle_endtag(self, tag):
            assert self.open_.pop() == tag

    Balance().feed(page)
    assert not Balance.open_


# ---- the ladder --------------------------------------------------------------------------------
RUNGS = [
    (1, ["simplify ", "in all", "ran 1 times"]),
    (2, ["graph as recorded", "graph after simplify"]),
    (3, ["kernel 0: dot_general[8 x 8 over 8]"]),
    (4, ["nest dot_general for", "b0 = arg0 float32[8, 8]"]),
    (5, ["define void @k", "define void @program"]),
    (6, ["assembly of kernel 0", "assembly of the driver"]),
]


def run_with(tmp_path, **variables):
    code = "import lamina as lm; x = lm.ones((8, 8)); lm.compile(lambda x: x @ x)(x)"
    environment = {"PYTHONPATH": ":".join(sys.path), "LAMINA_CACHE_DIR": str(tmp_path)}
    environment |= {"PATH": "", "HOME": str(tmp_path)} | variables
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )


def test_the_ladder_shows_one_thing_more_a_rung(tmp_path):
    said = {rung: run_with(tmp_path, LAMINA_DEBUG=str(rung)).stderr for rung, _ in RUNGS}
    for rung, words in RUNGS:
        for word in words:
            shown = [word in said[each] for each, _ in RUNGS]
            assert shown == [each >= rung for each, _ in RUNGS], (rung, word)


def test_debug_output_reports_cache_hits_and_misses(tmp_path):
    first, second = (run_with(tmp_path, LAMINA_DEBUG="1").stderr for _ in range(2))
    assert "cache: miss" in first and "cache: hit" in second
    off = run_with(tmp_path, LAMINA_DEBUG="1", LAMINA_CACHE="0").stderr
    assert "cache: off" in off


def test_without_the_ladder_nothing_is_said(tmp_path):
    assert run_with(tmp_path).stderr == ""


def test_a_debugged_program_flushes_denormals_and_streams_like_any_other(capfd):
    model = lm.Sequential([lm.layers.LSTM(4, input_shape=(None, 3))])
    x = np.random.default_rng(0).normal(size=(1, 5, 3)).astype(np.float32)

    def results():
        f = lm.compile(lambda x: x * 1e-3, flush_denormals=True)
        stream = model.stream()
        return [f(np.float32(1e-37)).item(), *(np.asarray(stream.step(x[:, t])) for t in range(5))]

    with settings(engine="llvm", cache=False):
        plain = results()
        with settings(debug=1):
            debugged = results()
    for one, other in zip(plain, debugged, strict=True):
        np.testing.assert_array_equal(one, other)
    assert "compiling" in capfd.readouterr().err


# ---- LAMINA_CHECK ------------------------------------------------------------------------------
def test_check_names_the_pass_that_broke_a_graph():
    wrong = Node("add", (), {}, TensorType((), float32))
    with settings(check=True):
        with pytest.raises(VerifyError, match="as recorded: main: %0 = add"):
            dump.begin(Graph([], [wrong]), {}, [])
        with pytest.raises(VerifyError, match="after simplify: main: %0 = add"):
            dump.SILENT.after(PASSES[0], Graph([], [wrong]))
    dump.begin(Graph([], [wrong]), {}, []).after(PASSES[0], Graph([], [wrong]))


def test_check_accepts_a_training_step(model, batch):
    with settings(check=True, cache=False):
        lm.compile(lambda x: lm.grad(lambda x: lm.sum(model(x) ** 2))(x))(batch[0])

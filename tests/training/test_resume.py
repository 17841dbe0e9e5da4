"""`fit(checkpoint=)` and `resume`: an interrupted training ends with the bits of a whole one."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest

import lamina as lm
from lamina import files
from lamina.errors import ArgumentError, FileFormatError, StateError
from lamina.saving import states
from lamina.training.checkpoints import Checkpoints
from lamina.training.options import Every

ROWS, BATCH, EPOCHS = 60, 8, 5


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(ROWS, 6)).astype("float32"), rng.integers(0, 3, ROWS)


def network(units=8, inputs=True, rate=0.02):
    layers = [
        lm.layers.Dense(units, "relu"),
        lm.layers.BatchNormalization(),
        lm.layers.Dropout(0.3),
        lm.layers.Dense(3, "softmax"),
    ]
    model = lm.Sequential([lm.Input((6,)), *layers] if inputs else layers)
    model.compile(lm.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def watchers():
    return [
        lm.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        lm.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.5),
    ]


def train(model, folder=None, extra=(), **options):
    x, y = data()
    options = {"epochs": EPOCHS, "seed": 3, "every": 3, **options}
    history = model.fit(
        x,
        y,
        batch_size=BATCH,
        validation_split=0.2,
        verbose=0,
        callbacks=[*watchers(), *extra],
        checkpoint=folder,
        **options,
    )
    return [w.numpy().tobytes() for w in model.weights], history.history, history.epoch


class Stop(lm.callbacks.Callback):
    """Raise in the middle of training, as a bug in a callback would."""

    comes_last = True

    def __init__(self, batch):
        super().__init__()
        self.left = batch

    def get_state(self):
        return {}

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise RuntimeError("power cut")


class Idle(Stop):
    """A callback of the same class name that lets training continue."""


Idle.__name__ = "Stop"


@pytest.fixture(scope="module")
def whole():
    lm.set_seed(1)
    return train(network(), extra=[Idle(10**6)])


@pytest.mark.parametrize("inputs", [True, False])
@pytest.mark.parametrize("batch", [1, 4, 6, 7, 29])
def test_a_training_that_broke_off_ends_with_the_bits_of_a_whole_one(batch, inputs, tmp_path):
    lm.set_seed(1)
    whole = train(network(inputs=inputs), extra=[Idle(10**6)])
    lm.set_seed(1)
    with pytest.raises(RuntimeError, match="power cut"):
        train(network(inputs=inputs), tmp_path, [Stop(batch)], every=2)
    lm.set_seed(2)  # a new process may have drawn something else
    model = network(inputs=inputs)
    assert train(model, tmp_path, [Idle(10**6)], resume=True, every=2) == whole


def test_a_complete_training_returns_at_once(whole, tmp_path):
    lm.set_seed(1)
    first = train(network(), tmp_path, [Idle(10**6)])
    assert first == whole

    class Never(Idle):
        def on_train_begin(self, logs=None):
            raise AssertionError("trained again")

    Never.__name__ = "Stop"
    assert train(network(), tmp_path, [Never(1)], resume=True) == whole


def test_more_epochs_continue_a_complete_training(tmp_path):
    x, y = data()
    lm.set_seed(1)
    long = network()
    long.fit(x, y, epochs=4, verbose=0, seed=5)
    lm.set_seed(1)
    network_ = network()
    network_.fit(x, y, epochs=2, verbose=0, seed=5, checkpoint=tmp_path)
    again = network()
    history = again.fit(x, y, epochs=4, verbose=0, seed=5, checkpoint=tmp_path, resume=True)
    assert history.epoch == [0, 1, 2, 3]
    for one, other in zip(long.weights, again.weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())


def test_lamina_resume_needs_the_folder_and_the_data_alone(tmp_path):
    x, y = data()

    def begin(model, **options):
        kept = [lm.callbacks.EarlyStopping("loss", patience=3)]
        options = {"verbose": 0, "epochs": 4, "seed": 2, "class_weight": {0: 2.0}, **options}
        return model.fit(x, y, callbacks=kept, **options)

    lm.set_seed(1)
    whole = network()
    begin(whole)
    lm.set_seed(1)
    model = network()
    begin(model, epochs=2, checkpoint=tmp_path)
    again = lm.resume(tmp_path, x, y, epochs=4, verbose=0)
    assert again.history.epoch == [0, 1, 2, 3]
    for one, other in zip(whole.weights, again.weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())
    assert lm.resume(tmp_path, x, y, verbose=0, epochs=4).history.epoch == [0, 1, 2, 3]


def test_resume_asks_for_callbacks_and_data_that_the_folder_does_not_hold(tmp_path):
    x, y = data()
    model = network()
    model.fit(x, y, verbose=0, checkpoint=tmp_path / "a", callbacks=[Idle(99)])
    with pytest.raises(ArgumentError, match="callbacks are missing"):
        lm.resume(tmp_path / "a", x, y)
    model.fit(x, y, verbose=0, checkpoint=tmp_path / "b", validation_data=(x, y))
    with pytest.raises(ArgumentError, match="validation_data is missing"):
        lm.resume(tmp_path / "b", x, y)
    with pytest.raises(FileFormatError, match="holds no training"):
        lm.resume(tmp_path / "c", x, y)


# ---- what differs ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda x, y: {"batch_size": 4}, "batch_size=8, and batch_size=4 was given"),
        (lambda x, y: {"x": x + 1}, "other data"),
        (lambda x, y: {"y": y[::-1].copy()}, "other data"),
        (lambda x, y: {"shuffle": False}, "shuffle=True, and shuffle=False was given"),
        (lambda x, y: {"class_weight": {1: 2.0}}, "class_weight=None"),
        (lambda x, y: {"seed": 4}, "seed 3"),
    ],
)
def test_a_difference_from_the_run_is_named(change, named, tmp_path):
    x, y = data()
    given = {"x": x, "y": y, "batch_size": 8, "seed": 3, "verbose": 0, "checkpoint": tmp_path}
    network().fit(**given)
    with pytest.raises(StateError, match=named):
        network().fit(**{**given, **change(x, y)}, resume=True)


def test_another_model_or_optimizer_is_named(tmp_path):
    x, y = data()
    given = {"x": x, "y": y, "seed": 3, "verbose": 0, "checkpoint": tmp_path, "epochs": 2}
    network().fit(**given)
    with pytest.raises(lm.errors.LaminaError, match="another model"):
        network(units=9).fit(**given, resume=True)
    other = network()
    other.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    with pytest.raises(lm.errors.LaminaError, match=r"another (model|optimizer)"):
        other.fit(**given, resume=True)


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    x, y = data()
    network().fit(x, y, verbose=0, checkpoint=tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(ArgumentError, match=r"holds an earlier run\n.*resume=True"):
        network().fit(x, y, verbose=0, checkpoint=tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("every", ["60", "1d", 0, -3, "steps", 1.5])
def test_an_interval_that_means_nothing_is_refused(every):
    x, y = data()
    with pytest.raises((ArgumentError, lm.errors.RangeError, TypeError), match="every"):
        network().fit(x, y, checkpoint="nowhere", every=every)


def test_resume_without_a_folder_is_refused():
    x, y = data()
    with pytest.raises(ArgumentError, match="without checkpoint"):
        network().fit(x, y, resume=True)


# ---- what the disk does ------------------------------------------------------------------------
def broken_off(folder, batch=29):
    lm.set_seed(1)
    with pytest.raises(RuntimeError, match="power cut"):
        train(network(), folder, [Stop(batch)])


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
def test_a_damaged_state_is_reported_and_the_one_before_is_used(damage, whole, tmp_path):
    broken_off(tmp_path)
    found = sorted(tmp_path.glob("state-*.state"))
    assert len(found) == 2
    content = found[-1].read_bytes()
    changed = {
        "cut": content[: len(content) // 2],
        "flip": content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
        "empty": b"",
        "text": b"not a state at all",
    }[damage]
    found[-1].write_bytes(changed)
    with pytest.warns(UserWarning, match="the state before it is used"):
        assert train(network(), tmp_path, [Idle(10**6)], resume=True) == whole


def test_every_write_may_fail_and_the_run_still_ends_the_same(whole, tmp_path, monkeypatch):
    real = files.os.replace
    for k in range(1, 9):
        folder, calls = tmp_path / str(k), []

        def replace(source, target, k=k, calls=calls):
            calls.append(target)
            if len(calls) == k:
                raise OSError(28, "No space left on device")
            real(source, target)

        lm.set_seed(1)
        with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            patch.setattr(files.os, "replace", replace)
            try:
                found = train(network(), folder, [Idle(10**6)])
            except OSError:  # of the description of the run: nothing has begun
                assert k <= 2 and not list(folder.glob("*.state"))
                continue
        assert "No space left" in str(caught[-1].message)
        assert found == whole
        left = [p.name for p in folder.iterdir() if p.name.endswith(".tmp")]
        assert not left
        assert train(network(), folder, [Idle(10**6)], resume=True) == whole


def test_a_training_that_ends_before_its_first_interval_continues_from_its_first_state(
    whole, tmp_path
):
    lm.set_seed(1)
    with pytest.raises(RuntimeError, match="power cut"):
        train(network(), tmp_path, [Stop(9)], every="1h")
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 1
    lm.set_seed(2)
    assert train(network(), tmp_path, [Idle(10**6)], resume=True, every="1h") == whole
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == whole[2]


def test_damaged_states_of_later_steps_make_room_for_new_ones(whole, tmp_path):
    broken_off(tmp_path, 14)
    *_, newest = sorted(tmp_path.glob("state-*.state"))
    newest.write_bytes(newest.read_bytes()[:-1])
    damaged = tmp_path / "state-00009999.state"
    newest.rename(damaged)
    with pytest.warns(UserWarning, match="the state before it is used"):
        assert train(network(), tmp_path, [Idle(10**6)], resume=True) == whole
    assert not damaged.exists()
    assert len(list(tmp_path.glob("state-*.state"))) == 2


def test_a_state_that_cannot_be_removed_does_not_end_training(whole, tmp_path, monkeypatch):
    real = os.unlink

    def refuse(path, *arguments, **named):
        if str(path).endswith(".state"):
            raise OSError(5, "Input/output error", str(path))
        real(path, *arguments, **named)

    monkeypatch.setattr(os, "unlink", refuse)
    lm.set_seed(1)
    with pytest.warns(UserWarning, match="Input/output error"):
        assert train(network(), tmp_path, [Idle(10**6)]) == whole


def test_files_of_killed_writers_are_removed_at_any_step(whole, tmp_path):
    host = files._host()
    tmp_path.joinpath(f".state-00000123.state.{host}-{os.getpid()}-{'0' * 16}.tmp").touch()
    lm.set_seed(1)
    assert train(network(), tmp_path, [Idle(10**6)]) == whole
    assert not list(tmp_path.glob(".*"))


def test_a_folder_with_a_complete_run_alone_is_not_overwritten(tmp_path):
    x, y = data()
    network().fit(x, y, verbose=0, checkpoint=tmp_path)
    for path in tmp_path.glob("state-*.state"):
        path.unlink()
    with pytest.raises(ArgumentError, match="holds an earlier run"):
        network().fit(x, y, verbose=0, checkpoint=tmp_path)


POSSIBLE = (("callbacks", None), ("callbacks", []), ("seed", -1), ("step", -1),
            ("made_with", {"a": 1}))  # fmt: skip
PARTS = ("weights", "optimizer", "steps", "metrics", "others", "seed", "position", "callbacks",
         "random", "step", "made_with")  # fmt: skip


@pytest.mark.parametrize("value", ["absent", None, [], {"a": 1}, "text", -1])
def test_a_state_that_lacks_a_part_is_reported_as_a_damaged_one(value, tmp_path):
    x, y = data()
    network().fit(x, y, verbose=0, checkpoint=tmp_path)
    (tmp_path / "final.state").unlink()
    path = sorted(tmp_path.glob("state-*.state"))[-1]
    whole = states.unpack(path, path.read_bytes())
    for part in PARTS:
        changed = {**whole, part: value}
        if value == "absent":
            del changed[part]
        if (part, value) in POSSIBLE:
            continue
        path.write_bytes(states.pack(changed))
        with pytest.warns(UserWarning) as said:
            found = Checkpoints(tmp_path, Every(epochs=True)).newest()
        assert found["step"] == 0
        assert part in str(said[0].message) and str(path) in str(said[0].message), part


def test_history_is_cut_to_the_restored_epoch(tmp_path, whole):
    broken_off(tmp_path)
    path = tmp_path / "history.jsonl"
    with open(path, "a") as file:
        file.write('{"epoch": 44, "step": 3}\n{"epoch": 4')
    train(network(), tmp_path, [Idle(10**6)], resume=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == whole[2]
    assert [line["loss"] for line in lines] == whole[1]["loss"]


def test_states_keep_every_value():
    state = {
        "a": np.arange(3, dtype=np.int8),
        "n": [np.float32(2.5), float("nan"), float("-inf"), 0.1, None, True, "ä", 2**80],
        "t": (1, {"x": (2, [])}),
        "d": {3: "three", "$array": 1},
    }
    found = states.unpack("f", states.pack(state))
    assert str(found) == str(
        {**state, "n": [np.array(2.5, np.float32), *state["n"][1:]]}
    ) or np.array_equal(found["a"], state["a"])
    assert found["t"] == state["t"] and found["d"] == state["d"]
    assert found["n"][3:] == state["n"][3:] and np.isnan(found["n"][1])
    with pytest.raises(StateError, match="'x/0'"):
        states.pack({"x": [object()]})


# ---- whole processes ---------------------------------------------------------------------------
PROGRAM = textwrap.dedent(
    """
    import sys, pickle
    import numpy as np
    sys.path[:0] = sys.argv[3].split(":")
    import test_resume as t
    import lamina as lm
    lm.set_seed(1)
    model = t.network()
    result = t.train(model, sys.argv[1], epochs=int(sys.argv[2]), every=1, resume=True,
                     extra=[t.Slow()])
    open(sys.argv[1] + "/result", "wb").write(pickle.dumps(result))
    """
)


class Slow(lm.callbacks.Callback):
    """Time for a signal to arrive."""

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.02)


def started(folder):
    here = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(EPOCHS), here],
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(folder, process):
    until = time.monotonic() + 120
    while not list(folder.glob("state-*.state")):
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.005)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_process_is_continued_by_another(number, tmp_path):
    import pickle

    tmp_path.mkdir(exist_ok=True)
    process = started(tmp_path)
    wait_for(tmp_path, process)
    time.sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=60)
    expected = {signal.SIGINT: (1, -signal.SIGINT)}.get(number, (-number,))
    assert process.returncode in expected
    again = started(tmp_path)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    lm.set_seed(1)
    assert pickle.loads((tmp_path / "result").read_bytes()) == train(network(), extra=[Slow()])

"""The files of a run may be damaged or made to do harm: what `resume` and `fit` take of them."""

import json

import numpy as np
import pytest
from test_resume import data, network

import lamina as lm
from lamina.errors import ArgumentError, FileFormatError, StateError
from lamina.saving import safetensors, states

# ---- descriptions of runs ----------------------------------------------------------------------
ELSEWHERE = [
    ("CSVLogger", "filename", "/etc/evil.csv"),
    ("CSVLogger", "filename", "log.csv"),
    ("ModelCheckpoint", "filepath", "{folder}/../evil.lamina"),
    ("ModelCheckpoint", "filepath", "{folder}/{epoch!s:.>2.0}/evil.lamina"),
    ("ModelCheckpoint", "filepath", "{folder}/{epoch.__doc__}.lamina"),
    ("TensorBoard", "log_dir", "logs"),
    ("BackupAndRestore", "backup_dir", "/"),
    ("RemoteMonitor", "root", "http://example.com"),
    ("NaNGuard", "filepath", "batch.npz"),
]


@pytest.mark.parametrize(("kind", "name", "place"), ELSEWHERE)
def test_the_file_of_a_run_cannot_make_callbacks_write_outside_of_it(kind, name, place, tmp_path):
    x, y = data()
    network().fit(x, y, verbose=0, checkpoint=tmp_path)
    run = json.loads((tmp_path / "run.json").read_text())
    config = {name: place.replace("{folder}", str(tmp_path))}
    run["callbacks"] = [{"class_name": kind, "config": config}]
    (tmp_path / "run.json").write_text(json.dumps(run))
    with pytest.raises(ArgumentError, match=rf"{kind} with a {name} outside.*\n.*callbacks="):
        lm.resume(tmp_path, x, y, epochs=2, verbose=0)


def test_callbacks_that_write_into_the_folder_of_the_run_are_made_again(tmp_path):
    x, y = data()

    def calls():
        best = tmp_path / "at-{epoch:02d}-{loss:.3f}.lamina"
        return [
            lm.callbacks.CSVLogger(str(tmp_path / "log.csv")),
            lm.callbacks.ModelCheckpoint(str(best)),
            lm.callbacks.TensorBoard(str(tmp_path / "board")),
        ]

    network().fit(x, y, verbose=0, checkpoint=tmp_path, callbacks=calls())
    lm.resume(tmp_path, x, y, epochs=3, verbose=0)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    assert len(list(tmp_path.glob("at-*.lamina"))) == 3


def test_arguments_of_a_run_that_fit_would_refuse_name_the_file(tmp_path):
    x, y = data()
    network().fit(x, y, verbose=0, checkpoint=tmp_path)
    run = json.loads((tmp_path / "run.json").read_text())
    for name, value in [("epochs", -1), ("class_weight", [1]), ("seed", "a"), ("shuffle", {})]:
        changed = {**run, "fit": {**run["fit"], name: value}}
        (tmp_path / "run.json").write_text(json.dumps(changed))
        with pytest.raises(FileFormatError, match=r"run\.json: is damaged"):
            lm.resume(tmp_path, x, y, verbose=0)


# ---- states that were changed by hand ----------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (lm.callbacks.ModelCheckpoint, {"filepath": "/etc/evil.lamina"}),
        (lm.callbacks.EarlyStopping, {"monitor": "loss"}),
        (lm.callbacks.EarlyStopping, {"wait": "many"}),
        (lm.callbacks.EarlyStopping, {"best": "good"}),
        (lm.callbacks.EarlyStopping, {"best_weights": 0.5}),
        (lm.callbacks.CSVLogger, {"rows": 3}),
        (lm.callbacks.History, {"history": 3}),
        (lm.callbacks.TensorBoard, {}),
    ],
)
def test_a_state_with_values_of_another_kind_is_refused(kind, state, tmp_path):
    place = [tmp_path / "a.lamina"] if kind.places else []
    callback = kind(*place)
    callback.on_train_begin()
    callbacks = lm.callbacks.CallbackList([callback])
    with pytest.raises(StateError, match=kind.__name__):
        callbacks.restore([{"class": kind.__name__, "state": state}])


def test_a_state_of_another_model_changes_nothing(tmp_path):
    x, y = data()
    one, other = network(), network()
    for each, rate in ((one, 0.02), (other, 0.03)):
        each.compile(lm.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        each.fit(x, y, verbose=0)
    other.compile("sgd", "sparse_categorical_crossentropy")
    before = [w.numpy().tobytes() for w in other.weights]
    with pytest.raises(lm.errors.ShapeError, match="optimizer: belongs to another model"):
        other.restore_training_state(one.training_state())
    assert [w.numpy().tobytes() for w in other.weights] == before


def test_a_run_that_cannot_be_continued_leaves_the_model_as_it_was(tmp_path):
    x, y = data()
    network().fit(x, y, epochs=2, seed=3, verbose=0, checkpoint=tmp_path)
    model = network()
    before = [w.numpy().tobytes() for w in model.weights]
    for change in ({"x": x + 1}, {"batch_size": 4}, {"seed": 4}):
        given = {"x": x, "y": y, "seed": 3, "checkpoint": tmp_path, "resume": True, **change}
        with pytest.raises(StateError):
            model.fit(**given, verbose=0)
        assert [w.numpy().tobytes() for w in model.weights] == before
    assert model.fit(x, y, epochs=1, verbose=0).epoch == [0]  # and is not continued from a state


def test_no_array_of_a_state_is_copied_more_often_than_it_is_stored():
    content = states.pack({"a": np.zeros(10**6), "b": 1})
    arrays, metadata = safetensors.read(content)
    many = json.dumps({"a": [{"$array": "a"}] * 1000})
    content = safetensors.write_with_checksum(arrays, {"kind": metadata["kind"], "state": many})
    with pytest.raises(FileFormatError, match="damaged"):
        states.unpack("f", content)
